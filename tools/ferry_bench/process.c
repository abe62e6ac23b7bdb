#include "tools/ferry_bench/process.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The number that stands behind a name in a file of /proc; 0 where the file is gone: threads end. */
static uint64_t proc_number(const char *path, const char *name)
{
    char line[256];
    uint64_t number = 0;

    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            number = strtoull(line + strlen(name) + 1, NULL, 10);
            break;
        }
    (void)fclose(file);
    return number;
}

static uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;

    errno = clock_getcpuclockid(pid, &clock);
    if (errno != 0 || clock_gettime(clock, &time) < 0)
        err(1, "the processor time of process %d", (int)pid);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void process_add_switches(pid_t pid, struct process_cost *cost)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (threads == NULL)
        err(1, "%s", path);
    /* one thread; NOLINTNEXTLINE(concurrency-mt-unsafe) */
    for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads)) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        cost->waits += proc_number(path, "voluntary_ctxt_switches");
        cost->preemptions += proc_number(path, "nonvoluntary_ctxt_switches");
    }
    (void)closedir(threads);
}

struct process_cost process_cost_read(const struct processes *processes)
{
    struct process_cost cost = { 0 };

    for (size_t i = 0; i < processes->count; i++) {
        cost.cpu_ns += process_cpu_ns(processes->pids[i]);
        process_add_switches(processes->pids[i], &cost);
    }
    return cost;
}

static uint64_t processes_sum(const struct processes *processes, const char *file, const char *name)
{
    char path[64];
    uint64_t sum = 0;

    for (size_t i = 0; i < processes->count; i++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)processes->pids[i], file);
        sum += proc_number(path, name);
    }
    return sum;
}

uint64_t process_rss_kib(const struct processes *processes)
{
    return processes_sum(processes, "status", "VmRSS");
}

uint64_t process_pss_kib(const struct processes *processes)
{
    return processes_sum(processes, "smaps_rollup", "Pss");
}
