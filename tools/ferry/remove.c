#include "tools/ferry/remove.h"

#include "base/cleanup.h"
#include "tools/ferry/address.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/upload.h"

/* A DELETE whose answer was lost may have worked: that the upload is gone afterwards is success. */
static int remove_ask(const struct options *options, struct transfer *transfer, const char *url)
{
    struct answer answer = { 0 };
    struct backoff backoff = { .first_ms = options->retry_delay_ms,
                               .patience_ms = options->retry_time_s * 1000 };
    bool maybe_removed = false;

    for (;;) {
        enum outcome outcome = upload_terminate(transfer, url, &answer);
        if (outcome == OUTCOME_OK || (outcome == OUTCOME_GONE && maybe_removed))
            return 0;

        if (outcome == OUTCOME_RETRY) {
            maybe_removed = true;
            outcome = retry_wait(&backoff, &answer, NULL, url);
        }
        if (outcome != OUTCOME_OK) {
            say_error("%s: %s", url, outcome == OUTCOME_STOPPED ? "stopped" : answer.reason);
            return 1;
        }
    }
}

int remove_upload(const struct options *options)
{
    CLEANUP(address_done) struct address address = { 0 };
    CLEANUP(transfer_freep) struct transfer *transfer = NULL;

    if (!address_parse(options->url, &address)) {
        say_error("%s: the http or https URL of an upload is wanted", options->url);
        return 2;
    }
    struct transfer_options transfer_options = {
        .address = &address,
        .headers = options->headers,
        .header_count = options->header_count,
        .timeout_s = (unsigned)options->timeout_s,
    };
    if (options->quiet)
        say_only_errors();
    if (transfer_new(&transfer_options, &transfer) != 0)
        return 1;
    return remove_ask(options, transfer, address.url);
}
