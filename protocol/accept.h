#pragma once

/*
 * Accept: which representation of a resource a client wants
 *
 *     Accept: application/json, text/plain;q=0.5
 *
 * Of all media ranges that match a type the most specific one says how much it is wanted. A member
 * of the list that cannot be read counts for nothing, and refuses nobody.
 *
 *   Units    weights in thousandths, 0 (not acceptable) to ACCEPT_WEIGHT_MAX
 *   Source   RFC 9110, 12.5.1 (Accept), 12.4.2 (weights), 5.6.6 (parameters)
 */

#include <stdbool.h>

#include "protocol/message.h"

enum {
    ACCEPT_WEIGHT_MAX = 1000
};

/*
 * How much the client wants the type: "type/subtype" and what holds of it beside, as in
 * "application/json;charset=utf-8". A range matches when it asks for no other parameters than those.
 */
unsigned accept_weight(const struct message *message, const char *type);

/*
 * Whether it wants the one more than the other. Not when it wants both alike: never without Accept,
 * never for what comes under one and the same range.
 */
bool accept_prefers(const struct message *message, const char *type, const char *other);
