#pragma once

/* ferry put: uploads files, folders, or standard input, and goes on with what an earlier run began. */

#include "tools/ferry/options.h"

/* The exit status. */
int put(const struct options *options);
