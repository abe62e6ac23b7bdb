/*
 * A disk in memory, as a file of a small FUSE file system: losetup makes a block device of it
 *
 *     disk record FOLDER TAPE MIB       an empty disk; every write, flush and mark goes on the tape
 *     disk record FOLDER TAPE OLD CUT   a disk that had a cut of the power: that of another tape
 *     disk replay FOLDER TAPE           the disk of that tape, as cuts of the power leave it
 *
 * A CUT is a text, "POINT KEPT PIECE SEED": see cut.h.
 * Prints "ready" when FOLDER is served, ends when it is unmounted. The files:
 *
 *     disk   the disk
 *     mark   (record) whoever appends a line to it puts it on the tape; reads back all of them
 *     cut    (replay) a CUT that is written to it is made; reads back "PENDING KEPT", the number of
 *            pieces that nothing had flushed and of those kept. Nothing may use the disk meanwhile.
 *
 * One thread answers one question at a time: the order of the tape is the order of the answers. No
 * file is cached by the kernel, so a write is on the tape before the writer goes on.
 */
#define FUSE_USE_VERSION 35

#include <err.h>
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/crash/cut.h"
#include "tests/crash/tape.h"

enum inode {
    INODE_NONE,
    INODE_FOLDER = FUSE_ROOT_ID,
    INODE_DISK,
    INODE_CONTROL, /* mark or cut */
};

static struct {
    bool recording;
    uint8_t *disk; /* of record; that of replay is made by each cut */
    uint64_t disk_bytes;
    struct tape_writer tape;
    struct cut_disk cut;
    char *text; /* of the control file */
    size_t text_count;
} disk;

static const char *control_name(void)
{
    return disk.recording ? "mark" : "cut";
}

static uint8_t *disk_memory(void)
{
    return disk.recording ? disk.disk : disk.cut.disk;
}

static struct stat file_status(fuse_ino_t inode)
{
    struct stat status = { .st_ino = inode, .st_nlink = 1, .st_mode = S_IFREG | 0600 };

    if (inode == INODE_FOLDER)
        status.st_mode = S_IFDIR | 0700;
    else if (inode == INODE_DISK)
        status.st_size = (off_t)disk.disk_bytes;
    else
        status.st_size = (off_t)disk.text_count;
    return status;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = { 0 };

    (void)parent;
    if (strcmp(name, "disk") == 0)
        entry.ino = INODE_DISK;
    else if (strcmp(name, control_name()) == 0)
        entry.ino = INODE_CONTROL;

    if (entry.ino == INODE_NONE) {
        (void)fuse_reply_err(request, ENOENT);
        return;
    }
    entry.attr = file_status(entry.ino);
    (void)fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    struct stat status = file_status(inode);

    (void)file;
    (void)fuse_reply_attr(request, &status, 0);
}

/* Sizes and times are not to be changed; opening with O_TRUNC is not an error. */
static void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *status, int valid,
                       struct fuse_file_info *file)
{
    (void)status;
    (void)valid;
    on_getattr(request, inode, file);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    (void)inode;
    file->direct_io = 1;
    (void)fuse_reply_open(request, file);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t start,
                    struct fuse_file_info *file)
{
    const char *memory = inode == INODE_DISK ? (const char *)disk_memory() : disk.text;
    uint64_t end = inode == INODE_DISK ? disk.disk_bytes : disk.text_count;
    uint64_t offset = (uint64_t)start;

    (void)file;
    if (memory == NULL || offset >= end)
        size = 0;
    else if (size > end - offset)
        size = end - offset;
    (void)fuse_reply_buf(request, size > 0 ? memory + offset : NULL, size);
}

static void write_disk(fuse_req_t request, struct bytes data, uint64_t offset)
{
    if (disk_memory() == NULL || offset > disk.disk_bytes ||
        data.count > disk.disk_bytes - offset) {
        (void)fuse_reply_err(request, ENOSPC);
        return;
    }
    memcpy(disk_memory() + offset, data.data, data.count);
    if (disk.recording)
        tape_write(&disk.tape, TAPE_WRITE, offset, data);
    (void)fuse_reply_write(request, data.count);
}

static void add_text(struct bytes text)
{
    disk.text = realloc(disk.text, disk.text_count + text.count);
    if (disk.text == NULL)
        err(1, "marks");
    memcpy(disk.text + disk.text_count, text.data, text.count);
    disk.text_count += text.count;
}

static void add_mark(fuse_req_t request, struct bytes line)
{
    tape_write(&disk.tape, TAPE_MARK, 0, line);
    add_text(line);
    (void)fuse_reply_write(request, line.count);
}

static bool parse_cut(const char *text, struct cut *ret_cut)
{
    return sscanf(text, "%lu %lf %u %lu", &ret_cut->point, &ret_cut->kept, &ret_cut->piece_bytes,
                  &ret_cut->seed) == 4;
}

static void make_cut(fuse_req_t request, struct bytes order)
{
    char text[128] = { 0 };
    struct cut cut;

    memcpy(text, order.data, order.count < sizeof(text) ? order.count : sizeof(text) - 1);
    if (!parse_cut(text, &cut) || !cut_make(&disk.cut, &cut)) {
        (void)fuse_reply_err(request, EINVAL);
        return;
    }
    int count = snprintf(text, sizeof(text), "%lu %lu\n", disk.cut.pending, disk.cut.kept);
    disk.text_count = 0;
    add_text(bytes_of(text, (size_t)count));
    (void)fuse_reply_write(request, order.count);
}

static void on_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t size,
                     off_t offset, struct fuse_file_info *file)
{
    (void)file;
    if (inode == INODE_DISK)
        write_disk(request, bytes_of(data, size), (uint64_t)offset);
    else if (disk.recording)
        add_mark(request, bytes_of(data, size));
    else
        make_cut(request, bytes_of(data, size));
}

static void on_fsync(fuse_req_t request, fuse_ino_t inode, int data_only,
                     struct fuse_file_info *file)
{
    (void)data_only;
    (void)file;
    if (disk.recording && inode == INODE_DISK)
        tape_write(&disk.tape, TAPE_FLUSH, 0, bytes_of(NULL, 0));
    (void)fuse_reply_err(request, 0);
}

static int serve(const char *folder)
{
    static const struct fuse_lowlevel_ops operations = {
        .lookup = on_lookup,
        .getattr = on_getattr,
        .setattr = on_setattr,
        .open = on_open,
        .read = on_read,
        .write = on_write,
        .fsync = on_fsync,
    };
    struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);

    if (fuse_opt_add_arg(&arguments, "disk") != 0 ||
        fuse_opt_add_arg(&arguments, "-ofsname=ferry-crash") != 0)
        errx(1, "out of memory");
    struct fuse_session *session =
        fuse_session_new(&arguments, &operations, sizeof(operations), NULL);
    if (session == NULL || fuse_session_mount(session, folder) != 0)
        errx(1, "cannot serve %s", folder);

    (void)puts("ready");
    (void)fflush(stdout);
    int r = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&arguments);
    return r;
}

static void record_new(const char *tape_path, const char *mib)
{
    disk.disk_bytes = strtoull(mib, NULL, 10) << 20;
    disk.disk = mmap(NULL, disk.disk_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (disk.disk == MAP_FAILED)
        err(1, "memory for a disk");
    tape_create(&disk.tape, tape_path, disk.disk_bytes);
}

static void record_after(const char *tape_path, const char *old_path, const char *text)
{
    struct cut cut;

    cut_open(&disk.cut, old_path);
    disk.disk_bytes = disk.cut.tape.disk_bytes;
    tape_create(&disk.tape, tape_path, disk.disk_bytes);
    if (!parse_cut(text, &cut) || !cut_copy(&disk.cut, &cut, &disk.tape))
        errx(2, "not a cut of %s: %s", old_path, text);

    disk.disk = disk.cut.disk;
    for (uint64_t i = 0; i < cut.point; i++)
        if (tape_record(&disk.cut.tape, i).kind == TAPE_MARK)
            add_text(tape_data(&disk.cut.tape, i));
}

int main(int count, char **arguments)
{
    disk.recording = count >= 5 && strcmp(arguments[1], "record") == 0;
    if (disk.recording && count == 5)
        record_new(arguments[3], arguments[4]);
    else if (disk.recording && count == 6)
        record_after(arguments[3], arguments[4], arguments[5]);
    else if (count == 4 && strcmp(arguments[1], "replay") == 0)
        cut_open(&disk.cut, arguments[3]);
    else
        errx(2,
             "usage: disk record FOLDER TAPE MIB | disk record FOLDER TAPE OLD CUT |"
             " disk replay FOLDER TAPE");
    if (!disk.recording)
        disk.disk_bytes = disk.cut.tape.disk_bytes;

    int r = serve(arguments[2]);
    if (disk.recording)
        tape_close(&disk.tape);
    return r == 0 ? 0 : 1;
}
