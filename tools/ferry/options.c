#include "tools/ferry/options_private.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "tools/ferry/age.h"
#include "tools/ferry/say.h"
#include "tools/ferry/size.h"

#define RETRY_TIME_DEFAULT UINT64_MAX /* none was given */

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
    bool valid = row->kind == KIND_SIZE  ? size_parse(text, &number)
                 : row->kind == KIND_AGE ? age_parse(text, &number)
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
    case KIND_PROTOCOL: options->protocol = protocol_find(value); return options->protocol != NULL;
    case KIND_SIZE:
    case KIND_AGE:
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
    case KIND_PROTOCOL: return "tus or ietf is wanted";
    case KIND_SIZE: return "a number of bytes is wanted, such as 65536, 64K or 16M";
    case KIND_AGE: return "seconds are wanted, or such as 90s, 15m, 2h, 7d or 4w";
    case KIND_NUMBER: return "a number in bounds is wanted; see ferry --help";
    case KIND_TEXT:
    case KIND_SWITCH:
    case KIND_HELP:
    case KIND_VERSION: break;
    }
    return "";
}

/* getopt's way to say the same: the long options, and "o:h" for the short ones. */
static void flags_fill(struct option flags[static OPTION_ROWS_MAX + 1],
                       char letters[static 2 * OPTION_ROWS_MAX + 1])
{
    memset(flags, 0, (OPTION_ROWS_MAX + 1) * sizeof(*flags));
    for (size_t i = 0; i < option_row_count; i++) {
        flags[i].name = option_rows[i].name;
        flags[i].has_arg = option_rows[i].value == NULL ? no_argument : required_argument;
        if (option_rows[i].letter != 0) {
            flags[i].val = (unsigned char)option_rows[i].letter;
            *letters++ = option_rows[i].letter;
            if (option_rows[i].value != NULL)
                *letters++ = ':';
        }
    }
    *letters = '\0';
}

/* Of several options of one name, that of the command. */
static const struct option_row *row_find(enum command command, int letter, int index)
{
    const struct option_row *row = &option_rows[index];

    for (size_t i = 0; letter != 0 && i < option_row_count; i++)
        if (option_rows[i].letter == letter)
            row = &option_rows[i];
    for (size_t i = 0; i < option_row_count; i++)
        if ((option_rows[i].commands & command) != 0 && strcmp(option_rows[i].name, row->name) == 0)
            return &option_rows[i];
    return row;
}

static enum options_result options_read_flags(struct options *options, int argc, char **argv)
{
    struct option flags[OPTION_ROWS_MAX + 1];
    char letters[2 * OPTION_ROWS_MAX + 1];
    int index = 0;
    int letter;

    flags_fill(flags, letters);
    optind = 0;
    /* one thread; NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((letter = getopt_long(argc, argv, letters, flags, &index)) != -1) {
        if (letter == '?')
            return OPTIONS_BAD; /* getopt has said why */
        const struct option_row *row = row_find(options->command, letter, index);
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

static const struct command_row *command_find(const char *name)
{
    for (size_t i = 0; i < command_row_count; i++)
        if (strcmp(name, command_rows[i].name) == 0)
            return &command_rows[i];
    return NULL;
}

/*
 * Two of them cannot read standard input, it cannot be written by two, and parts need a protocol that
 * has them.
 */
static bool options_agree(const struct options *options)
{
    size_t inputs = 0;

    for (size_t i = 0; i < options->operand_count; i++)
        inputs += options->command == COMMAND_PUT && strcmp(options->operands[i], "-") == 0;
    if (inputs > 1)
        say_error("-: standard input can be uploaded only once");
    bool output = options->output != NULL && strcmp(options->output, "-") == 0;
    if (options->json && output)
        say_error("--json: standard output is where the file goes");
    bool parts = options->parallel > 1 && options->protocol->join == NULL;
    if (parts)
        say_error("--parallel: --protocol %s has no parts", options->protocol->name);
    return inputs <= 1 && !(options->json && output) && !parts;
}

/* The command itself is the first operand, the URL the last. */
static enum options_result options_read_operands(struct options *options, int count,
                                                 char **operands)
{
    const struct command_row *row = count > 0 ? command_find(operands[0]) : NULL;

    if (row == NULL || row->command != options->command) {
        say_error("%s: not a command; ferry --help tells what is",
                  count > 0 ? operands[0] : "nothing");
        return OPTIONS_BAD;
    }
    options->operands = operands + 1;
    options->operand_count = (size_t)count - 1;
    if (options->operand_count < row->operands_min || options->operand_count > row->operands_max) {
        say_error("%s: %s is wanted; see ferry %s --help", row->name, row->operands, row->name);
        return OPTIONS_BAD;
    }
    if (options->operand_count > 0)
        options->url = options->operands[--options->operand_count];
    return options_agree(options) ? OPTIONS_RUN : OPTIONS_BAD;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options *options = ret_options;
    const struct command_row *row = argc > 1 ? command_find(argv[1]) : NULL;

    *options = (struct options){
        .retry_delay_ms = 1000,
        .timeout_s = 60,
        .jobs = 1,
        .parallel = 1,
        .protocol = &protocol_tus,
        .limit = 100,
        .retry_time_s = RETRY_TIME_DEFAULT,
    };
    if (row != NULL)
        options->command = row->command;

    enum options_result result = options_read_flags(options, argc, argv);
    bool patient = (options->command & (COMMAND_PUT | COMMAND_GET)) != 0 || options->follow;
    if (options->retry_time_s == RETRY_TIME_DEFAULT)
        options->retry_time_s = patient ? 600 : 10;
    if (result == OPTIONS_RUN)
        result = options_read_operands(options, argc - optind, argv + optind);
    return result;
}

void options_done(struct options *options)
{
    metadata_done(&options->metadata);
}
