#include "storage/done.h"

#include <stddef.h>

void completion_init(struct completion *completion)
{
    *completion = (struct completion){
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .arrived = PTHREAD_COND_INITIALIZER,
    };
}

static void completion_arrive(void *argument, int result)
{
    struct completion *completion = argument;

    pthread_mutex_lock(&completion->mutex);
    completion->complete = true;
    completion->result = result;
    pthread_cond_signal(&completion->arrived);
    pthread_mutex_unlock(&completion->mutex);
}

struct done completion_done(struct completion *completion)
{
    return (struct done){ .call = completion_arrive, .argument = completion };
}

int completion_wait(struct completion *completion)
{
    pthread_mutex_lock(&completion->mutex);
    while (!completion->complete)
        pthread_cond_wait(&completion->arrived, &completion->mutex);
    pthread_mutex_unlock(&completion->mutex);

    pthread_mutex_destroy(&completion->mutex);
    pthread_cond_destroy(&completion->arrived);
    return completion->result;
}

int completion_wait_begun(struct completion *completion, int begun)
{
    if (begun == 0)
        return completion_wait(completion);

    pthread_mutex_destroy(&completion->mutex);
    pthread_cond_destroy(&completion->arrived);
    return begun;
}
