#include "tools/ferry/transfer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tools/ferry/say.h"
#include "tools/ferry/spool.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/transfer_private.h"

enum {
    TRANSFER_BUFFER_BYTES = 256 * 1024,
    TRANSFER_REDIRECTS_MAX = 10,
    TRANSFER_WAIT_MS = 100, /* the bar moves so often */
    TRANSFER_PACED_WAIT_MS = 10,
};

void request_add(struct request *request, const char *field)
{
    size_t count = 0;

    while (request->fields[count] != NULL)
        count++;
    assert(count + 1 < REQUEST_FIELDS_MAX);
    request->fields[count] = field;
}

int transfer_new(const struct transfer_options *options, struct transfer **ret_transfer)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer != NULL) {
        transfer->options = *options;
        transfer->easy = curl_easy_init();
        transfer->multi = curl_multi_init();
    }
    if (transfer == NULL || transfer->easy == NULL || transfer->multi == NULL) {
        transfer_free(transfer);
        errno = ENOMEM;
        return say_errno("libcurl");
    }
    *ret_transfer = transfer;
    return 0;
}

void transfer_free(struct transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_multi_cleanup(transfer->multi);
    curl_slist_free_all(transfer->fields);
    interim_done(&transfer->interim);
    free(transfer);
}

static void transfer_add_field(struct transfer *transfer, const char *field)
{
    struct curl_slist *longer = curl_slist_append(transfer->fields, field);
    if (longer != NULL)
        transfer->fields = longer;
}

static bool field_is_credential(const char *field)
{
    return strncasecmp(field, "Authorization:", 14) == 0 || strncasecmp(field, "Cookie:", 7) == 0;
}

static void transfer_set_fields(struct transfer *transfer, const char *url)
{
    const struct transfer_options *options = &transfer->options;
    bool trusted = address_same_origin(options->address->url, url);

    curl_slist_free_all(transfer->fields);
    transfer->fields = NULL;
    for (size_t i = 0; i < REQUEST_FIELDS_MAX && transfer->request->fields[i] != NULL; i++)
        transfer_add_field(transfer, transfer->request->fields[i]);
    if (transfer->request->source == NULL)
        transfer_add_field(transfer, "Content-Type:"); /* libcurl would say it is a form */
    for (size_t i = 0; i < options->header_count; i++)
        if (trusted || !field_is_credential(options->headers[i]))
            transfer_add_field(transfer, options->headers[i]);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->fields);
    if (trusted && options->address->user != NULL) {
        (void)curl_easy_setopt(transfer->easy, CURLOPT_USERNAME, options->address->user);
        (void)curl_easy_setopt(transfer->easy, CURLOPT_PASSWORD, options->address->password);
    }
}

static void transfer_set_trailer(struct transfer *transfer)
{
    CURL *easy = transfer->easy;

    (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)-1);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_TRAILERFUNCTION, transfer_trailer);
    (void)curl_easy_setopt(easy, CURLOPT_TRAILERDATA, transfer);
}

static void transfer_set_method(struct transfer *transfer)
{
    const struct request *request = transfer->request;
    CURL *easy = transfer->easy;

    if (request->source != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->count);
        (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
        (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, transfer_read);
        (void)curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
        (void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, transfer_seek);
        (void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
        if (request->trailer != NULL)
            transfer_set_trailer(transfer);
    } else if (strcmp(request->method, "HEAD") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request->take != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
    } else if (strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void transfer_prepare(struct transfer *transfer, const char *url)
{
    CURL *easy = transfer->easy;

    curl_easy_reset(easy); /* connections stay */
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "ferry/" FERRY_VERSION);
    if (transfer->options.socket != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, transfer->options.socket);
        (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    }
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name server */
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)transfer->options.timeout_s * 1000);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, transfer_socket);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_write);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (transfer->request->interim != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_header);
        (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    }
    transfer_set_method(transfer);
    transfer_set_fields(transfer, url);

    response_done(transfer->response);
    interim_done(&transfer->interim);
    transfer->url = url;
    transfer->position = 0;
    transfer->body_count = 0;
    transfer->taken_ahead = 0;
    transfer->moved = 0;
    transfer->moved_ms = clock_monotonic_ms();
    transfer->paused = transfer->reason_ended = transfer->broken = transfer->begun = false;
    transfer->error[0] = '\0';
}

/* Notes what has moved; true when nothing did for too long. */
static bool transfer_stalled(struct transfer *transfer)
{
    curl_off_t sent = 0;
    curl_off_t received = 0;
    long header = 0;
    long request = 0;
    uint64_t now_ms = clock_monotonic_ms();

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_HEADER_SIZE, &header);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request);
    transfer->response->sent = (uint64_t)sent;
    if (transfer->request->moved != NULL)
        transfer->request->moved(transfer->request->context, (uint64_t)sent);

    if (sent + received + header + request != transfer->moved || transfer->paused) {
        transfer->moved = sent + received + header + request;
        transfer->moved_ms = now_ms;
    }
    uint64_t allowed_ms = (uint64_t)transfer->options.timeout_s * 1000;
    return allowed_ms > 0 && now_ms - transfer->moved_ms >= allowed_ms;
}

/*
 * Waits for the connection, for standard input that can be read ahead, and for signals. 0, or a
 * negative number and it is said.
 */
static int transfer_wait(struct transfer *transfer)
{
    const struct request *request = transfer->request;
    struct spool *spool = request->source == NULL ? NULL : request->source->spool;
    struct pollfd input = { .fd = spool == NULL ? -1 : spool_descriptor(spool), .events = POLLIN };
    struct curl_waitfd descriptors[] = {
        { .fd = stop_descriptor(), .events = CURL_WAIT_POLLIN },
        { .fd = input.fd, .events = CURL_WAIT_POLLIN },
    };

    (void)curl_multi_poll(transfer->multi, descriptors, input.fd >= 0 ? 2 : 1,
                          transfer->paused ? TRANSFER_PACED_WAIT_MS : TRANSFER_WAIT_MS, NULL);
    if (transfer->paused) {
        transfer->paused = false;
        (void)curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    }
    /* asked again, because libcurl does not tell of a pipe whose other end was closed */
    return poll(&input, 1, 0) > 0 ? spool_fill(spool) : 0;
}

static bool code_is_lost_connection(CURLcode code)
{
    return code == CURLE_OK || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE ||
           code == CURLE_SEND_FAIL_REWIND;
}

static bool code_is_hopeless(CURLcode code)
{
    static const CURLcode hopeless[] = {
        CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,         CURLE_PEER_FAILED_VERIFICATION,
        CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_ISSUER_ERROR,      CURLE_SSL_CERTPROBLEM,
        CURLE_SSL_CIPHER,           CURLE_BAD_FUNCTION_ARGUMENT,
    };

    for (size_t i = 0; i < sizeof(hopeless) / sizeof(hopeless[0]); i++)
        if (code == hopeless[i])
            return true;
    return false;
}

/* What it means that libcurl has ended the transfer with this code. */
static enum transfer_result transfer_end(struct transfer *transfer, CURLcode code)
{
    struct response *response = transfer->response;
    long status = 0;

    if (transfer->broken)
        return TRANSFER_BROKEN;

    /* an error that the server could still tell counts, also when it then cut the connection */
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && (code == CURLE_OK || code == CURLE_WRITE_ERROR || status >= 400)) {
        if (transfer->request->take != NULL && status < 300) {
            (void)transfer_begin(transfer, status); /* a body of no bytes */
        } else {
            response->status = (int)status;
            response_read(response, transfer->easy);
        }
        return TRANSFER_ANSWERED;
    }
    response->status = 0; /* of a body that broke off */
    const char *reason = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
    (void)snprintf(response->reason, sizeof(response->reason), "%s",
                   code_is_lost_connection(code) ? "the connection was lost" : reason);
    return code_is_hopeless(code) ? TRANSFER_IMPOSSIBLE : TRANSFER_LOST;
}

static enum transfer_result transfer_loop(struct transfer *transfer)
{
    int running = 1;

    for (;;) {
        (void)curl_multi_perform(transfer->multi, &running);
        bool stalled = transfer_stalled(transfer);
        if (running == 0)
            break;
        if (stop_asked())
            return TRANSFER_STOPPED;
        if (stalled) {
            (void)snprintf(transfer->response->reason, sizeof(transfer->response->reason),
                           "no byte moved for %u seconds", transfer->options.timeout_s);
            return TRANSFER_LOST;
        }
        if (transfer_wait(transfer) != 0)
            return TRANSFER_BROKEN;
    }
    const CURLMsg *message = curl_multi_info_read(transfer->multi, &running);
    return transfer_end(transfer, message == NULL ? CURLE_OK : message->data.result);
}

/*
 * libcurl 7.88 does not forget, when it is reset, that a handle has sent a trailer: it would leave no
 * room for the length of the next chunk, and write before its buffer. The connections are the multi
 * handle's and stay.
 */
static bool transfer_renew(struct transfer *transfer)
{
    if (!transfer->trailed)
        return true;
    CURL *fresh = curl_easy_init();
    if (fresh == NULL)
        return false;
    curl_easy_cleanup(transfer->easy);
    transfer->easy = fresh;
    transfer->trailed = false;
    return true;
}

static enum transfer_result transfer_once(struct transfer *transfer, const char *url)
{
    if (!transfer_renew(transfer))
        return TRANSFER_LOST;
    transfer_prepare(transfer, url);
    transfer->trailed = transfer->request->trailer != NULL;
    if (curl_multi_add_handle(transfer->multi, transfer->easy) != CURLM_OK)
        return TRANSFER_LOST;
    enum transfer_result result = transfer_loop(transfer);
    (void)curl_multi_remove_handle(transfer->multi, transfer->easy);
    return result;
}

/* A body can be sent again unless it came from standard input, and the server has acknowledged some. */
static bool body_there(const struct request *request)
{
    return request->source == NULL || source_earliest(request->source) <= request->offset;
}

/* "The server sends [303] to indicate [...] a redirect to a different resource": only GET goes there,
 * and what 301 and 302 mean for others is told in two ways. - RFC 9110, 15.4 */
static bool redirect_followed(const struct request *request, int status)
{
    bool reading = strcmp(request->method, "GET") == 0;
    return ((status == 307 || status == 308) && body_there(request)) ||
           (reading && status >= 301 && status <= 303);
}

enum transfer_result transfer_run(struct transfer *transfer, const struct request *request,
                                  struct response *response)
{
    AUTO_FREE char *url = strdup(request->url);
    uint64_t sent = 0;

    if (url == NULL)
        return TRANSFER_LOST;
    transfer->request = request;
    transfer->response = response;
    for (int i = 0; url != NULL && i < TRANSFER_REDIRECTS_MAX; i++) {
        enum transfer_result result = transfer_once(transfer, url);
        sent += response->sent;
        response->sent = sent;
        response->taken = transfer->position;
        if (result != TRANSFER_ANSWERED || !redirect_followed(request, response->status))
            return result;

        char *next = response->location == NULL ? NULL : address_resolve(url, response->location);
        free(url);
        url = next;
    }
    (void)snprintf(response->reason, sizeof(response->reason), "%s",
                   url == NULL ? "it redirects to an address that is missing or not to be trusted"
                               : "it redirects for ever");
    return TRANSFER_ANSWERED; /* with the redirect's status, which nobody takes for success */
}
