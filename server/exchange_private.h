#pragma once

/* The inside of an exchange: for the exchange*.c files alone. */

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "server/exchange.h"
#include "server/exchanges.h"
#include "server/fiber.h"
#include "server/request.h"

enum exchange_phase {
    EXCHANGE_HEADER, /* the request line is there, the access handler was not called yet */
    EXCHANGE_STARTED, /* the first call: libmicrohttpd does not read the body before it has returned */
    EXCHANGE_BODY,    /* the calls with pieces of the body */
    EXCHANGE_COMPLETE, /* the last call: the body is complete, an answer may be queued */
};

enum {
    EXCHANGE_ID_BYTES = 48 /* with the terminator */
};

enum exchange_wait {
    WAITS_FOR_BODY,
    WAITS_FOR_WAKE
};

struct exchange {
    TAILQ_ENTRY(exchange) entry; /* under exchanges->mutex */
    struct exchanges *exchanges;
    atomic_uint references;
    uint64_t number;
    uint64_t begun_ns;

    /* the loop thread's alone */
    struct MHD_Connection *connection;
    struct connection *place; /* among the connections */
    const char *uri;          /* where it stood, see request_read() */
    char *target;             /* its copy */
    struct request request;
    struct forwarded origin;
    char own_id[EXCHANGE_ID_BYTES]; /* where the client has sent none */
    struct bytes request_id;        /* that, or the client's */
    char upload[EXCHANGE_ID_BYTES]; /* what it is about; empty: no upload */
    const struct route *route;
    enum operation operation;
    int result; /* of the handler, or why there was none */
    struct answer answer;
    struct fiber *fiber; /* NULL: the handler has answered, or there was none */
    enum exchange_phase phase;
    enum exchange_wait waits;
    bool gone;      /* completed: nobody is there any more */
    bool malformed; /* the body's framing was found invalid */
    bool await_started;
    bool said;         /* the answer is on its way */
    bool draining;     /* the handler has answered, the body goes on */
    unsigned crumbs;   /* see exchange_gives_way() */
    bool put_off;      /* what the handler waits for is started in the next call */
    bool reading_over; /* libmicrohttpd has noticed that it need not read any more */

    struct bytes offered;  /* what libmicrohttpd shows us in this call */
    size_t taken;          /* of it: given to the handler */
    uint8_t *kept;         /* what was offered, when libmicrohttpd moves it meanwhile */
    uint64_t delivered;    /* of the body: all that we have told libmicrohttpd as processed */
    uint64_t drained;      /* of it: thrown away after the handler had answered */
    uint64_t file_sent;    /* of answer.file, as far as is known */
    struct stream *stream; /* sends the answer, when libmicrohttpd has let go */
    uint64_t said_ns;      /* when the answer went on its way */
    uint64_t spent_ns[EXCHANGE_TIMES];
    void (*start)(struct exchange *exchange, void *argument);
    void *start_argument;

    pthread_mutex_t mutex; /* guards all below it; taken after exchanges->mutex */
    int socket;            /* -1: completed, it may belong to the next request. Of a stream: ours */
    bool spoiled;          /* half an interim response is out: nothing can be said after it */
    bool answering;        /* the answer goes out, or was tried to: no interim response any more */
    bool complete;         /* the body is */
    bool ended;            /* by exchange_end() or shutdown */
    bool suspended;        /* from exchange_suspend() to exchange_wake() */
    uint64_t received;     /* of the body, in bytes: accepted by the handler */
};

TAILQ_HEAD(exchange_list, exchange);

struct exchanges {
    struct exchanges_options options;
    char run[17]; /* names this run of the server: what own_id begins with */
    atomic_uint_fast64_t next_number;
    atomic_uint_fast64_t received_bytes;
    atomic_size_t fibers;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* guards all below it */
    pthread_cond_t fewer;  /* one less is live or suspended */
    struct exchange_list live;
    size_t live_count, suspended_count;
};

/* Into the list of the live ones, with one reference; NULL when there is no memory. */
struct exchange *exchange_new(struct exchanges *exchanges, struct MHD_Connection *connection,
                              struct connection *place, int socket, const char *uri);

/* Out of it; drops the list's reference. */
void exchange_retire(struct exchange *exchange);

/* Tells what has happened, once: the log, and who counts. sent: of the content, in bytes; end: a word. */
void exchange_tell(struct exchange *exchange, uint64_t sent, const char *end);

/* The last of it: gives all that it has back, and retires it. */
void exchange_release(struct exchange *exchange);

/* libmicrohttpd has let go of the connection: the stream has it. On the loop; it may be over by then. */
void exchange_begin_stream(struct exchange *exchange);

/* Counts it as suspended, and no longer. */
void exchanges_count_suspended(struct exchanges *exchanges, bool suspended);

/* Whether nothing more is to come: what a handler sees as the end. */
bool exchange_over(struct exchange *exchange);

/* Suspends the connection and calls exchange->start, after which some thread calls exchange_wake(). False
 * when the exchange is over, or there is no memory. Only in libmicrohttpd's calls. */
bool exchange_suspend(struct exchange *exchange);

/* Whether half an interim response is out. */
bool exchange_is_spoiled(struct exchange *exchange);

/* From here on no interim response is sent. */
void exchange_begins_answer(struct exchange *exchange);

/* Ends it even when its body is complete. */
void exchange_cut(struct exchange *exchange);
