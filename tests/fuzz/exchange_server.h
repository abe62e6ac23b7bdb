#pragma once

/*
 * A whole server for the fuzzer of exchanges: storage in memory, the endpoint and the operator's
 * listener, each on a unix socket
 *
 * What goes wrong with the server itself, rather than for a client, ends the process.
 *
 * Calling sequence:  exchange_server_start  { exchange_server_connect  exchange_server_rest }
 *                    exchange_server_stop
 */

#include <stdbool.h>

/* Blocks. */
void exchange_server_start(void);

/* A socket that does not block, and is the caller's. */
int exchange_server_connect(bool to_the_operator);

/* Whether an exchange waits for disk, database or a worker: then an answer may yet come. */
bool exchange_server_busy(void);

/* Whether somebody is sent events: nothing is read of him. */
bool exchange_server_watched(void);

/*
 * Waits until nothing is left of what the clients did, which have all closed: no connection, no exchange,
 * no fiber, no writer and no byte on its way, and as many descriptors as there were at the beginning.
 * Where that does not come, it says what is left, and aborts.
 */
void exchange_server_rest(void);

/* And removes its files. Blocks. */
void exchange_server_stop(void);
