#pragma once

/*
 * Refusals
 *
 * Every function of Ferry that can go wrong returns an int that reads by its sign:
 *
 *      0  it worked
 *     >0  a refusal: an outcome of a healthy server that the client is to be told, named here
 *         in the words of the domain; server/answer.c gives each its status and sentence
 *     <0  a failure of the machine: -errno, logged once by the function that met it
 *         (base/fail.h) and passed on by everybody else
 */

enum refusal {
    /* the message itself: RFC 9110 and 9112 */
    REFUSED_MALFORMED_MESSAGE = 1, /* not a message that HTTP/1.1 allows; the connection ends */
    REFUSED_EXPECTATION,           /* an Expect other than 100-continue */
    REFUSED_TARGET,                /* a request target that names no resource of ours */
    REFUSED_METHOD,                /* the resource is there, but not for this method */

    /* an upload */
    REFUSED_UNKNOWN_UPLOAD,  /* no upload has this id, as far as we know */
    REFUSED_GONE,            /* it was deleted or has expired */
    REFUSED_DAMAGED,         /* the disk lost bytes of it; nobody can go on with it */
    REFUSED_INVALIDATED,     /* a request broke its rules; nobody can go on with it */
    REFUSED_COMPLETED,       /* it is complete and takes no more */
    REFUSED_INCOMPLETE,      /* it is not complete yet, and only whole uploads can be read */
    REFUSED_OFFSET_MISMATCH, /* the request begins elsewhere than the upload ends */
    REFUSED_LENGTH_MISMATCH, /* another length has been stated before */
    REFUSED_TOO_LONG,        /* more bytes than the stated length, or a length beyond all bounds */
    REFUSED_TOO_SHORT,       /* fewer bytes than the stated length, or a length below the offset */
    REFUSED_LASTING,         /* it does not expire: it is complete, or a part of another one */
    REFUSED_LOCKED,          /* an older request did not let go of it in time */
    REFUSED_ENDED,           /* a newer request has taken it over */

    /* the concatenation of uploads */
    REFUSED_UNKNOWN_PART,   /* no upload has the id of a part */
    REFUSED_NOT_PARTIAL,    /* a part is there, and was not created to be one */
    REFUSED_PART_LOST,      /* a part was deleted, has expired or is damaged */
    REFUSED_PART_BUSY,      /* an unfinished part is in as many waiting finals as it may be */
    REFUSED_TOO_MANY_PARTS, /* more than one upload may be made of */
    REFUSED_FINAL_UPLOAD,   /* an append to the concatenation of other uploads */

    /* a request about an upload, by its headers alone */
    REFUSED_REPEATED_FIELD,     /* a field that may stand once stands twice */
    REFUSED_VERSION,            /* no version of tus, or one that we do not speak */
    REFUSED_MEDIA_TYPE,         /* the content is not what an append sends */
    REFUSED_OFFSET_SYNTAX,      /* an offset is missing or is not a number */
    REFUSED_LENGTH_SYNTAX,      /* a length is not a number */
    REFUSED_DEFER_SYNTAX,       /* a length is deferred in another way than there is */
    REFUSED_LENGTH_UNSTATED,    /* a new upload with neither a length nor a deferred one */
    REFUSED_LENGTH_CONTRADICTS, /* a new upload with both */
    REFUSED_METADATA_SYNTAX,    /* metadata that cannot be taken apart */
    REFUSED_TOO_LARGE,          /* a longer upload than this server takes */
    REFUSED_CONCAT_SYNTAX,      /* neither a part of others nor a list of parts */
    REFUSED_CONCAT_LENGTH,      /* a length is stated for what has that of its parts */
    REFUSED_KEY_SYNTAX,         /* the key of a repeat is none, or too short to be one */
    REFUSED_KEY_REUSED,         /* the key of a repeat was that of another request */
    REFUSED_HEADER_TOO_LARGE,   /* more to be told again than an answer has room for */

    /* the IETF's protocol, by the headers alone or by what they say of the upload */
    REFUSED_COMPLETENESS,         /* whether the request completes the upload is not said, or unclear */
    REFUSED_OFFSET_UNSTATED,      /* an offset is missing or is none */
    REFUSED_PARTIAL_MEDIA_TYPE,   /* the content is not what an append sends */
    REFUSED_FIELD_EXCLUDED,       /* a field that this method must not have */
    REFUSED_OTHER_PROTOCOL,       /* an append by another protocol than the upload was created by */
    REFUSED_LENGTHS_INCONSISTENT, /* two requests, or two fields, do not agree about the length */
    REFUSED_EXCESS,               /* more bytes than the length */
    REFUSED_TOO_SMALL,            /* a shorter upload than is made resumable here */
    REFUSED_APPEND_TOO_LARGE,     /* more content in one request than this server takes */
    REFUSED_APPEND_TOO_SMALL,     /* less of it */
    REFUSED_DIGEST_FIELD,         /* a digest field that cannot be read */
    REFUSED_CONTENT_MISMATCH,     /* the content is not what its digest was made of */
    REFUSED_TAKEN_OVER,           /* another request has the upload; ask again where it ends */

    /* digests */
    REFUSED_CHECKSUM_SYNTAX,    /* a checksum that cannot be read, or contradicts another */
    REFUSED_CHECKSUM_ALGORITHM, /* of an algorithm that is unknown here */
    REFUSED_CHECKSUM_MISSING,   /* announced for the end of the body, and not sent */
    REFUSED_CHECKSUM_MISMATCH,  /* the bytes are not those that the checksum was made of */
    REFUSED_DIGEST_SYNTAX,      /* the stated digest of a new upload cannot be read */
    REFUSED_DIGEST_MISMATCH,    /* all bytes are there, and are not those of the stated digest */

    /* reading back */
    REFUSED_RANGE,        /* a range of bytes that are not there */
    REFUSED_PRECONDITION, /* what the request was made conditional on does not hold */

    /* the operator's listener */
    REFUSED_TOKEN,        /* no bearer token, or not this server's */
    REFUSED_HOST,         /* asked for by a name that a web page may have given this address */
    REFUSED_FOREIGN_PAGE, /* made by a web page that is not this server's */

    REFUSED_QUERY,           /* a query with what is unknown in it, or twice */
    REFUSED_STATE_FILTER,    /* a state that uploads are not listed by */
    REFUSED_AGE_FILTER,      /* an age that is no number */
    REFUSED_METADATA_FILTER, /* metadata that is none */
    REFUSED_LIMIT,           /* a length of a page that is none */
    REFUSED_CURSOR,          /* a place in a list that this server has not told */

    /* the server's own state */
    REFUSED_NO_SPACE,   /* the disk is full; what fitted is kept, where it need not be verified */
    REFUSED_OVERLOADED, /* a bound is reached; the same request may work in a moment */
    REFUSED_STOPPING,   /* the server is going down */

    REFUSAL_COUNT, /* one more than the last */
};
