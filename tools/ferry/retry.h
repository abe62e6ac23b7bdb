#pragma once

/*
 * Retries: the wait between a request that failed and the next try
 */

#include "tools/ferry/backoff.h"
#include "tools/ferry/report.h"
#include "tools/ferry/upload.h"

/*
 * After OUTCOME_RETRY: says why, and waits. OUTCOME_OK: try again; OUTCOME_RETRY: it is time to
 * give up, though it may work later; OUTCOME_STOPPED. Without a report, name stands in the
 * sentence.
 */
enum outcome retry_wait(struct backoff *backoff, const struct answer *answer, struct report *report,
                        const char *name);
