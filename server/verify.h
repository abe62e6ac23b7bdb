#pragma once

/*
 * ferryd --verify: what storage/verify.h finds, for people and scripts
 *
 * Standard output has a line for each finding, the kind and the file below the data directory, and a
 * sum at the end; standard error a progress bar when it is a terminal.
 */

/* The exit status: 0 when all is as it should be, 1 when something is not or could not be looked at. */
int verify_print(const char *directory);
