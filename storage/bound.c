#include "storage/bound.h"

#include <assert.h>
#include <stddef.h>

void bound_init(struct bound *bound, uint64_t limit)
{
    *bound = (struct bound){ .limit = limit };
    pthread_mutex_init(&bound->mutex, NULL);
    bound->last = &bound->first;
}

void bound_done(struct bound *bound)
{
    assert(bound->used == 0);
    assert(bound->first == NULL);
    pthread_mutex_destroy(&bound->mutex);
}

bool bound_take(struct bound *bound, uint64_t amount, struct bound_waiter *waiter)
{
    pthread_mutex_lock(&bound->mutex);
    bool turn = waiter != NULL && waiter->turn == bound;
    bool left = bound->used < bound->limit && (turn || bound->first == NULL);
    if (left) {
        bound->used += amount;
    } else if (waiter != NULL) {
        waiter->next = NULL;
        *bound->last = waiter;
        bound->last = &waiter->next;
    }
    if (waiter != NULL)
        waiter->turn = NULL;
    pthread_mutex_unlock(&bound->mutex);
    return left;
}

void bound_force(struct bound *bound, uint64_t amount)
{
    pthread_mutex_lock(&bound->mutex);
    bound->used += amount;
    pthread_mutex_unlock(&bound->mutex);
}

/* The first waiter, taken out of the queue, when there is something for it. */
static struct bound_waiter *bound_next(struct bound *bound)
{
    pthread_mutex_lock(&bound->mutex);
    struct bound_waiter *waiter = bound->used < bound->limit ? bound->first : NULL;
    if (waiter != NULL) {
        waiter->turn = bound;
        bound->first = waiter->next;
        if (bound->first == NULL)
            bound->last = &bound->first;
    }
    pthread_mutex_unlock(&bound->mutex);
    return waiter;
}

void bound_give(struct bound *bound, uint64_t amount)
{
    if (amount == 0)
        return;

    pthread_mutex_lock(&bound->mutex);
    assert(bound->used >= amount);
    bound->used -= amount;
    pthread_mutex_unlock(&bound->mutex);

    struct bound_waiter *waiter;
    while ((waiter = bound_next(bound)) != NULL)
        waiter->resume(waiter);
}

uint64_t bound_used(struct bound *bound)
{
    pthread_mutex_lock(&bound->mutex);
    uint64_t used = bound->used;
    pthread_mutex_unlock(&bound->mutex);
    return used;
}

bool bound_pressed(struct bound *bound)
{
    pthread_mutex_lock(&bound->mutex);
    bool pressed = bound->first != NULL;
    pthread_mutex_unlock(&bound->mutex);
    return pressed;
}
