#pragma once

/*
 * Sizes: a number of bytes as people write and read it
 *
 *   Units  K, M, G and T are powers of 1024, with or without "iB" behind them
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    SIZE_TEXT_BYTES = 16
};

/* "512", "64K", "16M", "1.5G" is not one. False, and ret_size untouched, for anything else. */
bool size_parse(const char *text, uint64_t *ret_size);

/* "512 B", "1.5 KiB", "45.3 MiB": never more than three digits and a decimal. */
void size_format(uint64_t size, char text[static SIZE_TEXT_BYTES]);
