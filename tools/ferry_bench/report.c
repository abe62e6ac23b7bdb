#include "tools/ferry_bench/report.h"

#include <err.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const operation_names[OPERATION_COUNT] = {
    [OPERATION_CREATE] = "create",
    [OPERATION_APPEND] = "append",
    [OPERATION_OFFSET] = "offset",
    [OPERATION_PUT] = "put",
};

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double per(double amount, double count)
{
    return count > 0 ? amount / count : 0;
}

static uint64_t server_cpu_ns(const struct crowd_tally *tally)
{
    return tally->after.cpu_ns - tally->before.cpu_ns;
}

/* ---- for people ---- */

static void text_latency(const char *name, const struct latency *latency)
{
    if (latency->count == 0)
        return;
    (void)printf("  %-8s %10" PRIu64 " %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", name, latency->count,
                 ms(latency_mean(latency)), ms(latency_at(latency, 0.5)),
                 ms(latency_at(latency, 0.9)), ms(latency_at(latency, 0.99)),
                 ms(latency_at(latency, 0.999)), ms(latency->most));
}

static void text_server(const struct crowd_tally *tally)
{
    double cpu = seconds(server_cpu_ns(tally));

    (void)printf(
        "  server   %.3f s of processor time, %.1f %% of one; %.1f us a turn; %.3f s/GiB\n"
        "           %" PRIu64 " KiB resident at most, %" PRIu64
        " KiB of its own half-way\n"
        "           %" PRIu64 " times it waited, %" PRIu64 " times it was interrupted\n",
        cpu, 100 * per(cpu, seconds(tally->ns)), 1e6 * per(cpu, (double)tally->turns),
        per(cpu, (double)tally->bytes / (1 << 30)), tally->rss_most_kib, tally->pss_half_way_kib,
        tally->after.waits - tally->before.waits,
        tally->after.preemptions - tally->before.preemptions);
}

void report_text(const struct options *options, const struct crowd_tally *tally)
{
    double time = seconds(tally->ns);

    (void)printf("%s: %zu connections, %" PRIu64 " bytes, %s\n", work_name(options->work),
                 options->crowd.clients, options->size,
                 options->crowd.turns_per_s > 0 ? "open loop" : "closed loop");
    (void)printf("  %" PRIu64 " turns in %.3f s, %.1f a second; %.1f MiB a second\n", tally->turns,
                 time, per((double)tally->turns, time),
                 per((double)tally->bytes / (1 << 20), time));
    (void)puts("  ms            count      mean      50 %      90 %      99 %    99.9 %      most");
    text_latency("turn", &tally->turn);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        text_latency(operation_names[i], &tally->operations[i]);
    if (options->crowd.server.count > 0)
        text_server(tally);
    (void)printf("  client   %.3f s of processor time\n", seconds(tally->client_cpu_ns));
}

/* ---- for programs ---- */

static void json_put(json_t *object, const char *name, json_t *value)
{
    if (value == NULL || json_object_set_new(object, name, value) < 0)
        errx(1, "memory for the figures");
}

static void json_count(json_t *object, const char *name, uint64_t value)
{
    json_put(object, name, json_integer((json_int_t)value));
}

static void json_amount(json_t *object, const char *name, double value)
{
    json_put(object, name, json_real(value));
}

static json_t *json_latency(const struct latency *latency)
{
    json_t *object = json_object();

    json_count(object, "count", latency->count);
    json_amount(object, "mean_ms", ms(latency_mean(latency)));
    json_amount(object, "p50_ms", ms(latency_at(latency, 0.5)));
    json_amount(object, "p90_ms", ms(latency_at(latency, 0.9)));
    json_amount(object, "p99_ms", ms(latency_at(latency, 0.99)));
    json_amount(object, "p999_ms", ms(latency_at(latency, 0.999)));
    json_amount(object, "most_ms", ms(latency->most));
    return object;
}

static json_t *json_server(const struct crowd_tally *tally)
{
    json_t *object = json_object();

    json_amount(object, "cpu_s", seconds(server_cpu_ns(tally)));
    json_count(object, "rss_most_kib", tally->rss_most_kib);
    json_count(object, "pss_kib", tally->pss_half_way_kib);
    json_count(object, "waits", tally->after.waits - tally->before.waits);
    json_count(object, "preemptions", tally->after.preemptions - tally->before.preemptions);
    return object;
}

static json_t *json_report(const struct options *options, const struct crowd_tally *tally)
{
    json_t *object = json_object(), *latencies = json_object();

    json_put(object, "work", json_string(work_name(options->work)));
    json_count(object, "connections", options->crowd.clients);
    json_count(object, "size", options->size);
    json_amount(object, "rate", options->crowd.turns_per_s);
    json_amount(object, "seconds", seconds(tally->ns));
    json_count(object, "turns", tally->turns);
    json_count(object, "bytes", tally->bytes);
    json_put(latencies, "turn", json_latency(&tally->turn));
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (tally->operations[i].count > 0)
            json_put(latencies, operation_names[i], json_latency(&tally->operations[i]));
    json_put(object, "latencies", latencies);
    json_amount(object, "client_cpu_s", seconds(tally->client_cpu_ns));
    if (options->crowd.server.count > 0)
        json_put(object, "server", json_server(tally));
    return object;
}

void report_json(const struct options *options, const struct crowd_tally *tally, const char *path)
{
    const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(9);
    json_t *report = json_report(options, tally);
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (file == NULL || json_dumpf(report, file, flags) < 0 || fputc('\n', file) == EOF ||
        (file == stdout ? fflush(file) : fclose(file)) != 0)
        err(1, "write %s", path);
    json_decref(report);
}

/* ---- for eyes ---- */

/* Ten points in each tenth that is left: 0 %, 20 %, ... 90 %, 92 %, ... 99 %. */
static void svg_points(FILE *plot, const struct latency *latency)
{
    double left = 1;

    while (left >= 1.0 / (double)latency->count) {
        (void)fprintf(plot, "%.9g %.9g\n", 1 / left, ms(latency_at(latency, 1 - left)));
        left /= 1.2589254;
    }
    (void)fprintf(plot, "%.9g %.9g\ne\n", (double)latency->count, ms(latency->most));
}

void report_svg(const struct options *options, const struct crowd_tally *tally, const char *path)
{
    FILE *plot = popen("gnuplot", "we"); /* of PATH; NOLINT(cert-env33-c) */
    if (plot == NULL)
        err(1, "start gnuplot");
    (void)fprintf(
        plot,
        "set terminal svg size 720,420 dynamic font 'sans,13'\nset output '%s'\n"
        "set title '%s, %zu connections, %s'\nset logscale xy\nset grid\nset key left top\n"
        "set ylabel 'ms'\nset xlabel 'requests that are no slower'\n"
        "set xtics ('0' 1, '90 %%%%' 10, '99 %%%%' 100, '99.9 %%%%' 1000, '99.99 %%%%' 1e4, "
        "'99.999 %%%%' 1e5, '99.9999 %%%%' 1e6)\nplot ",
        path, work_name(options->work), options->crowd.clients,
        options->crowd.turns_per_s > 0 ? "open loop" : "closed loop");
    (void)fprintf(plot, "'-' with lines lw 2 title 'turn'");
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (tally->operations[i].count > 0)
            (void)fprintf(plot, ", '-' with lines lw 2 title '%s'", operation_names[i]);
    (void)fputc('\n', plot);
    svg_points(plot, &tally->turn);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (tally->operations[i].count > 0)
            svg_points(plot, &tally->operations[i]);
    if (pclose(plot) != 0)
        errx(1, "gnuplot has not written %s", path);
}
