#include "protocol/ietf_version.h"

#include "protocol/structured_field.h"

#define COMPLETE         "Upload-Complete"
#define INCOMPLETE       "Upload-Incomplete"
#define STATE            (IETF_FIELD_OFFSET | IETF_FIELD_COMPLETENESS)
#define STATE_AND_LENGTH (STATE | IETF_FIELD_LENGTH)
#define MISMATCH         (1U << PROBLEM_MISMATCHING_OFFSET)
#define LENGTH           (1U << PROBLEM_INCONSISTENT_LENGTH)
#define COMPLETED        (1U << PROBLEM_COMPLETED)

#define yes true
#define no  false

/* In the order of the members; -14 and -15 are taken to have 10. That HEAD and DELETE exclude what they
 * have no use for is what the conformance script of the working group expects of the RFC, too. */

/* clang-format off */
const struct ietf_version IETF_VERSIONS[IETF_VERSION_COUNT] = {
    /*                                                  media                                                                                     completed length    excess
     *                  complete-   of a   re-    is    type  HEAD              DELETE   append lifetime                                  gone is is incon- completes inval-
     *    drafts        ness field  compl. quired state req.  excludes          excludes status key        problems                       unknown sistent             idates */
    { 0,  "the RFC",    COMPLETE,   yes,   yes,   no,   yes,  STATE,            STATE,   204,   "max-age", MISMATCH | LENGTH,             no,     yes,      no,       yes },
    { 3,  "-01",        INCOMPLETE, no,    no,    yes,  no,   STATE,            STATE,   201,   NULL,      0,                             yes,    no,       no,       no },
    { 4,  "-02",        COMPLETE,   yes,   no,    yes,  no,   STATE,            STATE,   201,   NULL,      0,                             yes,    no,       no,       no },
    { 5,  "-03",        COMPLETE,   yes,   no,    yes,  no,   STATE,            STATE,   201,   NULL,      0,                             yes,    no,       yes,      no },
    { 6,  "-04, -05",   COMPLETE,   yes,   no,    yes,  yes,  STATE_AND_LENGTH, STATE,   201,   "expires", MISMATCH | COMPLETED,          yes,    no,       yes,      no },
    { 7,  "-06 to -08", COMPLETE,   yes,   yes,   no,   yes,  0,                0,       204,   "max-age", MISMATCH | LENGTH | COMPLETED, no,     no,       no,       no },
    { 8,  "-09 to -11", COMPLETE,   yes,   yes,   no,   yes,  0,                0,       204,   "max-age", MISMATCH | LENGTH | COMPLETED, no,     no,       no,       yes },
    { 9,  "-12",        COMPLETE,   yes,   yes,   no,   yes,  0,                0,       204,   "max-age", MISMATCH | LENGTH,             no,     yes,      no,       yes },
    { 10, "-13",        COMPLETE,   yes,   yes,   no,   yes,  0,                0,       204,   "max-age", MISMATCH | LENGTH,             no,     yes,      no,       yes },
};
/* clang-format on */

#undef yes
#undef no

const struct ietf_version *ietf_version_of(const struct message *message)
{
    struct structured_value value;

    if (!structured_item_field(message, IETF_VERSION_FIELD, &value) ||
        value.kind != STRUCTURED_INTEGER)
        return &IETF_VERSIONS[0];
    for (size_t i = 1; i < IETF_VERSION_COUNT; i++)
        if (value.integer == (int64_t)IETF_VERSIONS[i].number)
            return &IETF_VERSIONS[i];
    return &IETF_VERSIONS[0];
}
