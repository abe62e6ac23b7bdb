/*
 * The signal is never taken, so the descriptor stays readable: for every thread that waits for it,
 * and whenever it comes to look.
 */
#include "tools/ferry/stop.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "tools/ferry/say.h"

static int stop_fd = -1;
static atomic_int stop_signal;
static _Thread_local const atomic_bool *stop_flag;

enum {
    STOP_FLAG_MS = 100 /* a flag wakes nobody: it is looked at so often */
};

static void signal_set(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };
    (void)sigaction(number, &action, NULL);
}

int stop_start(void)
{
    sigset_t signals;

    signal_set(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    stop_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop_fd < 0)
        return say_errno("cannot receive signals");

    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return 0;
}

int stop_descriptor(void)
{
    return stop_fd;
}

static bool stop_signalled(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    sigset_t pending;

    if (stop_signal != 0)
        return true;
    if (sigpending(&pending) == 0)
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && stop_signal == 0; i++)
            if (sigismember(&pending, signals[i]) == 1)
                stop_signal = signals[i];
    return stop_signal != 0;
}

bool stop_asked(void)
{
    return stop_signalled() || (stop_flag != NULL && *stop_flag);
}

void stop_follow(const atomic_bool *flag)
{
    stop_flag = flag;
}

void stop_wait(uint64_t ms)
{
    uint64_t deadline_ms = clock_monotonic_ms() + ms;
    struct pollfd stop = { .fd = stop_fd, .events = POLLIN };

    for (uint64_t now_ms = clock_monotonic_ms(); now_ms < deadline_ms && !stop_asked();
         now_ms = clock_monotonic_ms()) {
        uint64_t left_ms = deadline_ms - now_ms;
        uint64_t most_ms = stop_flag != NULL ? STOP_FLAG_MS : INT_MAX;
        (void)poll(&stop, 1, left_ms > most_ms ? (int)most_ms : (int)left_ms);
    }
}

void stop_end(void)
{
    sigset_t signals;

    if (stop_signal == 0)
        return;
    signal_set(stop_signal, SIG_DFL);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, stop_signal);
    (void)raise(stop_signal);
    (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}
