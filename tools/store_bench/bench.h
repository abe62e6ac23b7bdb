#pragma once

/*
 * What the measurements share: times, percentiles, and the end of the program when something fails
 */

#include <stddef.h>
#include <stdint.h>

#include "storage/id.h"
#include "storage/store.h"

/* Ends the program with one line when a result is not 0. */
void bench_expect(int r, const char *doing);

double bench_seconds(void);

/* Seconds of processor time that this process has used, all threads, user and system. */
double bench_cpu_seconds(void);

/* Sorts the values; the one below which that part of them lies, 0 <= part <= 1. */
double bench_percentile(double *values, size_t count, double part);

/* A clock of the benchmark's own, which starts at the real time and goes only by this. */
void bench_clock_take_over(void);
void bench_clock_forward(int64_t seconds);
int64_t bench_clock_now(void);

struct store *bench_open(const char *directory, uint32_t expire_after_s);

/* Makes uploads of 4 KiB with metadata but no bytes yet, ten in each second of the clock. */
void bench_create(struct store *store, struct upload_id *ids, uint64_t count);

/* Durable 4 KiB appends per second, the store and a bare program in alternation. */
void bench_appends(const char *directory, uint64_t rounds, uint64_t round_ms);

/* The catalog with that many uploads. */
void bench_million(const char *directory, uint64_t count);

/* Durable 4 KiB appends of one writer, alone and while that many uploads expire. */
void bench_janitor(const char *directory, uint64_t count);

/* What it costs to make one upload of a hundred parts, small ones and large ones. */
void bench_joins(const char *directory, uint64_t rounds);

/* What it costs to make one file of a hundred parts of that many bytes. */
void bench_materialise(const char *directory, uint64_t bytes);

/* What a digest of that many bytes costs, alone and in the store, without it and with it. */
void bench_digests(const char *directory, uint64_t rounds, uint64_t mebibytes);
