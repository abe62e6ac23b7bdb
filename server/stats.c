#include "server/stats.h"

#include <jansson.h>

#include "base/clock.h"
#include "server/admin.h"
#include "server/json_text.h"
#include "server/uploads.h"

static json_int_t integer(uint64_t number)
{
    return (json_int_t)number;
}

static json_t *json_of_uploads(const struct store_figures *figures)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "receiving",
                     integer(figures->uploads[UPLOAD_RECEIVING]), "complete",
                     integer(figures->uploads[UPLOAD_COMPLETE]), "verifying",
                     integer(figures->uploads[UPLOAD_VERIFYING]), "invalidated",
                     integer(figures->uploads[UPLOAD_INVALIDATED]), "damaged",
                     integer(figures->uploads[UPLOAD_DAMAGED]), "deleted",
                     integer(figures->uploads[UPLOAD_DELETED]));
}

static json_t *json_of_rates(struct admin *admin, const struct rates_sample *now)
{
    struct rates_per_s rates = rates_until(&admin->rates, now);

    return json_pack("{s:f, s:f, s:f}", "received_bytes_per_s", rates.received_bytes,
                     "acknowledged_bytes_per_s", rates.acknowledged_bytes, "requests_per_s",
                     rates.requests);
}

static json_t *json_of_stats(struct admin *admin, const struct store_figures *figures)
{
    struct rates_sample now = admin_sample(admin);

    /* clang-format off */
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:I, s:s}",
        "uploads", json_of_uploads(figures),
        "writing", integer(store_statistics(admin->service.store).open_uploads),
        "received_bytes", integer(now.received_bytes),
        "acknowledged_bytes", integer(now.acknowledged_bytes),
        "requests", integer(now.requests),
        "rates", json_of_rates(admin, &now),
        "disk",
            "free_bytes", integer(figures->free_bytes),
            "total_bytes", integer(figures->total_bytes),
            "min_free_bytes", integer(admin->min_free_bytes),
        "database",
            "bytes", integer(figures->database_bytes),
            "wal_bytes", integer(figures->log_bytes),
            "free_pages_bytes", integer(figures->free_page_bytes),
        "uptime_s", integer((now.at_ms - admin->started_ms) / 1000),
        "version", admin->version);
    /* clang-format on */
}

int stats(struct exchange *exchange)
{
    struct admin *admin = admin_of(exchange);
    struct store_figures figures;

    int r = uploads_figures(exchange, admin->service.store, &figures);
    if (r != 0)
        return r;
    answer_json(exchange_answer(exchange), 200, json_text(json_of_stats(admin, &figures)));
    return 0;
}
