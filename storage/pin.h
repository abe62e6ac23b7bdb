#pragma once

/*
 * Pins: final uploads whose bytes are being read, in several files and one after the other
 *
 * An open file outlives its name, but a file that has not been opened yet does not. As long as a final
 * is pinned, its row and its parts stay, even when it was deleted: the janitor looks here after the row says
 * so, and a reader looks at the row after it has pinned. So one of them sees the other.
 *
 *   Threads    any; nothing here waits
 *   Ownership  a pin is a part of its owner's object
 */

#include <pthread.h>
#include <stdbool.h>

#include "storage/id.h"

struct pin {
    struct upload_id id;
    bool awaited; /* somebody wanted it to go */
    struct pin *next, **link;
};

struct pins {
    pthread_mutex_t mutex;
    struct pin *first;
};

void pins_init(struct pins *pins);
void pins_done(struct pins *pins);

void pin_take(struct pins *pins, struct pin *pin, const struct upload_id *id);

/* True: somebody waited for it, and nobody else has one like it. */
bool pin_release(struct pins *pins, struct pin *pin);

/* Whether anybody has one; who asks is told of by pin_release() then. */
bool pin_await(struct pins *pins, const struct upload_id *id);
