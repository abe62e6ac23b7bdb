#pragma once

/*
 * Boards: one line for several uploads at a time
 *
 *     3 of 17   42% [===========>               ]  45.3 MiB of 107.0 MiB  5.2 MiB/s  0:12
 *
 *   Threads  any; the board has a lock of its own
 *   Units    bytes of all files together
 */

#include <pthread.h>

#include "tools/ferry/files.h"
#include "tools/ferry/progress.h"

enum {
    BOARD_NAME_BYTES = 64
};

struct board {
    pthread_mutex_t mutex;
    bool bar; /* on a terminal; otherwise a line now and then */
    size_t file_count, ended_count;
    struct progress progress;
    char name[BOARD_NAME_BYTES];
    uint64_t next_ms;
};

void board_start(struct board *board, const struct files *files);

/* An upload was at one place and is at another; shows it when it is time to. */
void board_moved(struct board *board, uint64_t from, uint64_t to);

/* It was there already, before this run: no speed. */
void board_found(struct board *board, uint64_t count);

/* A file has ended; missing bytes of it will not come. */
void board_ended(struct board *board, uint64_t missing);
