#pragma once

/*
 * ferry doctor: what is between here and an upload endpoint
 *
 * Uploads are created, written to and removed again, and what comes back is compared with what tus 1.0.0
 * and the IETF's protocol say. What somebody on the way does to it is not told by anybody: it
 * shows.
 */

#include "tools/ferry/options.h"

/* The exit status: 0 when no problem was found. */
int doctor(const struct options *options);
