#include "tests/crash/cut.h"

#include <err.h>
#include <sys/mman.h>
#include <unistd.h>

void cut_open(struct cut_disk *disk, const char *tape_path)
{
    *disk = (struct cut_disk){ 0 };
    tape_open(&disk->tape, tape_path);

    disk->flushed_fd = memfd_create("flushed", MFD_CLOEXEC);
    if (disk->flushed_fd < 0 || ftruncate(disk->flushed_fd, (off_t)disk->tape.disk_bytes) < 0)
        err(1, "memory for a disk");
    disk->flushed =
        mmap(NULL, disk->tape.disk_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, disk->flushed_fd, 0);
    if (disk->flushed == MAP_FAILED)
        err(1, "memory for a disk");
}

/* splitmix64: the same numbers on every machine, unlike those of a C library */
static double random_fraction(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / (double)(1ULL << 53);
}

/* Brings what is surely on disk up to the last flush before the point. */
static void cut_flush(struct cut_disk *disk, uint64_t point)
{
    uint64_t flush = disk->flushed_point;

    for (uint64_t i = disk->flushed_point; i < point; i++)
        if (tape_record(&disk->tape, i).kind == TAPE_FLUSH)
            flush = i;
    for (; disk->flushed_point < flush; disk->flushed_point++) {
        struct tape_record record = tape_record(&disk->tape, disk->flushed_point);
        if (record.kind == TAPE_WRITE)
            memcpy(disk->flushed + record.offset, tape_data(&disk->tape, disk->flushed_point).data,
                   record.count);
    }
}

/*
 * One write that nothing flushed: every piece of it is kept or lost on its own. What is kept goes to
 * the disk or, where there is one, on a tape.
 */
static void cut_tear(struct cut_disk *disk, uint64_t number, const struct cut *cut, uint64_t *seed,
                     struct tape_writer *tape)
{
    struct tape_record record = tape_record(&disk->tape, number);
    const uint8_t *data = tape_data(&disk->tape, number).data;

    for (uint32_t done = 0, count; done < record.count; done += count) {
        count = cut->piece_bytes > 0 ? cut->piece_bytes : record.count;
        if (count > record.count - done)
            count = record.count - done;

        disk->pending++;
        if (random_fraction(seed) >= cut->kept)
            continue;
        disk->kept++;
        if (tape != NULL)
            tape_write(tape, TAPE_WRITE, record.offset + done, bytes_of(data + done, count));
        else
            memcpy(disk->disk + record.offset + done, data + done, count);
    }
}

static void cut_tear_all(struct cut_disk *disk, const struct cut *cut, struct tape_writer *tape)
{
    uint64_t seed = cut->seed;

    disk->pending = disk->kept = 0;
    for (uint64_t i = disk->flushed_point; i < cut->point; i++)
        if (tape_record(&disk->tape, i).kind == TAPE_WRITE)
            cut_tear(disk, i, cut, &seed, tape);
}

bool cut_make(struct cut_disk *disk, const struct cut *cut)
{
    if (cut->point > disk->tape.count || cut->point < disk->point)
        return false;

    if (disk->disk != NULL && munmap(disk->disk, disk->tape.disk_bytes) < 0)
        err(1, "memory for a disk");
    cut_flush(disk, cut->point);
    disk->disk = mmap(NULL, disk->tape.disk_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_NORESERVE, disk->flushed_fd, 0);
    if (disk->disk == MAP_FAILED)
        err(1, "memory for a disk");

    disk->point = cut->point;
    cut_tear_all(disk, cut, NULL);
    return true;
}

bool cut_copy(struct cut_disk *disk, const struct cut *cut, struct tape_writer *tape)
{
    if (!cut_make(disk, cut))
        return false;

    for (uint64_t i = 0; i < cut->point; i++) {
        struct tape_record record = tape_record(&disk->tape, i);
        if (record.kind == TAPE_MARK || (record.kind == TAPE_WRITE && i < disk->flushed_point))
            tape_write(tape, record.kind, record.offset, tape_data(&disk->tape, i));
    }
    cut_tear_all(disk, cut, tape);
    tape_write(tape, TAPE_FLUSH, 0, bytes_of(NULL, 0));
    return true;
}
