#pragma once

/*
 * What a client of the fuzzer of exchanges was sent, checked as far as it can be told without what it has asked
 */

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Asserts that this is one whole answer after the other: status lines, fields that are fields, and as much content as
 * was announced. That ends at the first answer whose content cannot be told: one of events, or one that has none of what it
 * announces, as it answers a HEAD.
 *
 * whole: nothing is missing at the end.
 */
void exchange_answers_check(struct bytes answers, bool whole);
