#pragma once

/*
 * Idempotency-Key: the mark by which a repeated request is known
 *
 *     Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"
 *
 * A client that has lost the answer to a creation sends it again with the same key. Who does not know
 * the key must not be able to guess it, so short ones are refused.
 *
 *   Source     draft-ietf-httpapi-idempotency-key-header, 2; RFC 9651, 3.3.3 (strings)
 *   Ownership  the key borrows from the message
 */

#include "protocol/message.h"

enum {
    IDEMPOTENCY_KEY_BYTES_MIN = 16,
    IDEMPOTENCY_KEY_BYTES_MAX = 255,
};

/*
 * What stands between the quotes; empty when there is no such field. A string has one text only, so
 * keys that look the same are the same.
 *
 * Refuses with REFUSED_KEY_SYNTAX what is no string of that length, two of them, too; ret_key is
 * untouched then.
 */
int idempotency_key_field(const struct message *message, struct bytes *ret_key);
