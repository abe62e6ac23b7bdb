#include "server/exposition.h"

#include <inttypes.h>
#include <stdbool.h>

void exposition_family(struct exposition *exposition, const char *name, const char *type,
                       const char *help)
{
    exposition->family = name;
    (void)fprintf(exposition->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_name(struct exposition *exposition, const char *suffix, const char *label,
                       const char *value)
{
    (void)fprintf(exposition->out, "%s%s", exposition->family, suffix);
    if (label != NULL)
        (void)fprintf(exposition->out, "{%s=\"%s\"}", label, value);
}

/* All the digits there are: a double would lose some of a long-lived counter. */
static void print_seconds(FILE *out, uint64_t ns)
{
    uint64_t fraction = ns % 1000000000;
    int digits = 9;

    (void)fprintf(out, "%" PRIu64, ns / 1000000000);
    if (fraction == 0)
        return;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    (void)fprintf(out, ".%0*" PRIu64, digits, fraction);
}

void exposition_number(struct exposition *exposition, uint64_t number, const char *label,
                       const char *value)
{
    print_name(exposition, "", label, value);
    (void)fprintf(exposition->out, " %" PRIu64 "\n", number);
}

void exposition_seconds(struct exposition *exposition, uint64_t ns, const char *label,
                        const char *value)
{
    print_name(exposition, "", label, value);
    (void)fputc(' ', exposition->out);
    print_seconds(exposition->out, ns);
    (void)fputc('\n', exposition->out);
}

void exposition_number_by(struct exposition *exposition, uint64_t number, const char *label,
                          const char *value, const char *second_label, const char *second_value)
{
    (void)fprintf(exposition->out, "%s{%s=\"%s\",%s=\"%s\"} %" PRIu64 "\n", exposition->family,
                  label, value, second_label, second_value, number);
}

static void print_value(FILE *out, bool times, uint64_t value)
{
    if (times)
        print_seconds(out, value);
    else
        (void)fprintf(out, "%" PRIu64, value);
}

/* "le" counts all that is at most so much. */
static void print_bucket(struct exposition *exposition, const char *label, const char *value)
{
    (void)fprintf(exposition->out, "%s_bucket{", exposition->family);
    if (label != NULL)
        (void)fprintf(exposition->out, "%s=\"%s\",", label, value);
    (void)fputs("le=\"", exposition->out);
}

void exposition_histogram(struct exposition *exposition, const struct histogram_reading *reading,
                          const char *label, const char *value)
{
    bool times = reading->bounds == &HISTOGRAM_TIMES;
    uint64_t count = 0;

    for (size_t i = 0; i <= reading->bounds->count; i++) {
        count += reading->counts[i];
        print_bucket(exposition, label, value);
        if (i < reading->bounds->count)
            print_value(exposition->out, times, reading->bounds->at[i]);
        else
            (void)fputs("+Inf", exposition->out);
        (void)fprintf(exposition->out, "\"} %" PRIu64 "\n", count);
    }
    print_name(exposition, "_sum", label, value);
    (void)fputc(' ', exposition->out);
    print_value(exposition->out, times, reading->sum);
    (void)fputc('\n', exposition->out);
    print_name(exposition, "_count", label, value);
    (void)fprintf(exposition->out, " %" PRIu64 "\n", count);
}
