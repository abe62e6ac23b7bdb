#pragma once

/*
 * Structured fields: items and dictionaries
 *
 *     Upload-Complete: ?1
 *     Upload-Offset: 70;comment="from the last answer"
 *     Content-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:, unknown=(1 2)
 *
 * Everything that a field may hold is parsed to the letter; a single mistake in it makes the whole
 * field invalid. Parameters are parsed and forgotten: no field of ours has one with a meaning.
 *
 *   Source     RFC 9651, 4.2 (parsing); its ABNF (3.) stands above the functions
 *   Ownership  values borrow from the field
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "protocol/message.h"

enum structured_kind {
    STRUCTURED_INTEGER,
    STRUCTURED_DECIMAL,
    STRUCTURED_STRING,
    STRUCTURED_TOKEN,
    STRUCTURED_BYTES,
    STRUCTURED_BOOLEAN,
    STRUCTURED_DATE,
    STRUCTURED_DISPLAY_STRING,
    STRUCTURED_INNER_LIST, /* in dictionaries only */
};

struct structured_value {
    enum structured_kind kind;
    int64_t integer;   /* of an integer, of a date; of a decimal in thousandths; otherwise 0 */
    bool boolean;      /* of a boolean; otherwise false */
    struct bytes text; /* as it stands in the field, with all that belongs to it; "?1", ":YQ==:" */
};

/* The field as an item. False, and ret_value untouched, when it is none. */
bool structured_item_parse(struct bytes field, struct structured_value *ret_value);

/* Whether the field is a dictionary; an empty one is. */
bool structured_dictionary_valid(struct bytes field);

/* The member of that key, of several the last. False, and ret_value untouched, when the field is no
 * dictionary or has no such member. */
bool structured_dictionary_find(struct bytes field, const char *key,
                                struct structured_value *ret_value);

/* Decodes a STRUCTURED_BYTES. False, and everything untouched, when there is no room. */
bool structured_bytes_decode(const struct structured_value *value, uint8_t *ret_data, size_t room,
                             size_t *ret_count);

/*
 * The same for all fields of that name in a message, which stand for one with commas between them.
 * False as well when there is none.
 */
bool structured_item_field(const struct message *message, const char *name,
                           struct structured_value *ret_value);
bool structured_dictionary_field_valid(const struct message *message, const char *name);
bool structured_dictionary_field_find(const struct message *message, const char *name,
                                      const char *key, struct structured_value *ret_value);
