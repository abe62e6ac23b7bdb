/*
 * Final uploads: made of parts, and their parts told
 *
 * A request is one allocation that holds its change until the answer.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/refusal.h"
#include "storage/os.h"
#include "storage/parts.h"

struct concatenation {
    struct store *store;
    struct change change;
    struct join join;
    struct upload_id *ret_id;
    bool *ret_repeated;
    struct done done;
    uint8_t memory[]; /* ids, numbers twice, metadata, words */
};

/* ---- fingerprints ---- */

static void hash_number(struct digest *digest, uint64_t number)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    digest_update(digest, bytes_of(bytes, sizeof(bytes)));
}

static void hash_bytes(struct digest *digest, struct bytes bytes)
{
    hash_number(digest, bytes.count);
    digest_update(digest, bytes);
}

static void hash_value(struct digest *digest, const struct digest_value *value)
{
    hash_number(digest, value->algorithm);
    hash_bytes(digest, digest_value_bytes(value));
}

static struct digest_value hash_end(struct digest *digest)
{
    struct digest_value value;

    digest_final(digest, &value);
    return value;
}

static struct digest_value join_fingerprint(const struct upload_concatenation *concatenation)
{
    struct digest digest;

    digest_init(&digest, DIGEST_SHA256);
    hash_number(&digest, UPLOAD_FINAL);
    hash_bytes(&digest, bytes_of((const uint8_t *)concatenation->parts,
                                 concatenation->part_count * sizeof(concatenation->parts[0])));
    hash_value(&digest, &concatenation->stated);
    hash_bytes(&digest, concatenation->metadata);
    return hash_end(&digest);
}

struct digest_value creation_fingerprint(const struct upload_creation *creation)
{
    struct digest digest;

    digest_init(&digest, DIGEST_SHA256);
    hash_number(&digest, creation->kind);
    hash_number(&digest, creation->protocol);
    hash_number(&digest, creation->length_known);
    hash_number(&digest, creation->length_known ? creation->length : 0);
    hash_number(&digest, creation->explicit_completion);
    hash_number(&digest, creation->digest_algorithm);
    hash_value(&digest, &creation->stated);
    hash_bytes(&digest, creation->metadata);
    return hash_end(&digest);
}

struct repeat repeat_of(const struct upload_repeat *repeat, struct digest_value fingerprint)
{
    struct repeat result = { .fingerprint = fingerprint };
    struct digest digest;

    if (repeat->key.count > 0) {
        digest_init(&digest, DIGEST_SHA256);
        digest_update(&digest, repeat->key);
        result.key = hash_end(&digest);
    }
    return result;
}

/* ---- to make one ---- */

static void concatenate_answered(void *argument, int result)
{
    struct concatenation *request = argument;
    struct store *store = request->store;
    struct done done = request->done;

    if (result == 0) {
        *request->ret_id = request->change.answer;
        if (request->ret_repeated != NULL)
            *request->ret_repeated = request->change.repeated;
    }
    free(request);
    if (result == 0)
        finals_poke(store->finals);
    done_call(done, result);
}

/* Copied to where the memory goes on. */
static struct bytes concatenation_keep(uint8_t **memory, struct bytes bytes)
{
    struct bytes kept = bytes_of(*memory, bytes.count);

    if (bytes.count > 0)
        memcpy(*memory, bytes.data, bytes.count);
    *memory += bytes.count;
    return kept;
}

/* The numbers come first: they have to be aligned. */
static void concatenation_fill(struct concatenation *request,
                               const struct upload_concatenation *wanted)
{
    size_t count = wanted->part_count;
    uint8_t *memory = request->memory;

    request->join.numbers = (uint64_t *)(void *)memory;
    request->join.unfinished = request->join.numbers + count;
    memory += 2 * count * sizeof(uint64_t);
    request->join.ids = (const struct upload_id *)(void *)memory;
    (void)concatenation_keep(
        &memory, bytes_of((const uint8_t *)wanted->parts, count * sizeof(wanted->parts[0])));
    request->change.info.metadata_count = wanted->metadata.count;
    request->change.info.metadata = memory;
    (void)concatenation_keep(&memory, wanted->metadata);
    request->join.words = concatenation_keep(&memory, wanted->words);
}

static struct concatenation *concatenation_new(const struct upload_concatenation *wanted)
{
    size_t count = wanted->part_count;
    size_t bytes = count * (2 * sizeof(uint64_t) + sizeof(struct upload_id)) +
                   wanted->metadata.count + wanted->words.count;
    struct concatenation *request = calloc(1, sizeof(*request) + bytes);
    if (request == NULL) {
        (void)fail_errno("memory for a request");
        return NULL;
    }

    uint64_t limit = wanted->max_length;
    request->join = (struct join){
        .count = count,
        .max_length = limit == 0 || limit > INT64_MAX ? INT64_MAX : limit,
        .fingerprint = join_fingerprint(wanted),
    };
    request->change = (struct change){
        .kind = CHANGE_JOIN,
        .info = { .protocol = wanted->protocol,
                  .kind = UPLOAD_FINAL,
                  .created = os.realtime_s(),
                  .digest_algorithm = wanted->stated.algorithm,
                  .stated = wanted->stated },
        .join = &request->join,
        .repeat = repeat_of(&wanted->repeat, request->join.fingerprint),
        .done = { .call = concatenate_answered, .argument = request },
    };
    request->change.now = request->change.info.created;
    concatenation_fill(request, wanted);
    return request;
}

int upload_concatenate(struct store *store, const struct upload_concatenation *wanted,
                       struct upload_id *ret_id, struct done done)
{
    assert(wanted->part_count > 0);
    if (wanted->part_count > UPLOAD_PARTS)
        return REFUSED_TOO_MANY_PARTS;

    struct concatenation *request = concatenation_new(wanted);
    if (request == NULL)
        return -ENOMEM;
    int r = upload_id_random(&request->change.info.id);
    if (r != 0) {
        free(request);
        return r;
    }

    *ret_id = request->change.info.id;
    request->store = store;
    request->ret_id = ret_id;
    request->ret_repeated = wanted->repeat.ret_repeated;
    request->done = done;
    catalog_submit(store->catalog, &request->change);
    return 0;
}

/* ---- to tell of its parts ---- */

int store_parts(struct store *store, uint64_t final, struct upload_part_info **ret_parts,
                size_t *ret_count)
{
    struct db *reader = catalog_reader(store->catalog);
    int r = lookup_parts(reader, final, ret_parts, ret_count);
    catalog_reader_return(store->catalog, reader);
    return r;
}
