#pragma once

/*
 * Digests in fields: Content-Digest (of this message's content), Repr-Digest (of the whole), and what
 * a client would like to be told
 *
 *     Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:
 *     Want-Repr-Digest: sha-256=10
 *
 *   Source   RFC 9530; "sha-256" and "sha-512" of its registry are "Active", all others are ignored
 */

#include <stdbool.h>
#include <stddef.h>

#include "digest/digest_algorithm.h"
#include "protocol/message.h"

enum {
    CONTENT_DIGESTS_MAX = 2,   /* the algorithms that we know */
    CONTENT_DIGEST_BYTES = 112 /* room for one as text, terminated */
};

struct content_digests {
    struct digest_value values[CONTENT_DIGESTS_MAX]; /* one of an algorithm */
    size_t count;                                    /* 0: none that we know was sent */
};

/*
 * The digests in all fields of that name. A field that is not there is an empty one.
 *
 * Refuses with REFUSED_DIGEST_FIELD what is no dictionary, or what can be no digest of an algorithm
 * that we know: a client that wants its bytes checked must not believe that they were.
 */
int content_digests_field(const struct message *message, const char *name,
                          struct content_digests *ret_digests);

/* Whether the message wants that digest: the field is Want-Repr-Digest or Want-Content-Digest. */
bool content_digest_wanted(const struct message *message, const char *name,
                           enum digest_algorithm algorithm);

/* The value of a field with this one digest, of DIGEST_SHA256 or DIGEST_SHA512. */
void content_digest_format(const struct digest_value *digest,
                           char text[static CONTENT_DIGEST_BYTES]);
