#define LOG_MODULE "announce"
#include "server/ietf_announce.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "server/ietf_answer.h"
#include "server/service.h"
#include "server/uploads.h"

/* Storage may answer when the exchange, and all the service, is gone: whatever is needed then is here. */
struct announcement {
    struct exchange *exchange;
    bool aloud;
    struct answer interim;  /* all of it but the upload's name */
    char *url_base;         /* what that stands behind */
    atomic_uint references; /* the handler, and storage until it has answered */
    struct store *store;    /* open as long as the handler is there */
    struct upload_id id;    /* written by upload_create(), before it answers */
    bool repeated;          /* likewise */
    struct upload *upload;  /* written by upload_open(), before it answers; the handler takes it */

    pthread_mutex_t mutex; /* guards all below it */
    bool abandoned;        /* the handler is gone */
    bool answered;         /* storage has answered: result */
    bool awaited;          /* the handler waits for that */
    int result;
};

static void announcement_unref(struct announcement *announcement)
{
    if (atomic_fetch_sub(&announcement->references, 1) > 1)
        return;
    upload_close(announcement->upload);
    exchange_unref(announcement->exchange);
    answer_done(&announcement->interim);
    free(announcement->url_base);
    (void)pthread_mutex_destroy(&announcement->mutex);
    free(announcement);
}

void announcement_drop(struct announcement *announcement)
{
    if (announcement == NULL)
        return;
    pthread_mutex_lock(&announcement->mutex);
    announcement->abandoned = true;
    pthread_mutex_unlock(&announcement->mutex);
    announcement_unref(announcement);
}

void announcement_dropp(struct announcement **announcement)
{
    announcement_drop(*announcement);
}

/* On a thread of storage. */
static void announcement_say(struct announcement *announcement)
{
    answer_field(&announcement->interim, "Location", "%s%s", announcement->url_base,
                 upload_id_format(&announcement->id).text);
    (void)exchange_interim(announcement->exchange, &announcement->interim);
}

/* On a thread of storage. */
static void announcement_answer(struct announcement *announcement, int result)
{
    pthread_mutex_lock(&announcement->mutex);
    announcement->answered = true;
    announcement->result = result;
    bool awaited = announcement->awaited;
    pthread_mutex_unlock(&announcement->mutex);
    if (awaited)
        exchange_wake(announcement->exchange);
    announcement_unref(announcement);
}

/* On a thread of storage. */
static void announcement_opened(void *argument, int result)
{
    struct announcement *announcement = argument;

    if (result == 0 && announcement->aloud)
        announcement_say(announcement);
    announcement_answer(announcement, result);
}

/* Under the lock: the store is closed when all handlers are gone and all uploads are closed, so the upload
 * is open before this handler can go. */
static int announcement_open(struct announcement *announcement)
{
    struct upload_writer writer = uploads_writer(announcement->exchange);
    struct done done = { .call = announcement_opened, .argument = announcement };
    int r = -ECANCELED;

    pthread_mutex_lock(&announcement->mutex);
    if (!announcement->abandoned)
        r = upload_open(announcement->store, &announcement->id, &writer, &announcement->upload,
                        done);
    pthread_mutex_unlock(&announcement->mutex);
    return r;
}

/* On a thread of storage. */
static void announcement_created(void *argument, int result)
{
    struct announcement *announcement = argument;

    int r = result == 0 ? announcement_open(announcement) : result;
    if (r != 0) /* nobody else will answer */
        announcement_answer(announcement, r);
}

/* "When sent, it MUST include Location header field pointing to the upload resource and MUST include the
 *  Upload-Limit header field with the corresponding limits if existing."  — draft, Upload Creation */
static struct announcement *announcement_new(struct exchange *exchange,
                                             const struct ietf_version *version, bool aloud)
{
    struct announcement *announcement = calloc(1, sizeof(*announcement));
    char *url_base = service_url_base(exchange);
    if (announcement == NULL || url_base == NULL) {
        free(announcement);
        free(url_base);
        return NULL;
    }

    (void)pthread_mutex_init(&announcement->mutex, NULL);
    announcement->exchange = exchange_ref(exchange);
    announcement->aloud = aloud;
    announcement->store = service_of(exchange)->store;
    announcement->url_base = url_base;
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

    struct upload_creation told = *creation;
    told.repeat.ret_repeated = &announcement->repeated;

    struct done done = { .call = announcement_created, .argument = announcement };
    int r = upload_create(announcement->store, &told, &announcement->id, done);
    if (r != 0) { /* not begun: nobody will answer */
        atomic_store(&announcement->references, 1);
        announcement_unref(announcement);
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
    bool answered = announcement->answered;
    announcement->awaited = !answered;
    pthread_mutex_unlock(&announcement->mutex);
    if (answered)
        exchange_wake(exchange);
}

int announcement_wait(struct announcement *announcement, bool *ret_repeated,
                      struct upload **ret_upload)
{
    struct exchange *exchange = announcement->exchange;
    uint64_t begun_ns = clock_monotonic_ns();

    int r = exchange_await(exchange, announcement_await, announcement);
    if (r == 0)
        r = announcement->result;
    if (r != 0)
        return r;

    *ret_repeated = announcement->repeated;
    exchange_spend(exchange, EXCHANGE_DATABASE, clock_monotonic_ns() - begun_ns);
    exchange_name_upload(exchange, upload_id_format(&announcement->id).text);
    *ret_upload = TAKE_PTR(announcement->upload);
    return 0;
}
