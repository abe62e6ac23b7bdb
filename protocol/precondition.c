#include "protocol/precondition.h"

#include "protocol/http_date.h"

typedef bool comparison(struct entity_tag one, struct entity_tag other);

/* Whether one of the fields of that name has the tag, or "*", which any content that exists has:
 * RFC 9110, 13.1.1 and 13.1.2. Fields of one name are one list. */
static bool field_has_tag(const struct message *message, const char *name,
                          const struct entity_tag *wanted, comparison *equal)
{
    for (size_t i = 0; i < message->field_count; i++) {
        struct bytes list = message->fields[i].value;
        struct entity_tag tag;

        if (!bytes_equal_nocase(message->fields[i].name, name))
            continue;
        if (bytes_equal_text(list, "*"))
            return true;
        while (entity_tag_next(&list, &tag))
            if (equal(tag, *wanted))
                return true;
    }
    return false;
}

/* "A recipient MUST ignore the If-Modified-Since header field if the received field value is not
 * a valid HTTP-date, the field value has more than one member"  — RFC 9110, 13.1.3, and 13.1.4
 * the same */
static bool field_date(const struct message *message, const char *name,
                       const struct validators *validators, int64_t *ret_date)
{
    struct bytes value;

    return message_field_count(message, name) == 1 && message_field(message, name, &value) &&
           http_date_parse(value, validators->now, ret_date);
}

/* 13.2.2: "1. When recipient is the origin server and If-Match is present, evaluate the If-Match
 *  precondition: if true, continue to step 3; if false, respond 412 [...] 2. When recipient is
 *  the origin server, If-Match is not present, and If-Unmodified-Since is present, evaluate the
 *  If-Unmodified-Since precondition" */
static bool still_the_same(const struct message *message, const struct validators *validators)
{
    int64_t date;

    if (message_field_count(message, "If-Match") > 0)
        return field_has_tag(message, "If-Match", &validators->entity_tag,
                             entity_tag_equal_strongly);
    if (field_date(message, "If-Unmodified-Since", validators, &date))
        return validators->modified <= date;
    return true;
}

/* 13.2.2: "3. When If-None-Match is present, evaluate the If-None-Match precondition: if true,
 *  continue to step 5; if false for GET/HEAD, respond 304 (Not Modified) [...] 4. When the
 *  method is GET or HEAD, If-None-Match is not present, and If-Modified-Since is present,
 *  evaluate the If-Modified-Since precondition" */
static bool known_already(const struct message *message, const struct validators *validators)
{
    int64_t date;

    if (message_field_count(message, "If-None-Match") > 0)
        return field_has_tag(message, "If-None-Match", &validators->entity_tag,
                             entity_tag_equal_weakly);
    if (field_date(message, "If-Modified-Since", validators, &date))
        return validators->modified <= date;
    return false;
}

enum precondition precondition_evaluate(const struct message *message,
                                        const struct validators *validators)
{
    if (!still_the_same(message, validators))
        return PRECONDITION_FAILED;
    if (known_already(message, validators))
        return PRECONDITION_NOT_MODIFIED;
    return PRECONDITION_HOLDS;
}

bool precondition_allows_change(const struct message *message, const struct validators *validators)
{
    /* "If the field value is "*", the condition is true if the origin server has a current representation
     *  for the target resource."  — RFC 9110, 13.1.1; and there is none that a tag could be of. */
    if (validators == NULL)
        return message_field_count(message, "If-Match") == 0;

    /* "if false for other methods, respond 412 (Precondition Failed)"  — RFC 9110, 13.2.2, 3. The other
     * dates are for GET and HEAD. */
    return still_the_same(message, validators) &&
           !field_has_tag(message, "If-None-Match", &validators->entity_tag,
                          entity_tag_equal_weakly);
}

bool precondition_range_counts(const struct message *message, const struct validators *validators)
{
    struct entity_tag tag;
    struct bytes value;
    int64_t date;

    size_t count = message_field_count(message, "If-Range");
    if (count == 0)
        return true;
    if (count > 1 || !message_field(message, "If-Range", &value))
        return false;

    /* "A valid entity-tag can be distinguished from a valid HTTP-date by examining the first
     * three characters for a DQUOTE."  — RFC 9110, 13.1.5 */
    if (entity_tag_parse(value, &tag))
        return entity_tag_equal_strongly(tag, validators->entity_tag);

    /* "If the HTTP-date validator provided exactly matches the Last-Modified field value for the
     *  selected representation, the condition is true"  — RFC 9110, 13.1.5. Ours is strong in
     *  the sense of 8.8.2.2: the content "did not change twice during the second covered by the
     *  presented validator". */
    return http_date_parse(value, validators->now, &date) && date == validators->modified;
}
