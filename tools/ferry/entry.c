#include "tools/ferry/entry.h"

#include <string.h>
#include <time.h>

#include "tools/ferry/text.h"

static bool number_read(const json_t *object, const char *key, uint64_t *ret_number)
{
    const json_t *number = json_object_get(object, key);

    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return false;
    *ret_number = (uint64_t)json_integer_value(number);
    return true;
}

/* "2026-11-28T03:47:05Z"; 0 for all else. */
static int64_t time_read(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    struct tm tm = { 0 };

    if (text == NULL)
        return 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end != NULL && *end == '\0' ? timegm(&tm) : 0;
}

static void name_read(const json_t *object, struct entry *entry)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name = json_string_value(json_object_get(metadata, "filename"));

    text_clean(name == NULL || *name == '\0' ? entry->id : name, ENTRY_NAME_BYTES, entry->name);
}

bool entry_read(const json_t *object, struct entry *ret_entry)
{
    struct entry *entry = ret_entry;
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *state = json_string_value(json_object_get(object, "state"));

    *entry = (struct entry){ 0 };
    if (id == NULL || state == NULL || !number_read(object, "offset", &entry->offset))
        return false;
    bool writing = json_is_true(json_object_get(object, "writing"));
    if (strcmp(state, "receiving") == 0)
        state = writing ? "active" : "stalled";
    text_clean(id, ENTRY_ID_BYTES, entry->id);
    text_clean(state, ENTRY_STATE_BYTES, entry->state);
    name_read(object, entry);
    entry->length_known = number_read(object, "length", &entry->length);
    entry->created_s = time_read(object, "created");
    entry->last_byte_s = time_read(object, "last_byte");
    entry->expires_s = time_read(object, "expires");
    return true;
}
