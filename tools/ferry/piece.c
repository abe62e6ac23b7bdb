#include "tools/ferry/piece.h"

bool piece_last(const struct piece *piece)
{
    return piece->length_known && piece->offset + piece->count == piece->length;
}

struct request piece_request(const struct piece *piece, const char *method, const char *url)
{
    return (struct request){
        .method = method,
        .url = url,
        .source = piece->source,
        .offset = piece->offset,
        .count = piece->count,
    };
}

int piece_digest(const struct piece *piece, struct digest_value *ret_value)
{
    struct digest digest;
    uint8_t buffer[16 * 1024];

    digest_init(&digest, piece->checking.algorithm);
    while (digest.position < piece->count) {
        uint64_t rest = piece->count - digest.position;
        ssize_t got = source_read(piece->source, piece->offset + digest.position, buffer,
                                  rest < sizeof(buffer) ? (size_t)rest : sizeof(buffer));
        if (got < 0)
            return (int)got;
        digest_update(&digest, bytes_of(buffer, (size_t)got));
    }
    digest_final(&digest, ret_value);
    return 0;
}

void piece_moved(const struct piece *piece, uint64_t position)
{
    if (piece->moved != NULL)
        piece->moved(piece->context, piece->offset + position);
}

void piece_passed(const struct piece *piece, uint64_t position, struct bytes bytes)
{
    if (piece->passed != NULL)
        piece->passed(piece->context, piece->offset + position, bytes);
}

bool piece_told(const struct piece *piece, const struct standing *standing)
{
    return piece->told == NULL || piece->told(piece->context, standing);
}
