#include "tools/ferry/board.h"

#include <stdio.h>

#include "base/clock.h"
#include "tools/ferry/say.h"

enum {
    BOARD_BAR_MS = 100,
    BOARD_LINE_MS = 10 * 1000,
};

static void board_name(struct board *board)
{
    (void)snprintf(board->name, sizeof(board->name), "%zu of %zu", board->ended_count,
                   board->file_count);
}

void board_start(struct board *board, const struct files *files)
{
    uint64_t now_ms = clock_monotonic_ms();

    *board = (struct board){ .mutex = PTHREAD_MUTEX_INITIALIZER, .bar = say_on_terminal() };
    board->file_count = files->count;
    board->progress = (struct progress){ .name = board->name, .length_known = true };
    for (size_t i = 0; i < files->count; i++) {
        board->progress.length += files->files[i].size;
        board->progress.length_known &= files->files[i].size_known;
    }
    board->next_ms = now_ms + (board->bar ? BOARD_BAR_MS : BOARD_LINE_MS);
    progress_restart(&board->progress, now_ms, 0);
    board_name(board);
}

static void board_draw(struct board *board, uint64_t now_ms)
{
    char line[PROGRESS_LINE_BYTES];
    size_t columns = board->bar ? say_bar_columns() : PROGRESS_PLAIN_COLUMNS;

    if (now_ms < board->next_ms)
        return;
    board->next_ms = now_ms + (board->bar ? BOARD_BAR_MS : BOARD_LINE_MS);
    progress_format(&board->progress, columns, line);
    if (board->bar)
        say_bar(line);
    else
        say_note("%s", line);
}

void board_moved(struct board *board, uint64_t from, uint64_t to)
{
    uint64_t now_ms = clock_monotonic_ms();

    (void)pthread_mutex_lock(&board->mutex);
    progress_update(&board->progress, now_ms, board->progress.offset - from + to);
    board_draw(board, now_ms);
    (void)pthread_mutex_unlock(&board->mutex);
}

void board_found(struct board *board, uint64_t count)
{
    (void)pthread_mutex_lock(&board->mutex);
    board->progress.offset += count;
    board->progress.measured_offset += count;
    (void)pthread_mutex_unlock(&board->mutex);
}

void board_ended(struct board *board, uint64_t missing)
{
    (void)pthread_mutex_lock(&board->mutex);
    board->ended_count++;
    board->progress.length -= missing < board->progress.length ? missing : board->progress.length;
    board_name(board);
    (void)pthread_mutex_unlock(&board->mutex);
}
