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
    char *endpoint;

    char *protocol, *upload;
    struct identity identity;

    char *target, *etag; /* as they are, not escaped */
    struct birth birth;
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

/* Undoes it in place. */
static void path_unescape(char *path)
{
    char *out = path;

    for (; *path != '\0'; path++) {
        char digits[] = { path[1], (char)(path[1] == '\0' ? '\0' : path[2]), '\0' };
        if (*path == '%' && strlen(digits) == 2) {
            *out++ = (char)(unsigned char)strtoul(digits, NULL, 16);
            path += 2;
        } else {
            *out++ = *path;
        }
    }
    *out = '\0';
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

static bool record_parse_upload(struct record *record, json_t *json)
{
    const char *protocol = "tus"; /* older records do not tell */
    const char *upload = NULL;
    json_int_t size = 0;
    json_int_t mtime_ns = 0;
    json_int_t inode = 0;

    if (json_unpack(json, "{s?s, s:s, s:I, s:I, s:I}", "protocol", &protocol, "upload", &upload,
                    "size", &size, "mtime_ns", &mtime_ns, "inode", &inode) != 0 ||
        size < 0)
        return false;
    record->identity = (struct identity){ (uint64_t)size, (uint64_t)inode, mtime_ns };
    record->protocol = strdup(protocol);
    record->upload = strdup(upload);
    return record->protocol != NULL && record->upload != NULL;
}

static bool record_parse_download(struct record *record, json_t *json)
{
    const char *target = NULL;
    json_t *etag = NULL; /* a string, or null */
    json_int_t inode = 0;
    json_int_t born_ns = 0;

    if (json_unpack(json, "{s:s, s:o, s:I, s:I}", "target", &target, "etag", &etag, "inode", &inode,
                    "born_ns", &born_ns) != 0)
        return false;
    record->birth = (struct birth){ .inode = (uint64_t)inode, .born_ns = born_ns };
    record->target = strdup(target);
    record->etag = json_is_string(etag) ? strdup(json_string_value(etag)) : NULL;
    if (record->target != NULL)
        path_unescape(record->target);
    return record->target != NULL;
}

static bool record_parse(struct record *record, json_t *json)
{
    const char *path = NULL;
    const char *endpoint = NULL;
    json_int_t version = 0;

    if (json_unpack(json, "{s:I, s:s, s:s}", "version", &version, "path", &path, "endpoint",
                    &endpoint) != 0 ||
        version != RECORD_VERSION)
        return false;
    if (strcmp(path, record->path) != 0 || strcmp(endpoint, record->endpoint) != 0)
        return false;
    return json_object_get(json, "target") == NULL ? record_parse_upload(record, json)
                                                   : record_parse_download(record, json);
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
    free(record->protocol);
    free(record->upload);
    free(record->target);
    free(record->etag);
    free(record);
}

const char *record_upload(const struct record *record)
{
    return record->upload;
}

const char *record_protocol(const struct record *record)
{
    return record->protocol;
}

const struct identity *record_identity(const struct record *record)
{
    return &record->identity;
}

/* Writes what is common and this; takes the object, which may be NULL. */
static int record_write(struct record *record, json_t *more)
{
    char name[NAME_BYTES];
    json_t *json = json_pack("{s:i, s:s, s:s}", "version", RECORD_VERSION, "path", record->path,
                             "endpoint", record->endpoint);
    AUTO_FREE char *text = NULL;

    if (json != NULL && more != NULL && json_object_update(json, more) == 0)
        text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    json_decref(more);
    if (text == NULL) {
        errno = ENOMEM;
        return say_errno("the record of this upload");
    }
    record_name(record, "json", name);
    return state_write(record->folder_fd, name, text);
}

/* A copy in place of what is there; NULL is fine. */
static bool text_replace(char **text, const char *by)
{
    char *copy = by == NULL ? NULL : strdup(by);

    free(*text);
    *text = copy;
    return copy != NULL || by == NULL;
}

int record_save(struct record *record, const char *protocol, const char *upload,
                const struct identity *identity)
{
    record->identity = *identity;
    if (!text_replace(&record->protocol, protocol) || !text_replace(&record->upload, upload))
        return say_errno("the record of this upload");
    return record_write(record, json_pack("{s:s, s:s, s:I, s:I, s:I}", "protocol", protocol,
                                          "upload", upload, "size", (json_int_t)identity->size,
                                          "mtime_ns", (json_int_t)identity->mtime_ns, "inode",
                                          (json_int_t)identity->inode));
}

const char *record_target(const struct record *record)
{
    return record->target;
}

const char *record_etag(const struct record *record)
{
    return record->etag;
}

const struct birth *record_birth(const struct record *record)
{
    return &record->birth;
}

int record_save_download(struct record *record, const char *target, const char *etag,
                         const struct birth *birth)
{
    AUTO_FREE char *escaped = path_escape(target);

    record->birth = *birth;
    if (escaped == NULL || !text_replace(&record->target, target) ||
        !text_replace(&record->etag, etag))
        return say_errno("the record of this download");
    return record_write(record,
                        json_pack("{s:s, s:s?, s:I, s:I}", "target", escaped, "etag", etag, "inode",
                                  (json_int_t)birth->inode, "born_ns", (json_int_t)birth->born_ns));
}

int record_forget(struct record *record)
{
    char name[NAME_BYTES];

    free(TAKE_PTR(record->upload));
    free(TAKE_PTR(record->target));
    free(TAKE_PTR(record->etag));
    record_name(record, "json", name);
    return state_remove(record->folder_fd, name);
}
