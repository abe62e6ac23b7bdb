#pragma once

/*
 * Pieces: the bytes of a source that one request carries
 *
 *   Ownership  owns nothing
 */

#include "digest/digest.h"
#include "tools/ferry/source.h"
#include "tools/ferry/standing.h"
#include "tools/ferry/transfer.h"

/* How the server checks the bytes. */
struct checking {
    enum digest_algorithm algorithm; /* DIGEST_NONE: not at all */
    bool
        trailer; /* the checksum goes behind the bytes; otherwise before, and they are read twice */
};

struct piece {
    struct source *source;
    uint64_t offset, count;
    bool length_known;    /* of the source */
    bool length_declared; /* and by the server already */
    uint64_t length;
    bool closed; /* the server has called the upload complete */
    struct checking checking;

    /* All of them with context, each may be NULL. */
    void (*moved)(void *context, uint64_t offset);                      /* so far it has left */
    void (*passed)(void *context, uint64_t offset, struct bytes bytes); /* on their way out */
    bool (*told)(void *context, const struct standing *standing);       /* false: said, end it */
    void *context;
};

/* Behind it nothing follows. */
bool piece_last(const struct piece *piece);

/* The request that carries the piece; what is missing is for the protocol. */
struct request piece_request(const struct piece *piece, const char *method, const char *url);

/* Reads the piece for its digest, by the algorithm that the server checks by. 0 or negative, and it
 * is said. */
int piece_digest(const struct piece *piece, struct digest_value *ret_value);

/* For the callbacks of a request; position is that in the body. */
void piece_moved(const struct piece *piece, uint64_t position);
void piece_passed(const struct piece *piece, uint64_t position, struct bytes bytes);
bool piece_told(const struct piece *piece, const struct standing *standing);
