/*
 * Opens a store after a cut and holds it to what was acknowledged before
 *
 *     checker DATA MARKS
 *
 * Complete finals are read, from their parts or from a file of their own (an even time of the marks has
 * them become one), and waiting ones complete when their parts are finished.
 *
 * Every upload that the marks speak of is there, in a state and with an offset that were
 * acknowledged or begun, or gone if it may be. Every byte below every offset is right, also of
 * uploads that no mark knows, and so is the digest of what is complete. After the janitor's first
 * round every file has a row, and files of deleted uploads are gone. Then the store goes on: uploads
 * are finished, made and deleted, and all that is still so when it is opened once more.
 *
 * Exit status 0 and one line of figures, or 3 and a line "VIOLATION ...".
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/refusal.h"
#include "storage/blocking.h"
#include "tests/crash/content.h"
#include "tests/crash/joined.h"
#include "tests/crash/ledger.h"
#include "tests/crash/world.h"

enum {
    PAGE = 64,
    FINISHED_AGAIN = 8, /* uploads that are written to after the cut */
};

static struct {
    const char *directory;
    struct store *store;
    struct ledger ledger;
    uint64_t bytes, unknown, resumed, digests, finals;
} checker;

/* The bytes of an upload where the store keeps them: the shape of storage/store.h. */
static int file_open(const struct upload_id *id)
{
    AUTO_FREE char *path = NULL;
    struct upload_id_text text = upload_id_format(id);

    if (asprintf(&path, "%s/files/%.2s/%s", checker.directory, text.text, text.text) < 0)
        err(2, "path");
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void check_content(const struct upload_info *info, struct content *content)
{
    const struct joined joined = joined_of(info);
    const struct upload_id *id = &info->id;
    uint64_t count = content_length(content);
    static uint8_t memory[1 << 20];

    for (uint64_t done = 0; done < count;) {
        size_t piece = count - done < sizeof(memory) ? count - done : sizeof(memory);
        ssize_t got = content_read(content, memory, piece, done, false);
        if (got <= 0)
            world_violation("%s: the file ends at %lu, the offset is %lu",
                            upload_id_format(id).text, done, count);

        size_t right = joined_match(&joined, done, memory, (size_t)got);
        if (right < (size_t)got)
            world_violation("%s: a wrong byte at %lu, the offset is %lu", upload_id_format(id).text,
                            done + right, count);
        done += (uint64_t)got;
    }
    checker.bytes += count;
}

static void check_file(const struct upload_info *info)
{
    if (info->offset == 0 || !info->filed)
        return;

    int fd = file_open(&info->id);
    if (fd < 0)
        world_violation("%s: no file, the offset is %lu", upload_id_format(&info->id).text,
                        info->offset);

    CLEANUP(content_closep) struct content *content = content_new(fd, info->offset);
    check_content(info, content);
}

/* The bytes of a complete final wherever they lie; files of parts that it needs may be of deleted ones. */
static void check_final(const struct upload_info *info)
{
    CLEANUP(content_closep) struct content *content = NULL;
    const struct joined joined = joined_of(info);

    for (size_t i = 0; i < joined.count; i++) {
        struct entry *part = ledger_find(&checker.ledger, &joined.parts[i].id);
        if (part != NULL)
            part->kept = true;
    }
    if (info->state != UPLOAD_COMPLETE)
        return;
    if (upload_read_wait(checker.store, &info->id, &content) != 0 ||
        content_length(content) != joined_length(&joined))
        world_violation("%s: a complete final cannot be read", upload_id_format(&info->id).text);
    check_content(info, content);
    checker.finals++;
}

static void check_digest(const struct upload_info *info)
{
    const struct joined joined = joined_of(info);
    struct digest_value value = joined_digest(&joined, info->digest_algorithm);

    if (!digest_value_equal(&value, &info->digest))
        world_violation("%s: a wrong digest, the length is %lu", upload_id_format(&info->id).text,
                        info->offset);
    checker.digests += info->digest_algorithm != DIGEST_NONE;
}

static void check_marked(void)
{
    for (size_t i = 0; i < checker.ledger.room; i++) {
        const struct entry *entry = &checker.ledger.entries[i];
        struct upload_info info = { 0 };

        if (!entry->used)
            continue;
        int r = upload_find_wait(checker.store, &entry->id, &info);
        const char *objection = ledger_objection(&checker.ledger, entry, r, &info);
        if (objection != NULL)
            world_violation("%s: %s (result %d, state %d, offset %lu, acknowledged %lu)",
                            upload_id_format(&entry->id).text, objection, r, (int)info.state,
                            info.offset, entry->offset);
        upload_info_done(&info);
    }
}

/* Where a client sees offset and length equal, it may go away for good: this is not to expire. */
static void check_end(const struct upload_info *info)
{
    if (info->state == UPLOAD_RECEIVING && !info->explicit_completion && info->length_known &&
        info->length > 0 && info->offset == info->length)
        world_violation("%s: all bytes are there and it is not complete",
                        upload_id_format(&info->id).text);
}

/* Everything that the store shows, whether it was acknowledged or not. */
static void check_listed(void)
{
    struct upload_info infos[PAGE];
    struct upload_page page = { .infos = infos, .room = PAGE };

    do {
        if (upload_list_wait(checker.store, &page) != 0)
            world_violation("the uploads cannot be listed");
        for (size_t i = 0; i < page.count; i++) {
            if (infos[i].state == UPLOAD_DELETED)
                continue;
            check_file(&infos[i]);
            if (infos[i].kind == UPLOAD_FINAL)
                check_final(&infos[i]);
            check_end(&infos[i]);
            if (infos[i].state == UPLOAD_COMPLETE || infos[i].state == UPLOAD_DAMAGED)
                check_digest(&infos[i]);
            if (ledger_find(&checker.ledger, &infos[i].id) == NULL)
                checker.unknown++;
        }
        upload_page_done(&page);
    } while (page.more);
}

/* After the janitor's round: a name below files/ is an upload that can be found. */
static void check_name(const char *name)
{
    struct upload_info info = { 0 };
    struct upload_id id;

    if (!upload_id_parse(bytes_of_text(name), &id))
        world_violation("a file that is no upload's: %s", name);
    const struct entry *entry = ledger_find(&checker.ledger, &id);
    int r = upload_find_wait(checker.store, &id, &info);
    bool kept = r == REFUSED_GONE && entry != NULL && entry->kept;
    if (r != 0 && !kept)
        world_violation("%s: a file without a row", name);
    upload_info_done(&info);
}

static void check_names(void)
{
    AUTO_FREE char *files = NULL;

    if (asprintf(&files, "%s/files", checker.directory) < 0)
        err(2, "path");
    for (int shard = 0; shard < 256; shard++) {
        AUTO_FREE char *path = NULL;
        const struct dirent *entry;

        if (asprintf(&path, "%s/%02x", files, shard) < 0)
            err(2, "path");
        DIR *folder = opendir(path);
        while (folder != NULL && (entry = readdir(folder)) != NULL)
            if (entry->d_name[0] != '.')
                check_name(entry->d_name);
        if (folder != NULL)
            (void)closedir(folder);
    }
}

/* Appends up to a few bytes more than there are, finishes, and reads it all. */
static void finish_upload(const struct upload_id *id)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct upload_writer writer = { .patience_ms = 5000 };
    CLEANUP(content_closep) struct content *content = NULL;
    struct stat status;

    if (upload_open_wait(checker.store, id, &writer, &upload) != 0)
        world_violation("%s: cannot be opened", upload_id_format(id).text);
    const struct upload_info *info = upload_info(upload);
    uint64_t length = info->length_known ? info->length : info->offset + 10000;

    {
        AUTO_CLOSE int fd = file_open(id);
        if (fd >= 0 && fstat(fd, &status) == 0 && (uint64_t)status.st_size != info->offset)
            world_violation("%s: opened with %ld bytes in the file, the offset is %lu",
                            upload_id_format(id).text, status.st_size, info->offset);
    }
    while (upload_received(upload) < length) {
        uint8_t memory[4096];
        uint64_t left = length - upload_received(upload);
        size_t count = left < sizeof(memory) ? left : sizeof(memory);
        content_fill(id, upload_received(upload), memory, count);
        if (upload_append_wait(upload, bytes_of(memory, count)) != 0)
            world_violation("%s: cannot go on", upload_id_format(id).text);
    }
    int r = upload_finish_wait(upload);
    check_digest(info);
    checker.resumed++;
    if (r == REFUSED_DIGEST_MISMATCH && info->stated.algorithm != DIGEST_NONE)
        return;
    if (r != 0)
        world_violation("%s: cannot be finished", upload_id_format(id).text);
    if (upload_read_wait(checker.store, id, &content) != 0 || content_length(content) != length)
        world_violation("%s: cannot be read", upload_id_format(id).text);
    check_content(info, content);
}

/* A final that waits completes by itself when its parts do. */
static void finish_final(const struct upload_info *info)
{
    const struct joined joined = joined_of(info);
    struct upload_info after = { 0 };

    for (size_t i = 0; i < joined.count; i++) {
        struct upload_info part = { 0 };
        int r = upload_find_wait(checker.store, &joined.parts[i].id, &part);
        if (r == 0 && part.state == UPLOAD_RECEIVING)
            finish_upload(&joined.parts[i].id);
        upload_info_done(&part);
    }
    int r = upload_find_wait(checker.store, &info->id, &after);
    if (r != 0 || (after.state != UPLOAD_COMPLETE && after.state != UPLOAD_VERIFYING))
        world_violation("%s: a final does not complete with its parts",
                        upload_id_format(&info->id).text);
    check_final(&after);
    upload_info_done(&after);
}

static void delete_upload(const struct upload_id *id)
{
    CLEANUP(upload_closep) struct upload *upload = NULL;
    const struct upload_writer writer = { .patience_ms = 5000 };

    if (upload_open_wait(checker.store, id, &writer, &upload) != 0 ||
        upload_delete_wait(upload) != 0)
        world_violation("%s: cannot be deleted", upload_id_format(id).text);
}

/* As a part of a final that was finished before it. */
static bool completed_meanwhile(const struct upload_id *id)
{
    struct upload_info info = { 0 };

    int r = upload_find_wait(checker.store, id, &info);
    bool complete = r == 0 && info.state == UPLOAD_COMPLETE;
    upload_info_done(&info);
    return complete;
}

/* The store goes on: old uploads and a new one can be finished, and one of them be deleted. */
static void go_on(void)
{
    const struct upload_creation creation = {
        .length_known = true,
        .length = 100000,
        .digest_algorithm = DIGEST_SHA256,
    };
    struct upload_info infos[PAGE];
    struct upload_page page = { .infos = infos, .room = PAGE };
    struct upload_id id;

    if (upload_list_wait(checker.store, &page) != 0)
        world_violation("the uploads cannot be listed");
    for (size_t i = 0; i < page.count && checker.resumed < FINISHED_AGAIN; i++)
        if (infos[i].state == UPLOAD_RECEIVING && infos[i].kind == UPLOAD_FINAL)
            finish_final(&infos[i]);
        else if (infos[i].state == UPLOAD_RECEIVING && !completed_meanwhile(&infos[i].id))
            finish_upload(&infos[i].id);
    upload_page_done(&page);

    if (upload_create_wait(checker.store, &creation, &id) != 0)
        world_violation("nothing can be created");
    finish_upload(&id);
    delete_upload(&id);
    if (store_sweep(checker.store) != 0)
        world_violation("the janitor failed");
}

int main(int count, char **arguments)
{
    if (count != 3)
        errx(2, "usage: checker DATA MARKS");

    checker.directory = arguments[1];
    ledger_read(&checker.ledger, arguments[2]);
    checker.store = world_open(checker.directory, checker.ledger.now, checker.ledger.now % 2 == 0);
    check_marked();
    check_listed();
    if (store_sweep(checker.store) != 0)
        world_violation("the janitor failed");
    check_marked();
    check_names();
    go_on();
    store_close(checker.store);

    checker.store = world_open(checker.directory, checker.ledger.now, checker.ledger.now % 2 == 0);
    check_listed();
    check_names();
    store_close(checker.store);
    (void)printf("uploads=%zu unacknowledged=%lu bytes=%lu resumed=%lu digests=%lu finals=%lu\n",
                 checker.ledger.count, checker.unknown, checker.bytes, checker.resumed,
                 checker.digests, checker.finals);
    ledger_done(&checker.ledger);
    return 0;
}
