#pragma once

/* ferry get: downloads a file, and goes on with what an earlier run began. */

#include "tools/ferry/options.h"

/* The exit status. */
int get(const struct options *options);
