#include "server/rates.h"

#include <stdbool.h>

void rates_init(struct rates *rates)
{
    *rates = (struct rates){ 0 };
    (void)pthread_mutex_init(&rates->mutex, NULL);
}

void rates_done(struct rates *rates)
{
    (void)pthread_mutex_destroy(&rates->mutex);
}

void rates_keep(struct rates *rates, const struct rates_sample *sample)
{
    pthread_mutex_lock(&rates->mutex);
    rates->samples[rates->next] = *sample;
    rates->next = (rates->next + 1) % RATES_S;
    if (rates->count < RATES_S)
        rates->count++;
    pthread_mutex_unlock(&rates->mutex);
}

struct rates_per_s rates_until(struct rates *rates, const struct rates_sample *now)
{
    pthread_mutex_lock(&rates->mutex);
    bool any = rates->count > 0;
    struct rates_sample first = rates->samples[rates->count < RATES_S ? 0 : rates->next];
    pthread_mutex_unlock(&rates->mutex);

    if (!any || now->at_ms <= first.at_ms)
        return (struct rates_per_s){ 0 };
    double seconds = (double)(now->at_ms - first.at_ms) / 1e3;
    return (struct rates_per_s){
        .received_bytes = (double)(now->received_bytes - first.received_bytes) / seconds,
        .acknowledged_bytes =
            (double)(now->acknowledged_bytes - first.acknowledged_bytes) / seconds,
        .requests = (double)(now->requests - first.requests) / seconds,
    };
}
