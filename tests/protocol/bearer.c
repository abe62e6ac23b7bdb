#include "protocol/bearer.h"

#include <string.h>

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN        "0123456789abcdef"

static int check(const char *fields)
{
    struct message_text text;

    message_text_fields(bytes_of_text(fields), &text);
    return bearer_check(&text.message, bytes_of_text(TOKEN));
}

static void knows_what_can_be_a_token(void **state)
{
    static const char *const good[] = { TOKEN, "A-Z._~+/0123456=", "0123456789abcde==" };
    static const char *const bad[] = { "",
                                       "0123456789abcde",
                                       "0123456789abcdef ",
                                       "0123456789=abcdef",
                                       "0123456789abcd\xc3\xa4",
                                       "0123456789\nabcdef",
                                       "0123456789abcde,\"" };
    char longest[BEARER_TOKEN_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (!bearer_token_valid(bytes_of_text(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (bearer_token_valid(bytes_of_text(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    memset(longest, 'a', sizeof(longest));
    assert_true(bearer_token_valid(bytes_of(longest, BEARER_TOKEN_MAX)));
    assert_false(bearer_token_valid(bytes_of(longest, BEARER_TOKEN_MAX + 1)));
}

static void the_right_token_is_let_in(void **state)
{
    (void)state;
    assert_int_equal(check("Authorization: Bearer " TOKEN), 0);
    assert_int_equal(check("authorization: bEARER " TOKEN), 0);
    assert_int_equal(check("Host: a\nAuthorization: Bearer   " TOKEN), 0);
}

static void nothing_else_is(void **state)
{
    static const char *const cases[] = {
        "",
        "Host: a",
        "Authorization:",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: " TOKEN,
        "Authorization: Bearer" TOKEN,
        "Authorization: Basic " TOKEN,
        "Authorization: Bearer 0123456789abcde",
        "Authorization: Bearer 0123456789abcdeg",
        "Authorization: Bearer 1123456789abcdef",
        "Authorization: Bearer 0123456789abcdef0",
        "Authorization: Bearer 0123456789ABCDEF",
        "Authorization: Bearer " TOKEN " " TOKEN,
        "Authorization: Bearer " TOKEN ", Basic a",
        "Proxy-Authorization: Bearer " TOKEN,
        "Cookie: token=" TOKEN,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (check(cases[i]) != REFUSED_TOKEN)
            fail_msg("let in: %s", cases[i]);
    assert_int_equal(check("Authorization: Bearer " TOKEN "\nAuthorization: Bearer " TOKEN),
                     REFUSED_REPEATED_FIELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_can_be_a_token),
        cmocka_unit_test(the_right_token_is_let_in),
        cmocka_unit_test(nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
