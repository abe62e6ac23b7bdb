#pragma once

/*
 * The functions of storage/upload.h, and some of storage/store.h, for handlers: each waits for its answer on the fiber
 *
 *   Errors   as their namesakes; -ECANCELED when the exchange was over before: then nothing was begun
 *   Waits    all that answer
 */

#include "server/exchange.h"
#include "storage/store.h"
#include "storage/upload.h"

/* An exchange that has an upload open, for upload_open(). Does not wait. */
struct upload_writer uploads_writer(struct exchange *exchange);

int uploads_create(struct exchange *exchange, struct store *store,
                   const struct upload_creation *creation, struct upload_id *ret_id);
int uploads_concatenate(struct exchange *exchange, struct store *store,
                        const struct upload_concatenation *concatenation, struct upload_id *ret_id);
int uploads_find(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct upload_info *ret_info);

int uploads_parts(struct exchange *exchange, struct store *store, const struct upload_id *id,
                  struct upload_part_info **ret_parts, size_t *ret_count);

int uploads_read(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct content **ret_content);

int uploads_list(struct exchange *exchange, struct store *store, struct upload_page *page);
int uploads_expire(struct exchange *exchange, struct store *store, const struct upload_id *id);
int uploads_figures(struct exchange *exchange, struct store *store,
                    struct store_figures *ret_figures);

/* Opens it for this exchange, which a newer writer ends by exchange_end(). */
int uploads_open(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct upload **ret_upload);

/*
 * Finds it, has it checked, and opens it if the check yields 0: in one wait, because a client that is gone
 * by the end of a first one could not be waited for again, and what it had sent would be lost. The
 * check runs on a thread of storage and must not wait.
 */
int uploads_check_and_open(struct exchange *exchange, struct store *store,
                           const struct upload_id *id,
                           int (*check)(void *argument, const struct upload_info *info),
                           void *argument, struct upload **ret_upload);

int uploads_when_ready(struct exchange *exchange, struct upload *upload);
int uploads_verify(struct exchange *exchange, struct upload *upload,
                   const struct digest_value *checksum);
int uploads_commit(struct exchange *exchange, struct upload *upload);
int uploads_finish(struct exchange *exchange, struct upload *upload);
int uploads_set_length(struct exchange *exchange, struct upload *upload, uint64_t length);
int uploads_invalidate(struct exchange *exchange, struct upload *upload);
int uploads_delete(struct exchange *exchange, struct upload *upload);
