/*
 * Who is accused, and why that holds beside a running server:
 *
 *   damaged, missing, short   A row is read, then its file, then the row again. The row was there
 *                             all the time, and a file has all bytes that its row counts from before
 *                             the row until after it: what is found in between is so. A part's file
 *                             goes only after a row has said that no final needs it, and a final's bytes
 *                             lie in its parts until a row says otherwise.
 *   orphan                    A file is seen, then no row, then the file again. A row comes before
 *                             its file and goes after it, and an id is never given twice: so the
 *                             file has none, and will not get one.
 */
#define LOG_MODULE "verify"
#include "storage/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "digest/digest.h"
#include "storage/directory.h"
#include "storage/lookup.h"
#include "storage/schema.h"

enum {
    PAGE = 256,                /* uploads in one transaction */
    PIECE_BYTES = 1024 * 1024, /* read at a time */
};

struct verify {
    const struct verify_options *options;
    struct verify_result result;
    struct directory directory;
    struct db *db;
    uint64_t bytes_in_all;
    uint8_t *piece; /* PIECE_BYTES of memory */
    struct lookup_content contents[PAGE];
};

static void verify_found(struct verify *verify, enum verify_finding finding, const char *path)
{
    char name[sizeof("files/") + NAME_MAX + sizeof("xx/")];

    (void)snprintf(name, sizeof(name), "files/%s", path);
    verify->result.findings[finding]++;
    verify->options->found(verify->options->argument, finding, name);
}

static void verify_progress(struct verify *verify, uint64_t count)
{
    uint64_t bytes = verify->result.bytes += count;

    if (verify->bytes_in_all < bytes)
        verify->bytes_in_all = bytes;
    if (verify->options->progress != NULL)
        verify->options->progress(verify->options->argument, bytes, verify->bytes_in_all);
}

/* ---- one upload ---- */

/* Adds the bytes of a file, which leave the page cache: they have no more use in it than before. */
static bool file_is_readable(struct verify *verify, int fd, const struct upload_id *id,
                             uint64_t length, struct digest *digest)
{
    for (uint64_t position = 0; position < length;) {
        uint64_t left = length - position;
        ssize_t count =
            pread(fd, verify->piece, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)position);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            log_error("an upload cannot be read id=%s offset=%" PRIu64 ": %s",
                      upload_id_format(id).text, position,
                      count < 0 ? strerrordesc_np(errno) : "the file has become shorter");
            return false;
        }
        (void)posix_fadvise(fd, (off_t)position, count, POSIX_FADV_DONTNEED);
        digest_update(digest, bytes_of(verify->piece, (size_t)count));
        verify_progress(verify, (uint64_t)count);
        position += (uint64_t)count;
    }
    return true;
}

static bool content_has_digest(struct digest *digest, const struct lookup_content *content)
{
    struct digest_value value;

    digest_final(digest, &value);
    return digest_value_equal(&value, &content->digest);
}

static bool content_is_sound(struct verify *verify, int fd, const struct lookup_content *content)
{
    struct digest digest;

    digest_init(&digest, content->digest.algorithm);
    return file_is_readable(verify, fd, &content->id, content->length, &digest) &&
           content_has_digest(&digest, content);
}

/* Nothing that another user, or more memory, could open. ELOOP: a link has taken its place. */
static bool disk_is_to_blame(int code)
{
    return code == EIO || code == EUCLEAN || code == ELOOP;
}

/* VERIFY_FINDINGS: there is nothing to be said against it. */
static int content_look(struct verify *verify, const struct lookup_content *content,
                        bool *ret_proven, enum verify_finding *ret_finding)
{
    struct directory_path path = directory_path(&content->id);
    struct stat about;

    *ret_proven = false;
    *ret_finding = VERIFY_FINDINGS;
    if (content->length == 0)
        return 0; /* it needs no file, and may have none */

    AUTO_CLOSE int fd =
        openat(verify->directory.files_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        *ret_finding = VERIFY_MISSING;
        return 0;
    }
    if (fd < 0 || fstat(fd, &about) < 0) {
        int code = errno;
        int r = fail_errno("open upload %s", upload_id_format(&content->id).text);
        if (!disk_is_to_blame(code))
            return r;
        *ret_finding = VERIFY_DAMAGED;
        return 0;
    }

    if ((uint64_t)about.st_size < content->length) {
        *ret_finding = VERIFY_SHORT;
    } else if (content->digest.algorithm != DIGEST_NONE) {
        *ret_proven = content_is_sound(verify, fd, content);
        if (!*ret_proven)
            *ret_finding = VERIFY_DAMAGED;
    }
    return 0;
}

/* ---- one final ---- */

/* What is wrong with the file of a part is told where that is looked at. */
static bool part_is_readable(struct verify *verify, const struct upload_part_info *part,
                             struct digest *digest)
{
    struct directory_path path = directory_path(&part->id);

    if (part->length == 0)
        return true;
    AUTO_CLOSE int fd =
        openat(verify->directory.files_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && file_is_readable(verify, fd, &part->id, part->length, digest);
}

/* Of a final that lies in its parts, which are looked at for themselves: only whether they are the whole. */
static int final_look(struct verify *verify, const struct lookup_content *content,
                      bool *ret_proven, enum verify_finding *ret_finding)
{
    AUTO_FREE struct upload_part_info *parts = NULL;
    size_t count = 0;
    struct digest digest;
    bool readable = true;

    *ret_proven = false;
    *ret_finding = VERIFY_FINDINGS;
    if (content->digest.algorithm == DIGEST_NONE)
        return 0;
    int r = lookup_parts(verify->db, content->number, &parts, &count);
    if (r != 0)
        return r;

    digest_init(&digest, content->digest.algorithm);
    for (size_t i = 0; i < count && readable; i++)
        readable = part_is_readable(verify, &parts[i], &digest);
    *ret_proven = readable && content_has_digest(&digest, content);
    if (!*ret_proven)
        *ret_finding = VERIFY_DAMAGED;
    return 0;
}

/* ---- both ---- */

static int verify_content(struct verify *verify, const struct lookup_content *content)
{
    enum verify_finding finding;
    bool proven;
    bool stays = false;

    int r = content->filed ? content_look(verify, content, &proven, &finding)
                           : final_look(verify, content, &proven, &finding);
    if (r != 0)
        return r;

    verify->result.uploads++;
    verify->result.proven += proven;
    if (finding == VERIFY_FINDINGS)
        return 0;

    /* it may have gone, be known to be damaged, or lie elsewhere since it was looked up */
    r = lookup_content_stays(verify->db, &content->id, content->filed, &stays);
    if (r == 0 && stays)
        verify_found(verify, finding, directory_path(&content->id).text);
    return r;
}

/* ---- all uploads ---- */

/* Calls visit for each upload, in pages. */
static int verify_walk(struct verify *verify,
                       int (*visit)(struct verify *verify, const struct lookup_content *content))
{
    uint64_t after = 0;
    size_t count = PAGE;

    while (count == PAGE) {
        int r = lookup_contents(verify->db, after, verify->contents, PAGE, &count);
        for (size_t i = 0; r == 0 && i < count; i++) {
            after = verify->contents[i].number;
            r = visit(verify, &verify->contents[i]);
        }
        if (r != 0)
            return r;
    }
    return 0;
}

static int verify_measure(struct verify *verify, const struct lookup_content *content)
{
    if (content->digest.algorithm != DIGEST_NONE)
        verify->bytes_in_all += content->length;
    return 0;
}

/* ---- files without an upload ---- */

/* 1: no row has this name. */
static int name_is_unknown(struct verify *verify, const char *shard, const char *name)
{
    struct upload_id id;
    bool known;

    if (!upload_id_parse(bytes_of_text(name), &id) || strncmp(name, shard, 2) != 0)
        return 1;
    int r = lookup_row_exists(verify->db, &id, &known);
    return r != 0 ? r : !known;
}

static int verify_name(struct verify *verify, int shard_fd, const char *shard, const char *name)
{
    char path[NAME_MAX + sizeof("xx/")];
    struct stat about;

    int unknown = name_is_unknown(verify, shard, name);
    if (unknown <= 0)
        return unknown;
    if (fstatat(shard_fd, name, &about, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno("look at file %s/%s", shard, name);

    (void)snprintf(path, sizeof(path), "%s/%s", shard, name);
    verify_found(verify, VERIFY_ORPHAN, path);
    return 0;
}

static int verify_shard(struct verify *verify, const char *shard)
{
    struct dirent *entry;
    int r = 0;

    int fd = openat(verify->directory.files_fd, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_errno("open directory files/%s", shard);
    DIR *names = fdopendir(fd);
    if (names == NULL) {
        r = fail_errno("read directory files/%s", shard);
        (void)close(fd);
        return r;
    }

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream */
    for (errno = 0; r == 0 && (entry = readdir(names)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = verify_name(verify, fd, shard, entry->d_name);
    if (r == 0 && errno != 0)
        r = fail_errno("read directory files/%s", shard);
    (void)closedir(names);
    return r;
}

static int verify_files(struct verify *verify)
{
    char shard[3];
    int r = 0;

    for (unsigned i = 0; i < DIRECTORY_SHARDS && r == 0; i++) {
        (void)snprintf(shard, sizeof(shard), "%02x", i & 0xff);
        r = verify_shard(verify, shard);
    }
    return r;
}

/* ---- the whole ---- */

static int verify_open(struct verify *verify)
{
    AUTO_FREE char *path = NULL;

    int r = directory_open_reading(verify->options->directory, &verify->directory,
                                   &verify->result.beside);
    if (r != 0)
        return r;

    if (asprintf(&path, "%s/ferry.db", verify->directory.path) < 0) {
        path = NULL;
        return fail_code(ENOMEM, "memory for the path of the database");
    }
    r = db_open(path, DB_READER, &verify->db);
    return r != 0 ? r : schema_expect(verify->db);
}

int verify_run(const struct verify_options *options, struct verify_result *ret_result)
{
    struct verify *verify = calloc(1, sizeof(*verify));
    if (verify == NULL)
        return fail_errno("memory to verify with");

    verify->options = options;
    verify->directory = DIRECTORY_CLOSED;
    verify->piece = malloc(PIECE_BYTES);
    int r = verify->piece != NULL ? 0 : fail_errno("memory to verify with");
    if (r == 0)
        r = verify_open(verify);
    if (r == 0)
        r = verify_walk(verify, verify_measure);
    if (r == 0)
        r = verify_walk(verify, verify_content);
    if (r == 0)
        r = verify_files(verify);
    if (r == 0)
        *ret_result = verify->result;

    db_close(verify->db);
    directory_close(&verify->directory);
    free(verify->piece);
    free(verify);
    return r;
}
