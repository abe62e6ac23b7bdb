#pragma once

/*
 * The command line of ferry
 *
 * Two tables in options_table.c say what there is: commands, and options with their names, values,
 * the commands that take them, and help.
 *
 *   Ownership  options_done() frees; texts point into argv
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "digest/digest_algorithm.h"
#include "tools/ferry/metadata.h"
#include "tools/ferry/protocol.h"

enum {
    OPTIONS_HEADERS_MAX = 64,
    OPTIONS_JOBS_MAX = 64,
    OPTIONS_PARALLEL_MAX = 32,
};

enum command {
    COMMAND_PUT = 1,
    COMMAND_STATUS = 2,
    COMMAND_REMOVE = 4,
    COMMAND_GET = 8,
    COMMAND_VERIFY = 16,
    COMMAND_LIST = 32,
    COMMAND_TOP = 64,
    COMMAND_DOCTOR = 128,
};

struct options {
    enum command command;
    char **operands; /* files, for put and verify; the URL is not among them */
    size_t operand_count;
    const char *url; /* of ls and top: the operator's place; NULL: none was named */

    const struct protocol *protocol;
    struct metadata metadata;
    const char *headers[OPTIONS_HEADERS_MAX];
    size_t header_count;
    uint64_t chunk_size;            /* 0: no limit */
    uint64_t limit_rate;            /* bytes a second; 0: no limit */
    enum digest_algorithm checksum; /* of every chunk; DIGEST_NONE: none */
    uint64_t jobs;                  /* how many uploads at a time */
    uint64_t parallel;              /* in how many parts each of them */
    uint64_t retry_time_s, retry_delay_ms, timeout_s;
    const char *output; /* "-" is standard output; NULL: the server names the file */
    bool json, quiet, force, no_digest, recursive, follow;

    /* which uploads are listed; NULL and 0: any */
    const char *state, *with_metadata;
    uint64_t older_s, newer_s; /* than so many seconds, counted from the creation */
    uint64_t limit;
    const char *api_token_file; /* NULL: none */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,    /* print options_print_help() and leave */
    OPTIONS_VERSION, /* print the version and leave */
    OPTIONS_BAD,     /* one clear line has been said on standard error */
};

/* options_done() in any case. */
enum options_result options_parse(int argc, char **argv, struct options *ret_options);
void options_done(struct options *options);

/* Of the command, or an overview where none was named. */
void options_print_help(const struct options *options, FILE *out);
