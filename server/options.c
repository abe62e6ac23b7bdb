#include "server/options.h"

#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/number.h"
#include "protocol/authority.h"
#include "protocol/origin.h"
#include "server/service.h"

enum option_kind {
    KIND_NUMBER,
    KIND_BYTES,
    KIND_TEXT,
    KIND_PATH,    /* of a URL: begins and ends with a slash */
    KIND_ORIGINS, /* see protocol/origin.h */
    KIND_LISTEN,
    KIND_PUBLIC_URL,
    KIND_NETWORKS, /* see protocol/address.h */
    KIND_LOG_LEVEL,
    KIND_LOG_FORMAT,
    KIND_DIGEST,
    KIND_MATERIALISE,
    KIND_SWITCH, /* on or off */
    KIND_FLAG,   /* on by its name alone; in the environment 1 or 0 */
    KIND_VERIFY,
    KIND_HELP,
    KIND_VERSION,
};

struct option_row {
    const char *name, *value, *help;
    enum option_kind kind;
    size_t offset; /* in struct options: unsigned, uint64_t, bool or const char *, by kind */
    unsigned minimum, maximum; /* KIND_NUMBER */
};

/* clang-format off */
#define NUMBER(member, minimum, maximum) KIND_NUMBER, offsetof(struct options, member), minimum, maximum
static const struct option_row rows[] = {
    { "listen", "ADDR:PORT", "where to listen; also [ADDR6]:PORT and unix:PATH; may be repeated\n"
      "(default 127.0.0.1:1080; port 0 picks a free one)", KIND_LISTEN, 0, 0, 0 },
    { "data", "DIR", "where uploads are kept (default ./data; created when missing)",
      KIND_TEXT, offsetof(struct options, data), 0, 0 },
    { "base-path", "PATH", "path of the upload endpoint (default /files/)",
      KIND_PATH, offsetof(struct options, base_path), 0, 0 },
    { "public-url", "URL", "of the upload endpoint as clients see it, for Location and status;\n"
      "\"forwarded\": as a trusted proxy says (default: the path alone)",
      KIND_PUBLIC_URL, 0, 0, 0 },
    { "trusted-proxies", "NETWORKS", "whose Forwarded and X-Forwarded-* are believed, as\n"
      "10.0.0.0/8,fd00::/8,unix (default: nobody's)", KIND_NETWORKS, 0, 0, 0 },
    { "max-size", "BYTES", "longest upload that is taken; K, M, G and T may follow\n"
      "(default: no limit)", KIND_BYTES, offsetof(struct options, max_size), 0, 0 },
    { "min-size", "BYTES", "shortest upload that is made resumable, by the IETF's protocol\n"
      "(default: no limit)", KIND_BYTES, offsetof(struct options, min_size), 0, 0 },
    { "max-append-size", "BYTES", "most content of one request by the IETF's protocol\n"
      "(default: no limit)", KIND_BYTES, offsetof(struct options, max_append_size), 0, 0 },
    { "min-append-size", "BYTES", "least content of one, unless it completes the upload\n"
      "(default: no limit)", KIND_BYTES, offsetof(struct options, min_append_size), 0, 0 },
    { "expire-after", "SECONDS", "remove unfinished uploads so long after their last byte\n"
      "(default 604800, a week; 0: never)", NUMBER(expire_after_s, 0, 4000000000U) },
    { "remember-gone", "SECONDS", "answer 410 for so long when an upload was deleted or has expired, then 404\n"
      "(default 2592000, 30 days; 0: 404 at once)", NUMBER(remember_gone_s, 0, 4000000000U) },
    { "digest", "ALGORITHM", "of every upload, kept while its bytes come: blake2b, sha256 or none\n"
      "(default blake2b)", KIND_DIGEST, offsetof(struct options, digest), 0, 0 },
    { "materialise", "WHEN", "always: uploads that are concatenated from parts become one plain file\n"
      "each, in the background, and their parts' bytes are given up\n"
      "(default never)", KIND_MATERIALISE, offsetof(struct options, materialise), 0, 0 },
    { "min-free", "BYTES", "take no new uploads when the disk has less left (default 64M)",
      KIND_BYTES, offsetof(struct options, min_free), 0, 0 },
    { "buffer-memory", "BYTES", "memory for bytes on their way to the disk (default 64M)",
      KIND_BYTES, offsetof(struct options, buffer_memory), 0, 0 },
    { "cors-origin", "ORIGINS", "whose web pages may upload: *, or origins with commas between them,\n"
      "as https://app.example,http://localhost:8080, or nothing (default *)",
      KIND_ORIGINS, offsetof(struct options, cors_origins), 0, 0 },
    { "admin-listen", "WHERE", "where the operator asks for uploads and figures: ADDR:PORT, with a token,\n"
      "unix:PATH, or none (default unix:DATA/admin.sock)",
      KIND_TEXT, offsetof(struct options, admin_listen), 0, 0 },
    { "api-token-file", "FILE", "the token that --admin-listen ADDR:PORT asks for\n"
      "(default DATA/api-token, made when missing)",
      KIND_TEXT, offsetof(struct options, api_token_file), 0, 0 },
    { "user", "NAME", "who to become when started as root, once what only root can do is done\n"
      "(default: nobody else)", KIND_TEXT, offsetof(struct options, user), 0, 0 },
    { "sandbox", "ON", "on: open no file but those of --data, start no program and no connection,\n"
      "as far as the kernel can see to it; or off (default on)",
      KIND_SWITCH, offsetof(struct options, sandbox), 0, 0 },
    { "threads", "N", "loop threads (default: the number of cores)", NUMBER(threads, 1, 256) },
    { "io-threads", "N", "threads for disk and database (default 16)", NUMBER(io_threads, 1, 256) },
    { "idle-timeout", "SECONDS", "close a connection without any byte for so long (default 60)",
      NUMBER(idle_timeout_s, 1, 86400) },
    { "header-timeout", "SECONDS", "time for the first byte, and for a whole request header (default 20)",
      NUMBER(header_timeout_s, 1, 3600) },
    { "max-connections", "N", "connections in all (default 10000)", NUMBER(max_connections, 1, 1000000) },
    { "max-connections-per-address", "N", "connections from one IPv4 address or IPv6 /64\n"
      "(default: a quarter of max-connections)", NUMBER(max_connections_per_address, 1, 1000000) },
    { "max-watchers", "N", "connections on which somebody watches an upload\n"
      "(default: a quarter of max-connections)", NUMBER(max_watchers, 1, 1000000) },
    { "log-level", "LEVEL", "error, warning, info or debug (default info)", KIND_LOG_LEVEL, 0, 0, 0 },
    { "log-format", "FORMAT", "text or json (default text)", KIND_LOG_FORMAT, 0, 0, 0 },
    { "metrics-tusd-names", NULL, "have /metrics tell some figures by the names that tusd has\n"
      "for them, too", KIND_FLAG, offsetof(struct options, metrics_tusd_names), 0, 0 },
    { "verify", NULL, "read all uploads again, compare their digests, say what is\n"
      "wrong, and exit; a server may run meanwhile", KIND_VERIFY, 0, 0, 0 },
    { "version", NULL, "print the version and exit", KIND_VERSION, 0, 0, 0 },
    { "help", NULL, "print this and exit", KIND_HELP, 0, 0, 0 },
};
#undef NUMBER
/* clang-format on */

enum {
    ROW_COUNT = sizeof(rows) / sizeof(rows[0])
};

/* "idle-timeout" to "FERRY_IDLE_TIMEOUT" */
static void environment_name(const char *name, char result[static 64])
{
    (void)snprintf(result, 64, "FERRY_%s", name);
    for (char *letter = result; *letter != '\0'; letter++)
        *letter = (char)(*letter == '-' ? '_' : toupper((unsigned char)*letter));
}

/* The default list is not added to: the first one that is named replaces it. */
static bool options_add_listen(struct options *options, const char *where, bool *named)
{
    if (!*named)
        options->listen_count = 0;
    *named = true;
    if (options->listen_count == OPTIONS_LISTEN_MAX)
        return false;
    options->listen[options->listen_count++] = where;
    return true;
}

/* "64M": a number and a binary multiple. */
static bool size_parse(const char *text, uint64_t *ret_bytes)
{
    static const char suffixes[] = "KMGT";
    struct bytes digits = bytes_of_text(text);
    unsigned shift = 0;
    uint64_t number = 0;

    const char *suffix = digits.count == 0 ? NULL : strchr(suffixes, text[digits.count - 1]);
    if (suffix != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        digits.count--;
    }
    if (!number_parse(digits, (uint64_t)INT64_MAX >> shift, &number))
        return false;
    *ret_bytes = number << shift;
    return true;
}

static bool path_valid(const char *path)
{
    static const char unreserved[] =
        "/-._~0123456789abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t count = strlen(path);
    return count > 0 && count < 200 && path[0] == '/' && path[count - 1] == '/' &&
           strspn(path, unreserved) == count;
}

/* "https://uploads.example/files/", or the word. */
static bool public_url_valid(const char *url)
{
    struct bytes text = bytes_of_text(url);
    size_t scheme = bytes_start_with(text, "https://") ? strlen("https://") : strlen("http://");

    if (strcmp(url, PUBLIC_URL_FORWARDED) == 0)
        return true;
    if (!bytes_start_with(text, "https://") && !bytes_start_with(text, "http://"))
        return false;
    const char *path = strchr(url + scheme, '/');
    return path != NULL && path_valid(path) &&
           authority_valid(bytes_of(url + scheme, (size_t)(path - url) - scheme));
}

static bool public_url_set(struct options *options, const char *url)
{
    if (!public_url_valid(url))
        return false;
    options->public_url = url;
    return true;
}

static bool flag_set(const char *value, bool *ret_flag)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return false;
    *ret_flag = strcmp(value, "1") == 0;
    return true;
}

static bool digest_set(const char *name, enum digest_algorithm *ret_digest)
{
    enum digest_algorithm digest = DIGEST_NONE;

    if (strcmp(name, digest_algorithm_name(DIGEST_NONE)) != 0 &&
        (!digest_algorithm_parse(bytes_of_text(name), &digest) ||
         (digest != DIGEST_BLAKE2B && digest != DIGEST_SHA256)))
        return false;
    *ret_digest = digest;
    return true;
}

static bool materialise_set(const char *when, bool *ret_materialise)
{
    bool always = strcmp(when, "always") == 0;

    if (!always && strcmp(when, "never") != 0)
        return false;
    *ret_materialise = always;
    return true;
}

static bool switch_set(const char *value, bool *ret_on)
{
    bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return false;
    *ret_on = on;
    return true;
}

static bool option_set(struct options *options, const struct option_row *row, const char *value,
                       bool *listen_named)
{
    void *member = (char *)options + row->offset;
    uint64_t number = 0;

    switch (row->kind) {
    case KIND_BYTES: return size_parse(value, member);
    case KIND_PATH:
        if (!path_valid(value))
            return false;
        *(const char **)member = value;
        return true;
    case KIND_ORIGINS:
        if (!origin_list_valid(bytes_of_text(value)))
            return false;
        *(const char **)member = value;
        return true;
    case KIND_TEXT: *(const char **)member = value; return true;
    case KIND_LISTEN: return options_add_listen(options, value, listen_named);
    case KIND_PUBLIC_URL: return public_url_set(options, value);
    case KIND_NETWORKS: return networks_parse(bytes_of_text(value), &options->trusted_proxies);
    case KIND_LOG_FORMAT: return log_format_parse(value, &options->log_format) == 0;
    case KIND_LOG_LEVEL: return log_level_parse(value, &options->log_level) == 0;
    case KIND_DIGEST: return digest_set(value, member);
    case KIND_MATERIALISE: return materialise_set(value, member);
    case KIND_NUMBER:
        if (!number_parse(bytes_of_text(value), row->maximum, &number) || number < row->minimum)
            return false;
        *(unsigned *)member = (unsigned)number;
        return true;
    case KIND_SWITCH: return switch_set(value, member);
    case KIND_FLAG: return flag_set(value, member);
    case KIND_VERIFY:
    case KIND_HELP:
    case KIND_VERSION: break;
    }
    return false;
}

static void option_complain(const struct option_row *row, const char *name, const char *value)
{
    if (row->kind == KIND_NUMBER)
        (void)fprintf(stderr, "ferryd: %s %s: a number from %u to %u is wanted\n", name, value,
                      row->minimum, row->maximum);
    else if (row->kind == KIND_BYTES)
        (void)fprintf(stderr, "ferryd: %s %s: a number of bytes is wanted, as 1048576 or 64M\n",
                      name, value);
    else if (row->kind == KIND_PATH)
        (void)fprintf(stderr, "ferryd: %s %s: a path that begins and ends with / is wanted\n", name,
                      value);
    else if (row->kind == KIND_ORIGINS)
        (void)fprintf(
            stderr,
            "ferryd: %s %s: origins are wanted, as https://app.example (no path, no default "
            "port), or * alone\n",
            name, value);
    else if (row->kind == KIND_PUBLIC_URL)
        (void)fprintf(stderr,
                      "ferryd: %s %s: a URL is wanted, as https://uploads.example/files/, or "
                      "\"" PUBLIC_URL_FORWARDED "\"\n",
                      name, value);
    else if (row->kind == KIND_NETWORKS)
        (void)fprintf(stderr,
                      "ferryd: %s %s: networks are wanted, as 10.0.0.0/8,::1,unix, at most %d\n",
                      name, value, NETWORKS_MAX);
    else if (row->kind == KIND_LOG_FORMAT)
        (void)fprintf(stderr, "ferryd: %s %s: not one of text, json\n", name, value);
    else if (row->kind == KIND_SWITCH)
        (void)fprintf(stderr, "ferryd: %s %s: on or off is wanted\n", name, value);
    else if (row->kind == KIND_FLAG)
        (void)fprintf(stderr, "ferryd: %s %s: 1 or 0 is wanted\n", name, value);
    else if (row->kind == KIND_DIGEST)
        (void)fprintf(stderr, "ferryd: %s %s: not one of blake2b, sha256, none\n", name, value);
    else if (row->kind == KIND_MATERIALISE)
        (void)fprintf(stderr, "ferryd: %s %s: always or never is wanted\n", name, value);
    else if (row->kind == KIND_LISTEN)
        (void)fprintf(stderr, "ferryd: %s: at most %d times\n", name, OPTIONS_LISTEN_MAX);
    else
        (void)fprintf(stderr, "ferryd: %s %s: not one of error, warning, info, debug\n", name,
                      value);
}

/* FERRY_LISTEN holds several, with commas between them. */
static bool options_read_listen(struct options *options, const char *value)
{
    bool named = false;
    char *rest = NULL;

    options->listen_text = strdup(value);
    if (options->listen_text == NULL)
        return false;
    for (char *part = strtok_r(options->listen_text, ", ", &rest); part != NULL;
         part = strtok_r(NULL, ", ", &rest))
        if (!options_add_listen(options, part, &named))
            return false;
    return true;
}

static bool options_read_environment(struct options *options)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        bool listen_named = false;

        environment_name(rows[i].name, name);
        const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): before any thread */
        bool settable = rows[i].value != NULL || rows[i].kind == KIND_FLAG;
        if (!settable || value == NULL)
            continue;
        bool good = rows[i].kind == KIND_LISTEN
                        ? options_read_listen(options, value)
                        : option_set(options, &rows[i], value, &listen_named);
        if (!good) {
            option_complain(&rows[i], name, value);
            return false;
        }
    }
    return true;
}

/* False, and it is said, when the value is none for this flag. */
static bool option_take(struct options *options, const struct option_row *row, const char *value,
                        bool *listen_named)
{
    char name[64];

    if (option_set(options, row, value, listen_named))
        return true;
    (void)snprintf(name, sizeof(name), "--%s", row->name);
    option_complain(row, name, value);
    return false;
}

/* As getopt_long() wants them; the last one stays zeroed. */
static void options_name_flags(struct option flags[static ROW_COUNT + 1])
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        flags[i].name = rows[i].name;
        flags[i].has_arg = rows[i].value == NULL ? no_argument : required_argument;
    }
}

static enum options_result options_read_flags(struct options *options, int argc, char **argv)
{
    struct option flags[ROW_COUNT + 1] = { 0 };
    enum options_result result = OPTIONS_RUN;
    bool listen_named = false;
    int index = 0;
    int letter;

    options_name_flags(flags);
    optind = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
    while ((letter = getopt_long(argc, argv, "", flags, &index)) != -1) {
        if (letter != 0)
            return OPTIONS_BAD; /* getopt has said why */
        if (rows[index].kind == KIND_HELP)
            return OPTIONS_HELP;
        if (rows[index].kind == KIND_VERSION)
            return OPTIONS_VERSION;
        if (rows[index].kind == KIND_VERIFY)
            result = OPTIONS_VERIFY;
        else if (!option_take(options, &rows[index], rows[index].kind == KIND_FLAG ? "1" : optarg,
                              &listen_named))
            return OPTIONS_BAD;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "ferryd: %s: only options are wanted; see --help\n", argv[optind]);
        return OPTIONS_BAD;
    }
    return result;
}

/* Between which nothing fits: every upload would be refused. */
static bool limits_fit(const char *least, uint64_t minimum, const char *most, uint64_t maximum)
{
    if (maximum == 0 || minimum <= maximum)
        return true;
    (void)fprintf(stderr, "ferryd: %s %" PRIu64 ": more than %s %" PRIu64 " allows\n", least,
                  minimum, most, maximum);
    return false;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = {
        .listen = { "127.0.0.1:1080" },
        .listen_count = 1,
        .data = "./data",
        .base_path = "/files/",
        .min_free = 64ULL * 1024 * 1024,
        .buffer_memory = 64ULL * 1024 * 1024,
        .expire_after_s = 604800,
        .remember_gone_s = 2592000,
        .digest = DIGEST_BLAKE2B,
        .cors_origins = "*",
        .sandbox = true,
        .threads = cores < 1 ? 1 : (unsigned)cores,
        .io_threads = 16,
        .idle_timeout_s = 60,
        .header_timeout_s = 20,
        .max_connections = 10000,
        .log_level = LOG_LEVEL_INFO,
    };

    enum options_result result = OPTIONS_BAD;
    if (options_read_environment(&options))
        result = options_read_flags(&options, argc, argv);
    if ((result == OPTIONS_RUN || result == OPTIONS_VERIFY) &&
        (!limits_fit("--min-size", options.min_size, "--max-size", options.max_size) ||
         !limits_fit("--min-append-size", options.min_append_size, "--max-append-size",
                     options.max_append_size)))
        result = OPTIONS_BAD;
    *ret_options = options;
    return result;
}

void options_done(struct options *options)
{
    free(options->listen_text);
    options->listen_text = NULL;
}

void options_print_help(FILE *out)
{
    (void)fputs(
        "ferryd: an endpoint for resumable uploads\n\n"
        "Every option may also be given by the environment: --idle-timeout 60 is\n"
        "FERRY_IDLE_TIMEOUT=60. A flag wins.\n\n",
        out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char flag[64];
        (void)snprintf(flag, sizeof(flag), "--%s %s", rows[i].name,
                       rows[i].value == NULL ? "" : rows[i].value);
        (void)fprintf(out, "  %-32s", flag);
        if (strlen(flag) > 31)
            (void)fprintf(out, "\n  %-32s", "");
        for (const char *letter = rows[i].help; *letter != '\0'; letter++) {
            (void)fputc(*letter, out);
            if (*letter == '\n')
                (void)fprintf(out, "  %-32s", "");
        }
        (void)fputc('\n', out);
    }
}
