#include "tools/ferry/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/follow.h"
#include "tools/ferry/json.h"
#include "tools/ferry/metadata.h"
#include "tools/ferry/progress.h"
#include "tools/ferry/say.h"
#include "tools/ferry/session.h"
#include "tools/ferry/size.h"
#include "tools/ferry/text.h"

static bool status_print_json(const char *url, const struct response *response,
                              const struct metadata *metadata)
{
    json_t *object = json_object();
    json_t *pairs = json_object();

    json_set_text(object, "upload", url);
    json_set_number(object, "offset", response->offset);
    if (response->length_known)
        json_set_number(object, "length", response->length);
    else
        json_set_text(object, "length", NULL);
    (void)json_object_set_new(object, "complete", json_boolean(response_complete(response)));
    json_set_text(object, "expires", response->expires);
    for (size_t i = 0; i < metadata->count; i++) {
        AUTO_FREE char *key = text_to_utf8(metadata->pairs[i].key, strlen(metadata->pairs[i].key));
        if (key != NULL)
            json_set_text(pairs, key, metadata->pairs[i].value);
    }
    (void)json_object_set_new(object, "metadata", pairs);
    return json_print(object);
}

static void status_print_size(const char *label, uint64_t size)
{
    char text[SIZE_TEXT_BYTES];

    size_format(size, text);
    (void)printf("%-9s %" PRIu64 "%s%s%s\n", label, size, size < 1024 ? "" : " (",
                 size < 1024 ? "" : text, size < 1024 ? "" : ")");
}

static void status_print_text(const char *label, const char *text)
{
    AUTO_FREE char *clean = malloc(strlen(text) + 1);

    if (clean == NULL)
        return;
    text_clean(text, strlen(text) + 1, clean);
    (void)printf("%-9s %s\n", label, clean);
}

static void status_print_metadata(const struct metadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        AUTO_FREE char *line = NULL;
        const struct metadata_pair *pair = &metadata->pairs[i];

        if (asprintf(&line, "%s=%s", pair->key, pair->value) >= 0)
            status_print_text("metadata", line);
    }
}

static bool status_print(const char *url, const struct response *response,
                         const struct metadata *metadata)
{
    status_print_text("upload", url);
    status_print_size("offset", response->offset);
    if (response->length_known) {
        status_print_size("length", response->length);
        (void)printf("percent   %u\n", progress_percent(response->offset, response->length));
    } else {
        (void)printf("length    not known yet\n");
    }
    if (response->expires != NULL)
        status_print_text("expires", response->expires);
    status_print_metadata(metadata);
    return ferror(stdout) == 0 && fflush(stdout) == 0;
}

int status(const struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    CLEANUP(response_done) struct response response = { 0 };
    CLEANUP(metadata_done) struct metadata metadata = { 0 };
    int r = session_open(options, NULL, "the http or https URL of an upload is wanted", &session);

    if (r != 0)
        return r;
    if (!session_look(&session, &response))
        return 1;
    if (options->follow)
        return follow(&session, &response);

    const char *url = session.address.url;
    if (response.metadata != NULL)
        metadata_parse(response.metadata, &metadata);
    bool printed = options->json ? status_print_json(url, &response, &metadata)
                                 : status_print(url, &response, &metadata);
    if (!printed)
        say_error("standard output could not be written");
    return printed ? 0 : 1;
}
