#pragma once

/*
 * What a server costs: processor time, memory and context switches of its processes, read from outside
 *
 *   Units      nanoseconds, KiB
 *   Errors     the program ends: figures of a process that is gone are none
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    PROCESSES_MAX = 64
};

/* The processes of one server. */
struct processes {
    size_t count;
    pid_t pids[PROCESSES_MAX];
};

struct process_cost {
    uint64_t cpu_ns;             /* all threads, those that have ended too */
    uint64_t waits, preemptions; /* voluntary and other context switches, of threads that live */
};

struct process_cost process_cost_read(const struct processes *processes);

/* Pages that two of them share count twice. */
uint64_t process_rss_kib(const struct processes *processes);

/* Memory that is theirs alone and their part of what is shared. It takes milliseconds to read, for which the
 * process can map no memory. */
uint64_t process_pss_kib(const struct processes *processes);
