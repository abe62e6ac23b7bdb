#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tools/ferry/transfer_private.h"

enum {
    TRANSFER_UNSENT_BYTES = 256 * 1024,
    TRANSFER_BODY_BYTES_MAX = 64 * 1024, /* of an answer; nobody reads more */
};

size_t transfer_read(char *buffer, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct request *request = transfer->request;
    uint64_t rest = request->count - transfer->position;
    size_t wanted = size * count < rest ? size * count : (size_t)rest;

    if (wanted == 0)
        return 0;
    wanted = pace_take(transfer->options.pace, clock_monotonic_ms(), wanted);
    if (wanted == 0) {
        transfer->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    ssize_t got =
        source_read(request->source, request->offset + transfer->position, buffer, wanted);
    if (got < 0) {
        transfer->broken = true;
        return CURL_READFUNC_ABORT;
    }
    if (request->passed != NULL)
        request->passed(request->context, transfer->position, bytes_of(buffer, (size_t)got));
    transfer->position += (uint64_t)got;
    return (size_t)got;
}

int transfer_trailer(struct curl_slist **list, void *context)
{
    const struct request *request = ((struct transfer *)context)->request;

    *list = curl_slist_append(NULL, request->trailer(request->context));
    return *list == NULL ? CURL_TRAILERFUNC_ABORT : CURL_TRAILERFUNC_OK;
}

int transfer_seek(void *context, curl_off_t offset, int origin)
{
    const struct transfer *transfer = context;
    return origin == SEEK_SET && (uint64_t)offset == transfer->position ? CURL_SEEKFUNC_OK
                                                                        : CURL_SEEKFUNC_FAIL;
}

size_t transfer_header(const char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct request *request = transfer->request;

    if (interim_take(&transfer->interim, bytes_of(line, size * count)) &&
        !request->interim(request->context, transfer->url, &transfer->interim)) {
        transfer->broken = true;
        return 0;
    }
    return size * count;
}

bool transfer_begin(struct transfer *transfer, long status)
{
    if (transfer->begun)
        return true;
    transfer->begun = true;
    transfer->response->status = (int)status;
    response_read(transfer->response, transfer->easy);
    return transfer->request->begin(transfer->request->context, transfer->response);
}

static void reason_add(struct transfer *transfer, const char *buffer, size_t count)
{
    struct response *response = transfer->response;
    size_t used = strlen(response->reason);

    for (size_t i = 0; i < count && !transfer->reason_ended; i++) {
        transfer->reason_ended =
            buffer[i] == '\n' || buffer[i] == '\0' || used == sizeof(response->reason) - 1;
        if (!transfer->reason_ended && buffer[i] != '\r')
            response->reason[used++] = buffer[i];
    }
}

/*
 * Takes as much as the pace allows. After a pause libcurl hands over again what begins with the same
 * bytes, maybe in smaller pieces.
 */
static size_t transfer_take(struct transfer *transfer, struct bytes bytes)
{
    const struct request *request = transfer->request;
    size_t ahead = transfer->taken_ahead < bytes.count ? transfer->taken_ahead : bytes.count;
    struct bytes rest = bytes_after(bytes, ahead);

    transfer->taken_ahead -= ahead;
    if (rest.count == 0)
        return bytes.count;
    size_t taken = transfer->options.pace == NULL
                       ? rest.count
                       : pace_take(transfer->options.pace, clock_monotonic_ms(), rest.count);
    transfer->broken = !request->take(request->context, bytes_of(rest.data, taken));
    if (transfer->broken)
        return 0;
    if (taken == rest.count)
        return bytes.count;
    transfer->taken_ahead = ahead + taken;
    transfer->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

size_t transfer_write(const char *buffer, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct request *request = transfer->request;
    long status = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->take != NULL && status >= 200 && status < 300) {
        if (!transfer_begin(transfer, status))
            return 0;
        return transfer_take(transfer, bytes_of(buffer, size * count));
    }
    reason_add(transfer, buffer, size * count);
    transfer->body_count += size * count;
    return transfer->body_count <= TRANSFER_BODY_BYTES_MAX ? size * count : 0;
}

/*
 * The kernel keeps no more than this unsent: what is counted as sent has left, or nearly so. What
 * is on its way is not limited by it.
 */
int transfer_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    int unsent = TRANSFER_UNSENT_BYTES;

    (void)context;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    return CURL_SOCKOPT_OK;
}
