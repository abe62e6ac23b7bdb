#include "tools/ferry/table.h"

#include <stdio.h>
#include <string.h>

#include "tools/ferry/age.h"
#include "tools/ferry/progress.h"
#include "tools/ferry/size.h"
#include "tools/ferry/text.h"

enum column {
    COLUMN_STATE,
    COLUMN_DONE,
    COLUMN_SIZE,
    COLUMN_RATE,
    COLUMN_AGE,
    COLUMN_IDLE,
    COLUMN_EXPIRES,
    COLUMN_ID,
    COLUMN_COUNT,
};

enum {
    NAME_COLUMNS_ENOUGH = 32, /* an id: names that are longer may be cut */
    CELL_BYTES = 80,
};

static const struct {
    const char *title;
    int width; /* below 0: begins at the left */
} columns_all[COLUMN_COUNT] = {
    [COLUMN_STATE] = { "STATE", -11 },   [COLUMN_DONE] = { "DONE", 4 },
    [COLUMN_SIZE] = { "SIZE", 10 },      [COLUMN_RATE] = { "RATE", 12 },
    [COLUMN_AGE] = { "AGE", 5 },         [COLUMN_IDLE] = { "IDLE", 5 },
    [COLUMN_EXPIRES] = { "EXPIRES", 7 }, [COLUMN_ID] = { "ID", -32 },
};

static size_t column_width(size_t column)
{
    int width = columns_all[column].width;
    return (size_t)(width < 0 ? -width : width) + 2;
}

/* The columns of the set, without the names'. */
static size_t table_width(unsigned set)
{
    size_t width = 0;

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        width += (set >> i & 1) != 0 ? column_width(i) : 0;
    return width;
}

static size_t names_width(const struct entry *entries, size_t count)
{
    size_t width = strlen("NAME");

    for (size_t i = 0; i < count; i++) {
        size_t name = text_columns(entries[i].name);
        width = name > width ? name : width;
    }
    return width;
}

void table_lay_out(const struct entry *entries, size_t count, bool rates, size_t columns,
                   struct table *ret_table)
{
    static const enum column first_to_go[] = { COLUMN_ID,   COLUMN_EXPIRES, COLUMN_AGE,
                                               COLUMN_IDLE, COLUMN_RATE,    COLUMN_SIZE,
                                               COLUMN_DONE, COLUMN_STATE };
    /* who only looks once wants to know what time will bring */
    static const enum column first_without_rates[] = { COLUMN_ID,   COLUMN_IDLE, COLUMN_EXPIRES,
                                                       COLUMN_AGE,  COLUMN_SIZE, COLUMN_DONE,
                                                       COLUMN_STATE };
    size_t wanted = names_width(entries, count);
    size_t enough = wanted < NAME_COLUMNS_ENOUGH ? wanted : NAME_COLUMNS_ENOUGH;
    unsigned set = (1U << COLUMN_COUNT) - 1;

    if (!rates)
        set &= ~(1U << COLUMN_RATE);
    const enum column *next = rates ? first_to_go : first_without_rates;
    while (set != 0 && table_width(set) + enough > columns)
        set &= ~(1U << *next++);

    size_t left = columns > table_width(set) ? columns - table_width(set) : 1;
    *ret_table = (struct table){
        .rates = rates,
        .columns = set,
        .name_columns = wanted < left ? wanted : left,
    };
}

/* The name, cut or filled up to its width. */
static size_t name_format(const struct table *table, const char *name,
                          char line[static TABLE_LINE_BYTES])
{
    bool cut = text_columns(name) > table->name_columns && table->name_columns > 3;
    size_t bytes = text_fit(name, cut ? table->name_columns - 3 : table->name_columns);
    size_t used =
        (size_t)snprintf(line, TABLE_LINE_BYTES, "%.*s%s", (int)bytes, name, cut ? "..." : "");

    for (size_t columns = text_columns(line); columns < table->name_columns; columns++)
        line[used++] = ' ';
    line[used] = '\0';
    return used;
}

static void row_format(const struct table *table, const char *name,
                       char cells[static COLUMN_COUNT][CELL_BYTES],
                       char line[static TABLE_LINE_BYTES])
{
    size_t used = name_format(table, name, line);

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if ((table->columns >> i & 1) != 0)
            used += (size_t)snprintf(line + used, TABLE_LINE_BYTES - used, "  %*s",
                                     columns_all[i].width, cells[i]);
    while (used > 0 && line[used - 1] == ' ')
        line[--used] = '\0';
}

void table_format_header(const struct table *table, char line[static TABLE_LINE_BYTES])
{
    char cells[COLUMN_COUNT][CELL_BYTES];

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        (void)snprintf(cells[i], CELL_BYTES, "%s", columns_all[i].title);
    row_format(table, "NAME", cells, line);
}

/* From one time to another; a dash where one of them is not known. */
static void span_format(int64_t from_s, int64_t to_s, char cell[static CELL_BYTES])
{
    if (from_s == 0 || to_s == 0)
        (void)snprintf(cell, CELL_BYTES, "-");
    else
        age_format(to_s > from_s ? (uint64_t)(to_s - from_s) : 0, cell);
}

void table_format_entry(const struct table *table, const struct entry *entry, double bytes_per_s,
                        int64_t now_s, char line[static TABLE_LINE_BYTES])
{
    char cells[COLUMN_COUNT][CELL_BYTES] = { 0 };
    char rate[SIZE_TEXT_BYTES];

    (void)snprintf(cells[COLUMN_STATE], CELL_BYTES, "%s", entry->state);
    size_format(entry->length_known ? entry->length : entry->offset, cells[COLUMN_SIZE]);
    if (entry->length_known)
        (void)snprintf(cells[COLUMN_DONE], CELL_BYTES, "%u%%",
                       progress_percent(entry->offset, entry->length));
    else
        (void)snprintf(cells[COLUMN_DONE], CELL_BYTES, "-");
    if (bytes_per_s >= 0) {
        size_format((uint64_t)bytes_per_s, rate);
        (void)snprintf(cells[COLUMN_RATE], CELL_BYTES, "%s/s", rate);
    }
    span_format(entry->created_s, now_s, cells[COLUMN_AGE]);
    span_format(entry->last_byte_s, now_s, cells[COLUMN_IDLE]);
    span_format(now_s, entry->expires_s, cells[COLUMN_EXPIRES]);
    (void)snprintf(cells[COLUMN_ID], CELL_BYTES, "%s", entry->id);
    row_format(table, entry->name, cells, line);
}
