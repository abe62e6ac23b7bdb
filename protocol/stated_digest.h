#pragma once

/*
 * The digest that a client states for a whole upload when it creates it
 *
 * Two places say it: the value of the key "digest" in Upload-Metadata, and Repr-Digest.
 *
 *     Upload-Metadata: digest c2hhMjU2OmUzYjBjNDQy...     sha256:e3b0c442...
 *     Repr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:
 *
 *   In metadata   "blake2b:" or "sha256:", then the digest in hex digits of either case: tools
 *                 print both. Nobody but us gives this key a meaning, so what cannot be read is a
 *                 mistake, an unknown algorithm, too.
 *   Repr-Digest   sha-256 is read; other algorithms are ignored, as the specification has it
 *   Source        ours (spec/tus.md); RFC 9530, 3
 */

#include "digest/digest_algorithm.h"
#include "protocol/message.h"

/*
 * metadata: a value that upload_metadata_check() has accepted, or none. ret_stated is of
 * DIGEST_NONE when no digest is stated.
 *
 * Refuses with REFUSED_DIGEST_SYNTAX what cannot be read, and digests that are not all the same:
 * one is kept while the bytes come. ret_stated is untouched then.
 */
int stated_digest_parse(const struct message *message, struct bytes metadata,
                        struct digest_value *ret_stated);
