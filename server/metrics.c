#define LOG_MODULE "metrics"
#include "server/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/refusal.h"

/* Those that the endpoint knows; whatever else a client invents is one more. */
static const char *const methods[] = { "HEAD", "GET",    "PATCH",   "POST",
                                       "PUT",  "DELETE", "OPTIONS", "other" };

enum {
    METHOD_COUNT = sizeof(methods) / sizeof(methods[0]),
    STATUS_COUNT = 600,
};

static const char *const times[] = { "network", "disk", "database" };

_Static_assert(sizeof(times) / sizeof(times[0]) == EXCHANGE_TIMES, "each has its name");

struct metrics {
    atomic_uint_fast64_t requests[METHOD_COUNT][STATUS_COUNT];
    struct histogram duration[OPERATION_COUNT]; /* from the request line to the end of the answer */
    struct histogram work[OPERATION_COUNT];     /* the same without what the client took */
    atomic_uint_fast64_t spent_ns[EXCHANGE_TIMES];
    atomic_uint_fast64_t sent, mismatches;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        (void)fail_errno("memory for metrics");
        return NULL;
    }

    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        histogram_init(&metrics->duration[i], &HISTOGRAM_TIMES);
        histogram_init(&metrics->work[i], &HISTOGRAM_TIMES);
    }
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

static void counter_add(atomic_uint_fast64_t *counter, uint64_t number)
{
    atomic_fetch_add_explicit(counter, number, memory_order_relaxed);
}

static uint64_t counter_read(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static size_t method_index(struct bytes method)
{
    size_t i = 0;

    while (i < METHOD_COUNT - 1 && !bytes_equal_text(method, methods[i]))
        i++;
    return i;
}

static bool result_is_mismatch(int result)
{
    return result == REFUSED_CHECKSUM_MISMATCH || result == REFUSED_CONTENT_MISMATCH ||
           result == REFUSED_DIGEST_MISMATCH;
}

void metrics_count(struct metrics *metrics, const struct exchange_record *record)
{
    size_t status = record->status < STATUS_COUNT ? record->status : 0;
    uint64_t network_ns = record->spent_ns[EXCHANGE_NETWORK];

    counter_add(&metrics->requests[method_index(record->method)][status], 1);
    histogram_add(&metrics->duration[record->operation], record->duration_ns);
    histogram_add(&metrics->work[record->operation],
                  record->duration_ns > network_ns ? record->duration_ns - network_ns : 0);
    for (size_t i = 0; i < EXCHANGE_TIMES; i++)
        counter_add(&metrics->spent_ns[i], record->spent_ns[i]);
    counter_add(&metrics->sent, record->sent);
    if (result_is_mismatch(record->result))
        counter_add(&metrics->mismatches, 1);
}

static void expose_requests(struct metrics *metrics, struct exposition *exposition)
{
    char status[8];

    exposition_family(exposition, "ferry_requests_total", "counter",
                      "Requests by method and status; none: nobody heard an answer.");
    for (size_t i = 0; i < METHOD_COUNT; i++)
        for (size_t k = 0; k < STATUS_COUNT; k++) {
            uint64_t count = counter_read(&metrics->requests[i][k]);
            if (count == 0)
                continue;
            (void)snprintf(status, sizeof(status), "%zu", k);
            exposition_number_by(exposition, count, "method", methods[i], "status",
                                 k == 0 ? "none" : status);
        }
}

/* Operations that there was none of yet are left out: nineteen samples each. */
static void expose_operations(struct exposition *exposition, const struct histogram *histograms)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        struct histogram_reading reading = histogram_read(&histograms[i]);
        uint64_t count = 0;

        for (size_t k = 0; k <= reading.bounds->count; k++)
            count += reading.counts[k];
        if (count > 0)
            exposition_histogram(exposition, &reading, "operation",
                                 operation_name((enum operation)i));
    }
}

void metrics_expose(struct metrics *metrics, struct exposition *exposition)
{
    expose_requests(metrics, exposition);
    exposition_family(exposition, "ferry_request_duration_seconds", "histogram",
                      "From the request line to the end of the answer.");
    expose_operations(exposition, metrics->duration);
    exposition_family(exposition, "ferry_request_work_seconds", "histogram",
                      "The same without what the client and the network took.");
    expose_operations(exposition, metrics->work);

    exposition_family(exposition, "ferry_request_wait_seconds_total", "counter",
                      "What requests have waited for.");
    for (size_t i = 0; i < EXCHANGE_TIMES; i++)
        exposition_seconds(exposition, counter_read(&metrics->spent_ns[i]), "on", times[i]);
    exposition_family(exposition, "ferry_sent_bytes_total", "counter", "Contents of answers.");
    exposition_number(exposition, counter_read(&metrics->sent), NULL, NULL);
    exposition_family(exposition, "ferry_checksum_mismatches_total", "counter",
                      "Requests whose bytes had not the checksum or the digest that was stated.");
    exposition_number(exposition, counter_read(&metrics->mismatches), NULL, NULL);
}

static uint64_t sum_of_method(struct metrics *metrics, size_t method)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < STATUS_COUNT; k++)
        sum += counter_read(&metrics->requests[method][k]);
    return sum;
}

void metrics_expose_as_tusd(struct metrics *metrics, struct exposition *exposition)
{
    char text[8];

    exposition_family(exposition, "tusd_requests_total", "counter", "Requests by method.");
    for (size_t i = 0; i < METHOD_COUNT - 1; i++)
        exposition_number(exposition, sum_of_method(metrics, i), "method", methods[i]);

    exposition_family(exposition, "tusd_errors_total", "counter",
                      "Requests with status 400 and above; the code is the status again.");
    for (size_t k = 400; k < STATUS_COUNT; k++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < METHOD_COUNT; i++)
            sum += counter_read(&metrics->requests[i][k]);
        if (sum == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%zu", k);
        exposition_number_by(exposition, sum, "status", text, "code", text);
    }
}
