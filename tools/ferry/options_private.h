#pragma once

/* What options.c, options_table.c and options_help.c share. */

#include "tools/ferry/options.h"

enum option_kind {
    KIND_METADATA,
    KIND_HEADER,
    KIND_CHECKSUM,
    KIND_PROTOCOL,
    KIND_SIZE,
    KIND_NUMBER,
    KIND_AGE,
    KIND_TEXT,
    KIND_SWITCH,
    KIND_HELP,
    KIND_VERSION,
};

struct option_row {
    char letter; /* the short name, or 0 */
    const char *name, *value, *help;
    unsigned commands; /* a set of enum command */
    enum option_kind kind;
    size_t offset; /* in struct options, of a uint64_t, a bool or a const char *, by kind */
    uint64_t minimum, maximum;
};

struct command_row {
    const char *name;
    enum command command;
    size_t operands_min, operands_max; /* the URL is one of them */
    const char *operands;              /* as they are written */
    const char *summary;               /* in a list of commands */
    const char *description;           /* in its own help */
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;
extern const struct command_row command_rows[];
extern const size_t command_row_count;

enum {
    OPTION_ROWS_MAX = 64
};
