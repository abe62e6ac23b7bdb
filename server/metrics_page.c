#include "server/metrics_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "server/admin.h"
#include "server/audience.h"
#include "server/metrics.h"
#include "server/uploads.h"

/* What is read for one page. */
struct page {
    struct exposition exposition;
    struct admin *admin;
    bool figures_known;
    struct store_figures figures;
    struct store_statistics statistics;
    struct store_meters meters;
    struct exchanges_counts exchanges;
    struct workers_counts workers, readers;
    size_t connections;
    struct audience_counts audience;
};

static void expose(struct page *page, const char *name, const char *type, const char *help,
                   uint64_t number)
{
    exposition_family(&page->exposition, name, type, help);
    exposition_number(&page->exposition, number, NULL, NULL);
}

static void expose_server(struct page *page)
{
    const struct exchanges_counts *counts = &page->exchanges;
    uint64_t uptime_ms = clock_monotonic_ms() - page->admin->started_ms;

    exposition_family(&page->exposition, "ferry_build_info", "gauge", "The version that runs.");
    exposition_number(&page->exposition, 1, "version", page->admin->version);
    expose(page, "ferry_start_time_seconds", "gauge", "Since 1970-01-01 UTC.",
           (uint64_t)clock_realtime_s() - uptime_ms / 1000);
    expose(page, "ferry_connections", "gauge", "Open connections.", page->connections);
    expose(page, "ferry_watchers", "gauge", "Of these, event streams of one upload.",
           page->audience.watchers);
    expose(page, "ferry_watchers_dropped_total", "counter",
           "Event streams that were ended because nobody read them.", page->audience.dropped);
    expose(page, "ferry_requests_running", "gauge",
           "Requests from their first line to the end of their answer.", counts->live);
    expose(page, "ferry_requests_waiting", "gauge",
           "Of these, who wait for disk, database or a worker.", counts->suspended);
    expose(page, "ferry_fibers", "gauge", "Of these, who have a handler that has not answered.",
           counts->fibers);
    expose(page, "ferry_received_bytes_total", "counter", "Contents of requests.",
           counts->received_bytes);
}

static const char *state_name(enum upload_state state)
{
    switch (state) {
    case UPLOAD_RECEIVING: return "receiving";
    case UPLOAD_COMPLETE: return "complete";
    case UPLOAD_INVALIDATED: return "invalidated";
    case UPLOAD_DAMAGED: return "damaged";
    case UPLOAD_DELETED: return "deleted";
    case UPLOAD_VERIFYING: return "verifying";
    }
    return "";
}

static void expose_uploads(struct page *page)
{
    const struct store_statistics *statistics = &page->statistics;

    if (page->figures_known) {
        exposition_family(&page->exposition, "ferry_uploads", "gauge", "Uploads by their state.");
        for (size_t i = 0; i < UPLOAD_STATES; i++)
            exposition_number(&page->exposition, page->figures.uploads[i], "state",
                              state_name((enum upload_state)i));
    }
    expose(page, "ferry_uploads_open", "gauge", "Uploads that somebody writes to.",
           statistics->open_uploads);
    expose(page, "ferry_uploads_created_total", "counter", "Uploads that were created.",
           statistics->created_uploads);
    expose(page, "ferry_uploads_completed_total", "counter", "Uploads that became complete.",
           statistics->completed_uploads);
    expose(page, "ferry_uploads_deleted_total", "counter",
           "Uploads that were deleted by a request.", statistics->deleted_uploads);
    expose(page, "ferry_uploads_expired_total", "counter", "Uploads whose time was over.",
           statistics->expired_uploads);
    expose(page, "ferry_uploads_damaged_total", "counter",
           "Uploads that were found or became damaged.", statistics->damaged_uploads);
    expose(page, "ferry_takeovers_total", "counter", "Writers that were ended by newer ones.",
           statistics->takeovers);
    expose(page, "ferry_acknowledged_bytes_total", "counter",
           "By which offsets have grown, on the disk.", statistics->acknowledged_bytes);
}

static void expose_histogram(struct page *page, const char *name, const char *help,
                             const struct histogram_reading *reading)
{
    exposition_family(&page->exposition, name, "histogram", help);
    exposition_histogram(&page->exposition, reading, NULL, NULL);
}

static void expose_storage(struct page *page)
{
    const struct store_statistics *statistics = &page->statistics;

    expose_histogram(page, "ferry_sync_seconds",
                     "Syncs of an upload's file, or of many at once where they are waited for.",
                     &page->meters.sync);
    expose_histogram(page, "ferry_transaction_seconds",
                     "Transactions of the database, with its sync.", &page->meters.transaction);
    expose_histogram(page, "ferry_transaction_changes",
                     "Commits and other changes that shared one.", &page->meters.batch);
    expose(page, "ferry_buffer_bytes", "gauge", "Memory for bytes on their way.",
           statistics->buffer_bytes);
    expose(page, "ferry_dirty_bytes", "gauge", "Written and not yet synced.",
           statistics->dirty_bytes);
    expose(page, "ferry_open_files", "gauge", "Files of uploads that are open for writing.",
           statistics->open_files);
    if (!page->figures_known)
        return;
    expose(page, "ferry_disk_free_bytes", "gauge", "Of the file system that has the uploads.",
           page->figures.free_bytes);
    expose(page, "ferry_disk_size_bytes", "gauge", "Of the same.", page->figures.total_bytes);
    expose(page, "ferry_disk_floor_bytes", "gauge", "With less free, no upload is created.",
           page->admin->min_free_bytes);
    expose(page, "ferry_database_bytes", "gauge", "The database's file.",
           page->figures.database_bytes);
    expose(page, "ferry_database_free_bytes", "gauge", "Of it, unused.",
           page->figures.free_page_bytes);
    expose(page, "ferry_database_log_bytes", "gauge", "The database's log.",
           page->figures.log_bytes);
}

static void expose_pools(struct page *page)
{
    const struct {
        const char *name;
        const struct workers_counts *counts;
    } pools[] = {
        { "io", &page->meters.io },
        { "sync", &page->meters.syncers },
        { "worker", &page->workers },
        { "reader", &page->readers },
    };
    enum {
        POOLS = sizeof(pools) / sizeof(pools[0])
    };
    struct exposition *exposition = &page->exposition;

    exposition_family(exposition, "ferry_threads", "gauge", "Threads of each pool.");
    for (size_t i = 0; i < POOLS; i++)
        exposition_number(exposition, pools[i].counts->threads, "pool", pools[i].name);
    exposition_family(exposition, "ferry_threads_busy", "gauge", "Of these, with a job.");
    for (size_t i = 0; i < POOLS; i++)
        exposition_number(exposition, pools[i].counts->running, "pool", pools[i].name);
    exposition_family(exposition, "ferry_queue_length", "gauge",
                      "Jobs that wait for a thread of each pool.");
    for (size_t i = 0; i < POOLS; i++)
        exposition_number(exposition, pools[i].counts->waiting, "pool", pools[i].name);
    exposition_family(exposition, "ferry_queue_seconds", "histogram",
                      "How long jobs have waited for a thread, and changes for their transaction.");
    for (size_t i = 0; i < POOLS; i++)
        exposition_histogram(exposition, &pools[i].counts->wait, "pool", pools[i].name);
    exposition_histogram(exposition, &page->meters.change_wait, "pool", "database");
}

/*
 * The names that tusd 2 has for the same, for dashboards that were made for it. Its counters lack the suffix
 * that counters should have: without a type they are no less use to a query, and no lint is right to complain.
 */
static void expose_as_tusd(struct page *page)
{
    metrics_expose_as_tusd(page->admin->service.metrics, &page->exposition);
    expose(page, "tusd_connections_open", "gauge", "Open connections.", page->connections);
    expose(page, "tusd_bytes_received", "untyped", "Contents of requests.",
           page->exchanges.received_bytes);
    expose(page, "tusd_uploads_created", "untyped", "Uploads that were created.",
           page->statistics.created_uploads);
    expose(page, "tusd_uploads_finished", "untyped", "Uploads that became complete.",
           page->statistics.completed_uploads);
    expose(page, "tusd_uploads_terminated", "untyped", "Uploads that were deleted by a request.",
           page->statistics.deleted_uploads);
}

/* NULL when there is no memory. */
static char *page_write(struct page *page)
{
    char *text = NULL;
    size_t count = 0;

    page->exposition.out = open_memstream(&text, &count);
    if (page->exposition.out == NULL)
        return NULL;
    expose_server(page);
    metrics_expose(page->admin->service.metrics, &page->exposition);
    expose_uploads(page);
    expose_storage(page);
    expose_pools(page);
    if (page->admin->metrics_tusd_names)
        expose_as_tusd(page);

    bool written = ferror(page->exposition.out) == 0;
    if (fclose(page->exposition.out) == 0 && written)
        return text;
    free(text);
    return NULL;
}

int metrics_page(struct exchange *exchange)
{
    struct admin *admin = admin_of(exchange);
    struct page page = { .admin = admin };

    int r = uploads_figures(exchange, admin->service.store, &page.figures);
    if (r == -ECANCELED)
        return r;
    page.figures_known = r == 0;
    page.statistics = store_statistics(admin->service.store);
    store_read_meters(admin->service.store, &page.meters);
    page.exchanges = server_counts(admin->endpoint);
    server_count_workers(admin->endpoint, &page.workers, &page.readers);
    page.connections = server_connection_count(admin->endpoint);
    page.audience = audience_counts(admin->service.audience);

    char *text = page_write(&page);
    answer_content(exchange_answer(exchange), 200, EXPOSITION_MEDIA_TYPE, text,
                   text == NULL ? 0 : strlen(text));
    return 0;
}
