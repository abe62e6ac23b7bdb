#include "storage/blocking.h"

int upload_append_wait(struct upload *upload, struct bytes bytes)
{
    while (bytes.count > 0) {
        size_t taken = 0;
        int r = upload_append(upload, bytes, &taken);
        if (r != 0)
            return r;

        bytes = bytes_after(bytes, taken);
        if (bytes.count == 0)
            break;

        struct completion completion;
        completion_init(&completion);
        upload_when_ready(upload, completion_done(&completion));
        r = completion_wait(&completion);
        if (r != 0)
            return r;
    }
    return 0;
}
