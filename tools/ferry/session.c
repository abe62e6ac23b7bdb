#include "tools/ferry/session.h"

#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"

int session_open(const struct options *options, struct pace *pace, const char *wanted,
                 struct session *ret_session)
{
    struct session *session = ret_session;

    *session = (struct session){ .options = options, .pace = pace };
    if (!address_parse(options->url, &session->address)) {
        say_error("%s: %s", options->url, wanted);
        return 2;
    }
    struct transfer_options transfer_options = {
        .address = &session->address,
        .headers = options->headers,
        .header_count = options->header_count,
        .pace = pace,
        .timeout_s = (unsigned)options->timeout_s,
    };
    return transfer_new(&transfer_options, &session->transfer) == 0 ? 0 : 1;
}

int session_open_another(const struct session *session, struct session *ret_session)
{
    return session_open(session->options, session->pace, "an http or https URL is wanted",
                        ret_session);
}

void session_close(struct session *session)
{
    transfer_free(session->transfer);
    session->transfer = NULL;
    address_done(&session->address);
}

struct backoff session_backoff(const struct session *session)
{
    return (struct backoff){
        .first_ms = session->options->retry_delay_ms,
        .patience_ms = session->options->retry_time_s * 1000,
    };
}

bool session_look(struct session *session, struct response *response)
{
    const char *url = session->address.url;
    struct backoff backoff = session_backoff(session);
    struct answer answer = { 0 };
    enum outcome outcome;

    while ((outcome = upload_look(session->transfer, url, response, &answer)) == OUTCOME_RETRY)
        if ((outcome = retry_wait(&backoff, &answer, NULL, url)) != OUTCOME_OK)
            break;
    if (outcome != OUTCOME_OK)
        say_error("%s: %s", url, outcome == OUTCOME_STOPPED ? "stopped" : answer.reason);
    return outcome == OUTCOME_OK;
}
