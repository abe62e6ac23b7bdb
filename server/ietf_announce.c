#define LOG_MODULE "announce"
#include "server/ietf_announce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "server/ietf_answer.h"
#include "server/service.h"

/* Storage may answer when the exchange, and all the service, is gone: whatever is needed then is here. */
struct announcement {
    struct exchange *exchange;
    bool aloud;
    struct answer interim;  /* all of it but the upload's name */
    char *base_path;        /* what that stands behind */
    atomic_uint references; /* the handler, and storage until it has answered */
    struct upload_id id;    /* written by upload_create(), before it answers */

    pthread_mutex_t mutex; /* guards all below it */
    bool created;          /* storage has answered: result */
    bool awaited;          /* the handler waits for that */
    int result;
};

void announcement_drop(struct announcement *announcement)
{
    if (announcement == NULL || atomic_fetch_sub(&announcement->references, 1) > 1)
        return;
    exchange_unref(announcement->exchange);
    answer_done(&announcement->interim);
    free(announcement->base_path);
    (void)pthread_mutex_destroy(&announcement->mutex);
    free(announcement);
}

void announcement_dropp(struct announcement **announcement)
{
    announcement_drop(*announcement);
}

/* On a thread of storage. */
static void announcement_say(struct announcement *announcement)
{
    answer_field(&announcement->interim, "Location", "%s%s", announcement->base_path,
                 upload_id_format(&announcement->id).text);
    (void)exchange_interim(announcement->exchange, &announcement->interim);
}

/* On a thread of storage. */
static void announcement_created(void *argument, int result)
{
    struct announcement *announcement = argument;

    if (result == 0 && announcement->aloud)
        announcement_say(announcement);

    pthread_mutex_lock(&announcement->mutex);
    announcement->created = true;
    announcement->result = result;
    bool awaited = announcement->awaited;
    pthread_mutex_unlock(&announcement->mutex);
    if (awaited)
        exchange_wake(announcement->exchange);
    announcement_drop(announcement);
}

/* "When sent, it MUST include Location header field pointing to the upload resource and MUST include the
 *  Upload-Limit header field with the corresponding limits if existing."  — draft, Upload Creation */
static struct announcement *announcement_new(struct exchange *exchange,
                                             const struct ietf_version *version, bool aloud)
{
    struct announcement *announcement = calloc(1, sizeof(*announcement));
    char *base_path = strdup(service_of(exchange)->base_path);
    if (announcement == NULL || base_path == NULL) {
        free(announcement);
        free(base_path);
        return NULL;
    }

    (void)pthread_mutex_init(&announcement->mutex, NULL);
    announcement->exchange = exchange_ref(exchange);
    announcement->aloud = aloud;
    announcement->base_path = base_path;
    announcement->interim.status = 104;
    ietf_answer_version(&announcement->interim, version);
    ietf_answer_limits(exchange, &announcement->interim, version);
    atomic_init(&announcement->references, 2);
    return announcement;
}

int announcement_begin(struct exchange *exchange, const struct ietf_version *version, bool aloud,
                       const struct upload_creation *creation,
                       struct announcement **ret_announcement)
{
    struct announcement *announcement = announcement_new(exchange, version, aloud);
    if (announcement == NULL)
        return fail_errno("create an upload");

    struct done done = { .call = announcement_created, .argument = announcement };
    int r = upload_create(service_of(exchange)->store, creation, &announcement->id, done);
    if (r != 0) { /* not begun: nobody will answer */
        atomic_store(&announcement->references, 1);
        announcement_drop(announcement);
        return r;
    }
    *ret_announcement = announcement;
    return 0;
}

/* Wakes at once what storage has answered already. */
static void announcement_await(struct exchange *exchange, void *argument)
{
    struct announcement *announcement = argument;

    pthread_mutex_lock(&announcement->mutex);
    bool created = announcement->created;
    announcement->awaited = !created;
    pthread_mutex_unlock(&announcement->mutex);
    if (created)
        exchange_wake(exchange);
}

int announcement_wait(struct announcement *announcement, struct upload_id *ret_id)
{
    int r = exchange_await(announcement->exchange, announcement_await, announcement);
    if (r == 0)
        r = announcement->result;
    if (r == 0)
        *ret_id = announcement->id;
    return r;
}
