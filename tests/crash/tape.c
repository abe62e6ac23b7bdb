#include "tests/crash/tape.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void tape_create(struct tape_writer *tape, const char *path, uint64_t disk_bytes)
{
    const struct tape_head head = { .disk_bytes = disk_bytes };

    tape->file = fopen(path, "we");
    if (tape->file == NULL || fwrite(&head, sizeof(head), 1, tape->file) != 1)
        err(1, "%s", path);
}

void tape_write(struct tape_writer *tape, enum tape_kind kind, uint64_t offset, struct bytes data)
{
    const struct tape_record record = { .kind = kind,
                                        .count = (uint32_t)data.count,
                                        .offset = offset };

    if (fwrite(&record, sizeof(record), 1, tape->file) != 1)
        err(1, "tape");
    if (data.count > 0 && fwrite(data.data, data.count, 1, tape->file) != 1)
        err(1, "tape");
}

void tape_close(struct tape_writer *tape)
{
    if (fclose(tape->file) != 0)
        err(1, "tape");
}

struct tape_record tape_record(const struct tape *tape, uint64_t number)
{
    struct tape_record record;

    memcpy(&record, tape->start + tape->places[number], sizeof(record));
    return record;
}

struct bytes tape_data(const struct tape *tape, uint64_t number)
{
    return bytes_of(tape->start + tape->places[number] + sizeof(struct tape_record),
                    tape_record(tape, number).count);
}

/* Where the record at a place ends, or 0 when the file ends before it. */
static uint64_t tape_next(const struct tape *tape, uint64_t place)
{
    struct tape_record record;

    if (place + sizeof(record) > tape->bytes)
        return 0;
    memcpy(&record, tape->start + place, sizeof(record));

    uint64_t next = place + sizeof(record) + record.count;
    return next <= tape->bytes ? next : 0;
}

void tape_open(struct tape *tape, const char *path)
{
    struct tape_head head;
    struct stat status;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || (size_t)status.st_size < sizeof(head))
        err(1, "%s", path);

    tape->bytes = (uint64_t)status.st_size;
    tape->start = mmap(NULL, tape->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (tape->start == MAP_FAILED)
        err(1, "%s", path);
    (void)close(fd);
    memcpy(&head, tape->start, sizeof(head));
    tape->disk_bytes = head.disk_bytes;

    uint64_t room = 1024;
    tape->places = malloc(room * sizeof(*tape->places));
    tape->count = 0;
    for (uint64_t place = sizeof(head), next; (next = tape_next(tape, place)) != 0; place = next) {
        if (tape->count == room) {
            room *= 2;
            uint64_t *more = realloc(tape->places, room * sizeof(*tape->places));
            if (more == NULL)
                err(1, "%s", path);
            tape->places = more;
        }
        if (tape->places == NULL)
            err(1, "%s", path);
        tape->places[tape->count++] = place;
    }
}
