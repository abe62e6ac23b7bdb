#pragma once

/*
 * Client: one of those who create, append to, look at, end and delete the uploads that they all
 * share, and mark what they are told
 *
 *   Errors   what breaks a promise ends the program with "VIOLATION ..."
 *   Threads  a thread each
 */

#include <stdint.h>

#include "storage/store.h"

enum {
    CLIENT_MEMORY_BYTES = 200 * 1000
};

struct client {
    uint64_t random;
    uint8_t memory[CLIENT_MEMORY_BYTES];
};

/* Before the first client: the store, and the uploads that the marks of earlier runs speak of. */
void client_take_up(struct store *store);

void client_init(struct client *client, uint64_t seed);

/* One thing, chosen by chance. Waits. */
void client_step(struct client *client);
