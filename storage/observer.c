#include "storage/observer.h"

#include "storage/change.h"
#include "storage/lookup.h"

static struct observation observe_creation(const struct upload_info *info)
{
    return (struct observation){
        .what = OBSERVED_CREATION,
        .id = info->id,
        .kind = info->kind,
        .length_known = info->length_known,
        .length = info->length,
    };
}

static struct observation observe_join(const struct change *change)
{
    struct observation observation = observe_creation(&change->info);

    observation.length_known = change->join->unknown == 0;
    observation.length = change->join->known_bytes;
    return observation;
}

/* What has the length that it has now. */
static struct observation observe_end(const struct change *change, enum upload_state state)
{
    struct observation observation = change->about;

    observation.what = OBSERVED_STATE;
    observation.state = state;
    observation.offset = observation.length = change->offset;
    observation.length_known = true;
    return observation;
}

/* False for what changes nothing that anybody could look at. */
static bool observe(const struct change *change, struct observation *ret_observation)
{
    *ret_observation = change->about;
    switch (change->kind) {
    case CHANGE_CREATE:
        *ret_observation = observe_creation(&change->info);
        return !change->repeated;
    case CHANGE_JOIN: *ret_observation = observe_join(change); return !change->repeated;
    case CHANGE_COMMIT:
        ret_observation->what = OBSERVED_PROGRESS;
        ret_observation->offset = change->offset;
        return true;
    case CHANGE_LENGTH:
        ret_observation->what = OBSERVED_PROGRESS;
        ret_observation->length_known = true;
        ret_observation->length = change->length;
        return true;
    case CHANGE_COMPLETE: *ret_observation = observe_end(change, UPLOAD_COMPLETE); return true;
    case CHANGE_MISMATCH: *ret_observation = observe_end(change, UPLOAD_DAMAGED); return true;
    case CHANGE_STATE:
        ret_observation->what = OBSERVED_STATE;
        ret_observation->state = change->state;
        return true;
    case CHANGE_PROVE:
        ret_observation->what = OBSERVED_STATE;
        ret_observation->state = change->proven ? UPLOAD_COMPLETE : UPLOAD_DAMAGED;
        return true;
    case CHANGE_DELETE:
        ret_observation->what = OBSERVED_DELETION;
        ret_observation->state = UPLOAD_DELETED;
        return true;
    case CHANGE_EXPIRE:
    case CHANGE_EXPIRE_EARLY:
        ret_observation->what = OBSERVED_EXPIRY;
        ret_observation->state = UPLOAD_DELETED;
        return true;
    case CHANGE_PURGE:
    case CHANGE_FORGET:
    case CHANGE_COPIED:
    case CHANGE_FILED:
    case CHANGE_FREED: break;
    }
    return false;
}

/* A final of complete parts is so at once, unless it has to be verified. */
static void tell_joined(const struct observer *observer, const struct change *change)
{
    struct observation observation = observe_join(change);

    if (change->join->missing > 0)
        return;
    observation.what = OBSERVED_STATE;
    observation.offset = observation.length;
    observation.state =
        change->info.stated.algorithm == DIGEST_NONE ? UPLOAD_COMPLETE : UPLOAD_VERIFYING;
    observer->see(observer->argument, &observation);
}

/* Whether the final has come into that state by what the part has come into; see storage/join.h. */
static bool follows(enum upload_state final, const struct observation *part)
{
    switch (final) {
    case UPLOAD_COMPLETE:
    case UPLOAD_VERIFYING: return part->state == UPLOAD_COMPLETE;
    case UPLOAD_INVALIDATED: return part->state != UPLOAD_COMPLETE;
    case UPLOAD_DAMAGED: return part->state == UPLOAD_DAMAGED;
    case UPLOAD_RECEIVING:
    case UPLOAD_DELETED: break;
    }
    return false;
}

/* Part of a final is what can end, not what grows. */
static void tell_finals(const struct observer *observer, struct db *db, uint64_t number,
                        const struct observation *part)
{
    struct observation finals[UPLOAD_PART_FINALS];
    size_t count = UPLOAD_PART_FINALS;
    uint64_t after = 0;

    if (part->kind != UPLOAD_PARTIAL || part->state == UPLOAD_RECEIVING)
        return;
    while (count == UPLOAD_PART_FINALS) { /* those that ended before count towards no bound */
        if (lookup_finals(db, number, &after, finals, UPLOAD_PART_FINALS, &count) != 0)
            return;
        for (size_t i = 0; i < count; i++)
            if (follows(finals[i].state, part))
                observer->see(observer->argument, &finals[i]);
    }
}

void observer_tell(const struct observer *observer, struct db *db, const struct change *change)
{
    struct observation observation;

    if (observer->see == NULL || change->result != 0 || !observe(change, &observation))
        return;
    observer->see(observer->argument, &observation);
    if (change->kind == CHANGE_JOIN)
        tell_joined(observer, change);
    else
        tell_finals(observer, db, change->number, &observation);
}
