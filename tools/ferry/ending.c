#include "tools/ferry/ending.h"

#include "tools/ferry/say.h"

static void ending_say_stopped(const struct report *report, const char *why, bool resumable)
{
    say_error("%s: %s; %s", report->progress.name, why,
              resumable ? "what arrived is kept: run the same command again to go on from there"
                        : "the next run will begin at the start");
}

void ending_say(struct report *report, enum outcome outcome, const char *reason, bool resumable)
{
    switch (outcome) {
    case OUTCOME_STOPPED:
        report_failed(report, NULL, "stopped by a signal");
        ending_say_stopped(report, "stopped", resumable);
        break;
    case OUTCOME_BROKEN: report_failed(report, NULL, "see standard error"); break;
    case OUTCOME_RETRY:
        report_failed(report, reason, reason);
        ending_say_stopped(report, "gave up", resumable);
        break;
    case OUTCOME_OK:
    case OUTCOME_SMALLER:
    case OUTCOME_GONE:
    case OUTCOME_REFUSED: report_failed(report, reason, reason); break;
    }
}
