/*
 * ferry-bench: a load for any server of tus 1.0.0, and what it cost
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "tools/ferry_bench/options.h"
#include "tools/ferry_bench/report.h"

static void allow_descriptors(const struct options *options)
{
    const rlim_t wanted = 2 * options->crowd.clients + 64;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(1, "the limit of descriptors");
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (limit.rlim_cur < options->crowd.clients + 64 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        errx(1, "%zu connections are more than there are descriptors for (ulimit -Hn)",
             options->crowd.clients);
}

/* One path a line. */
static void list_read(const char *name, struct work_plan *plan)
{
    CLEANUP(cleanup_freep) char *line = NULL;
    size_t room = 0, line_room = 0;

    FILE *file = fopen(name, "re");
    if (file == NULL)
        err(1, "%s", name);
    while (getline(&line, &line_room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*line != '/' || strlen(line) >= sizeof(plan->paths->text) ||
            strpbrk(line, " \r") != NULL)
            errx(1, "%s: not the path of an upload: %s", name, line);
        if (plan->path_count == room) {
            room = room == 0 ? 1024 : 2 * room;
            plan->paths = reallocarray(plan->paths, room, sizeof(*plan->paths));
            if (plan->paths == NULL)
                err(1, "memory for the paths");
        }
        memcpy(plan->paths[plan->path_count++].text, line, strlen(line) + 1);
    }
    if (ferror(file) != 0 || plan->path_count == 0)
        errx(1, "%s: no paths", name);
    (void)fclose(file);
}

int main(int count, char **arguments)
{
    static struct crowd_tally tally;
    struct options options;
    struct work_plan plan = { 0 };

    (void)signal(SIGPIPE, SIG_IGN); /* who hangs up is told of in words */
    options_read(count, arguments, &options);
    plan.work = options.work;
    plan.size = options.size;
    plan.rounds = work_is_slow(options.work) ? options.crowd.turns / options.crowd.clients : 0;
    memcpy(plan.weights, options.weights, sizeof(plan.weights));
    if (options.list != NULL)
        list_read(options.list, &plan);
    allow_descriptors(&options);
    target_open(options.url, &plan.target);

    crowd_run(&options.crowd, work_run, &plan, &tally);

    if (options.json == NULL || strcmp(options.json, "-") != 0)
        report_text(&options, &tally);
    if (options.json != NULL)
        report_json(&options, &tally, options.json);
    if (options.svg != NULL)
        report_svg(&options, &tally, options.svg);
    target_close(&plan.target);
    free(plan.paths);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        err(1, "standard output");
    return 0;
}
