/* The end of an exchange, on whatever thread it is: what is told of it, and what it gives back. */
#define LOG_MODULE "exchange"
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/exchange_private.h"

/* Where an answer is on its way, all that is not spent on fetching it is spent on sending. */
static struct exchange_record exchange_record(struct exchange *exchange, uint64_t sent)
{
    uint64_t now_ns = clock_monotonic_ns();

    if (exchange->said)
        exchange_spend(exchange, EXCHANGE_NETWORK, now_ns - exchange->said_ns);
    struct exchange_record record = {
        .method = exchange->request.method,
        .operation = exchange->operation,
        .status = exchange->said ? exchange->answer.status : 0,
        .result = exchange->result,
        .received = exchange->received,
        .sent = sent,
        .duration_ns = now_ns - exchange->begun_ns,
    };
    memcpy(record.spent_ns, exchange->spent_ns, sizeof(record.spent_ns));
    return record;
}

static struct bytes text_or_none(const char *text)
{
    return text[0] == '\0' ? bytes_of(NULL, 0) : bytes_of_text(text);
}

static void exchange_log(const struct exchange *exchange, const struct exchange_record *record,
                         const char *end)
{
    char client[ADDRESS_TEXT_BYTES];
    struct bytes method = record->method;

    if (method.count == 0)
        method = bytes_of_text("-"); /* malformed, or refused by libmicrohttpd before we saw it */
    address_format(&exchange->origin.client, client);

#define TEXT(field, value)   .name = (field), .kind = LOG_FIELD_TEXT, .text = (value)
#define NUMBER(field, value) .name = (field), .kind = LOG_FIELD_NUMBER, .number = (value)
#define MS(field, value)     .name = (field), .kind = LOG_FIELD_MS, .number = (value)
    const struct log_field fields[] = {
        { TEXT("method", method), .bare = true },
        { TEXT("target", bytes_of_text(exchange->target)), .bare = true },
        { NUMBER("status", record->status) },
        { TEXT("end", bytes_of_text(end)) },
        { NUMBER("received", record->received) },
        { NUMBER("sent", record->sent) },
        { MS("ms", record->duration_ns) },
        { MS("network_ms", record->spent_ns[EXCHANGE_NETWORK]) },
        { MS("disk_ms", record->spent_ns[EXCHANGE_DISK]) },
        { MS("database_ms", record->spent_ns[EXCHANGE_DATABASE]) },
        { TEXT("client", bytes_of_text(client)) },
        { TEXT("upload", text_or_none(exchange->upload)) },
        { TEXT("request", exchange->request_id) },
        { NUMBER("exchange", exchange->number) },
    };
#undef TEXT
#undef NUMBER
#undef MS
    log_event(LOG_LEVEL_INFO, LOG_MODULE, fields, sizeof(fields) / sizeof(fields[0]));
}

void exchange_tell(struct exchange *exchange, uint64_t sent, const char *end)
{
    const struct exchanges_options *options = &exchange->exchanges->options;
    struct exchange_record record = exchange_record(exchange, sent);

    exchange_log(exchange, &record, end);
    if (options->count != NULL)
        options->count(options->context, &record);
}

void exchange_release(struct exchange *exchange)
{
    answer_done(&exchange->answer);
    request_done(&exchange->request);
    free(exchange->kept);
    exchange_retire(exchange);
}
