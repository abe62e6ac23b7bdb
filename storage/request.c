/*
 * What needs no writer: to create, find, list, read and expire uploads, and to look at the whole store
 *
 * A request is one allocation that holds its job or its change until the answer.
 */
#define LOG_MODULE "upload"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/list.h"
#include "storage/lookup.h"
#include "storage/os.h"
#include "storage/parts.h"

struct request {
    struct store *store;
    struct job job;
    struct change change;
    struct done done;
    struct upload_id id;
    struct upload_id *ret_id;
    bool *ret_repeated;
    struct upload_info *ret_info;
    struct upload_part_info **ret_parts;
    size_t *ret_count;
    struct content **ret_content;
    struct upload_page *page;
    struct store_figures *ret_figures;
    struct lease lease;
};

static struct request *request_new(struct store *store, struct done done)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        (void)fail_errno("memory for a request");
        return NULL;
    }
    request->store = store;
    request->done = done;
    return request;
}

static void request_answer(struct request *request, int r)
{
    struct done done = request->done;

    upload_info_done(&request->change.info);
    free(request);
    done_call(done, r);
}

static void request_submit(struct request *request, void (*run)(struct job *job))
{
    request->job.run = run;
    (void)workers_submit(request->store->io, &request->job);
}

void upload_info_done(struct upload_info *info)
{
    free(info->metadata);
    free(info->response);
    free(info->words);
    info->metadata = info->response = info->words = NULL;
    info->metadata_count = info->response_count = info->words_count = 0;
}

/* ---- create ---- */

static void create_answered(void *argument, int result)
{
    struct request *request = argument;

    if (result == 0) {
        *request->ret_id = request->change.answer;
        if (request->ret_repeated != NULL)
            *request->ret_repeated = request->change.repeated;
    }
    request_answer(request, result);
}

static int create_fill(struct upload_info *info, const struct upload_creation *creation,
                       uint32_t expire_after_s)
{
    int64_t now = os.realtime_s();

    *info = (struct upload_info){
        .protocol = creation->protocol,
        .kind = creation->kind,
        .explicit_completion = creation->explicit_completion,
        .length_known = creation->length_known,
        .length = creation->length,
        .created = now,
        .expires = expire_after_s == 0 ? 0 : now + expire_after_s,
        .digest_algorithm = creation->digest_algorithm,
        .stated = creation->stated,
        .metadata_count = creation->metadata.count,
    };
    int r = upload_id_random(&info->id);
    if (r != 0 || creation->metadata.count == 0)
        return r;

    info->metadata = malloc(creation->metadata.count);
    if (info->metadata == NULL)
        return fail_errno("memory for the metadata of an upload");
    memcpy(info->metadata, creation->metadata.data, creation->metadata.count);
    return 0;
}

int upload_create(struct store *store, const struct upload_creation *creation,
                  struct upload_id *ret_id, struct done done)
{
    enum digest_algorithm stated = creation->stated.algorithm;

    assert(stated == DIGEST_NONE || stated == creation->digest_algorithm);
    if (creation->length_known && creation->length > INT64_MAX)
        return REFUSED_TOO_LONG;
    bool full = atomic_load(&store->free_bytes) < store->options.min_free_bytes;
    if (full && creation->repeat.key.count == 0)
        return REFUSED_NO_SPACE;

    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;
    int r = create_fill(&request->change.info, creation, store->options.expire_after_s);
    if (r != 0) {
        upload_info_done(&request->change.info);
        free(request);
        return r;
    }

    *ret_id = request->change.info.id;
    request->ret_id = ret_id;
    request->ret_repeated = creation->repeat.ret_repeated;
    request->change.kind = CHANGE_CREATE;
    request->change.now = request->change.info.created;
    request->change.only_repeats = full;
    if (creation->repeat.key.count > 0)
        request->change.repeat = repeat_of(&creation->repeat, creation_fingerprint(creation));
    request->change.done = (struct done){ .call = create_answered, .argument = request };
    catalog_submit(store->catalog, &request->change);
    return 0;
}

/* ---- find ---- */

int store_lookup(struct store *store, const struct upload_id *id, struct lookup *ret_lookup)
{
    struct db *reader = catalog_reader(store->catalog);
    int r = lookup_upload(reader, id, ret_lookup);
    catalog_reader_return(store->catalog, reader);
    /* what an earlier start remembers may be more than this one is to tell */
    return r == REFUSED_GONE && store->options.tombstone_s == 0 ? REFUSED_UNKNOWN_UPLOAD : r;
}

static void find_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);
    struct lookup lookup;

    int r = store_lookup(request->store, &request->id, &lookup);
    if (r == 0) {
        lookup.info.writing = lease_held(request->store->leases, &request->id);
        *request->ret_info = lookup.info;
    }
    request_answer(request, r);
}

int upload_find(struct store *store, const struct upload_id *id, struct upload_info *ret_info,
                struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->id = *id;
    request->ret_info = ret_info;
    request_submit(request, find_run);
    return 0;
}

char *upload_path(const struct store *store, const struct upload_id *id)
{
    char *path;

    if (asprintf(&path, "%s/files/%s", store->directory.path, directory_path(id).text) >= 0)
        return path;
    (void)fail_code(ENOMEM, "memory for the path of an upload");
    return NULL;
}

/* ---- list ---- */

static void list_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);

    request_answer(request, list_page(request->store, request->page));
}

int upload_list(struct store *store, struct upload_page *page, struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->page = page;
    request_submit(request, list_run);
    return 0;
}

/* ---- expire ---- */

static void expire_answered(void *argument, int result)
{
    struct request *request = argument;
    struct store *store = request->store;

    lease_release(store->leases, &request->lease);
    if (result == 0) {
        atomic_fetch_add(&store->expired_uploads, 1);
        store_deleted(store);
    }
    /* it was not complete a moment ago, and nobody could write to it since */
    request_answer(request, result == REFUSED_GONE ? REFUSED_LASTING : result);
}

/* With the lease: as long as it is looked at nobody completes it. */
static int expire_lookup(struct request *request)
{
    struct lookup lookup;

    int r = store_lookup(request->store, &request->id, &lookup);
    if (r != 0)
        return r;
    request->change.number = lookup.number;
    request->change.about = (struct observation){
        .id = request->id,
        .kind = lookup.info.kind,
        .length_known = lookup.info.length_known,
        .length = lookup.info.length,
        .offset = lookup.info.offset,
    };
    r = lookup.info.state == UPLOAD_COMPLETE ? REFUSED_LASTING : 0;
    upload_info_done(&lookup.info);
    return r;
}

static void expire_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);
    struct lease_table *leases = request->store->leases;

    request->lease.id = request->id;
    bool taken = lease_try(leases, &request->lease);
    int r = expire_lookup(request);
    if (r == 0 && !taken)
        r = REFUSED_LOCKED;
    if (r == 0) {
        request->change.kind = CHANGE_EXPIRE_EARLY;
        request->change.finals_expire = store_finals_expire(request->store);
        request->change.done = (struct done){ .call = expire_answered, .argument = request };
        catalog_submit(request->store->catalog, &request->change);
        return;
    }
    if (taken)
        lease_release(leases, &request->lease);
    request_answer(request, r);
}

int upload_expire(struct store *store, const struct upload_id *id, struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->id = *id;
    request_submit(request, expire_run);
    return 0;
}

/* ---- of the store as a whole ---- */

static int figures_read(struct store *store, struct store_figures *figures)
{
    int64_t page_bytes = 0, free_pages = 0;

    struct db *reader = catalog_reader(store->catalog);
    int r = lookup_tally(reader, figures->uploads);
    if (r == 0)
        r = db_ask(reader, "PRAGMA page_size", &page_bytes);
    if (r == 0)
        r = db_ask(reader, "PRAGMA freelist_count", &free_pages);
    catalog_reader_return(store->catalog, reader);
    if (r == 0)
        r = directory_space(&store->directory, &figures->free_bytes, &figures->total_bytes);
    figures->free_page_bytes = (uint64_t)(page_bytes * free_pages);
    figures->database_bytes = directory_file_bytes(&store->directory, "ferry.db");
    figures->log_bytes = directory_file_bytes(&store->directory, "ferry.db-wal");
    return r;
}

static void figures_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);
    struct store_figures figures = { 0 };

    int r = figures_read(request->store, &figures);
    if (r == 0)
        *request->ret_figures = figures;
    request_answer(request, r);
}

int store_figures(struct store *store, struct store_figures *ret_figures, struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->ret_figures = ret_figures;
    request_submit(request, figures_run);
    return 0;
}

static void probe_answered(void *argument, int result)
{
    request_answer(argument, result);
}

/* The disk first, then a transaction that changes nothing. */
static void probe_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);

    int r = directory_probe(&request->store->directory);
    if (r != 0) {
        request_answer(request, r);
        return;
    }
    request->change.kind = CHANGE_PROBE;
    request->change.done = (struct done){ .call = probe_answered, .argument = request };
    catalog_submit(request->store->catalog, &request->change);
}

int store_probe(struct store *store, struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request_submit(request, probe_run);
    return 0;
}

/* ---- read ---- */

static int read_refusal(const struct upload_info *info, bool verifying)
{
    switch (info->state) {
    case UPLOAD_COMPLETE: break;
    case UPLOAD_VERIFYING: return verifying ? 0 : REFUSED_INCOMPLETE;
    case UPLOAD_RECEIVING: return REFUSED_INCOMPLETE;
    case UPLOAD_INVALIDATED:
        return info->kind == UPLOAD_FINAL ? REFUSED_PART_LOST : REFUSED_INVALIDATED;
    case UPLOAD_DAMAGED: return REFUSED_DAMAGED;
    case UPLOAD_DELETED: return REFUSED_GONE;
    }
    return info->filed || info->kind == UPLOAD_FINAL ? 0 : REFUSED_GONE;
}

/* Its file could not be opened. One that was deleted between the look-up and the open has a row that says so. */
static int read_missing(struct store *store, const struct upload_id *id)
{
    struct lookup lookup = { 0 };
    int code = errno;

    int r = code == ENOENT ? store_lookup(store, id, &lookup) : 0;
    upload_info_done(&lookup.info);
    return r != 0 ? r : fail_code(code, "open upload %s to read it", upload_id_format(id).text);
}

/* An upload of no bytes has no file. */
static int read_open(struct store *store, const struct upload_info *info, int *ret_fd)
{
    struct directory_path path = directory_path(&info->id);
    struct stat about = { 0 };

    *ret_fd = -1;
    if (info->length == 0)
        return 0;
    int fd = os.openat(store->directory.files_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0)
        return read_missing(store, &info->id);
    if (os.fstatat(fd, "", &about, AT_EMPTY_PATH) < 0 || (uint64_t)about.st_size < info->length) {
        (void)os.close(fd);
        return fail_code(EIO, "upload %s has fewer bytes than its length %" PRIu64,
                         upload_id_format(&info->id).text, info->length);
    }

    *ret_fd = fd;
    return 0;
}

static int read_file(struct store *store, const struct upload_info *info,
                     struct content **ret_content)
{
    int fd;

    int r = read_open(store, info, &fd);
    if (r != 0)
        return r;

    struct content *content = content_new(fd, info->length);
    if (content == NULL)
        return -ENOMEM;
    *ret_content = content;
    return 0;
}

static int read_parts(struct store *store, const struct lookup *lookup,
                      struct content **ret_content)
{
    struct upload_part_info *parts = NULL;
    size_t count = 0;

    int r = store_parts(store, lookup->number, &parts, &count);
    if (r == 0)
        r = content_of_parts(store, &lookup->info, parts, count, ret_content);
    free(parts);
    return r;
}

/* Its bytes as they lay when it was looked up. */
static int read_found(struct store *store, const struct upload_id *id, bool verifying,
                      bool *ret_filed, struct content **ret_content)
{
    struct lookup lookup;
    struct upload_info *info = &lookup.info;

    int r = store_lookup(store, id, &lookup);
    if (r != 0)
        return r;

    r = read_refusal(info, verifying);
    if (r == 0)
        r = info->filed ? read_file(store, info, ret_content)
                        : read_parts(store, &lookup, ret_content);
    *ret_filed = info->filed;
    upload_info_done(info);
    return r;
}

/* Whether what was pinned after the look-up is still what was looked up. */
static int read_again(struct store *store, const struct upload_id *id, bool verifying)
{
    struct lookup lookup;

    int r = store_lookup(store, id, &lookup);
    if (r != 0)
        return r;
    r = read_refusal(&lookup.info, verifying);
    if (r == 0 && lookup.info.filed)
        r = -EAGAIN;
    upload_info_done(&lookup.info);
    return r;
}

int store_read(struct store *store, const struct upload_id *id, bool verifying,
               struct content **ret_content)
{
    CLEANUP(content_closep) struct content *content = NULL;
    bool filed = false;

    int r = read_found(store, id, verifying, &filed, &content);
    if (r == 0 && !filed)
        r = read_again(store, id, verifying);
    if (r == -EAGAIN) { /* it became one file meanwhile, for good */
        content_closep(&content);
        content = NULL;
        r = read_found(store, id, verifying, &filed, &content);
    }
    if (r != 0)
        return r;
    *ret_content = TAKE_PTR(content);
    return 0;
}

static void read_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);

    int r = store_read(request->store, &request->id, false, request->ret_content);
    request_answer(request, r);
}

int upload_read(struct store *store, const struct upload_id *id, struct content **ret_content,
                struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->id = *id;
    request->ret_content = ret_content;
    request_submit(request, read_run);
    return 0;
}

/* ---- parts ---- */

static void parts_run(struct job *job)
{
    struct request *request = PART_OF(struct request, job, job);
    struct lookup lookup;

    int r = store_lookup(request->store, &request->id, &lookup);
    if (r == 0) {
        r = store_parts(request->store, lookup.number, request->ret_parts, request->ret_count);
        upload_info_done(&lookup.info);
    }
    request_answer(request, r);
}

int upload_parts(struct store *store, const struct upload_id *id,
                 struct upload_part_info **ret_parts, size_t *ret_count, struct done done)
{
    struct request *request = request_new(store, done);
    if (request == NULL)
        return -ENOMEM;

    request->id = *id;
    request->ret_parts = ret_parts;
    request->ret_count = ret_count;
    request_submit(request, parts_run);
    return 0;
}
