#pragma once

/* Endings: what is said of an upload or a download that is not complete. */

#include "tools/ferry/report.h"
#include "tools/ferry/upload.h"

/* Not for OUTCOME_OK. resumable: a later run goes on where this one was. */
void ending_say(struct report *report, enum outcome outcome, const char *reason, bool resumable);
