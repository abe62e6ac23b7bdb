/*
 * A lock file is unlinked by the process that holds its lock. So whoever got a lock looks whether
 * the file still is the one that the folder names; if not, it holds the lock of a file that is
 * gone, and tries again.
 */
#include "tools/ferry/record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"
#include "tools/ferry/state.h"

enum {
    RECORD_VERSION = 1,
    RECORD_BYTES_MAX = 64 * 1024,
    KEY_BYTES = 17,
    NAME_BYTES = KEY_BYTES + 8,
};

struct record {
    int folder_fd, lock_fd;
    char key[KEY_BYTES];
    char *path; /* with the bytes that JSON cannot hold written as %XX */
    char *endpoint, *upload;
    struct identity identity;
};

/* FNV-1a; the record itself says for which file it is. */
static uint64_t key_hash(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3;
    } while (*text++ != '\0');
    return hash;
}

static void record_name(const struct record *record, const char *suffix,
                        char name[static NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "%s.%s", record->key, suffix);
}

/* A path is bytes, JSON is UTF-8: everything but printable ASCII is written as %XX. */
static char *path_escape(const char *path)
{
    char *escaped = malloc(strlen(path) * 3 + 1);
    char *out = escaped;

    for (; escaped != NULL && *path != '\0'; path++)
        if (*path >= ' ' && *path <= '~' && *path != '%')
            *out++ = *path;
        else
            out += sprintf(out, "%%%02X", (unsigned char)*path); /* fits: three for each */
    if (escaped != NULL)
        *out = '\0';
    return escaped;
}

/* 0, RECORD_BUSY, or -errno. */
static int record_lock(struct record *record)
{
    char name[NAME_BYTES];

    record_name(record, "lock", name);
    for (;;) {
        struct stat held;
        struct stat named;
        AUTO_CLOSE int fd = openat(record->folder_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return say_errno("cannot lock the record of this upload (%s)", name);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK)
                return RECORD_BUSY;
            return say_errno("cannot lock the record of this upload (%s)", name);
        }
        if (fstat(fd, &held) == 0 && fstatat(record->folder_fd, name, &named, 0) == 0 &&
            held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
            record->lock_fd = TAKE_FD(fd);
            return 0;
        }
    }
}

static bool record_parse(struct record *record, const json_t *json)
{
    const char *path = NULL;
    const char *endpoint = NULL;
    const char *upload = NULL;
    json_int_t version = 0;
    json_int_t size = 0;
    json_int_t mtime_ns = 0;
    json_int_t inode = 0;

    if (json_unpack((json_t *)json, "{s:I, s:s, s:s, s:s, s:I, s:I, s:I}", "version", &version,
                    "path", &path, "endpoint", &endpoint, "upload", &upload, "size", &size,
                    "mtime_ns", &mtime_ns, "inode", &inode) != 0 ||
        version != RECORD_VERSION || size < 0)
        return false;
    if (strcmp(path, record->path) != 0 || strcmp(endpoint, record->endpoint) != 0)
        return false;

    record->identity = (struct identity){ (uint64_t)size, (uint64_t)inode, mtime_ns };
    record->upload = strdup(upload);
    return record->upload != NULL;
}

/* A record that cannot be understood is as good as none; it will be replaced. */
static int record_load(struct record *record)
{
    char name[NAME_BYTES];
    char text[RECORD_BYTES_MAX];

    record_name(record, "json", name);
    AUTO_CLOSE int fd = openat(record->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return say_errno("cannot read the record of this upload (%s)", name);
    ssize_t count = read(fd, text, sizeof(text));
    if (count < 0)
        return say_errno("cannot read the record of this upload (%s)", name);

    json_t *json = json_loadb(text, (size_t)count, 0, NULL);
    if (json == NULL || !record_parse(record, json))
        say_note("the record of this upload (%s) is damaged; starting anew", name);
    json_decref(json);
    return 0;
}

int record_open(const char *path, const char *endpoint, struct record **ret_record)
{
    CLEANUP(record_closep) struct record *record = calloc(1, sizeof(*record));

    if (record == NULL)
        return say_errno("the record of this upload");
    record->lock_fd = -1;
    record->folder_fd = state_open();
    if (record->folder_fd < 0)
        return record->folder_fd;
    record->path = path_escape(path);
    record->endpoint = strdup(endpoint);
    if (record->path == NULL || record->endpoint == NULL)
        return say_errno("the record of this upload");

    uint64_t hash = key_hash(key_hash(0xCBF29CE484222325, path), endpoint);
    (void)snprintf(record->key, KEY_BYTES, "%016llx", (unsigned long long)hash);
    int r = record_lock(record);
    if (r != 0)
        return r;
    r = record_load(record);
    if (r != 0)
        return r;

    *ret_record = TAKE_PTR(record);
    return 0;
}

void record_close(struct record *record)
{
    char name[NAME_BYTES];

    if (record == NULL)
        return;
    record_name(record, "lock", name);
    if (record->lock_fd >= 0)
        (void)unlinkat(record->folder_fd, name, 0);
    cleanup_closep(&record->lock_fd);
    cleanup_closep(&record->folder_fd);
    free(record->path);
    free(record->endpoint);
    free(record->upload);
    free(record);
}

const char *record_upload(const struct record *record)
{
    return record->upload;
}

const struct identity *record_identity(const struct record *record)
{
    return &record->identity;
}

int record_save(struct record *record, const char *upload, const struct identity *identity)
{
    char name[NAME_BYTES];
    char *copy = strdup(upload);
    json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I}", "version", RECORD_VERSION,
                             "path", record->path, "endpoint", record->endpoint, "upload", upload,
                             "size", (json_int_t)identity->size, "mtime_ns",
                             (json_int_t)identity->mtime_ns, "inode", (json_int_t)identity->inode);
    AUTO_FREE char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));

    json_decref(json);
    if (copy == NULL || text == NULL) {
        free(copy);
        errno = ENOMEM;
        return say_errno("the record of this upload");
    }
    free(record->upload);
    record->upload = copy;
    record->identity = *identity;
    record_name(record, "json", name);
    return state_write(record->folder_fd, name, text);
}

int record_forget(struct record *record)
{
    char name[NAME_BYTES];

    free(TAKE_PTR(record->upload));
    record_name(record, "json", name);
    return state_remove(record->folder_fd, name);
}
