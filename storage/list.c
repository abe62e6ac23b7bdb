#define LOG_MODULE "list"
#include "storage/list.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/refusal.h"
#include "storage/parts.h"

struct list {
    struct store *store;
    struct db *reader;
    struct upload_page *page;
    size_t rows, bytes;
};

static bool cursor_precedes(const struct upload_cursor *one, const struct upload_cursor *other)
{
    return one->created != other->created ? one->created > other->created
                                          : one->number > other->number;
}

static bool list_wants(const struct list *list, const struct upload_info *info)
{
    const struct upload_page *page = list->page;

    switch (page->wanted) {
    case UPLOADS_ALL: break;
    case UPLOADS_ACTIVE:
        if (!info->writing || info->state != UPLOAD_RECEIVING)
            return false;
        break;
    case UPLOADS_STALLED:
        if (info->writing)
            return false;
        break;
    case UPLOADS_COMPLETE:
    case UPLOADS_INVALIDATED:
    case UPLOADS_DAMAGED: break;
    }
    return page->match == NULL || page->match(page->match_argument, info);
}

/* One that was there when its key was read may be gone. */
static int list_look_at(struct list *list, const struct upload_cursor *key)
{
    struct upload_page *page = list->page;
    struct upload_info info = { 0 };

    int r = lookup_number(list->reader, key->number, &info);
    if (r != 0)
        return r > 0 ? 0 : r;

    info.writing = lease_held(list->store->leases, &info.id);
    if (!list_wants(list, &info)) {
        upload_info_done(&info);
        return 0;
    }
    list->bytes += info.metadata_count;
    page->infos[page->count++] = info;
    return 0;
}

/* The next key, in the order of the page. False when the page is at its end. */
static bool list_take(struct list *list, const struct upload_cursor *key, int *ret_result)
{
    struct upload_page *page = list->page;

    *ret_result = 0;
    if (key->created < page->created_from)
        return false;
    if (page->count == page->room || list->rows == LIST_ROWS || list->bytes >= LIST_BYTES) {
        page->more = true;
        return false;
    }

    list->rows++;
    page->before = *key;
    *ret_result = list_look_at(list, key);
    return *ret_result == 0;
}

/* ---- from the catalog ---- */

static int list_catalog(struct list *list)
{
    struct statement *keys = lookup_keys(list->reader, list->page->wanted, &list->page->before);
    struct upload_cursor key;
    int taken = 0;

    while (lookup_next_key(keys, &key) && list_take(list, &key, &taken))
        ;
    int r = statement_end(keys);
    return r != 0 ? r : taken;
}

/* ---- from memory ---- */

struct keys {
    struct upload_cursor *keys;
    size_t count;
};

static int key_compare(const void *one, const void *other)
{
    if (cursor_precedes(one, other))
        return -1;
    return cursor_precedes(other, one) ? 1 : 0;
}

static void keys_collect_group(struct upload_group *group, const struct upload_cursor *before,
                               struct keys *keys)
{
    for (struct upload *upload = group->first; upload != NULL; upload = upload->next) {
        pthread_mutex_lock(&upload->mutex);
        struct upload_cursor key = { .created = upload->info.created, .number = upload->number };
        pthread_mutex_unlock(&upload->mutex);
        if (key.number != 0 && cursor_precedes(before, &key))
            keys->keys[keys->count++] = key;
    }
}

/* Of those that are open, and were created before; who is only opening his has no number yet. False, and
 * nothing is collected, when there is no room for all. */
static bool keys_collect(struct store *store, const struct upload_cursor *before, size_t room,
                         struct keys *keys)
{
    pthread_mutex_lock(&store->mutex);
    bool fits = atomic_load(&store->upload_count) <= room;
    for (size_t i = 0; i < UPLOAD_GROUPS && fits; i++)
        keys_collect_group(&store->groups[i], before, keys);
    pthread_mutex_unlock(&store->mutex);
    return fits;
}

/* Sorted, and each once: who closes an upload has let it go, and who opens it has it already. */
static void keys_settle(struct keys *keys)
{
    size_t count = 0;

    qsort(keys->keys, keys->count, sizeof(*keys->keys), key_compare);
    for (size_t i = 0; i < keys->count; i++)
        if (count == 0 || key_compare(&keys->keys[count - 1], &keys->keys[i]) != 0)
            keys->keys[count++] = keys->keys[i];
    keys->count = count;
}

static int list_open(struct list *list)
{
    AUTO_FREE struct upload_cursor *memory = NULL;
    struct keys keys = { 0 };
    size_t room;
    int taken = 0;

    do { /* some may be opened while the room is made */
        room = 2 * atomic_load(&list->store->upload_count) + 16;
        free(memory);
        keys.keys = memory = calloc(room, sizeof(*memory));
        if (memory == NULL)
            return fail_errno("memory for a list of uploads");
    } while (!keys_collect(list->store, &list->page->before, room, &keys));
    keys_settle(&keys);
    for (size_t i = 0; i < keys.count; i++)
        if (!list_take(list, &keys.keys[i], &taken))
            break;
    return taken;
}

int list_page(struct store *store, struct upload_page *page)
{
    struct list list = { .store = store, .page = page };
    struct upload_cursor before = page->before;
    struct upload_cursor newest = { .created = page->created_until, .number = INT64_MAX };

    page->count = 0;
    page->more = false;
    if (page->created_until == 0)
        newest.created = INT64_MAX;
    if (page->before.number == 0 || cursor_precedes(&page->before, &newest))
        page->before = newest;
    list.reader = catalog_reader(store->catalog);
    int r = page->wanted == UPLOADS_ACTIVE ? list_open(&list) : list_catalog(&list);
    catalog_reader_return(store->catalog, list.reader);
    if (r == 0)
        return 0;

    upload_page_done(page);
    page->before = before;
    return r;
}

void upload_page_done(struct upload_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        upload_info_done(&page->infos[i]);
    page->count = 0;
}
