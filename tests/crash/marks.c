#include "tests/crash/marks.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include "storage/os.h"

static struct {
    int fd;
    uint64_t kill_after;
    pthread_mutex_t mutex; /* of all below */
    struct ledger ledger;
    uint64_t count, count_at_time;
} marks = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void marks_open(const char *path, uint64_t kill_after)
{
    ledger_read(&marks.ledger, path);
    marks.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (marks.fd < 0)
        err(2, "%s", path);
    marks.kill_after = kill_after;
}

/* With the mutex held. */
static void mark_line(const char *line)
{
    size_t count = strlen(line);

    if (write(marks.fd, line, count) != (ssize_t)count)
        err(2, "mark");
    ledger_apply(&marks.ledger, line);
    if (++marks.count == marks.kill_after)
        (void)kill(getpid(), SIGKILL);
}

void mark(const struct upload_id *id, const char *format, ...)
{
    char line[128], rest[64];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(rest, sizeof(rest), format, arguments);
    va_end(arguments);

    int word = (int)strcspn(rest, " ");
    (void)snprintf(line, sizeof(line), "%.*s %s%s\n", word, rest, upload_id_format(id).text,
                   rest + word);

    pthread_mutex_lock(&marks.mutex);
    mark_line(line);
    pthread_mutex_unlock(&marks.mutex);
}

bool mark_time(int64_t now, uint64_t marks_since)
{
    char line[32];

    (void)snprintf(line, sizeof(line), "time %ld\n", now);
    pthread_mutex_lock(&marks.mutex);
    bool due = marks.count >= marks.count_at_time + marks_since;
    if (due) {
        mark_line(line);
        marks.count_at_time = marks.count;
    }
    pthread_mutex_unlock(&marks.mutex);
    return due;
}

static thread_local bool has_unlinked;

static int unlinkat_noticed(int directory, const char *path, int flags)
{
    has_unlinked = true;
    return unlinkat(directory, path, flags);
}

static int fsync_marked(int fd)
{
    pthread_mutex_lock(&marks.mutex);
    if (has_unlinked)
        mark_line("unlinked\n");
    has_unlinked = false;
    pthread_mutex_unlock(&marks.mutex);
    return fsync(fd);
}

void marks_of_unlinks(void)
{
    os.unlinkat = unlinkat_noticed;
    os.fsync = fsync_marked;
}

struct entry marks_remember(const struct upload_id *id)
{
    pthread_mutex_lock(&marks.mutex);
    const struct entry *entry = ledger_find(&marks.ledger, id);
    if (entry == NULL)
        errx(2, "an upload without a mark");
    struct entry copy = *entry;
    pthread_mutex_unlock(&marks.mutex);
    return copy;
}

const char *marks_objection(const struct entry *entry, int r, const struct upload_info *info)
{
    pthread_mutex_lock(&marks.mutex);
    const char *objection = ledger_objection(&marks.ledger, entry, r, info);
    pthread_mutex_unlock(&marks.mutex);
    return objection;
}

size_t marks_alive(struct upload_id *ids, size_t room)
{
    size_t count = 0;

    pthread_mutex_lock(&marks.mutex);
    for (size_t i = 0; i < marks.ledger.room && count < room; i++)
        if (marks.ledger.entries[i].created && !marks.ledger.entries[i].deleted &&
            !marks.ledger.entries[i].part)
            ids[count++] = marks.ledger.entries[i].id;
    pthread_mutex_unlock(&marks.mutex);
    return count;
}

int64_t marks_now(void)
{
    pthread_mutex_lock(&marks.mutex);
    int64_t now = marks.ledger.now;
    pthread_mutex_unlock(&marks.mutex);
    return now;
}

uint64_t marks_count(void)
{
    pthread_mutex_lock(&marks.mutex);
    uint64_t count = marks.count;
    pthread_mutex_unlock(&marks.mutex);
    return count;
}
