#pragma once

/* Messages for tests, written as they go over the line: a request line perhaps, then fields. */

#include "protocol/message.h"

enum {
    MESSAGE_TEXT_FIELDS_MAX = 64
};

struct message_text {
    struct field fields[MESSAGE_TEXT_FIELDS_MAX];
    struct message message;
};

/* What stands before the byte, taken off the rest; all of it when the byte does not come. */
static inline struct bytes message_text_cut(struct bytes *rest, char byte)
{
    const uint8_t *end = rest->count == 0 ? NULL : memchr(rest->data, byte, rest->count);
    struct bytes piece =
        bytes_of(rest->data, end == NULL ? rest->count : (size_t)(end - rest->data));

    *rest = bytes_after(*rest, end == NULL ? piece.count : piece.count + 1);
    return piece;
}

/* "Name: value" in lines; a line without a colon is a name without a value. Borrows. */
static inline void message_text_fields(struct bytes text, struct message_text *ret_text)
{
    ret_text->message = (struct message){
        .method = bytes_of_text("POST"),
        .target = bytes_of_text("/files/"),
        .version = bytes_of_text("HTTP/1.1"),
        .fields = ret_text->fields,
    };
    while (text.count > 0 && ret_text->message.field_count < MESSAGE_TEXT_FIELDS_MAX) {
        struct bytes line = message_text_cut(&text, '\n');
        struct field *field = &ret_text->fields[ret_text->message.field_count++];
        field->name = message_text_cut(&line, ':');
        field->value = field_trim(line);
    }
}

/* "METHOD target version" in the first line, then fields. Borrows. */
static inline void message_text_whole(struct bytes text, struct message_text *ret_text)
{
    struct bytes line = message_text_cut(&text, '\n');

    message_text_fields(text, ret_text);
    ret_text->message.method = message_text_cut(&line, ' ');
    ret_text->message.target = message_text_cut(&line, ' ');
    ret_text->message.version = line;
}
