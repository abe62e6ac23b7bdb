#pragma once

/*
 * Cut: the disk as a power cut leaves it
 *
 * The crash model: at some point of the tape the power fails. Everything before the last flush
 * before that point is on the disk. Each write after it is there or is not, by chance and on its
 * own; a write may be torn into pieces of which each is there or is not.
 *
 * The disk is a private mapping of a memory file with all that was flushed. So a cut costs what it
 * writes, and what is written to it later by whoever mounts it is forgotten at the next cut.
 */

#include <stdint.h>

#include "tests/crash/tape.h"

struct cut {
    uint64_t point;       /* the first record that is not on the tape any more */
    double kept;          /* the probability that an unflushed piece reached the disk */
    uint32_t piece_bytes; /* writes are torn at multiples of it; 0: they stay whole */
    uint64_t seed;        /* of what is kept */
};

struct cut_disk {
    struct tape tape;
    int flushed_fd;
    uint8_t *flushed; /* as of the record flushed_point */
    uint64_t flushed_point;
    uint64_t point;         /* of the last cut: cuts are made from the tape's start to its end */
    uint8_t *disk;          /* as of the last cut; NULL before */
    uint64_t pending, kept; /* pieces after the last flush, and how many of them were kept */
};

void cut_open(struct cut_disk *disk, const char *tape_path);

/* False, and the disk as it was, for a point beyond the tape or before that of an earlier cut. */
bool cut_make(struct cut_disk *disk, const struct cut *cut);

/*
 * The same, and begins a tape with what is on the disk then and with the marks before the cut: what
 * is written to it further makes it the tape of a disk that had a power cut.
 */
bool cut_copy(struct cut_disk *disk, const struct cut *cut, struct tape_writer *tape);
