#include "tools/ferry/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "tools/ferry/hashing.h"
#include "tools/ferry/json.h"
#include "tools/ferry/report.h"
#include "tools/ferry/say.h"
#include "tools/ferry/session.h"
#include "tools/ferry/stop.h"

enum {
    HEX_BYTES = 2 * DIGEST_BYTES_MAX + 1
};

static void value_format(const struct digest_value *value, char hex[static HEX_BYTES])
{
    struct bytes bytes = digest_value_bytes(value);

    hex[0] = '\0';
    for (size_t i = 0; i < bytes.count; i++)
        (void)sprintf(hex + 2 * i, "%02x", bytes.data[i]);
}

/* What they are of each other; a null digest: the file was not read, its length says enough. */
static bool verify_print_json(const struct source *source, const char *url,
                              const struct digest_value *told, const struct digest_value *value)
{
    json_t *object = json_object();
    char hex[HEX_BYTES];

    json_set_text(object, "file", source->given);
    json_set_text(object, "upload", url);
    (void)json_object_set_new(object, "equal", json_boolean(digest_value_equal(told, value)));
    json_set_text(object, "algorithm", digest_algorithm_name(told->algorithm));
    value_format(value, hex);
    json_set_text(object, "digest", *hex == '\0' ? NULL : hex);
    value_format(told, hex);
    json_set_text(object, "told", hex);
    return json_print(object);
}

static void verify_moved(void *context, uint64_t offset)
{
    report_moved(context, offset);
}

/* Hashes the file, with a bar. False when that cannot be, and it is said. */
static bool verify_hash(const struct options *options, struct source *source,
                        enum digest_algorithm algorithm, struct digest_value *ret_value)
{
    struct report report;
    struct digest digest;

    report_start(&report, false, options->quiet || options->json);
    report_begin(&report, source->given, source->name);
    report_length(&report, source->identity.size);
    digest_init(&digest, algorithm);
    int r = hashing_read(&digest, source, source->identity.size, verify_moved, &report);
    say_bar(NULL);
    if (r == HASHING_STOPPED)
        say_error("%s: stopped", source->name);
    if (r != 0)
        return false;
    digest_final(&digest, ret_value);
    return true;
}

/* NULL when there is something to compare with, or why not. */
static const char *verify_obstacle(const struct response *response)
{
    if (!response_complete(response))
        return "the upload is not complete yet";
    if (response->digest.algorithm == DIGEST_NONE)
        return "the server tells no digest that is known here";
    return NULL;
}

static int verify_compare(const struct options *options, struct source *source, const char *url,
                          const struct response *response)
{
    struct digest_value value = { .algorithm = DIGEST_NONE };
    bool same_length = response->length == source->identity.size;

    if (same_length && !verify_hash(options, source, response->digest.algorithm, &value))
        return 1;
    bool equal = digest_value_equal(&value, &response->digest);
    if (!same_length)
        say_error("%s: differs: %" PRIu64 " bytes, and the upload has %" PRIu64, source->name,
                  source->identity.size, response->length);
    else if (!equal)
        say_error("%s: differs from the upload, by %s", source->name,
                  digest_algorithm_name(value.algorithm));
    else
        say_note("%s: equal to the upload, by %s", source->name,
                 digest_algorithm_name(value.algorithm));
    if (options->json && !verify_print_json(source, url, &response->digest, &value)) {
        say_error("standard output could not be written");
        return 1;
    }
    return equal ? 0 : 1;
}

int verify(const struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    CLEANUP(source_closep) struct source *source = NULL;
    CLEANUP(response_done) struct response response = { 0 };
    int r = session_open(options, NULL, "the http or https URL of an upload is wanted", &session);
    if (r != 0)
        return r;
    if (source_open(options->operands[0], &source) != 0 || !session_look(&session, &response))
        return 1;

    const char *obstacle = verify_obstacle(&response);
    if (obstacle != NULL) {
        say_error("%s: %s", session.address.url, obstacle);
        return 1;
    }
    return verify_compare(options, source, session.address.url, &response);
}
