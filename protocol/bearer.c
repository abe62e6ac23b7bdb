#include "protocol/bearer.h"

#include "base/refusal.h"

/* RFC 6750, 2.1:  b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool token_byte(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || (byte != 0 && strchr("-._~+/", byte) != NULL);
}

bool bearer_token_valid(struct bytes token)
{
    size_t count = token.count;

    if (count < BEARER_TOKEN_MIN || count > BEARER_TOKEN_MAX)
        return false;
    while (count > 1 && token.data[count - 1] == '=')
        count--;
    for (size_t i = 0; i < count; i++)
        if (!token_byte(token.data[i]))
            return false;
    return true;
}

static bool equal_in_constant_time(struct bytes one, struct bytes other)
{
    volatile uint8_t difference = 0;

    if (one.count != other.count)
        return false;
    for (size_t i = 0; i < one.count; i++)
        difference = (uint8_t)(difference | (one.data[i] ^ other.data[i]));
    return difference == 0;
}

int bearer_check(const struct message *message, struct bytes token)
{
    static const char scheme[] = "Bearer ";
    const size_t count = sizeof(scheme) - 1;
    const struct field *authorization;

    int r = message_field_once(message, "Authorization", &authorization);
    if (r != 0)
        return r;

    /* RFC 9110, 11.1:  auth-scheme = token, regardless of case; 11.4:  1*SP behind it */
    if (authorization == NULL || authorization->value.count < count ||
        !bytes_equal_nocase(bytes_of(authorization->value.data, count), scheme))
        return REFUSED_TOKEN;
    struct bytes shown = field_trim(bytes_after(authorization->value, count));
    return equal_in_constant_time(shown, token) ? 0 : REFUSED_TOKEN;
}
