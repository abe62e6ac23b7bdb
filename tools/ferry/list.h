#pragma once

/* ferry ls: a server's uploads, for its operator. */

#include "tools/ferry/options.h"

/* The exit status: 0 when the server has told all that was asked for. */
int list(const struct options *options);
