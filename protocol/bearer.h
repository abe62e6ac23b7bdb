#pragma once

/*
 * Bearer tokens: a secret that stands in the Authorization field
 *
 *   Source   RFC 6750, 2.1; RFC 9110, 11.4
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "protocol/message.h"

enum {
    BEARER_TOKEN_MIN = 16, /* bytes; what is shorter can be guessed */
    BEARER_TOKEN_MAX = 512
};

/* Whether it can be sent as a token, and is long enough to be one. */
bool bearer_token_valid(struct bytes token);

/*
 * Whether the message shows this token. How long that takes tells nothing but the token's length.
 *
 * Refuses with REFUSED_TOKEN; with REFUSED_REPEATED_FIELD when there are two of the field.
 */
int bearer_check(const struct message *message, struct bytes token);
