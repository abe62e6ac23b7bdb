#pragma once

/*
 * A connection of a client: requests out, answers in, one after the other
 *
 *   Waits      all but connection_init() and connection_close()
 *   Errors     the program ends with a sentence that tells the request: a load of which some did not arrive
 *              measures nothing
 *
 * Calling sequence:  connection_init  { connection_send  { connection_content }  connection_answer }  connection_close
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/ferry_bench/answer.h"
#include "tools/ferry_bench/crowd.h"
#include "tools/ferry_bench/target.h"

enum {
    CONNECTION_HEADER_MAX = 4096 /* of an answer */
};

struct connection {
    struct crowd_socket socket;
    const struct target *target;
    char doing[160];    /* method and path, for sentences */
    char location[512]; /* of the last answer */
    size_t filled;
    char in[CONNECTION_HEADER_MAX];
};

void connection_init(struct connection *connection, struct client *client,
                     const struct target *target);
void connection_close(struct connection *connection);

/* Sends a header and, unless there is more of it to come, all of its body; connects first, where that must be. */
void connection_send(struct connection *connection, struct bytes header, struct bytes body,
                     bool more);

/* Sends so much of the target's content. */
void connection_content(struct connection *connection, uint64_t position, uint64_t count);

/* The answer to what was sent; its content is read away. Its location lasts until the next answer. */
struct answer connection_answer(struct connection *connection);

/* Ends the program unless the answer has this status. */
void connection_expect(const struct connection *connection, const struct answer *answer,
                       unsigned status);

__attribute__((format(printf, 2, 3), noreturn)) void connection_fail(
    const struct connection *connection, const char *format, ...);
