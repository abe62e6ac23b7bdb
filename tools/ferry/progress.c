#include "tools/ferry/progress.h"

#include <stdio.h>
#include <string.h>

#include "tools/ferry/size.h"
#include "tools/ferry/text.h"

enum {
    MEASURE_MS = 200,         /* shorter spans say nothing */
    MEASURE_WEIGHT_MS = 4000, /* what happened so long ago counts about half */
    BAR_COLUMNS_MIN = 12,
    BAR_COLUMNS_MAX = 60,
    NAME_COLUMNS_MIN = 8,
    FIELD_BYTES = 64,
    NAME_BYTES = 640, /* with the fields it fits into a line */
};

void progress_restart(struct progress *progress, uint64_t now_ms, uint64_t offset)
{
    progress->offset = offset;
    progress->measured_ms = now_ms;
    progress->measured_offset = offset;
}

void progress_update(struct progress *progress, uint64_t now_ms, uint64_t offset)
{
    uint64_t passed_ms = now_ms - progress->measured_ms;

    progress->offset = offset;
    if (offset < progress->measured_offset) {
        progress_restart(progress, now_ms, offset);
    } else if (passed_ms >= MEASURE_MS) {
        double rate = (double)(offset - progress->measured_offset) * 1000 / (double)passed_ms;
        double weight = (double)passed_ms / (double)(passed_ms + MEASURE_WEIGHT_MS);
        if (progress->bytes_per_s <= 0)
            weight = 1;
        progress->bytes_per_s += (rate - progress->bytes_per_s) * weight;
        progress_restart(progress, now_ms, offset);
    }
}

unsigned progress_percent(uint64_t offset, uint64_t length)
{
    if (offset >= length)
        return 100;
    unsigned percent = (unsigned)((double)offset * 100 / (double)length);
    return percent < 100 ? percent : 99;
}

void progress_format_time(uint64_t seconds, char text[static PROGRESS_TIME_BYTES])
{
    unsigned second = (unsigned)(seconds % 60);
    unsigned minute = (unsigned)(seconds / 60 % 60);
    unsigned long hour = seconds / 3600;

    if (hour >= 1000 * 24UL)
        (void)snprintf(text, PROGRESS_TIME_BYTES, "long");
    else if (hour >= 48)
        (void)snprintf(text, PROGRESS_TIME_BYTES, "%lu d", hour / 24);
    else if (hour > 0)
        (void)snprintf(text, PROGRESS_TIME_BYTES, "%lu:%02u:%02u", hour, minute, second);
    else
        (void)snprintf(text, PROGRESS_TIME_BYTES, "%u:%02u", minute, second);
}

/* What stands in the line; an empty field is left out. */
struct fields {
    char percent[FIELD_BYTES], sizes[FIELD_BYTES], rate[FIELD_BYTES], left[FIELD_BYTES];
};

static void fields_format(const struct progress *progress, struct fields *fields)
{
    char offset[SIZE_TEXT_BYTES];
    char length[SIZE_TEXT_BYTES];
    char rate[SIZE_TEXT_BYTES];
    char left[PROGRESS_TIME_BYTES];

    *fields = (struct fields){ 0 };
    size_format(progress->offset, offset);
    size_format(progress->length, length);
    size_format((uint64_t)progress->bytes_per_s, rate);

    (void)snprintf(fields->rate, FIELD_BYTES, "  %s/s", rate);
    if (!progress->length_known) {
        (void)snprintf(fields->sizes, FIELD_BYTES, "  %s", offset);
        return;
    }
    (void)snprintf(fields->percent, FIELD_BYTES, "%3u%%",
                   progress_percent(progress->offset, progress->length));
    (void)snprintf(fields->sizes, FIELD_BYTES, "  %s of %s", offset, length);
    if (progress->bytes_per_s >= 1 && progress->offset < progress->length) {
        double seconds = (double)(progress->length - progress->offset) / progress->bytes_per_s;
        progress_format_time((uint64_t)seconds, left);
        (void)snprintf(fields->left, FIELD_BYTES, "  %s", left);
    }
}

/* Empties the field when it does not fit; otherwise takes its columns. */
static void field_fit(char *field, size_t *columns)
{
    size_t wanted = strlen(field); /* ASCII all */

    if (wanted > *columns)
        *field = '\0';
    else
        *columns -= wanted;
}

/* "name  ", or "na...  " when it must be short; its columns go from what is left. */
static void name_format(const char *name, size_t *columns, char text[static NAME_BYTES])
{
    size_t wanted = text_columns(name);
    size_t most = *columns / 2 > wanted ? wanted : *columns / 2;

    if (*columns < wanted + 2 + BAR_COLUMNS_MIN && wanted + 2 <= *columns)
        most = wanted; /* no room for a bar: the name may have it */
    text[0] = '\0';
    if (most < wanted && most < NAME_COLUMNS_MIN)
        return;

    bool cut = most < wanted;
    int bytes = (int)text_fit(name, cut ? most - 3 : most);
    if (bytes > NAME_BYTES - 8)
        return;
    (void)snprintf(text, NAME_BYTES, "%.*s%s  ", bytes, name, cut ? "..." : "");
    *columns -= text_columns(text);
}

/* " [====>     ]", as wide as columns allow, or nothing. */
static void bar_format(const struct progress *progress, size_t columns,
                       char text[static FIELD_BYTES])
{
    text[0] = '\0';
    if (!progress->length_known || columns < BAR_COLUMNS_MIN)
        return;

    size_t inner = (columns > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : columns) - 3;
    size_t done = inner;
    if (progress->offset < progress->length)
        done = (size_t)((double)progress->offset / (double)progress->length * (double)inner);
    memcpy(text, " [", 2);
    memset(text + 2, '=', done);
    memset(text + 2 + done, ' ', inner - done);
    if (done < inner)
        text[2 + done] = '>';
    memcpy(text + 2 + inner, "]", 2);
}

void progress_format(const struct progress *progress, size_t columns,
                     char line[static PROGRESS_LINE_BYTES])
{
    char name[NAME_BYTES];
    char bar[FIELD_BYTES];
    struct fields fields;

    fields_format(progress, &fields);
    field_fit(fields.percent, &columns);
    field_fit(fields.left, &columns);
    field_fit(fields.rate, &columns);
    field_fit(fields.sizes, &columns);
    name_format(progress->name, &columns, name);
    bar_format(progress, columns, bar);
    (void)snprintf(line, PROGRESS_LINE_BYTES, "%s%s%s%s%s%s", name, fields.percent, bar,
                   fields.sizes, fields.rate, fields.left);
}
