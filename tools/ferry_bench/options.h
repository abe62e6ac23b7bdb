#pragma once

/*
 * The command line of ferry-bench
 *
 *   Errors     the program ends with a sentence and status 2
 */

#include "tools/ferry_bench/crowd.h"
#include "tools/ferry_bench/work.h"

struct options {
    const struct work *work;
    const char *url, *json, *svg, *list; /* NULL: not wanted; borrowed */
    uint64_t size, interval_s; /* interval_s: of slow alone */
    unsigned weights[WORK_MIX];
    struct crowd_options crowd;
};

void options_read(int count, char **arguments, struct options *ret_options);
