/*
 * A client that does not run stands in exactly one list, and whoever takes it out lets it run: news of its
 * socket, the end of its pause, a turn, or the last of the others. Each list is in the order in which clients came to
 * it and has the same time to wait for all, so the first of a list is the first that it is over for.
 */
#include "tools/ferry_bench/crowd.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/fiber.h"

enum {
    EVENTS = 256,
    SAMPLE_NS = 100 * 1000 * 1000,
};

enum part {
    PART_BEFORE,
    PART_MEASURED,
    PART_AFTER,
};

struct crowd {
    struct crowd_options options;
    struct crowd_tally *tally;
    client_body *body;

    int epoll_fd;
    size_t living, gathered_count;
    struct client_list waiting, pausing, resting, gathered, runnable;

    enum part part;
    uint64_t begun_ns, client_cpu_ns; /* when the measured part began */
    uint64_t turns_begun, turns_most;
    uint64_t sampled_ns;
};

static uint64_t own_cpu_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void memory_sample(struct crowd *crowd, bool half_way)
{
    const struct processes *server = &crowd->options.server;
    struct crowd_tally *tally = crowd->tally;

    uint64_t rss_kib = process_rss_kib(server);
    if (rss_kib > tally->rss_most_kib)
        tally->rss_most_kib = rss_kib;
    if (tally->pss_half_way_kib == 0 && half_way)
        tally->pss_half_way_kib = process_pss_kib(server);
}

/* ---- standing and running ---- */

/* The fiber's side: until somebody takes it out. */
static void client_stand(struct client *client, struct client_list *list)
{
    client->list = list;
    client->since_ns = clock_monotonic_ns();
    client->granted = false;
    TAILQ_INSERT_TAIL(list, client, place);
    fiber_suspend();
}

static void client_run(struct client *client)
{
    struct crowd *crowd = client->crowd;

    TAILQ_REMOVE(client->list, client, place);
    client->list = NULL;
    fiber_resume(client->fiber);
    if (fiber_finished(client->fiber)) {
        fiber_destroy(client->fiber);
        crowd->living--;
    }
}

static void client_grant(struct client *client)
{
    client->granted = true;
    client_run(client);
}

/* ---- the words of a client ---- */

void crowd_watch(struct crowd_socket *socket)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = socket };

    if (epoll_ctl(socket->client->crowd->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) < 0)
        err(1, "watch a socket");
}

bool crowd_wait(struct client *client)
{
    client_stand(client, &client->crowd->waiting);
    return client->granted;
}

void crowd_pause(struct client *client)
{
    client_stand(client, &client->crowd->pausing);
}

static void crowd_gather(struct client *client, enum part next)
{
    struct crowd *crowd = client->crowd;

    if (++crowd->gathered_count == crowd->options.clients) {
        crowd->gathered_count = 0;
        crowd->part = next;
        TAILQ_CONCAT(&crowd->runnable, &crowd->gathered, place);
        struct client *each;
        TAILQ_FOREACH(each, &crowd->runnable, place)
        each->list = &crowd->runnable;
        return;
    }
    client_stand(client, &crowd->gathered);
}

void crowd_ready(struct client *client)
{
    struct crowd *crowd = client->crowd;

    crowd_gather(client, PART_MEASURED);
    if (crowd->begun_ns != 0)
        return;
    crowd->tally->before = process_cost_read(&crowd->options.server);
    crowd->client_cpu_ns = own_cpu_ns();
    crowd->begun_ns = crowd->sampled_ns = clock_monotonic_ns();
}

void crowd_finish(struct client *client)
{
    struct crowd *crowd = client->crowd;
    struct crowd_tally *tally = crowd->tally;

    crowd_gather(client, PART_AFTER);
    if (tally->client_cpu_ns != 0)
        return;
    tally->client_cpu_ns = own_cpu_ns() - crowd->client_cpu_ns;
    tally->after = process_cost_read(&crowd->options.server);
    memory_sample(crowd, true); /* of a run that was shorter than the time between two */
}

void crowd_add(struct client *client, enum operation operation, uint64_t ns)
{
    if (client->crowd->part == PART_MEASURED)
        latency_add(&client->crowd->tally->operations[operation], ns);
}

/* ---- turns ---- */

static bool turns_are_over(const struct crowd *crowd, uint64_t now_ns)
{
    if (crowd->turns_begun >= crowd->turns_most)
        return true;
    return crowd->options.turns_per_s <= 0 &&
           now_ns - crowd->begun_ns >= crowd->options.duration_ns;
}

/* Of the next turn, without a rate at once. */
static uint64_t turn_due_ns(const struct crowd *crowd, uint64_t now_ns)
{
    double rate = crowd->options.turns_per_s;

    if (rate <= 0)
        return now_ns;
    return crowd->begun_ns + (uint64_t)((double)crowd->turns_begun * 1e9 / rate);
}

static void turn_begin(struct client *client, uint64_t due_ns)
{
    client->due_ns = due_ns;
    client->crowd->turns_begun++;
}

bool crowd_turn(struct client *client)
{
    struct crowd *crowd = client->crowd;
    uint64_t now_ns = clock_monotonic_ns();

    if (turns_are_over(crowd, now_ns))
        return false;
    uint64_t due_ns = turn_due_ns(crowd, now_ns);
    if (due_ns <= now_ns && TAILQ_EMPTY(&crowd->resting)) {
        turn_begin(client, due_ns);
        return true;
    }
    client_stand(client, &crowd->resting);
    return client->granted;
}

void crowd_turn_end(struct client *client, uint64_t bytes)
{
    struct crowd *crowd = client->crowd;
    uint64_t now_ns = clock_monotonic_ns();

    latency_add(&crowd->tally->turn, now_ns - client->due_ns);
    crowd->tally->turns++;
    crowd->tally->bytes += bytes;
    crowd->tally->ns = now_ns - crowd->begun_ns;
}

static void turns_hand_out(struct crowd *crowd)
{
    while (!TAILQ_EMPTY(&crowd->resting)) {
        struct client *client = TAILQ_FIRST(&crowd->resting);
        uint64_t now_ns = clock_monotonic_ns();
        if (turns_are_over(crowd, now_ns)) {
            client_run(client);
            continue;
        }
        uint64_t due_ns = turn_due_ns(crowd, now_ns);
        if (due_ns > now_ns)
            return;
        turn_begin(client, due_ns);
        client_grant(client);
    }
}

/* A server that is too slow for the rate is told of, not waited for. */
static void turns_check(const struct crowd *crowd, uint64_t now_ns)
{
    if (crowd->part != PART_MEASURED || crowd->options.turns_per_s <= 0 ||
        turns_are_over(crowd, now_ns))
        return;
    if (turn_due_ns(crowd, now_ns) + crowd->options.patience_ns < now_ns)
        errx(1,
             "the server does not keep up: after %" PRIu64 " of %" PRIu64
             " turns the next is overdue",
             crowd->turns_begun, crowd->turns_most);
}

/* ---- the loop ---- */

static void clients_run(struct client_list *list)
{
    while (!TAILQ_EMPTY(list))
        client_run(TAILQ_FIRST(list));
}

/* Those who have stood there for so long. */
static void clients_run_after(struct client_list *list, uint64_t ns)
{
    uint64_t now_ns = clock_monotonic_ns();

    while (!TAILQ_EMPTY(list) && TAILQ_FIRST(list)->since_ns + ns <= now_ns)
        client_run(TAILQ_FIRST(list));
}

static void crowd_sample(struct crowd *crowd)
{
    const struct crowd_options *options = &crowd->options;
    uint64_t now_ns = clock_monotonic_ns();

    turns_check(crowd, now_ns);
    if (crowd->part != PART_MEASURED || options->server.count == 0 ||
        now_ns - crowd->sampled_ns < SAMPLE_NS)
        return;
    crowd->sampled_ns = now_ns;
    memory_sample(crowd, crowd->turns_begun >= crowd->turns_most / 2 ||
                             now_ns - crowd->begun_ns >= options->duration_ns / 2);
}

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* When the loop has something to do though no socket has news. */
static uint64_t crowd_wakes_ns(const struct crowd *crowd, uint64_t now_ns)
{
    uint64_t wakes_ns = now_ns + SAMPLE_NS;

    if (!TAILQ_EMPTY(&crowd->waiting))
        wakes_ns =
            least(wakes_ns, TAILQ_FIRST(&crowd->waiting)->since_ns + crowd->options.patience_ns);
    if (!TAILQ_EMPTY(&crowd->pausing))
        wakes_ns = least(wakes_ns, TAILQ_FIRST(&crowd->pausing)->since_ns + CROWD_PAUSE_NS);
    if (!TAILQ_EMPTY(&crowd->resting))
        wakes_ns = least(wakes_ns, turn_due_ns(crowd, now_ns));
    return wakes_ns > now_ns && TAILQ_EMPTY(&crowd->runnable) ? wakes_ns - now_ns : 0;
}

static void crowd_wait_for_news(struct crowd *crowd)
{
    struct epoll_event events[EVENTS];
    uint64_t ns = crowd_wakes_ns(crowd, clock_monotonic_ns());
    const struct timespec timeout = { .tv_sec = (time_t)(ns / 1000000000),
                                      .tv_nsec = (long)(ns % 1000000000) };

    int count = epoll_pwait2(crowd->epoll_fd, events, EVENTS, &timeout, NULL);
    if (count < 0 && errno != EINTR)
        err(1, "epoll");
    for (int i = 0; i < count; i++) {
        struct crowd_socket *socket = events[i].data.ptr;
        if ((events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
            socket->stale = true;
        if (socket->client->list == &crowd->waiting)
            client_grant(socket->client);
    }
}

static void client_begin(void *argument)
{
    struct client *client = argument;

    client->crowd->body(client);
}

static void crowd_begin(struct crowd *crowd, struct client *clients, const void *plan)
{
    for (size_t i = 0; i < crowd->options.clients; i++) {
        struct client *client = &clients[i];
        *client = (struct client){ .number = i, .crowd = crowd, .plan = plan };
        client->fiber = fiber_create(client_begin, client);
        if (client->fiber == NULL)
            errx(1, "no memory, or no more mappings, for %zu clients", crowd->options.clients);
        client->list = &crowd->runnable;
        TAILQ_INSERT_TAIL(&crowd->runnable, client, place);
    }
    crowd->living = crowd->options.clients;
}

static uint64_t turns_most(const struct crowd_options *options)
{
    if (options->turns_per_s <= 0 || options->duration_ns == UINT64_MAX)
        return options->turns;
    double due = (double)options->duration_ns / 1e9 * options->turns_per_s;

    return least(options->turns, (uint64_t)due);
}

void crowd_run(const struct crowd_options *options, client_body *body, const void *plan,
               struct crowd_tally *ret_tally)
{
    struct crowd crowd = {
        .options = *options,
        .tally = ret_tally,
        .body = body,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .turns_most = turns_most(options),
    };
    struct client *clients = calloc(options->clients, sizeof(*clients));
    if (clients == NULL || crowd.epoll_fd < 0)
        err(1, "make a crowd");

    memset(ret_tally, 0, sizeof(*ret_tally));
    TAILQ_INIT(&crowd.waiting);
    TAILQ_INIT(&crowd.pausing);
    TAILQ_INIT(&crowd.resting);
    TAILQ_INIT(&crowd.gathered);
    TAILQ_INIT(&crowd.runnable);
    crowd_begin(&crowd, clients, plan);
    while (crowd.living > 0) {
        clients_run(&crowd.runnable);
        turns_hand_out(&crowd);
        clients_run_after(&crowd.pausing, CROWD_PAUSE_NS);
        clients_run_after(&crowd.waiting, options->patience_ns);
        crowd_sample(&crowd);
        if (crowd.living > 0)
            crowd_wait_for_news(&crowd);
    }
    free(clients);
    (void)close(crowd.epoll_fd);
    fiber_release_stacks();
}
