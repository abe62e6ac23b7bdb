#pragma once

/*
 * Tables of uploads, a line each
 *
 *     NAME          STATE       DONE        SIZE    AGE   IDLE  EXPIRES  ID
 *     holiday.mp4   active       42%   107.0 MiB     3m     0s       7d  34923c632fdccd2cc65cbc9f3721c28a
 *
 * Where there is no room for the names, columns go, those first that are missed least.
 *
 *   Shape  values only
 */

#include "tools/ferry/entry.h"

enum {
    TABLE_LINE_BYTES = 1024
};

struct table {
    bool rates;          /* shows how fast uploads are */
    unsigned columns;    /* a set of those that are shown */
    size_t name_columns; /* the names' width */
};

/* For these entries; so many columns, SIZE_MAX for as many as it takes. */
void table_lay_out(const struct entry *entries, size_t count, bool rates, size_t columns,
                   struct table *ret_table);

void table_format_header(const struct table *table, char line[static TABLE_LINE_BYTES]);

/* bytes_per_s: below 0 where it is not known. */
void table_format_entry(const struct table *table, const struct entry *entry, double bytes_per_s,
                        int64_t now_s, char line[static TABLE_LINE_BYTES]);
