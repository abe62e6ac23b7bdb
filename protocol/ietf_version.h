#pragma once

/*
 * The versions of the IETF's resumable uploads, and all that differs between them
 *
 * A client names the one that it speaks in Upload-Draft-Interop-Version, and gets it back. The
 * later RFC will have no such field: a request without it, or with a number that is unknown here, is
 * answered by the newest rules, and without interim responses.
 *
 * What is not in the table is the same in all of them, or so chosen that it is right in all: HEAD and
 * DELETE are answered with 204.
 *
 *   Source   draft-ietf-httpbis-resumable-upload-01 to -13
 */

#include <stdbool.h>

#include "protocol/message.h"
#include "protocol/problem.h"

#define IETF_VERSION_FIELD "Upload-Draft-Interop-Version"

/* Fields of a request, as bits. */
enum ietf_field {
    IETF_FIELD_OFFSET = 1 << 0,
    IETF_FIELD_COMPLETENESS = 1 << 1,
    IETF_FIELD_LENGTH = 1 << 2,
};

struct ietf_version {
    unsigned number;    /* 0: the newest rules, for a request without a version that we speak */
    const char *drafts; /* that have this version, for people */

    const char *completeness_field;
    bool completeness_of_complete; /* what that field says of a complete upload: ?1, or ?0 */
    bool completeness_required;    /* in an append; otherwise one without it completes the upload */
    bool completeness_is_state;    /* in answers it is the upload's state; otherwise it says whether
                                    * this is the final response, which no refusal is */
    bool media_type_required;      /* an append has to be application/partial-upload */

    unsigned head_excludes, delete_excludes; /* enum ietf_field: the request must not have them */
    unsigned append_status;                  /* of an append after which the upload goes on */
    const char *lifetime_key; /* in Upload-Limit; NULL: the version has no Upload-Limit */
    unsigned problems;        /* 1 << enum problem_type: those that it knows */

    bool gone_is_unknown; /* 404 for what is gone: there is no 410 */
    bool
        completed_is_inconsistent; /* content for a complete upload is told of by offset and length */
    bool
        length_completes; /* whatever the client says: the deployed one of these versions says ?0 of
                              * the last append when it has resumed a file */
    bool excess_invalidates; /* more bytes than the length end the upload for good */
};

/* The version of a request; never NULL. */
const struct ietf_version *ietf_version_of(const struct message *message);

/* All of them, the newest last and the one without a number first; for tests. */
enum {
    IETF_VERSION_COUNT = 9
};
extern const struct ietf_version IETF_VERSIONS[IETF_VERSION_COUNT];
