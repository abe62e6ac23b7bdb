#pragma once

/*
 * Tape: what happened to a disk, in order
 *
 * Every write and every flush that reached the disk, and between them the marks: lines by which a
 * program states what it has acknowledged. Because they stand on the same tape, it is known which
 * acknowledgements a cut at any point of it must respect.
 *
 *   Shape     a struct tape_head, then records: struct tape_record, then count bytes of data
 *   Errors    this is test code: what fails ends the program with one line
 */

#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"

enum tape_kind {
    TAPE_WRITE = 1, /* data at an offset of the disk */
    TAPE_FLUSH,     /* everything before it is on disk now */
    TAPE_MARK,      /* text of the program under test */
};

struct tape_head {
    uint64_t disk_bytes;
};

struct tape_record {
    uint32_t kind;
    uint32_t count;
    uint64_t offset;
};

/* ---- writing ---- */

struct tape_writer {
    FILE *file;
};

void tape_create(struct tape_writer *tape, const char *path, uint64_t disk_bytes);
void tape_write(struct tape_writer *tape, enum tape_kind kind, uint64_t offset, struct bytes data);
void tape_close(struct tape_writer *tape);

/* ---- reading ---- */

struct tape {
    const uint8_t *start; /* mapped whole */
    uint64_t bytes;
    uint64_t disk_bytes;
    uint64_t count;   /* of records; a half-written last one is left out */
    uint64_t *places; /* of each record in the file */
};

void tape_open(struct tape *tape, const char *path);

struct tape_record tape_record(const struct tape *tape, uint64_t number);
struct bytes tape_data(const struct tape *tape, uint64_t number);
