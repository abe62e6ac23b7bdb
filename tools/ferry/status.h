#pragma once

/* ferry status: how far an upload is. */

#include "tools/ferry/options.h"

/* The exit status: 0 when the server knows the upload; with --follow, when it is complete. */
int status(const struct options *options);
