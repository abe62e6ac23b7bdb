#pragma once

/*
 * What was measured, for people, programs and eyes
 *
 *   Errors     the program ends with a sentence when something cannot be written
 */

#include "tools/ferry_bench/options.h"

void report_text(const struct options *options, const struct crowd_tally *tally);

/* "-" is standard output. */
void report_json(const struct options *options, const struct crowd_tally *tally, const char *path);

/* Latencies against the part of all that is not above them, which grows by tens towards the right. */
void report_svg(const struct options *options, const struct crowd_tally *tally, const char *path);
