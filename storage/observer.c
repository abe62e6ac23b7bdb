#include "storage/observer.h"

#include "storage/change.h"

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
    case CHANGE_PROBE:
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

void observer_tell(const struct observer *observer, const struct change *change)
{
    struct observation observation;

    if (observer->see == NULL || change->result != 0 || !observe(change, &observation))
        return;
    observer->see(observer->argument, &observation);
    if (change->kind == CHANGE_JOIN)
        tell_joined(observer, change);
    for (size_t i = 0; i < change->ends.count; i++)
        observer->see(observer->argument, &change->ends.finals[i]);
}
