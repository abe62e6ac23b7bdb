#pragma once

/* ferry top: who is sending what to a server, and how it is, once a second. */

#include "tools/ferry/options.h"

/* The exit status: 0 when the user has seen enough. */
int top(const struct options *options);
