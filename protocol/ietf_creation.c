#include "protocol/ietf_creation.h"

/* The digest of the whole that storage compares in the end; other algorithms are ignored. */
static int creation_stated(const struct message *message, struct digest_value *ret_stated)
{
    struct content_digests digests;

    int r = content_digests_field(message, "Repr-Digest", &digests);
    if (r != 0)
        return r;

    *ret_stated = (struct digest_value){ .algorithm = DIGEST_NONE };
    for (size_t i = 0; i < digests.count; i++)
        if (digests.values[i].algorithm == DIGEST_SHA256)
            *ret_stated = digests.values[i];
    return 0;
}

static int creation_digests(const struct message *message, struct ietf_creation *ret_creation)
{
    int r = content_digests_field(message, "Content-Digest", &ret_creation->content);
    if (r == 0)
        r = creation_stated(message, &ret_creation->stated);
    ret_creation->digest_wanted = content_digest_wanted(message, "Want-Repr-Digest", DIGEST_SHA256);
    return r;
}

static int creation_length(const struct message *message, const struct framing *framing,
                           bool completes, struct ietf_length *ret_length)
{
    struct ietf_length stated = ietf_length_field(message);
    struct ietf_length told = ietf_body_length(completes, 0, framing);

    if (stated.known && !framing->chunked && framing->length > stated.bytes)
        return REFUSED_EXCESS;

    /* "If indicators (1) and (2) are both present in the same request, their indicated lengths MUST
     *  match."  — draft, Length */
    if (stated.known && told.known && stated.bytes != told.bytes)
        return REFUSED_LENGTHS_INCONSISTENT;

    *ret_length = stated.known ? stated : told;
    return 0;
}

/* "The server might not create an upload resource if the length deduced from the upload creation
 *  request is larger than the maximum size", and likewise if it is "smaller than the minimum size"
 *  — draft, Limits. What is whole in one request needs no upload to go on with. */
static int creation_check_size(const struct ietf_creation *creation,
                               const struct ietf_limits *limits)
{
    if (!creation->length.known)
        return 0;
    if (creation->length.bytes > ietf_limits_longest(limits))
        return REFUSED_TOO_LARGE;
    if (creation->length.bytes < limits->min_size && !creation->body.completes)
        return REFUSED_TOO_SMALL;
    return 0;
}

static int creation_check_body(const struct ietf_creation *creation, const struct framing *framing,
                               const struct ietf_limits *limits)
{
    /* A creation without content only asks for the URL: no limit of appends is meant for it. */
    if (!framing->chunked && framing->length == 0)
        return 0;
    return ietf_body_check(&creation->body, framing, limits);
}

static bool creation_announces(const struct ietf_version *version,
                               const struct ietf_creation *creation,
                               const struct ietf_limits *limits)
{
    bool too_small = creation->length.known && creation->length.bytes < limits->min_size;

    /* Draft, Draft Version Identification: no 104 to a client that does not name its version, or
     * one that is unknown here. */
    return version->number != 0 && !too_small && creation->content.count == 0;
}

int ietf_creation_parse(const struct ietf_version *version, const struct message *message,
                        const struct framing *framing, const struct ietf_limits *limits,
                        struct ietf_creation *ret_creation)
{
    struct ietf_creation creation = { 0 };
    bool completes;

    if (!ietf_completeness_field(message, version, &completes))
        return REFUSED_COMPLETENESS;
    int r = creation_digests(message, &creation);
    if (r == 0)
        r = creation_length(message, framing, completes, &creation.length);
    if (r != 0)
        return r;

    creation.body = ietf_body_at(version, 0, creation.length, limits, completes);
    r = creation_check_size(&creation, limits);
    if (r == 0)
        r = creation_check_body(&creation, framing, limits);
    if (r != 0)
        return r;

    creation.announces = creation_announces(version, &creation, limits);
    *ret_creation = creation;
    return 0;
}
