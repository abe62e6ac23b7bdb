#pragma once

/* ferry rm: removes an upload from its server. */

#include "tools/ferry/options.h"

/* The exit status: 0 when the server has removed it. */
int remove_upload(const struct options *options);
