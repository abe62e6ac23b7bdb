#include "tools/ferry/trickle.h"

#include "base/cleanup.h"
#include "tools/ferry/say.h"
#include "tools/ferry/source.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/text.h"

static void *trickle_run(void *context)
{
    struct trickle *trickle = context;
    CLEANUP(response_done) struct response response = { 0 };
    struct request request = {
        .method = "PATCH",
        .url = trickle->url,
        .fields = { "Tus-Resumable: 1.0.0", "Upload-Offset: 0",
                    "Content-Type: application/offset+octet-stream" },
        .source = trickle->source,
        .count = trickle->count,
    };

    text_start_thread();
    stop_follow(&trickle->stop);
    trickle->outcome =
        upload_request(trickle->session.transfer, &request, &response, &trickle->answer);
    trickle->ended = true;
    return NULL;
}

int trickle_start(const struct session *session, const char *url, uint64_t count,
                  struct trickle *trickle)
{
    *trickle = (struct trickle){
        .options = *session->options,
        .pace = { .bytes_per_s = TRICKLE_BYTES_PER_S },
        .url = url,
        .count = count,
    };
    int r = source_open_zeros(count, &trickle->source);
    if (r != 0)
        return r;
    if (session_open(&trickle->options, &trickle->pace, "a URL is wanted", &trickle->session) != 0)
        return -1;
    r = pthread_create(&trickle->thread, NULL, trickle_run, trickle);
    if (r != 0)
        say_error("no thread can be had");
    trickle->running = r == 0;
    return -r;
}

void trickle_stop(struct trickle *trickle)
{
    trickle->stop = true;
    if (trickle->running)
        (void)pthread_join(trickle->thread, NULL);
    trickle->running = false;
    session_close(&trickle->session);
    source_close(trickle->source);
    trickle->source = NULL;
}
