#pragma once

/*
 * The command line of ferryd
 *
 * Every option is a long flag (--idle-timeout 60) and an environment variable (FERRY_IDLE_TIMEOUT=60);
 * a flag wins. One table in options.c says names, bounds, defaults and help.
 *
 *   Ownership  options_done() frees; texts point into argv and the environment
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "digest/digest_algorithm.h"
#include "protocol/address.h"

enum {
    OPTIONS_LISTEN_MAX = 16
};

struct options {
    const char *listen[OPTIONS_LISTEN_MAX];
    size_t listen_count;
    const char *data; /* directory */
    const char *base_path;
    const char *public_url; /* see server/service.h; NULL: none */
    struct networks trusted_proxies;
    uint64_t max_size, min_free, buffer_memory;          /* bytes */
    uint64_t min_size, max_append_size, min_append_size; /* bytes; 0: no such limit */
    unsigned expire_after_s, remember_gone_s;
    enum digest_algorithm digest;
    bool materialise;           /* concatenated uploads become plain files */
    const char *cors_origins;   /* see protocol/origin.h */
    const char *admin_listen;   /* NULL: unix:DATA/admin.sock */
    bool metrics_tusd_names;
    const char *api_token_file; /* NULL: DATA/api-token */
    const char *user;           /* see server/user.h; NULL: stays who it is */
    bool sandbox;               /* see server/sandbox.h */
    unsigned threads, io_threads;
    unsigned idle_timeout_s, header_timeout_s;
    unsigned max_connections;
    unsigned max_connections_per_address; /* 0: a quarter of max_connections */
    unsigned max_watchers;                /* the same */
    enum log_level log_level;
    enum log_format log_format;
    char *listen_text; /* a copy of FERRY_LISTEN, cut into its parts */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_VERIFY,  /* verify the data directory and leave */
    OPTIONS_HELP,    /* print options_print_help() and leave */
    OPTIONS_VERSION, /* print the version and leave */
    OPTIONS_BAD,     /* one clear line has been said on standard error */
};

enum options_result options_parse(int argc, char **argv, struct options *ret_options);
void options_done(struct options *options);
void options_print_help(FILE *out);
