/*
 * Whole exchanges with a whole server: whatever clients send, each exchange comes to its end, and leaves
 * nothing behind
 *
 * The input is what clients send, byte for byte. What else they do is a dollar and a letter:
 *
 *     $.     the bytes so far are sent, and read by the server before the next ones
 *     $?     the same; then waits a moment for an answer
 *     $/     the path of the upload that an answer named last
 *     $\     the path of the one named before that
 *     $=     the id of the upload alone
 *     $^     the id of the event that was told last
 *     $|     the client shuts down its sending side
 *     $!     the client closes, whatever it has not read: a reset
 *     $+     another client of the endpoint, at the same time; what follows is sent by that one
 *     $@     another client, of the operator's listener
 *     $-     what follows is sent by the client before this one
 *     $#     64 KiB of bytes
 *     $$     a dollar
 *
 * At the end every client shuts down its sending side, once all is read, and reads to the end of the connection.
 */

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/fuzz/exchange_answers.h"
#include "tests/fuzz/exchange_server.h"
#include "tests/fuzz/fuzz.h"

enum {
    CLIENTS_MAX = 4,
    PAUSES_MAX = 12,         /* of an input; further ones are passed over */
    PAUSE_MS = 20,           /* at most */
    QUIET_MS = 3,            /* nobody is at work, and nothing comes of what was sent */
    END_MS = 20 * 1000,      /* for an exchange to come to its end by itself */
    BLOCK_BYTES = 64 * 1024, /* $# */
    BLOCKS_MAX = 8,
    ANSWER_BYTES = 64 * 1024, /* of those that a client was sent: looked at */
    NAME_BYTES = 128,         /* of a path, and of an event's id */
    INPUTS_PER_SERVER = 500,  /* then it starts anew: uploads pile up, and a stop has to be clean */
};

struct client {
    int fd; /* -1: it has closed */
    bool half_closed;
    char answers[ANSWER_BYTES];
    size_t answers_count;
};

/* For the server. */
struct pause {
    uint64_t quiet_ms;            /* it has done nothing for so long: it will not */
    uint64_t begun_ms, worked_ms; /* worked: when it was last seen at work */
};

struct play {
    struct client clients[CLIENTS_MAX];
    size_t client_count;
    struct client *client; /* the one that acts */
    unsigned pauses, blocks;
    char path[NAME_BYTES];        /* of the upload that was named last */
    char path_before[NAME_BYTES]; /* of another one, that was named before */
    char event[NAME_BYTES];
};

/* --- one client --- */

/* False when there is no more to come. What goes beyond the room for answers is thrown away. */
static bool client_receive(struct client *client)
{
    static char thrown_away[64 * 1024];
    size_t room = sizeof(client->answers) - client->answers_count;

    ssize_t got = recv(client->fd, room > 0 ? client->answers + client->answers_count : thrown_away,
                       room > 0 ? room : sizeof(thrown_away), MSG_DONTWAIT);
    if (got > 0 && room > 0)
        client->answers_count += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void client_half_close(struct client *client)
{
    if (client->fd >= 0 && !client->half_closed)
        (void)shutdown(client->fd, SHUT_WR);
    client->half_closed = true;
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd);
    client->fd = -1;
}

/* Whether it is worth to wait on: not for ever, and not when nobody has been at work for a while. */
static bool pause_goes_on(struct pause *pause)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (pause->begun_ms == 0)
        pause->begun_ms = pause->worked_ms = now_ms;
    if (exchange_server_busy())
        pause->worked_ms = now_ms;
    return now_ms < pause->begun_ms + PAUSE_MS && now_ms < pause->worked_ms + pause->quiet_ms;
}

/* What the server does not take is lost, as with a client that gives up; it may have closed. A server that
 * reads nothing while it waits for us to read would be waited for in vain: so we read, too. What is sent
 * behind a request for events it does not read before these end: so we say no more. */
static void client_send(struct client *client, struct bytes bytes)
{
    uint64_t deadline_ms = clock_monotonic_ms() + END_MS;
    struct pause pause = { .quiet_ms = PAUSE_MS };

    while (client->fd >= 0 && !client->half_closed && bytes.count > 0) {
        struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN | POLLOUT };
        ssize_t sent = send(client->fd, bytes.data, bytes.count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            bytes = bytes_after(bytes, (size_t)sent);
            pause.begun_ms = 0;
        } else if (errno != EAGAIN || !client_receive(client)) {
            return;
        } else if (exchange_server_watched() && !pause_goes_on(&pause)) {
            client_half_close(client);
        } else {
            (void)poll(&poll_fd, 1, PAUSE_MS);
        }
        assert(clock_monotonic_ms() < deadline_ms);
    }
}

/* Until the server has read all that was sent. It does not while it waits for a disk, and what is sent behind a
 * request for events it never reads. */
static void client_wait_until_read(const struct client *client)
{
    const struct timespec moment = { .tv_nsec = 20 * 1000 };
    struct pause pause = { .quiet_ms = exchange_server_watched() ? QUIET_MS : PAUSE_MS };
    int unread = 1;

    while (client->fd >= 0 && ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread > 0 &&
           pause_goes_on(&pause))
        (void)nanosleep(&moment, NULL);
}

static void client_wait_for_answer(struct client *client)
{
    struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
    struct pause pause = { .quiet_ms = QUIET_MS };

    while (client->fd >= 0 && pause_goes_on(&pause))
        if (poll(&poll_fd, 1, 1) > 0) {
            (void)client_receive(client);
            return;
        }
}

/* Each exchange comes to its end when its client has said all that it will say. */
static void client_read_to_the_end(struct client *client)
{
    uint64_t deadline_ms = clock_monotonic_ms() + END_MS;
    struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };

    while (client->fd >= 0 && client_receive(client)) {
        if (clock_monotonic_ms() >= deadline_ms) {
            (void)fprintf(stderr, "it does not end; so far: %.*s\n", (int)client->answers_count,
                          client->answers);
            abort();
        }
        (void)poll(&poll_fd, 1, PAUSE_MS);
    }
    bool whole = client->fd >= 0 && client->answers_count < sizeof(client->answers);
    client_close(client);
    exchange_answers_check(bytes_of(client->answers, client->answers_count), whole);
}

/* --- what the server has named --- */

/* The next that stands between these in the answers, taken off them; an empty one when there is no more. */
static struct bytes answers_next(struct bytes *answers, const char *before, const char *behind)
{
    const uint8_t *found = memmem(answers->data, answers->count, before, strlen(before));

    if (found == NULL)
        return bytes_of(NULL, 0);
    *answers = bytes_after(*answers, (size_t)(found - answers->data) + strlen(before));
    const uint8_t *end = memmem(answers->data, answers->count, behind, strlen(behind));
    return bytes_of(answers->data, end == NULL ? 0 : (size_t)(end - answers->data));
}

static void name_set(char name[static NAME_BYTES], struct bytes text)
{
    if (text.count < NAME_BYTES)
        (void)snprintf(name, NAME_BYTES, "%.*s", BYTES_ARGUMENT(text));
}

static void play_learn_path(struct play *play, struct bytes path)
{
    if (*path.data != '/' || bytes_equal_text(path, play->path))
        return;
    (void)strcpy(play->path_before, play->path);
    name_set(play->path, path);
}

/* From the beginning: what is told may have come in pieces. */
static void play_learn(struct play *play)
{
    const struct bytes all = bytes_of(play->client->answers, play->client->answers_count);
    struct bytes text;

    for (struct bytes rest = all; (text = answers_next(&rest, "\r\nLocation: ", "\r\n")).count > 0;)
        play_learn_path(play, text);
    for (struct bytes rest = all; (text = answers_next(&rest, "\nid: ", "\n")).count > 0;)
        name_set(play->event, text);
}

/* --- all of them --- */

static void play_connect(struct play *play, bool to_the_operator)
{
    if (play->client_count == CLIENTS_MAX)
        return;
    play->client = &play->clients[play->client_count++];
    play->client->fd = exchange_server_connect(to_the_operator);
    play->client->half_closed = false;
    play->client->answers_count = 0;
}

static void play_pause(struct play *play, bool for_an_answer)
{
    if (play->pauses++ >= PAUSES_MAX)
        return;
    client_wait_until_read(play->client);
    if (for_an_answer) {
        client_wait_for_answer(play->client);
        play_learn(play);
    }
}

static void play_block(struct play *play)
{
    static uint8_t block[BLOCK_BYTES];

    if (play->blocks++ < BLOCKS_MAX)
        client_send(play->client, bytes_of(block, sizeof(block)));
}

static void play_act(struct play *play, uint8_t what)
{
    switch (what) {
    case '.': play_pause(play, false); break;
    case '?': play_pause(play, true); break;
    case '/': client_send(play->client, bytes_of_text(play->path)); break;
    case '\\': client_send(play->client, bytes_of_text(play->path_before)); break;
    case '=': client_send(play->client, bytes_of_text(strrchr(play->path, '/') + 1)); break;
    case '^': client_send(play->client, bytes_of_text(play->event)); break;
    case '|': client_half_close(play->client); break;
    case '!': client_close(play->client); break;
    case '+': play_connect(play, false); break;
    case '@': play_connect(play, true); break;
    case '-':
        if (play->client > play->clients)
            play->client--;
        break;
    case '#': play_block(play); break;
    case '$': client_send(play->client, bytes_of_text("$")); break;
    default: break;
    }
}

static void play_all(struct play *play, struct bytes input)
{
    while (input.count > 0) {
        const uint8_t *dollar = memchr(input.data, '$', input.count);
        size_t count = dollar == NULL ? input.count : (size_t)(dollar - input.data);

        client_send(play->client, bytes_of(input.data, count));
        input = bytes_after(input, count);
        if (input.count >= 2)
            play_act(play, input.data[1]);
        input = bytes_after(input, input.count < 2 ? input.count : 2);
    }
}

static void play_end(struct play *play)
{
    for (size_t i = 0; i < play->client_count; i++) {
        client_wait_until_read(&play->clients[i]);
        client_half_close(&play->clients[i]);
    }
    for (size_t i = 0; i < play->client_count; i++)
        client_read_to_the_end(&play->clients[i]);
}

/* The first input finds a server, and every so many find a new one. */
static void server_prepare(void)
{
    static unsigned inputs;

    if (inputs % INPUTS_PER_SERVER == 0) {
        if (inputs > 0)
            exchange_server_stop();
        else
            (void)atexit(exchange_server_stop);
        exchange_server_start();
    }
    inputs++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play play;

    server_prepare();
    play.client_count = 0;
    play.pauses = play.blocks = 0;
    (void)strcpy(play.path, "/files/none");
    (void)strcpy(play.path_before, "/files/none");
    (void)strcpy(play.event, "none");
    play_connect(&play, false);
    play_all(&play, bytes_of(data, size));
    play_end(&play);
    exchange_server_rest();
    return 0;
}
