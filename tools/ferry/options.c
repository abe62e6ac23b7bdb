#include "tools/ferry/options.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "tools/ferry/say.h"
#include "tools/ferry/size.h"

enum option_kind {
    KIND_METADATA,
    KIND_HEADER,
    KIND_CHECKSUM,
    KIND_SIZE,
    KIND_NUMBER,
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

/* clang-format off */
#define ALL (COMMAND_PUT | COMMAND_GET | COMMAND_VERIFY | COMMAND_STATUS | COMMAND_REMOVE)
#define MOVES (COMMAND_PUT | COMMAND_GET)
#define AT(member) offsetof(struct options, member)
static const struct option_row rows[] = {
    { 'r', "recursive", NULL, "upload what is in folders, and in folders in them",
      COMMAND_PUT, KIND_SWITCH, AT(recursive), 0, 0 },
    { 'j', "jobs", "N", "so many uploads at a time (default 1)",
      COMMAND_PUT, KIND_NUMBER, AT(jobs), 1, OPTIONS_JOBS_MAX },
    { 0, "metadata", "KEY=VALUE", "tell the server something about the file; may be repeated.\n"
      "filename, filetype and relativePath are told unless they are given here",
      COMMAND_PUT, KIND_METADATA, 0, 0, 0 },
    { 'o', "output", "FILE", "save it under this name, or write it to standard output (-);\n"
      "default: the name that the server tells, or the URL's last part",
      COMMAND_GET, KIND_TEXT, AT(output), 0, 0 },
    { 0, "force", NULL, "replace a file that is there already",
      COMMAND_GET, KIND_SWITCH, AT(force), 0, 0 },
    { 0, "checksum", "ALGORITHM", "let the server check every chunk: sha1, sha256, sha512, md5, crc32\n"
      "or blake2b; chunks are of 16M then, unless --chunk-size is given",
      COMMAND_PUT, KIND_CHECKSUM, 0, 0, 0 },
    { 0, "no-digest", NULL, "do not compare with the digest that the server tells at the end",
      MOVES, KIND_SWITCH, AT(no_digest), 0, 0 },
    { 0, "chunk-size", "BYTES", "send no more in one request (default: the rest of the file)",
      COMMAND_PUT, KIND_SIZE, AT(chunk_size), 1, INT64_MAX },
    { 0, "limit-rate", "BYTES", "send or receive no more in one second (default: no limit)",
      MOVES, KIND_SIZE, AT(limit_rate), 1, 1ULL << 40 },
    { 0, "header", "'NAME: VALUE'",
      "send this with every request, a token for example; may be repeated",
      ALL, KIND_HEADER, 0, 0, 0 },
    { 0, "timeout", "SECONDS", "a connection on which no byte moves for so long is lost\n"
      "(default 60; 0 waits for ever)", ALL, KIND_NUMBER, AT(timeout_s), 0, 86400 },
    { 0, "retry-time", "SECONDS", "give up after so long without progress (default 600 for put\n"
      "and get, 10 for the others; 0 never gives up)",
      ALL, KIND_NUMBER, AT(retry_time_s), 0, 1000000000 },
    { 0, "retry-delay", "MS", "wait about so long before the second try, then twice as long each\n"
      "time, up to 30 s (default 1000)", ALL, KIND_NUMBER, AT(retry_delay_ms), 1, 30000 },
    { 0, "json", NULL, "write one JSON object per line on standard output",
      MOVES | COMMAND_VERIFY | COMMAND_STATUS, KIND_SWITCH, AT(json), 0, 0 },
    { 0, "quiet", NULL, "say nothing but errors; standard output stays what it is", ALL,
      KIND_SWITCH, AT(quiet), 0, 0 },
    { 'h', "help", NULL, "print this and exit", ALL, KIND_HELP, 0, 0, 0 },
    { 0, "version", NULL, "print the version and exit", ALL, KIND_VERSION, 0, 0, 0 },
};
#undef MOVES
#undef ALL
#undef AT
/* clang-format on */

enum {
    ROW_COUNT = sizeof(rows) / sizeof(rows[0]),
    HELP_COLUMN = 26,
};

static const struct {
    const char *name;
    enum command command;
} commands[] = {
    { "put", COMMAND_PUT },       { "get", COMMAND_GET },   { "verify", COMMAND_VERIFY },
    { "status", COMMAND_STATUS }, { "rm", COMMAND_REMOVE },
};

static bool option_set_metadata(struct options *options, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL)
        return false;
    *equals = '\0';
    bool set = metadata_set(&options->metadata, text, equals + 1);
    *equals = '=';
    return set;
}

/* The name is a token, and none of those that the protocol itself needs; the value is one line. */
static bool header_allowed(const char *header)
{
    static const char *const own[] = { "Content-Length", "Content-Type", "Transfer-Encoding",
                                       "Host" };
    size_t name = strcspn(header, ":");

    if (name == 0 || header[name] == '\0' ||
        header[name + 1 + strspn(header + name + 1, " ")] == '\0')
        return false;
    for (size_t i = 0; header[i] != '\0'; i++)
        if ((unsigned char)header[i] < ' ' || header[i] == 0x7F ||
            (i < name && !isalnum((unsigned char)header[i]) &&
             strchr("!#$%&'*+-.^_`|~", header[i]) == NULL))
            return false;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strlen(own[i]) == name && strncasecmp(header, own[i], name) == 0)
            return false;
    return strncasecmp(header, "Upload-", 7) != 0 && strncasecmp(header, "Tus-", 4) != 0;
}

static bool option_set_header(struct options *options, const char *text)
{
    if (options->header_count == OPTIONS_HEADERS_MAX || !header_allowed(text))
        return false;
    options->headers[options->header_count++] = text;
    return true;
}

static bool option_set_number(struct options *options, const struct option_row *row,
                              const char *text)
{
    uint64_t number = 0;
    bool valid = row->kind == KIND_SIZE ? size_parse(text, &number)
                                        : number_parse(bytes_of_text(text), row->maximum, &number);

    if (!valid || number < row->minimum || number > row->maximum)
        return false;
    *(uint64_t *)(void *)((char *)options + row->offset) = number;
    return true;
}

static bool option_set(struct options *options, const struct option_row *row, char *value)
{
    switch (row->kind) {
    case KIND_METADATA: return option_set_metadata(options, value);
    case KIND_HEADER: return option_set_header(options, value);
    case KIND_CHECKSUM: return digest_algorithm_parse(bytes_of_text(value), &options->checksum);
    case KIND_SIZE:
    case KIND_NUMBER: return option_set_number(options, row, value);
    case KIND_TEXT: *(const char **)(void *)((char *)options + row->offset) = value; return true;
    case KIND_SWITCH: *((bool *)options + row->offset) = true; return true;
    case KIND_HELP:
    case KIND_VERSION: break;
    }
    return true;
}

static const char *option_wanted(const struct option_row *row)
{
    switch (row->kind) {
    case KIND_METADATA: return "KEY=VALUE is wanted, KEY without blanks and commas";
    case KIND_HEADER:
        return "'NAME: VALUE' is wanted, and not a name that the protocol itself uses";
    case KIND_CHECKSUM: return "sha1, sha256, sha512, md5, crc32 or blake2b is wanted";
    case KIND_SIZE: return "a number of bytes is wanted, such as 65536, 64K or 16M";
    case KIND_NUMBER: return "a number in bounds is wanted; see ferry --help";
    case KIND_TEXT:
    case KIND_SWITCH:
    case KIND_HELP:
    case KIND_VERSION: break;
    }
    return "";
}

/* getopt's way to say the same: the long options, and "o:h" for the short ones. */
static void flags_fill(struct option flags[static ROW_COUNT + 1],
                       char letters[static 2 * ROW_COUNT + 1])
{
    memset(flags, 0, (ROW_COUNT + 1) * sizeof(*flags));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        flags[i].name = rows[i].name;
        flags[i].has_arg = rows[i].value == NULL ? no_argument : required_argument;
        if (rows[i].letter != 0) {
            flags[i].val = rows[i].letter;
            *letters++ = rows[i].letter;
            if (rows[i].value != NULL)
                *letters++ = ':';
        }
    }
    *letters = '\0';
}

static const struct option_row *row_find(int letter, int index)
{
    for (size_t i = 0; letter != 0 && i < ROW_COUNT; i++)
        if (rows[i].letter == letter)
            return &rows[i];
    return &rows[index];
}

static enum options_result options_read_flags(struct options *options, int argc, char **argv)
{
    struct option flags[ROW_COUNT + 1];
    char letters[2 * ROW_COUNT + 1];
    int index = 0;
    int letter;

    flags_fill(flags, letters);
    optind = 0;
    /* one thread; NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((letter = getopt_long(argc, argv, letters, flags, &index)) != -1) {
        if (letter == '?')
            return OPTIONS_BAD; /* getopt has said why */
        const struct option_row *row = row_find(letter, index);
        if (row->kind == KIND_HELP)
            return OPTIONS_HELP;
        if (row->kind == KIND_VERSION)
            return OPTIONS_VERSION;
        if ((options->command & row->commands) == 0 && options->command != 0) {
            say_error("--%s: not an option of this command", row->name);
            return OPTIONS_BAD;
        }
        if (!option_set(options, row, optarg)) {
            say_error("--%s %s: %s", row->name, optarg, option_wanted(row));
            return OPTIONS_BAD;
        }
    }
    return OPTIONS_RUN;
}

/* The command itself is the first operand, the URL the last. */
static enum options_result options_read_operands(struct options *options, int count,
                                                 char **operands)
{
    bool sends = options->command == COMMAND_PUT;
    size_t wanted = sends || options->command == COMMAND_VERIFY ? 2 : 1;

    if (options->command == 0) {
        say_error("%s: not a command; put, get, verify, status and rm are",
                  count > 0 ? operands[0] : "nothing");
        return OPTIONS_BAD;
    }
    options->operands = operands + 1;
    options->operand_count = (size_t)count - 1;
    if (options->operand_count < wanted || (!sends && options->operand_count > wanted)) {
        say_error("%s: %s is wanted; see ferry %s --help", operands[0],
                  sends         ? "FILE... URL"
                  : wanted == 2 ? "FILE URL"
                                : "one URL",
                  operands[0]);
        return OPTIONS_BAD;
    }
    options->operand_count--;
    for (size_t i = 0, inputs = 0; i < options->operand_count; i++)
        if (strcmp(options->operands[i], "-") == 0 && ++inputs > 1) {
            say_error("-: standard input can be uploaded only once");
            return OPTIONS_BAD;
        }
    if (options->json && options->output != NULL && strcmp(options->output, "-") == 0) {
        say_error("--json: standard output is where the file goes");
        return OPTIONS_BAD;
    }
    options->url = options->operands[options->operand_count];
    return OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options *options = ret_options;

    *options = (struct options){ .retry_delay_ms = 1000, .timeout_s = 60, .jobs = 1 };
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            options->command = commands[i].command;
    options->retry_time_s = (options->command & (COMMAND_PUT | COMMAND_GET)) != 0 ? 600 : 10;

    enum options_result result = options_read_flags(options, argc, argv);
    if (result == OPTIONS_RUN)
        result = options_read_operands(options, argc - optind, argv + optind);
    return result;
}

void options_done(struct options *options)
{
    metadata_done(&options->metadata);
}

static void option_print_help(const struct option_row *row, FILE *out)
{
    char flag[64];
    char letter[] = { '-', row->letter, ',', ' ', '\0' };

    (void)snprintf(flag, sizeof(flag), "%s--%s %s", row->letter == 0 ? "" : letter, row->name,
                   row->value == NULL ? "" : row->value);
    (void)fprintf(out, "  %-*s", HELP_COLUMN, flag);
    for (const char *text = row->help; *text != '\0'; text++) {
        (void)fputc(*text, out);
        if (*text == '\n')
            (void)fprintf(out, "  %-*s", HELP_COLUMN, "");
    }
    (void)fputc('\n', out);
}

void options_print_help(FILE *out)
{
    (void)fputs(
        "ferry: resumable uploads, by tus 1.0.0, and downloads\n"
        "\n"
        "  ferry put FILE... URL    upload files to the endpoint URL; - is standard input.\n"
        "                           Prints the URL of each upload. After an interruption,\n"
        "                           run the same command again: it goes on where it was\n"
        "  ferry get URL            download the file to the folder you are in, or to -o FILE;\n"
        "                           goes on in the same way\n"
        "  ferry verify FILE URL    compare the file with the upload, by the server's digest\n"
        "  ferry status URL         how far the upload is; disturbs nobody who is sending\n"
        "  ferry rm URL             remove the upload from the server\n"
        "\n"
        "Sizes may end in K, M, G or T, powers of 1024.\n"
        "\n",
        out);
    for (size_t i = 0; i < ROW_COUNT; i++)
        option_print_help(&rows[i], out);
    (void)fputs(
        "\n"
        "Exit status: 0 when the server has it all, 1 when not, 2 when the command line is\n"
        "wrong. Interrupted by a signal, ferry ends by that signal.\n",
        out);
}
