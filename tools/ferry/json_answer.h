#pragma once

/*
 * JSON answers: what a server tells in a JSON object
 */

#include <jansson.h>

#include "tools/ferry/upload.h"

/*
 * GET. OUTCOME_OK: there is an object; json_decref() it. tick is called ten times a second, with what is
 * of no interest to it; it may be NULL.
 */
enum outcome json_answer_get(struct transfer *transfer, const char *url,
                             void (*tick)(void *context, uint64_t sent), void *context,
                             json_t **ret_object, struct answer *answer);
