#pragma once

/*
 * Cleanup at the end of a scope
 *
 * A local owner is declared with one of these words and is released on every way out of its
 * block. Ownership leaves the block only by TAKE_PTR or TAKE_FD, which empty the owner.
 *
 *     AUTO_FREE char *path = strdup("...");
 *     AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     CLEANUP(upload_closep) struct upload *upload = NULL;
 *     ...
 *     return TAKE_FD(fd);
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))
#define AUTO_FREE         CLEANUP(cleanup_freep)
#define AUTO_CLOSE        CLEANUP(cleanup_closep)

#define TAKE_PTR(pointer)                             \
    __extension__({                                   \
        __typeof__(pointer) *take_from_ = &(pointer); \
        __typeof__(pointer) taken_ = *take_from_;     \
        *take_from_ = NULL;                           \
        taken_;                                       \
    })

#define TAKE_FD(fd)               \
    __extension__({               \
        int *take_from_ = &(fd);  \
        int taken_ = *take_from_; \
        *take_from_ = -1;         \
        taken_;                   \
    })

/* errno survives, so that a caller may still report what went wrong before the scope ended. */
static inline void cleanup_freep(void *pointer)
{
    int saved = errno;
    free(*(void **)pointer);
    errno = saved;
}

static inline void cleanup_closep(const int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    errno = saved;
}
