/*
 * A lock file is unlinked by the process that holds its lock. So whoever got a lock looks whether
 * the file still is the one that the folder names; if not, it holds the lock of a file that is
 * gone, and tries again.
 */
#include "tools/ferry/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
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

    pthread_mutex_t mutex; /* guards the parts */
    size_t part_count;
    char *uploads[RECORD_PARTS_MAX];
    char *protocol;
    char join_key[RECORD_JOIN_KEY_BYTES];
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

/* "upload" is one URL; "parts" are several, null for those that were not begun. */
static bool record_parse_parts(struct record *record, json_t *json)
{
    json_t *upload = json_object_get(json, "upload");
    json_t *parts = json_object_get(json, "parts");
    const char *key = json_string_value(json_object_get(json, "key"));
    size_t count = json_is_array(parts) ? json_array_size(parts) : upload != NULL;

    if (count == 0 || count > RECORD_PARTS_MAX ||
        (count > 1 && (key == NULL || strlen(key) != RECORD_JOIN_KEY_BYTES - 1)))
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *url = json_string_value(parts == NULL ? upload : json_array_get(parts, i));
        record->uploads[i] = url == NULL ? NULL : strdup(url);
    }
    if (key != NULL)
        (void)snprintf(record->join_key, RECORD_JOIN_KEY_BYTES, "%s", key);
    record->part_count = count;
    return count > 1 || record->uploads[0] != NULL;
}

static bool record_parse_upload(struct record *record, json_t *json)
{
    const char *protocol = "tus"; /* older records do not tell */
    json_int_t size = 0;
    json_int_t mtime_ns = 0;
    json_int_t inode = 0;

    if (json_unpack(json, "{s?s, s:I, s:I, s:I}", "protocol", &protocol, "size", &size, "mtime_ns",
                    &mtime_ns, "inode", &inode) != 0 ||
        size < 0)
        return false;
    record->identity = (struct identity){ (uint64_t)size, (uint64_t)inode, mtime_ns };
    record->protocol = strdup(protocol);
    return record->protocol != NULL && record_parse_parts(record, json);
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

/* Nothing was begun. */
static void record_clear(struct record *record)
{
    for (size_t i = 0; i < RECORD_PARTS_MAX; i++)
        free(TAKE_PTR(record->uploads[i]));
    record->part_count = 0;
    free(TAKE_PTR(record->protocol));
    free(TAKE_PTR(record->target));
    free(TAKE_PTR(record->etag));
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
    if (json == NULL || !record_parse(record, json)) {
        say_note("the record of this upload (%s) is damaged; starting anew", name);
        record_clear(record);
    }
    json_decref(json);
    return 0;
}

int record_open(const char *path, const char *endpoint, struct record **ret_record)
{
    CLEANUP(record_closep) struct record *record = calloc(1, sizeof(*record));

    if (record == NULL)
        return say_errno("the record of this upload");
    (void)pthread_mutex_init(&record->mutex, NULL);
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
    record_clear(record);
    (void)pthread_mutex_destroy(&record->mutex);
    free(record);
}

bool record_begun(const struct record *record)
{
    bool begun = false;

    for (size_t i = 0; i < record->part_count; i++)
        begun |= record->uploads[i] != NULL;
    return begun;
}

size_t record_part_count(const struct record *record)
{
    return record->part_count;
}

const char *record_upload(const struct record *record, size_t part)
{
    return part < record->part_count ? record->uploads[part] : NULL;
}

const struct identity *record_identity(const struct record *record)
{
    return &record->identity;
}

const char *record_protocol(const struct record *record)
{
    return record->protocol;
}

const char *record_join_key(const struct record *record)
{
    return record->join_key;
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

static int join_key_make(char key[static RECORD_JOIN_KEY_BYTES])
{
    uint8_t bytes[(RECORD_JOIN_KEY_BYTES - 1) / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return say_errno("random bytes");
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

int record_begin(struct record *record, const char *protocol, const struct identity *identity,
                 size_t part_count)
{
    assert(part_count > 0 && part_count <= RECORD_PARTS_MAX);
    record_clear(record);
    record->identity = *identity;
    record->part_count = part_count;
    if (!text_replace(&record->protocol, protocol))
        return say_errno("the record of this upload");
    return join_key_make(record->join_key);
}

/* What of the upload is written. */
static json_t *record_format_upload(const struct record *record)
{
    const struct identity *identity = &record->identity;
    json_t *json = json_pack("{s:s, s:I, s:I, s:I}", "protocol", record->protocol, "size",
                             (json_int_t)identity->size, "mtime_ns", (json_int_t)identity->mtime_ns,
                             "inode", (json_int_t)identity->inode);
    json_t *parts = json_array();

    if (record->part_count == 1) {
        (void)json_object_set_new(json, "upload", json_string(record->uploads[0]));
        json_decref(parts);
        return json;
    }
    for (size_t i = 0; i < record->part_count; i++)
        (void)json_array_append_new(parts, json_pack("s?", record->uploads[i]));
    (void)json_object_set_new(json, "parts", parts);
    (void)json_object_set_new(json, "key", json_string(record->join_key));
    return json;
}

int record_renew_join_key(struct record *record)
{
    int r = join_key_make(record->join_key);
    return r == 0 ? record_write(record, record_format_upload(record)) : r;
}

int record_save(struct record *record, size_t part, const char *upload)
{
    (void)pthread_mutex_lock(&record->mutex);
    int r = text_replace(&record->uploads[part], upload)
                ? record_write(record, record_format_upload(record))
                : say_errno("the record of this upload");
    (void)pthread_mutex_unlock(&record->mutex);
    return r;
}

int record_drop(struct record *record, size_t part)
{
    return record->part_count == 1 ? record_forget(record) : record_save(record, part, NULL);
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

    record_clear(record);
    record_name(record, "json", name);
    return state_remove(record->folder_fd, name);
}
