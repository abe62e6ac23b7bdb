#pragma once

/*
 * The functions of storage/upload.h for callers that may wait: tests, tools, drivers
 *
 * Each does the same as its namesake and returns when that would have called done, with the
 * result. Never call them from an event loop or from a done function.
 */

#include "storage/store.h"
#include "storage/upload.h"

static inline int upload_create_wait(struct store *store, const struct upload_creation *creation,
                                     struct upload_id *ret_id)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_create(store, creation, ret_id, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_concatenate_wait(struct store *store,
                                          const struct upload_concatenation *concatenation,
                                          struct upload_id *ret_id)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_concatenate(store, concatenation, ret_id, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_parts_wait(struct store *store, const struct upload_id *id,
                                    struct upload_part_info **ret_parts, size_t *ret_count)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_parts(store, id, ret_parts, ret_count, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_find_wait(struct store *store, const struct upload_id *id,
                                   struct upload_info *ret_info)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_find(store, id, ret_info, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_list_wait(struct store *store, struct upload_page *page)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_list(store, page, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_expire_wait(struct store *store, const struct upload_id *id)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_expire(store, id, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int store_figures_wait(struct store *store, struct store_figures *ret_figures)
{
    struct completion completion;

    completion_init(&completion);
    int r = store_figures(store, ret_figures, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int store_probe_wait(struct store *store)
{
    struct completion completion;

    completion_init(&completion);
    int r = store_probe(store, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_read_wait(struct store *store, const struct upload_id *id,
                                   struct content **ret_content)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_read(store, id, ret_content, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_open_wait(struct store *store, const struct upload_id *id,
                                   const struct upload_writer *writer, struct upload **ret_upload)
{
    struct completion completion;

    completion_init(&completion);
    int r = upload_open(store, id, writer, ret_upload, completion_done(&completion));
    return completion_wait_begun(&completion, r);
}

static inline int upload_commit_wait(struct upload *upload)
{
    struct completion completion;

    completion_init(&completion);
    upload_commit(upload, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_finish_wait(struct upload *upload)
{
    struct completion completion;

    completion_init(&completion);
    upload_finish(upload, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_verify_wait(struct upload *upload, const struct digest_value *checksum)
{
    struct completion completion;

    completion_init(&completion);
    upload_verify(upload, checksum, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_rollback_wait(struct upload *upload)
{
    struct completion completion;

    completion_init(&completion);
    upload_rollback(upload, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_set_length_wait(struct upload *upload, uint64_t length)
{
    struct completion completion;

    completion_init(&completion);
    upload_set_length(upload, length, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_invalidate_wait(struct upload *upload)
{
    struct completion completion;

    completion_init(&completion);
    upload_invalidate(upload, completion_done(&completion));
    return completion_wait(&completion);
}

static inline int upload_delete_wait(struct upload *upload)
{
    struct completion completion;

    completion_init(&completion);
    upload_delete(upload, completion_done(&completion));
    return completion_wait(&completion);
}

/* Appends all of it, or yields why not; what was taken before a refusal is kept. */
int upload_append_wait(struct upload *upload, struct bytes bytes);
