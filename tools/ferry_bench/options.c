#include "tools/ferry_bench/options.h"

#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static const char usage[] =
    "usage: ferry-bench [OPTION...] WORK URL\n"
    "Puts a load on a tus server, checks every answer, and tells what the server did and what it cost.\n"
    "\n"
    "  bulk     create an upload and send it in one request, then ask for its offset\n"
    "  put      the same by a plain PUT, for servers without tus\n"
    "  small    create a small upload, then send it\n"
    "  whole    create a small upload and send it in the same request\n"
    "  append   go on with an upload of the client's own\n"
    "  head     ask for an offset\n"
    "  resume   ask for the offset of an upload whose writer is silent, then send the rest\n"
    "  slow     send uploads slowly, a piece per --interval\n"
    "  mixed    small, append and head, by --mix\n"
    "\n"
    "  -c, --connections N   clients, each with a connection (default 1)\n"
    "  -s, --size BYTES      of an upload, or of an append; K, M and G may follow\n"
    "                        (default 1G for bulk and put, 64K for resume, 1K for slow, 4K else)\n"
    "  -d, --duration S      begin no more after so many seconds (default 5, when there is no --count)\n"
    "  -n, --count N         begin so many turns in all (bulk and put: default one for each client)\n"
    "  -r, --rate N          begin so many a second, whether the last are answered or not; a latency is\n"
    "                        measured from when its turn was due (default: each client as soon as it can)\n"
    "      --interval S      slow: between two pieces of an upload (default 1)\n"
    "      --mix S,A,H       mixed: how often each (default 1,4,5)\n"
    "      --list FILE       head: paths of uploads, one a line, instead of uploads of its own\n"
    "      --timeout S       give up when a server is silent for so long (default 30)\n"
    "      --pid PID,...     the server's processes: tell what they used, too\n"
    "      --json FILE       write all figures to this file, too; - is standard output, instead of the text\n"
    "      --svg FILE        plot the latencies, by gnuplot\n"
    "      --version, --help\n"
    "\n"
    "Exit status 1, and no figures, when an answer is missing or is not the one that the protocol has for success.\n";

enum {
    OPTION_INTERVAL = 256,
    OPTION_MIX,
    OPTION_LIST,
    OPTION_TIMEOUT,
    OPTION_PID,
    OPTION_JSON,
    OPTION_SVG,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option rows[] = {
    { "connections", required_argument, NULL, 'c' },
    { "size", required_argument, NULL, 's' },
    { "duration", required_argument, NULL, 'd' },
    { "count", required_argument, NULL, 'n' },
    { "rate", required_argument, NULL, 'r' },
    { "interval", required_argument, NULL, OPTION_INTERVAL },
    { "mix", required_argument, NULL, OPTION_MIX },
    { "list", required_argument, NULL, OPTION_LIST },
    { "timeout", required_argument, NULL, OPTION_TIMEOUT },
    { "pid", required_argument, NULL, OPTION_PID },
    { "json", required_argument, NULL, OPTION_JSON },
    { "svg", required_argument, NULL, OPTION_SVG },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static uint64_t number(struct bytes text, uint64_t least, uint64_t most)
{
    uint64_t number;

    if (!number_parse(text, most, &number) || number < least)
        errx(2, "not a number from %" PRIu64 " to %" PRIu64 ": '%.*s'", least, most,
             BYTES_ARGUMENT(text));
    return number;
}

static uint64_t number_of(const char *text, uint64_t least, uint64_t most)
{
    return number(bytes_of_text(text), least, most);
}

static uint64_t size_of(const char *text)
{
    static const char suffixes[] = "KMG";
    struct bytes digits = bytes_of_text(text);
    unsigned shift = 0;

    const char *suffix =
        digits.count > 0 ? strchr(suffixes, toupper((unsigned char)text[digits.count - 1])) : NULL;
    if (suffix != NULL && *suffix != '\0') {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        digits.count--;
    }
    return number(digits, 1, (UINT64_C(1) << 40) >> shift) << shift;
}

/* As gnuplot is told it, between quotes. */
static const char *name_of_plot(const char *text)
{
    if (strpbrk(text, "'\n\\") != NULL)
        errx(2, "no name for a plot: %s", text);
    return text;
}

/* "1,4,5": so many numbers at most; gives how many. */
static size_t numbers_of(const char *text, size_t most, uint64_t least, uint64_t numbers[])
{
    size_t count = 0;

    for (;;) {
        size_t digits = strcspn(text, ",");
        if (count == most)
            errx(2, "more than %zu numbers", most);
        numbers[count++] = number(bytes_of(text, digits), least, INT32_MAX);
        if (text[digits] == '\0')
            return count;
        text += digits + 1;
    }
}

static void read_mix(const char *text, struct options *options)
{
    uint64_t weights[WORK_MIX];

    if (numbers_of(text, WORK_MIX, 0, weights) != WORK_MIX ||
        weights[0] + weights[1] + weights[2] == 0)
        errx(2, "not three weights: %s", text);
    for (size_t i = 0; i < WORK_MIX; i++)
        options->weights[i] = (unsigned)weights[i];
}

static void read_pids(const char *text, struct processes *processes)
{
    uint64_t pids[PROCESSES_MAX];

    processes->count = numbers_of(text, PROCESSES_MAX, 1, pids);
    for (size_t i = 0; i < processes->count; i++)
        processes->pids[i] = (pid_t)pids[i];
}

static void read_option(int option, const char *text, struct options *options)
{
    struct crowd_options *crowd = &options->crowd;

    switch (option) {
    case 'c': crowd->clients = number_of(text, 1, 100000); break;
    case 's': options->size = size_of(text); break;
    case 'd': crowd->duration_ns = number_of(text, 1, 86400) * 1000000000; break;
    case 'n': crowd->turns = number_of(text, 1, UINT64_C(1) << 40); break;
    case 'r': crowd->turns_per_s = (double)number_of(text, 1, 10000000); break;
    case OPTION_INTERVAL: options->interval_s = number_of(text, 1, 3600); break;
    case OPTION_MIX: read_mix(text, options); break;
    case OPTION_LIST: options->list = text; break;
    case OPTION_TIMEOUT: crowd->patience_ns = number_of(text, 1, 3600) * 1000000000; break;
    case OPTION_PID: read_pids(text, &crowd->server); break;
    case OPTION_JSON: options->json = text; break;
    case OPTION_SVG: options->svg = name_of_plot(text); break;
    /* one thread; NOLINTBEGIN(concurrency-mt-unsafe) */
    case OPTION_VERSION: (void)puts("ferry-bench " FERRY_VERSION); exit(0);
    case OPTION_HELP: (void)fputs(usage, stdout); exit(0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    default: errx(2, "ferry-bench --help tells what there is");
    }
}

/* Its turns are the pieces of all uploads, one after the other. */
static void options_slow(struct options *options)
{
    struct crowd_options *crowd = &options->crowd;

    if (options->interval_s == 0)
        options->interval_s = 1;
    uint64_t rounds = crowd->duration_ns / 1000000000 / options->interval_s;
    if (crowd->turns != UINT64_MAX || crowd->turns_per_s > 0)
        errx(2, "slow has a --duration and an --interval, not a --count or a --rate");
    if (rounds == 0)
        errx(2, "the --duration is shorter than the --interval");
    crowd->turns = rounds * crowd->clients;
    crowd->turns_per_s = (double)crowd->clients / (double)options->interval_s;
    crowd->duration_ns = UINT64_MAX;
}

static void options_complete(struct options *options)
{
    struct crowd_options *crowd = &options->crowd;
    bool bulk = work_size(options->work) >= 1 << 30;

    if (options->size == 0)
        options->size = work_size(options->work);
    if (crowd->turns == UINT64_MAX && crowd->duration_ns == UINT64_MAX) {
        if (bulk)
            crowd->turns = crowd->clients;
        else
            crowd->duration_ns = UINT64_C(5) * 1000000000;
    }
    if (options->list != NULL && !work_asks(options->work))
        errx(2, "--list is for head");
    if (options->weights[0] + options->weights[1] + options->weights[2] == 0)
        memcpy(options->weights, (const unsigned[]){ 1, 4, 5 }, sizeof(options->weights));
    else if (!work_mixes(options->work))
        errx(2, "--mix is for mixed");
    if (work_is_slow(options->work))
        options_slow(options);
    else if (options->interval_s != 0)
        errx(2, "--interval is for slow");
}

void options_read(int count, char **arguments, struct options *ret_options)
{
    struct options options = {
        .crowd = { .clients = 1,
                   .turns = UINT64_MAX,
                   .duration_ns = UINT64_MAX,
                   .patience_ns = UINT64_C(30) * 1000000000 },
    };
    int option;

    /* one thread; NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((option = getopt_long(count, arguments, "c:s:d:n:r:", rows, NULL)) != -1)
        read_option(option, optarg, &options);
    if (count - optind != 2)
        errx(2, "a work and a URL are wanted; ferry-bench --help tells what there is");
    options.work = work_find(arguments[optind]);
    if (options.work == NULL)
        errx(2, "no such work: %s", arguments[optind]);
    options.url = arguments[optind + 1];
    options_complete(&options);
    *ret_options = options;
}
