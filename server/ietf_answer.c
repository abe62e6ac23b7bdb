#include "server/ietf_answer.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/refusal.h"
#include "protocol/choice.h"
#include "server/service.h"

struct ietf_upload ietf_upload_of(const struct upload_info *info)
{
    return (struct ietf_upload){
        .offset = info->offset,
        .length = { .known = info->length_known, .bytes = info->length },
        .complete = info->state == UPLOAD_COMPLETE,
        .foreign = info->protocol != PROTOCOL_IETF,
        .damaged = info->state == UPLOAD_DAMAGED,
        .invalidated = info->state == UPLOAD_INVALIDATED,
        .final = info->kind == UPLOAD_FINAL,
    };
}

void ietf_answer_version(struct answer *answer, const struct ietf_version *version)
{
    if (version->number != 0)
        answer_field(answer, IETF_VERSION_FIELD, "%u", version->number);
}

static void answer_limits(struct exchange *exchange, struct answer *answer,
                          const struct ietf_version *version, int64_t lifetime_s)
{
    char limits[IETF_LIMITS_BYTES];

    ietf_limits_format(&service_of(exchange)->ietf_limits, version, lifetime_s, limits);
    if (limits[0] != '\0')
        answer_field(answer, "Upload-Limit", "%s", limits);
}

void ietf_answer_limits(struct exchange *exchange, struct answer *answer,
                        const struct ietf_version *version)
{
    unsigned expire_after_s = service_of(exchange)->expire_after_s;

    answer_limits(exchange, answer, version,
                  expire_after_s > 0 ? (int64_t)expire_after_s : IETF_LIFETIME_ENDLESS);
}

/* "max-age: Specifies the remaining lifetime of the upload resource in seconds counted from the
 *  generation of the response."  — draft, Limits */
static int64_t upload_lifetime_s(const struct upload_info *info)
{
    if (info->expires == 0 || info->state != UPLOAD_RECEIVING)
        return IETF_LIFETIME_ENDLESS;
    int64_t left_s = info->expires - clock_realtime_s();
    return left_s > 0 ? left_s : 0;
}

void ietf_answer_upload(struct exchange *exchange, const struct ietf_version *version,
                        const struct upload_info *info, uint64_t offset)
{
    struct answer *answer = exchange_answer(exchange);

    if (info->state == UPLOAD_DAMAGED || info->state == UPLOAD_INVALIDATED)
        return; /* nobody can go on with it anywhere */
    answer_field(answer, "Upload-Offset", "%" PRIu64, offset);
    if (info->length_known)
        answer_field(answer, "Upload-Length", "%" PRIu64, info->length);
    answer_limits(exchange, answer, version, upload_lifetime_s(info));
}

void ietf_answer_complete(struct answer *answer, const struct ietf_version *version, bool complete)
{
    answer_field(answer, version->completeness_field, "?%d",
                 complete == version->completeness_of_complete);
}

/* The refusal in the words of this protocol: storage's own, and those that tus has other answers for. */
static int refusal_of(const struct ietf_version *version, int result)
{
    switch (result) {
    case REFUSED_LOCKED:
    case REFUSED_ENDED: return REFUSED_TAKEN_OVER;
    case REFUSED_TOO_LONG: return REFUSED_EXCESS;
    case REFUSED_TOO_SHORT:
    case REFUSED_LENGTH_MISMATCH: return REFUSED_LENGTHS_INCONSISTENT;
    case REFUSED_CHECKSUM_MISMATCH: return REFUSED_CONTENT_MISMATCH;
    case REFUSED_GONE:
    case REFUSED_DAMAGED:
    case REFUSED_INVALIDATED:
    case REFUSED_PART_LOST: return version->gone_is_unknown ? REFUSED_UNKNOWN_UPLOAD : result;
    default: return result;
    }
}

/* Which problem it is; PROBLEM_TYPE_COUNT for none that is registered. */
static enum problem_type problem_of(int refusal)
{
    switch (refusal) {
    case REFUSED_OFFSET_MISMATCH: return PROBLEM_MISMATCHING_OFFSET;
    case REFUSED_EXCESS:
    case REFUSED_LENGTHS_INCONSISTENT: return PROBLEM_INCONSISTENT_LENGTH;
    case REFUSED_COMPLETED: return PROBLEM_COMPLETED;
    default: return PROBLEM_TYPE_COUNT;
    }
}

int ietf_answer_result(struct answer *answer, const struct ietf_version *version, int result,
                       uint64_t offset, uint64_t provided)
{
    int refusal = refusal_of(version, result);
    enum problem_type problem = problem_of(refusal);
    char text[PROBLEM_BYTES];

    if ((version->problems & 1U << problem) == 0)
        return refusal;
    problem_format(problem, offset, provided, text);
    answer_problem(answer, problem == PROBLEM_MISMATCHING_OFFSET ? 409 : 400, text);
    return 0;
}
