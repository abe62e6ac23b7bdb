/*
 * Invariants, all under table->mutex:
 *
 *   1. A bucket holds the holders only, one per id.
 *   2. A waiter hangs on its holder and nowhere else; it has no waiter itself.
 *   3. A holder with a waiter has been ended.
 *   4. waiting counts the waiters.
 */
#define LOG_MODULE "lease"
#include "storage/lease.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/refusal.h"

enum {
    LEASE_BUCKETS = 4096
};

struct lease_table {
    pthread_mutex_t mutex;
    size_t waiting;
    uint64_t takeovers;
    struct lease *buckets[LEASE_BUCKETS];
};

struct lease_table *lease_table_new(void)
{
    struct lease_table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        (void)fail_errno("memory for the leases");
        return NULL;
    }
    pthread_mutex_init(&table->mutex, NULL);
    return table;
}

void lease_table_free(struct lease_table *table)
{
    if (table == NULL)
        return;
    pthread_mutex_destroy(&table->mutex);
    free(table);
}

/* Where the holder is linked in, or would be. Ids are random: two of their bytes are a hash. */
static struct lease **lease_slot(struct lease_table *table, const struct upload_id *id)
{
    size_t bucket = (size_t)(id->bytes[0] | id->bytes[1] << 8) % LEASE_BUCKETS;
    struct lease **slot = &table->buckets[bucket];

    while (*slot != NULL && !upload_id_equal(&(*slot)->id, id))
        slot = &(*slot)->next;
    return slot;
}

static void lease_end_holder(struct lease_table *table, struct lease *holder)
{
    if (holder->ended)
        return;
    holder->ended = true;
    if (holder->end == NULL)
        return; /* it is on its way out already */
    holder->end(holder);
    table->takeovers++;
}

uint64_t lease_takeovers(struct lease_table *table)
{
    pthread_mutex_lock(&table->mutex);
    uint64_t takeovers = table->takeovers;
    pthread_mutex_unlock(&table->mutex);
    return takeovers;
}

bool lease_take(struct lease_table *table, struct lease *lease)
{
    struct lease *sent_away = NULL;

    pthread_mutex_lock(&table->mutex);
    struct lease **slot = lease_slot(table, &lease->id);
    struct lease *holder = *slot;
    if (holder == NULL) {
        *slot = lease;
    } else {
        sent_away = holder->waiter;
        holder->waiter = lease;
        table->waiting += sent_away == NULL;
        lease_end_holder(table, holder);
    }
    pthread_mutex_unlock(&table->mutex);

    if (sent_away != NULL)
        sent_away->granted(sent_away, REFUSED_ENDED);
    return holder == NULL;
}

bool lease_try(struct lease_table *table, struct lease *lease)
{
    pthread_mutex_lock(&table->mutex);
    struct lease **slot = lease_slot(table, &lease->id);
    bool unheld = *slot == NULL;
    if (unheld)
        *slot = lease;
    pthread_mutex_unlock(&table->mutex);
    return unheld;
}

bool lease_held(struct lease_table *table, const struct upload_id *id)
{
    pthread_mutex_lock(&table->mutex);
    const struct lease *holder = *lease_slot(table, id);
    bool held = holder != NULL && holder->end != NULL;
    pthread_mutex_unlock(&table->mutex);
    return held;
}

void lease_release(struct lease_table *table, struct lease *lease)
{
    pthread_mutex_lock(&table->mutex);
    struct lease **slot = lease_slot(table, &lease->id);
    assert(*slot == lease);

    struct lease *waiter = lease->waiter;
    *slot = lease->next;
    if (waiter != NULL) {
        table->waiting--;
        waiter->next = *slot;
        *slot = waiter;
    }
    pthread_mutex_unlock(&table->mutex);

    if (waiter != NULL)
        waiter->granted(waiter, 0);
}

void lease_silence(struct lease_table *table, struct lease *lease)
{
    pthread_mutex_lock(&table->mutex);
    lease->end = NULL;
    pthread_mutex_unlock(&table->mutex);
}

/* Unhooks every waiter of one bucket that is due and puts it in front of the list. */
static struct lease *lease_collect(struct lease_table *table, size_t bucket, uint64_t now_ms,
                                   struct lease *due)
{
    for (struct lease *holder = table->buckets[bucket]; holder != NULL; holder = holder->next) {
        struct lease *waiter = holder->waiter;
        if (waiter == NULL || waiter->deadline_ms > now_ms)
            continue;
        holder->waiter = NULL;
        table->waiting--;
        waiter->next = due;
        due = waiter;
    }
    return due;
}

void lease_expire(struct lease_table *table, uint64_t now_ms)
{
    struct lease *due = NULL;

    pthread_mutex_lock(&table->mutex);
    for (size_t i = 0; i < LEASE_BUCKETS && table->waiting > 0; i++)
        due = lease_collect(table, i, now_ms, due);
    pthread_mutex_unlock(&table->mutex);

    while (due != NULL) {
        struct lease *lease = due;
        due = lease->next;
        lease->granted(lease, REFUSED_LOCKED);
    }
}
