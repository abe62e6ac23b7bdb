#include "server/ready.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/refusal.h"
#include "server/admin.h"
#include "server/json_text.h"

enum {
    REASON_BYTES = 160
};

/* Without memory the array stays NULL, and the answer with it. */
__attribute__((format(printf, 2, 3))) static void reason_add(json_t *reasons, const char *format,
                                                             ...)
{
    char text[REASON_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)json_array_append_new(reasons, json_string(text));
}

static void reasons_of_trial(json_t *reasons, int result)
{
    if (result == -ETIMEDOUT)
        reason_add(reasons, "the disk or the database does not answer");
    else if (result < 0)
        reason_add(reasons, "the disk cannot be written: %s", strerrordesc_np(-result));
    else if (result == REFUSED_NO_SPACE)
        reason_add(reasons, "the database has no room for new uploads");
    else if (result > 0)
        reason_add(reasons, "the database takes no changes");
}

/* A disk without any is full where no floor is wanted, too. */
static void reasons_of_space(json_t *reasons, uint64_t free_bytes, uint64_t min_free_bytes)
{
    uint64_t floor = min_free_bytes > 0 ? min_free_bytes : 1;

    if (free_bytes < floor)
        reason_add(reasons, "%" PRIu64 " bytes are free, fewer than %" PRIu64, free_bytes, floor);
}

int ready(struct exchange *exchange)
{
    struct admin *admin = admin_of(exchange);
    json_t *reasons = json_array();

    int r = trial_wait(&admin->trial, exchange);
    if (r == -ECANCELED) {
        json_decref(reasons);
        return r;
    }
    reasons_of_trial(reasons, r);
    reasons_of_space(reasons, store_statistics(admin->service.store).free_bytes,
                     admin->min_free_bytes);
    if (atomic_load(&admin->stopping))
        reason_add(reasons, "the server is going down");

    bool is_ready = json_array_size(reasons) == 0;
    json_t *json = json_pack("{s:b, s:o}", "ready", is_ready, "reasons", reasons);
    answer_json(exchange_answer(exchange), is_ready ? 200 : 503, json_text(json));
    return 0;
}
