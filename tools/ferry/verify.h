#pragma once

/* ferry verify: compares a file with an upload by the digest that the server tells. */

#include "tools/ferry/options.h"

/* The exit status: 0 when they are equal, 1 when not or when it cannot be told. */
int verify(const struct options *options);
