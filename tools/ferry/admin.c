#include "tools/ferry/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "tools/ferry/json_answer.h"
#include "tools/ferry/say.h"

enum {
    TOKEN_BYTES_MAX = 4096,
};

static const char *admin_place(const struct options *options)
{
    const char *place = options->url;

    if (place == NULL)
        place = getenv("FERRY_ADMIN"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    return place == NULL || *place == '\0' ? "data" : place;
}

/* The socket that the place names: itself, or in the folder. 0, or an exit status and it is said. */
static int socket_find(const char *place, char **ret_socket)
{
    const char *path = strncmp(place, "unix:", 5) == 0 ? place + 5 : place;
    AUTO_FREE char *below = NULL;
    struct stat status = { 0 };

    if (asprintf(&below, "%s/admin.sock", path) < 0)
        return 1;
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    const char *found = folder ? below : path;
    if (stat(found, &status) != 0) {
        (void)say_errno("%s", found);
        say_error(
            "what is wanted is the data folder of a server that runs, the socket of its "
            "--admin-listen, or a URL");
        return 1;
    }
    if (!S_ISSOCK(status.st_mode) || strlen(found) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        say_error("%s: %s", found,
                  S_ISSOCK(status.st_mode) ? "too long for a socket's name" : "not a socket");
        return 2;
    }
    *ret_socket = strdup(found);
    return *ret_socket == NULL ? 1 : 0;
}

/* The first line of the file, as a field. 0, or an exit status and it is said. */
static int token_read(const char *path, char **ret_field)
{
    char line[TOKEN_BYTES_MAX + 1];
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        (void)say_errno("%s", path);
        return 1;
    }
    size_t count = fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    line[count] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    for (const char *at = line; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7F)
            line[0] = '\0';
    if (line[0] == '\0') {
        say_error("%s: the first line holds no token", path);
        return 1;
    }
    return asprintf(ret_field, "Authorization: Bearer %s", line) < 0 ? 1 : 0;
}

static int admin_set_token(struct admin *admin, const struct options *options)
{
    const char *path = options->api_token_file;

    if (path == NULL)
        path =
            getenv("FERRY_API_TOKEN_FILE"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    return path == NULL || *path == '\0' ? 0 : token_read(path, &admin->token);
}

/* Where the place is: its address, and a socket or a token. 0, or an exit status and it is said. */
static int admin_find(struct admin *admin, const struct options *options)
{
    if (strstr(admin->place, "://") != NULL) {
        if (address_parse(admin->place, &admin->address))
            return admin_set_token(admin, options);
        say_error("%s: an http or https URL is wanted, or a socket", admin->place);
        return 2;
    }
    int r = socket_find(admin->place, &admin->socket);
    if (r == 0 && !address_parse("http://localhost/", &admin->address))
        r = 1;
    return r;
}

int admin_open(const struct options *options, struct admin *ret_admin)
{
    struct admin *admin = ret_admin;
    size_t count = 0;

    *admin = (struct admin){ .place = admin_place(options) };
    int r = admin_find(admin, options);
    if (r != 0)
        return r;
    for (; count < options->header_count; count++)
        admin->headers[count] = options->headers[count];
    if (admin->token != NULL)
        admin->headers[count++] = admin->token;

    struct transfer_options transfer_options = {
        .address = &admin->address,
        .headers = admin->headers,
        .header_count = count,
        .socket = admin->socket,
        .timeout_s = (unsigned)options->timeout_s,
    };
    return transfer_new(&transfer_options, &admin->transfer) == 0 ? 0 : 1;
}

void admin_close(struct admin *admin)
{
    transfer_free(admin->transfer);
    address_done(&admin->address);
    free(admin->socket);
    free(admin->token);
    *admin = (struct admin){ 0 };
}

/* "/api/uploads" of the place, whatever path it has. */
static char *admin_url(const struct admin *admin, const char *path)
{
    return address_resolve(admin->address.url, path);
}

enum outcome admin_ask(struct admin *admin, const char *path,
                       void (*tick)(void *context, uint64_t sent), void *context,
                       json_t **ret_object, struct answer *answer)
{
    AUTO_FREE char *url = admin_url(admin, path);

    if (url == NULL)
        return upload_refuse(answer, "no memory");
    enum outcome outcome = json_answer_get(admin->transfer, url, tick, context, ret_object, answer);
    if (admin->socket != NULL && outcome == OUTCOME_RETRY && answer->status == 0)
        (void)snprintf(answer->reason, sizeof(answer->reason), "no answer at the socket %.150s",
                       admin->socket);
    if (answer->status == 401)
        return upload_refuse(answer, "it wants the operator's token: --api-token-file (401)");
    if (answer->status == 404)
        return upload_refuse(answer,
                             "not where a server listens for its operator (404); see "
                             "ferryd's --admin-listen");
    return outcome;
}
