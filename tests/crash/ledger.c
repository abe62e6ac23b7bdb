#include "tests/crash/ledger.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/refusal.h"

/* The place of an id: its entry, or the free one where it belongs. */
static struct entry *ledger_place(struct ledger *ledger, const struct upload_id *id)
{
    size_t place;

    memcpy(&place, id->bytes, sizeof(place));
    for (place %= ledger->room; ledger->entries[place].used; place = (place + 1) % ledger->room)
        if (upload_id_equal(&ledger->entries[place].id, id))
            break;
    return &ledger->entries[place];
}

static void ledger_grow(struct ledger *ledger)
{
    struct ledger old = *ledger;

    ledger->room = old.room > 0 ? 2 * old.room : 64;
    ledger->entries = calloc(ledger->room, sizeof(*ledger->entries));
    if (ledger->entries == NULL)
        err(2, "ledger");
    for (size_t i = 0; i < old.room; i++)
        if (old.entries[i].used)
            *ledger_place(ledger, &old.entries[i].id) = old.entries[i];
    free(old.entries);
}

struct entry *ledger_find(struct ledger *ledger, const struct upload_id *id)
{
    if (ledger->room == 0)
        return NULL;

    struct entry *entry = ledger_place(ledger, id);
    return entry->used ? entry : NULL;
}

static struct entry *ledger_add(struct ledger *ledger, const struct upload_id *id)
{
    if (2 * ledger->count >= ledger->room)
        ledger_grow(ledger);

    struct entry *entry = ledger_place(ledger, id);
    if (!entry->used) {
        *entry = (struct entry){ .id = *id, .used = true };
        ledger->count++;
    }
    return entry;
}

static uint64_t number(const char *text)
{
    uint64_t number;

    if (!number_parse(bytes_of_text(text), UINT64_MAX, &number))
        errx(2, "not a number in the marks: %s", text);
    return number;
}

void ledger_apply(struct ledger *ledger, const char *line)
{
    char what[16] = "", name[33] = "", first[24] = "", second[24] = "";
    struct upload_id id;

    if (strcmp(line, "unlinked\n") == 0)
        return;
    if (sscanf(line, "time %20s", first) == 1) {
        ledger->now = (int64_t)number(first);
        return;
    }
    if (sscanf(line, "%15s %32s %20s %20s", what, name, first, second) < 2 ||
        !upload_id_parse(bytes_of_text(name), &id))
        errx(2, "not a mark: %s", line);

    bool part = strcmp(what, "part") == 0;
    bool final = strcmp(what, "joined") == 0 || strcmp(what, "misjoined") == 0;
    struct entry *entry = ledger_add(ledger, &id);
    if (strcmp(what, "created") == 0 || strcmp(what, "length") == 0 || part || final) {
        entry->length_known = strcmp(first, "-") != 0;
        entry->length = entry->length_known ? number(first) : 0;
    } else if (strcmp(what, "offset") == 0 || strcmp(what, "complete") == 0 ||
               strcmp(what, "mismatched") == 0 || strcmp(what, "verifying") == 0) {
        if (number(first) > entry->offset)
            entry->offset = number(first);
    }
    if (second[0] != '\0' && (int64_t)number(second) > entry->alive_at)
        entry->alive_at = (int64_t)number(second);

    entry->created |= strcmp(what, "created") == 0 || part || final;
    entry->part |= part;
    entry->final |= final;
    entry->whole |= strcmp(what, "verifying") == 0;
    entry->finishing |=
        strcmp(what, "finishing") == 0 || part || final; /* any commit may be the last */
    entry->complete |= strcmp(what, "complete") == 0;
    entry->stated |= strcmp(what, "stated") == 0 || strcmp(what, "misjoined") == 0;
    entry->mismatched |= strcmp(what, "mismatched") == 0;
    entry->deleting |= strcmp(what, "deleting") == 0;
    entry->deleted |= strcmp(what, "deleted") == 0;
    entry->invalidating |= strcmp(what, "invalidating") == 0;
    entry->invalidated |= strcmp(what, "invalidated") == 0;
}

void ledger_read(struct ledger *ledger, const char *path)
{
    char line[256];

    *ledger = (struct ledger){ 0 };
    FILE *file = fopen(path, "re");
    if (file == NULL)
        err(2, "%s", path);
    while (fgets(line, sizeof(line), file) != NULL)
        ledger_apply(ledger, line);
    if (ferror(file))
        err(2, "%s", path);
    (void)fclose(file);
}

void ledger_done(struct ledger *ledger)
{
    free(ledger->entries);
    *ledger = (struct ledger){ 0 };
}

/* Its time has come, or that of a part which a final waits for. */
static bool ledger_is_old(const struct ledger *ledger, const struct entry *entry)
{
    return ledger->now >= entry->alive_at + EXPIRE_AFTER_S;
}

bool ledger_may_be_gone(const struct ledger *ledger, const struct entry *entry)
{
    bool lasting = (entry->complete && !entry->part) || (entry->whole && !entry->stated);

    return entry->deleting || (!lasting && ledger_is_old(ledger, entry));
}

/* The states that a final may be in. */
static bool ledger_final_fits(const struct ledger *ledger, const struct entry *entry,
                              enum upload_state state)
{
    bool whole = entry->whole || entry->complete || entry->mismatched;

    switch (state) {
    case UPLOAD_RECEIVING: return !whole && !entry->invalidated;
    case UPLOAD_VERIFYING: return !entry->complete && !entry->mismatched && !entry->invalidated;
    case UPLOAD_COMPLETE: return !entry->stated && !entry->invalidated;
    case UPLOAD_DAMAGED: return entry->stated && !entry->invalidated;
    case UPLOAD_INVALIDATED: return !whole && (entry->invalidating || ledger_is_old(ledger, entry));
    case UPLOAD_DELETED: return entry->deleting;
    }
    return false;
}

/* The states it may be in, besides those that were acknowledged. */
static bool ledger_state_fits(const struct entry *entry, enum upload_state state)
{
    switch (state) {
    case UPLOAD_RECEIVING: return !entry->complete && !entry->mismatched && !entry->invalidated;
    case UPLOAD_COMPLETE: return entry->finishing && !entry->stated && !entry->invalidated;
    case UPLOAD_INVALIDATED: return entry->invalidating && !entry->complete && !entry->mismatched;
    case UPLOAD_DAMAGED: return entry->finishing && entry->stated && !entry->invalidated;
    case UPLOAD_DELETED: return entry->deleting;
    case UPLOAD_VERIFYING: return false; /* it is no final */
    }
    return false;
}

static bool ledger_length_fits(const struct entry *entry, const struct upload_info *info)
{
    if (info->state == UPLOAD_COMPLETE && (!info->length_known || info->length != info->offset))
        return false;
    return !entry->length_known || (info->length_known && info->length == entry->length);
}

/* The janitor would find it at that time, which few cuts come after. */
static bool ledger_expiry_fits(const struct entry *entry, const struct upload_info *info)
{
    return info->expires == 0 || info->expires >= entry->alive_at + EXPIRE_AFTER_S;
}

const char *ledger_objection(const struct ledger *ledger, const struct entry *entry, int r,
                             const struct upload_info *info)
{
    if (r == REFUSED_UNKNOWN_UPLOAD)
        return "an acknowledged upload is not even remembered";
    if (r == REFUSED_GONE)
        return ledger_may_be_gone(ledger, entry) ? NULL : "an acknowledged upload is gone";
    if (r != 0)
        return "it cannot be looked for";
    if (entry->deleted)
        return "a deleted upload is back";
    if (entry->final ? !ledger_final_fits(ledger, entry, info->state)
                     : !ledger_state_fits(entry, info->state))
        return info->state == UPLOAD_DAMAGED ? "it is damaged"
                                             : "it is in a state that it cannot be in";
    if (info->offset < entry->offset)
        return "its offset is below the acknowledged one";
    if (!ledger_length_fits(entry, info))
        return "its length has changed, or it is complete with another one";
    if (!ledger_expiry_fits(entry, info))
        return "it is to expire too early";
    return NULL;
}
