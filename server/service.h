#pragma once

/*
 * The upload service: what its handlers share, and what all its answers have in common
 *
 * One handler per operation, each in a file of its own: create, append, offset, terminate for tus,
 * ietf_create, ietf_append, ietf_offset, ietf_cancel for the IETF's protocol (by_protocol.h chooses),
 * capabilities for both. Their context (exchange_context()) is a struct service, or begins with one.
 *
 *   Source   tus 1.0.0, "Headers"
 */

#include "protocol/ietf_limits.h"
#include "protocol/tus_append.h"
#include "server/exchange.h"
#include "server/exchanges.h"
#include "storage/store.h"
#include "storage/upload.h"

#define PUBLIC_URL_FORWARDED "forwarded"

struct audience;
struct metrics;

struct service {
    struct store *store;
    struct metrics *metrics;   /* of the endpoint's exchanges */
    struct audience *audience; /* who watches uploads */
    const char *base_path;     /* of the upload endpoint; begins and ends with '/' */

    /* What stands before an upload's name in its URL; NULL: base_path. PUBLIC_URL_FORWARDED: made of
     * what a trusted proxy says, and base_path where none says both scheme and host. */
    const char *public_url;
    struct tus_limits limits;
    unsigned extensions; /* enum tus_extension */
    struct ietf_limits ietf_limits;
    unsigned expire_after_s;                /* since an unfinished upload's last byte; 0: never */
    const char *cors_origins;               /* see protocol/origin.h */
    enum digest_algorithm digest_algorithm; /* of uploads for which none is stated */
};

const struct service *service_of(const struct exchange *exchange);

/* The upload that the path names. Refuses with REFUSED_UNKNOWN_UPLOAD. */
int service_upload_id(const struct exchange *exchange, struct upload_id *ret_id);

/* The path in public_url; NULL where none is known. */
const char *service_public_path(const struct service *service);

/* What stands before an upload's name in its URL, for this client. The caller frees it; NULL when there is no
 * memory. */
char *service_url_base(const struct exchange *exchange);

/* Where the upload is. */
void service_tell_location(struct exchange *exchange, struct answer *answer,
                           const struct upload_id *id);

/* For struct server_options: Tus-Resumable, CORS and the like on every answer of the endpoint. */
void service_finish(struct exchange *exchange, struct answer *answer);

/* For struct server_options: counts every exchange of the endpoint. */
void service_count(void *context, const struct exchange_record *record);

/* The upload as the protocol's decisions see it. */
struct tus_upload service_tus_upload(const struct upload_info *info);

/* 201, and where the upload is. */
void service_answer_created(struct exchange *exchange, const struct upload_id *id);

/* The same, with what service_tell() says. Refuses as upload_find(). Waits. */
int service_tell_created(struct exchange *exchange, const struct upload_id *id);

/* When the upload will expire, if ever. */
void service_tell_expires(struct answer *answer, const struct upload_info *info);

/* What a complete upload's bytes add up to, when that is known: for HEAD, and GET of the bytes. */
void service_tell_digest(struct answer *answer, const struct upload_info *info);

/* When it will expire, and where it ends; of a final upload that is not complete nothing is to be told of
 * that. */
void service_tell(struct answer *answer, const struct upload_info *info, uint64_t offset);
