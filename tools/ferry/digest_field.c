#include "tools/ferry/digest_field.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/base64.h"

/* RFC 9530 has names of its own for two; the others are as in tus. */
static bool field_algorithm(struct bytes key, enum digest_algorithm *ret_algorithm)
{
    if (bytes_equal_text(key, "sha-256"))
        *ret_algorithm = DIGEST_SHA256;
    else if (bytes_equal_text(key, "sha-512"))
        *ret_algorithm = DIGEST_SHA512;
    else
        return digest_algorithm_parse(key, ret_algorithm);
    return true;
}

/* "sha-256=:...:", of exactly the length that the algorithm has. */
static bool member_parse(const char *member, size_t count, struct digest_value *ret_value)
{
    const char *equals = memchr(member, '=', count);
    enum digest_algorithm algorithm = DIGEST_NONE;
    size_t byte_count = 0;

    if (equals == NULL || !field_algorithm(bytes_of(member, (size_t)(equals - member)), &algorithm))
        return false;
    const char *value = equals + 1;
    size_t value_count = count - (size_t)(value - member);
    if (value_count < 2 || value[0] != ':' || value[value_count - 1] != ':')
        return false;
    AUTO_FREE char *bytes = base64_parse(value + 1, value_count - 2, &byte_count);
    if (bytes == NULL || byte_count != digest_algorithm_bytes(algorithm))
        return false;

    *ret_value = (struct digest_value){ .algorithm = algorithm };
    memcpy(ret_value->bytes, bytes, byte_count);
    return true;
}

struct digest_value digest_field_parse(const char *field)
{
    struct digest_value value = { .algorithm = DIGEST_NONE };

    while (*field != '\0') {
        field += strspn(field, " \t,");
        size_t count = strcspn(field, " \t,");
        if (member_parse(field, count, &value))
            break;
        field += count;
    }
    return value;
}
