#include "tools/ferry/hashing.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"
#include "tools/ferry/stop.h"

enum {
    HASHING_PIECE_BYTES = 256 * 1024
};

void hashing_start(struct hashing *hashing, const struct source *source)
{
    digest_init(&hashing->digests[0], DIGEST_BLAKE2B);
    digest_init(&hashing->digests[1], DIGEST_SHA256);
    hashing->count = source->spool == NULL ? 1 : 2;
}

void hashing_pass(struct hashing *hashing, uint64_t offset, struct bytes bytes)
{
    for (size_t i = 0; i < hashing->count; i++) {
        struct digest *digest = &hashing->digests[i];
        uint64_t known = digest->position > offset ? digest->position - offset : 0;
        if (digest->position >= offset && known < bytes.count)
            digest_update(digest, bytes_after(bytes, (size_t)known));
    }
}

int hashing_read(struct digest *digest, struct source *source, uint64_t offset,
                 void (*moved)(void *context, uint64_t offset), void *context)
{
    AUTO_FREE uint8_t *buffer = malloc(HASHING_PIECE_BYTES);

    if (buffer == NULL)
        return say_errno("%s", source->name);
    while (digest->position < offset) {
        uint64_t rest = offset - digest->position;
        size_t wanted = rest < HASHING_PIECE_BYTES ? (size_t)rest : HASHING_PIECE_BYTES;
        if (stop_asked())
            return HASHING_STOPPED;
        ssize_t got = source_read(source, digest->position, buffer, wanted);
        if (got < 0)
            return (int)got;
        digest_update(digest, bytes_of(buffer, (size_t)got));
        if (moved != NULL)
            moved(context, digest->position);
    }
    return 0;
}

int hashing_catch_up(struct hashing *hashing, struct source *source, uint64_t offset)
{
    if (source->spool != NULL)
        return 0; /* every byte of it goes by */
    for (size_t i = 0; i < hashing->count; i++) {
        int r = hashing_read(&hashing->digests[i], source, offset, NULL, NULL);
        if (r != 0)
            return r;
    }
    return 0;
}

int hashing_final(struct hashing *hashing, struct source *source, enum digest_algorithm algorithm,
                  struct digest_value *ret_value)
{
    uint64_t length = 0;
    struct digest again;
    struct digest *digest = NULL;

    *ret_value = (struct digest_value){ .algorithm = DIGEST_NONE };
    if (!source_length(source, &length))
        return 0;
    for (size_t i = 0; i < hashing->count; i++)
        if (hashing->digests[i].algorithm == algorithm && hashing->digests[i].position == length)
            digest = &hashing->digests[i];
    if (digest == NULL) {
        if (source->spool != NULL)
            return 0;
        digest_init(&again, algorithm);
        digest = &again;
    }
    int r = hashing_read(digest, source, length, NULL, NULL);
    if (r == 0)
        digest_final(digest, ret_value);
    return r;
}
