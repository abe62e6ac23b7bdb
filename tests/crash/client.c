#include "tests/crash/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "storage/blocking.h"
#include "tests/crash/content.h"
#include "tests/crash/joined.h"
#include "tests/crash/marks.h"
#include "tests/crash/world.h"

enum {
    PLACES = 16, /* for uploads that are alive, fewer than would keep the clients apart */
    PART_BYTES = 60000,
};

static struct store *client_store;

static struct {
    pthread_mutex_t mutex;
    struct upload_id ids[PLACES];
    bool taken[PLACES];
} places = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static uint64_t below(struct client *client, uint64_t limit)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return (client->random >> 11) % limit;
}

static bool chance(struct client *client, unsigned percent)
{
    return below(client, 100) < percent;
}

/* ---- places ---- */

static void place_fill(size_t place, const struct upload_id *id)
{
    pthread_mutex_lock(&places.mutex);
    places.ids[place] = *id;
    places.taken[place] = true;
    pthread_mutex_unlock(&places.mutex);
}

/* Nobody uses the upload any more. */
static void place_empty(const struct upload_id *id)
{
    pthread_mutex_lock(&places.mutex);
    for (size_t i = 0; i < PLACES; i++)
        if (places.taken[i] && upload_id_equal(&places.ids[i], id))
            places.taken[i] = false;
    pthread_mutex_unlock(&places.mutex);
}

/* False: an empty place, for a new upload. */
static bool place_choose(struct client *client, size_t *ret_place, struct upload_id *ret_id)
{
    *ret_place = below(client, PLACES);
    pthread_mutex_lock(&places.mutex);
    bool taken = places.taken[*ret_place];
    *ret_id = places.ids[*ret_place];
    pthread_mutex_unlock(&places.mutex);
    return taken;
}

/*
 * Compares what the store shows with what had been acknowledged before it was asked. What others
 * have begun meanwhile may have happened as well.
 */
static bool acceptable(struct entry before, int r, const struct upload_info *info)
{
    struct entry expected = marks_remember(&before.id);

    expected.length_known = before.length_known;
    expected.offset = before.offset;
    expected.alive_at = before.alive_at;
    expected.whole = before.whole;
    expected.complete = before.complete;
    expected.mismatched = before.mismatched;
    expected.deleted = before.deleted;
    expected.invalidated = before.invalidated;

    const char *objection = marks_objection(&expected, r, info);
    if (objection != NULL)
        world_violation("%s: %s (result %d, state %d, offset %lu, acknowledged %lu)",
                        upload_id_format(&before.id).text, objection, r, (int)info->state,
                        info->offset, before.offset);

    if (r == 0)
        return true;
    mark(&before.id, "deleted"); /* it was said to be gone */
    place_empty(&before.id);
    return false;
}

/* ---- what a client does ---- */

/* That no bytes of ours have. */
static struct digest_value no_digest(enum digest_algorithm algorithm)
{
    return (struct digest_value){ .algorithm = algorithm, .bytes = { 1, 2, 3, 4 } };
}

static void create(struct client *client, size_t place)
{
    struct upload_creation creation = {
        .kind = UPLOAD_SINGLE,
        .length_known = chance(client, 70),
        .explicit_completion = chance(client, 50),
        .digest_algorithm = (enum digest_algorithm)below(client, DIGEST_SHA256 + 1),
        .metadata = bytes_of_text("filename ZmVycnk="),
    };
    bool stated = creation.digest_algorithm != DIGEST_NONE && chance(client, 10);
    struct upload_id id;
    int64_t now = world_time();

    if (stated) /* what it has to be nobody knows yet, as the bytes are made of the id */
        creation.stated = no_digest(creation.digest_algorithm);

    if (creation.length_known)
        creation.length = below(client, chance(client, 20) ? 600000 : 100000);
    if (upload_create_wait(client_store, &creation, &id) != 0)
        world_violation("an upload cannot be created");

    /* the last mark is the creation: the process may be killed in between */
    if (stated)
        mark(&id, "stated");
    if (!creation.explicit_completion) /* any commit from now on may be the last */
        mark(&id, "finishing");
    if (creation.length_known)
        mark(&id, "created %lu %ld", creation.length, now);
    else
        mark(&id, "created - %ld", now);
    place_fill(place, &id);
}

/* What a client is told about a final. */
static void mark_final(const struct upload_info *info)
{
    if (info->state == UPLOAD_COMPLETE)
        mark(&info->id, "complete %lu", info->offset);
    else if (info->state == UPLOAD_VERIFYING)
        mark(&info->id, "verifying %lu", info->offset);
    else if (info->state == UPLOAD_DAMAGED)
        mark(&info->id, "mismatched %lu", info->offset);
}

static void look(struct upload_id id)
{
    struct upload_info info = { 0 };
    struct entry before = marks_remember(&id);

    int r = upload_find_wait(client_store, &id, &info);
    if (acceptable(before, r, &info) && !before.final)
        mark(&id, "offset %lu", info.offset);
    else if (r == 0 && before.final)
        mark_final(&info);
    upload_info_done(&info);
}

static void on_ended(void *argument)
{
    atomic_store((atomic_bool *)argument, true);
}

/*
 * Bytes that must never count: an ended writer's, and those that a rollback takes back. They are
 * wrong on purpose.
 */
static void append_wrong(struct client *client, struct upload *upload, bool *ret_taken)
{
    const struct upload_id *id = &upload_info(upload)->id;
    size_t count = 1 + below(client, 5000), taken = 0;

    content_fill(id, upload_received(upload), client->memory, count);
    for (size_t i = 0; i < count; i++)
        client->memory[i] ^= 0xff;
    int r = upload_append(upload, bytes_of(client->memory, count), &taken);
    *ret_taken = r == 0 && taken > 0;
}

/* Bytes that are not those of their checksum: nothing is left of them. */
static void checksum_wrong(struct client *client, struct upload *upload,
                           enum digest_algorithm algorithm)
{
    const struct digest_value checksum = no_digest(algorithm);
    bool taken;

    append_wrong(client, upload, &taken);
    if (upload_verify_wait(upload, &checksum) <= 0)
        world_violation("a wrong checksum was not refused");
    if (upload_rollback_wait(upload) < 0)
        world_violation("a rollback failed");
}

static void checksum_right(struct client *client, struct upload *upload,
                           enum digest_algorithm algorithm, int64_t now)
{
    const struct upload_info *info = upload_info(upload);
    uint64_t start = upload_received(upload);
    size_t count = 1 + below(client, chance(client, 30) ? CLIENT_MEMORY_BYTES : 9000);

    if (info->length_known && count > info->length - start)
        count = info->length - start;
    content_fill(&info->id, start, client->memory, count);
    if (upload_append_wait(upload, bytes_of(client->memory, count)) != 0)
        return; /* ended */

    struct digest_value checksum = content_digest(&info->id, algorithm, start, start + count);
    int r = upload_verify_wait(upload, &checksum);
    if (r < 0 || r == REFUSED_CHECKSUM_MISMATCH)
        world_violation("%s: a right checksum was refused", upload_id_format(&info->id).text);
    if (r != 0 || chance(client, 30))
        return; /* the client has vanished: none of it counts */
    if (upload_commit_wait(upload) < 0)
        world_violation("%s: a commit failed", upload_id_format(&info->id).text);
    if (upload_offset(upload) > start)
        mark(&info->id, "offset %lu %ld", upload_offset(upload), now);
}

/* The algorithm is known from the start, or only in the end. */
static void checksummed(struct client *client, struct upload *upload, int64_t now)
{
    enum digest_algorithm algorithm =
        (enum digest_algorithm)(1 + below(client, DIGEST_ALGORITHM_COUNT - 1));

    upload_stage(upload, chance(client, 70) ? algorithm : DIGEST_NONE);
    if (chance(client, 50))
        checksum_wrong(client, upload, algorithm);
    if (chance(client, 80))
        checksum_right(client, upload, algorithm, now);
}

/* Some pieces, of sizes from a byte to a few commits; stops at the length and at a newer writer. */
static int append_pieces(struct client *client, struct upload *upload, int64_t now,
                         const atomic_bool *ended)
{
    const struct upload_info *info = upload_info(upload);
    uint64_t told = info->offset;
    int r = 0;

    for (uint64_t pieces = 1 + below(client, 8); r == 0 && pieces > 0; pieces--) {
        size_t count = 1 + below(client, chance(client, 10) ? CLIENT_MEMORY_BYTES : 9000);
        uint64_t received = upload_received(upload);
        if (info->length_known && count > info->length - received)
            count = info->length - received;

        content_fill(&info->id, received, client->memory, count);
        r = upload_append_wait(upload, bytes_of(client->memory, count));
        if (upload_offset(upload) > told) {
            told = upload_offset(upload);
            mark(&info->id, "offset %lu %ld", told, now);
        }
    }
    bool taken = false;
    if (atomic_load(ended))
        append_wrong(client, upload, &taken);
    if (taken)
        world_violation("%s: a byte was taken after the end", upload_id_format(&info->id).text);
    return r;
}

/* A few bytes that nobody asks to commit: their age does, unless the clock stands still. */
static void trickle(struct client *client, struct upload *upload, int64_t now)
{
    const struct upload_info *info = upload_info(upload);
    uint64_t start = upload_received(upload);
    size_t count = 1 + below(client, 500);

    if (info->length_known && count > info->length - start)
        count = info->length - start;
    content_fill(&info->id, start, client->memory, count);
    if (upload_append_wait(upload, bytes_of(client->memory, count)) != 0)
        return;
    for (int i = 0; i < 200 && upload_offset(upload) < start + count; i++)
        (void)usleep(500);
    if (upload_offset(upload) > start)
        mark(&info->id, "offset %lu %ld", upload_offset(upload), now);
}

static void finish(struct upload *upload, int64_t now)
{
    const struct upload_id *id = &upload_info(upload)->id;

    mark(id, "finishing");
    int r = upload_finish_wait(upload);
    if (r < 0)
        world_violation("%s: finishing failed", upload_id_format(id).text);
    const struct upload_info *info = upload_info(upload);
    struct digest_value digest = content_digest(id, info->digest_algorithm, 0, info->offset);
    if (r == 0 && !digest_value_equal(&digest, &info->digest))
        world_violation("%s: a wrong digest", upload_id_format(id).text);
    if (r == 0)
        mark(id, "complete %lu", upload_offset(upload));
    else if (r == REFUSED_DIGEST_MISMATCH)
        mark(id, "mismatched %lu", upload_offset(upload));
    else
        mark(id, "offset %lu %ld", upload_offset(upload), now);
}

static void append(struct client *client, struct upload *upload, const atomic_bool *ended)
{
    const struct upload_info *info = upload_info(upload);
    int64_t now = world_time();
    uint64_t start = info->offset;

    if (chance(client, 25)) {
        checksummed(client, upload, now);
        return;
    }
    if (chance(client, 10)) {
        trickle(client, upload, now);
        return;
    }
    int r = append_pieces(client, upload, now, ended);
    if (r == 0 && !info->length_known && chance(client, 20)) {
        uint64_t length = upload_received(upload) + below(client, 50000);
        if (upload_set_length_wait(upload, length) == 0)
            mark(&info->id, "length %lu", length);
    }

    bool whole = info->length_known && upload_received(upload) == info->length;
    if (r == 0 && (whole || (!info->length_known && chance(client, 20)))) {
        finish(upload, now);
    } else if (chance(client, 60)) {
        /* also what a refusal leaves is committed: an ended writer's last answer */
        if (upload_commit_wait(upload) < 0)
            world_violation("%s: a commit failed", upload_id_format(&info->id).text);
        if (upload_offset(upload) > start)
            mark(&info->id, "offset %lu %ld", upload_offset(upload), now);
    }
    /* otherwise the client has vanished without an answer */
}

static void remove_upload(struct upload *upload)
{
    const struct upload_id id = upload_info(upload)->id;

    mark(&id, "deleting");
    if (upload_delete_wait(upload) != 0)
        world_violation("%s: a deletion failed", upload_id_format(&id).text);
    mark(&id, "deleted");
    place_empty(&id);
}

static void end_early(struct upload *upload)
{
    const struct upload_id *id = &upload_info(upload)->id;

    mark(id, "invalidating");
    if (upload_invalidate_wait(upload) == 0)
        mark(id, "invalidated");
}

/* ---- finals ---- */

/* Only of a part whose maker was so slow that it has expired; anything else is a violation. */
static void expect_expired(const struct upload_id *id, int r, int64_t since)
{
    if (r < 0 || world_time() < since + EXPIRE_AFTER_S)
        world_violation("%s: a part is not to be used, result %d", upload_id_format(id).text, r);
}

static void create_part(struct client *client, struct joined_part *part)
{
    struct upload_creation creation = {
        .kind = UPLOAD_PARTIAL,
        .length_known = true,
        .length = 1 + below(client, PART_BYTES),
    };
    int64_t now = world_time();

    part->length = creation.length;
    if (upload_create_wait(client_store, &creation, &part->id) != 0)
        world_violation("a part cannot be created");
    mark(&part->id, "part %lu %ld", part->length, now);
}

static bool fill_part(struct client *client, const struct joined_part *part, int64_t since)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct upload_writer writer = { .patience_ms = 5000 };
    int64_t now = world_time();

    int r = upload_open_wait(client_store, &part->id, &writer, &upload);
    if (r == 0) {
        content_fill(&part->id, 0, client->memory, part->length);
        r = upload_append_wait(upload, bytes_of(client->memory, part->length));
    }
    if (r != 0) {
        expect_expired(&part->id, r, since);
        return false;
    }
    finish(upload, now);
    return true;
}

static void delete_part(const struct joined_part *part, int64_t since)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct upload_writer writer = { .patience_ms = 5000 };

    int r = upload_open_wait(client_store, &part->id, &writer, &upload);
    if (r == 0)
        remove_upload(upload);
    else
        expect_expired(&part->id, r, since);
}

static bool join(struct client *client, const struct joined *joined, int64_t since,
                 struct upload_id *ret_id)
{
    struct upload_id ids[JOINED_PARTS];
    bool stated = chance(client, 50);
    bool wrong = stated && chance(client, 30);
    struct upload_concatenation concatenation = {
        .parts = ids,
        .part_count = joined->count,
        .metadata = joined_metadata(joined),
    };

    for (size_t i = 0; i < joined->count; i++)
        ids[i] = joined->parts[i].id;
    if (stated)
        concatenation.stated =
            wrong ? no_digest(DIGEST_SHA256) : joined_digest(joined, DIGEST_SHA256);
    int r = upload_concatenate_wait(client_store, &concatenation, ret_id);
    if (r != 0)
        expect_expired(&ids[0], r, since);
    else
        mark(ret_id, "%s %lu %ld", wrong ? "misjoined" : "joined", joined_length(joined), since);
    return r == 0;
}

/* Some parts are complete before the final is made, and some later, or one of them never. */
static void make_final(struct client *client, size_t place)
{
    struct joined joined = { .count = 1 + below(client, JOINED_PARTS) };
    size_t before = below(client, joined.count + 1);
    int64_t since = world_time();
    struct upload_id id;

    memset(&joined.parts, 0, sizeof(joined.parts));
    for (size_t i = 0; i < joined.count; i++)
        create_part(client, &joined.parts[i]);
    for (size_t i = 0; i < before; i++)
        if (!fill_part(client, &joined.parts[i], since))
            return;
    if (!join(client, &joined, since, &id))
        return;
    place_fill(place, &id);
    if (before < joined.count && chance(client, 15)) {
        mark(&id, "invalidating");
        delete_part(&joined.parts[before], since);
        return;
    }
    for (size_t i = before; i < joined.count; i++)
        if (!fill_part(client, &joined.parts[i], since))
            return;
    look(id);
    if (chance(client, 30)) /* its bytes stay */
        delete_part(&joined.parts[0], since);
}

static void write_upload(struct client *client, struct upload_id id)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    struct upload_info none = { 0 };
    atomic_bool ended = false;
    const struct upload_writer writer = { .ended = on_ended,
                                          .argument = &ended,
                                          .patience_ms = 5000 };
    struct entry before = marks_remember(&id);

    int r = upload_open_wait(client_store, &id, &writer, &upload);
    if (r == REFUSED_LOCKED || r == REFUSED_ENDED)
        return;
    if (!acceptable(before, r, r == 0 ? upload_info(upload) : &none))
        return;

    bool receiving = upload_info(upload)->state == UPLOAD_RECEIVING && !before.final;
    if (chance(client, receiving ? 4 : 20))
        remove_upload(upload);
    else if (receiving && chance(client, 3))
        end_early(upload);
    else if (receiving)
        append(client, upload, &ended);
}

void client_take_up(struct store *store)
{
    struct upload_id ids[PLACES];

    client_store = store;
    for (size_t i = marks_alive(ids, PLACES); i > 0; i--)
        place_fill(i - 1, &ids[i - 1]);
}

void client_init(struct client *client, uint64_t seed)
{
    client->random = (seed + 1) * 0x9e3779b97f4a7c15;
}

void client_step(struct client *client)
{
    struct upload_id id;
    size_t place;

    if (!place_choose(client, &place, &id))
        chance(client, 25) ? make_final(client, place) : create(client, place);
    else if (chance(client, 10))
        look(id);
    else
        write_upload(client, id);
}
