#include "tools/ferry/remove.h"

#include "base/cleanup.h"
#include "tools/ferry/retry.h"
#include "tools/ferry/say.h"
#include "tools/ferry/session.h"

/* A DELETE whose answer was lost may have worked: that the upload is gone afterwards is success. */
int remove_upload(const struct options *options)
{
    CLEANUP(session_close) struct session session = { 0 };
    int r = session_open(options, NULL, "the http or https URL of an upload is wanted", &session);
    if (r != 0)
        return r;

    const char *url = session.address.url;
    struct backoff backoff = session_backoff(&session);
    struct answer answer = { 0 };
    bool maybe_removed = false;

    for (;;) {
        enum outcome outcome = upload_terminate(session.transfer, url, &answer);
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
