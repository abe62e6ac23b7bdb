#include "protocol/ietf_body.h"

#include "tests/check.h"
#include "tests/protocol/ietf_text.h"

static const struct ietf_limits none = { 0 };

static void has_room_up_to_whatever_comes_first(void **state)
{
    static const struct {
        uint64_t offset;
        struct ietf_length length;
        struct ietf_limits limits;
        uint64_t room;
        enum refusal beyond;
    } cases[] = {
        { 70, { true, 100 }, { 0 }, 30, REFUSED_EXCESS },
        { 100, { true, 100 }, { 0 }, 0, REFUSED_EXCESS },
        { 70, { false, 0 }, { 0 }, IETF_SIZE_MAX - 70, REFUSED_TOO_LARGE },
        { 70, { false, 0 }, { .max_size = 100 }, 30, REFUSED_TOO_LARGE },
        { 170, { false, 0 }, { .max_size = 100 }, 0, REFUSED_TOO_LARGE },
        { 70, { true, 200 }, { .max_size = 100 }, 130, REFUSED_EXCESS }, /* it was accepted once */
        { 70, { true, 100 }, { .max_append_size = 29 }, 29, REFUSED_APPEND_TOO_LARGE },
        { 70, { true, 100 }, { .max_append_size = 30 }, 30, REFUSED_EXCESS },
        { 70, { false, 0 }, { .max_append_size = 29 }, 29, REFUSED_APPEND_TOO_LARGE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ietf_body body =
            ietf_body_at(version(10), cases[i].offset, cases[i].length, &cases[i].limits, true);
        assert_true(body.room == cases[i].room);
        assert_int_equal(body.beyond, cases[i].beyond);
        assert_true(body.completes);
    }
}

static void refuses_a_stated_length_without_room(void **state)
{
    struct ietf_limits limits = { .min_append_size = 10 };
    struct ietf_body body =
        ietf_body_at(version(10), 70, (struct ietf_length){ true, 100 }, &limits, false);

    (void)state;
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .length = 30 }, &limits), 0);
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .length = 31 }, &limits),
                     REFUSED_EXCESS);
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .length = 10 }, &limits), 0);
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .length = 9 }, &limits),
                     REFUSED_APPEND_TOO_SMALL);
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .chunked = true }, &limits), 0);
    body.completes = true;
    assert_int_equal(ietf_body_check(&body, &(struct framing){ .length = 9 }, &limits), 0);
}

static void cuts_the_piece_that_does_not_fit(void **state)
{
    struct ietf_body body =
        ietf_body_at(version(10), 0, (struct ietf_length){ true, 5 }, &none, false);
    struct bytes piece = bytes_of_text("abc");

    (void)state;
    assert_int_equal(ietf_body_take(&body, &piece), 0);
    assert_int_equal(piece.count, 3);
    piece = bytes_of_text("defg");
    assert_int_equal(ietf_body_take(&body, &piece), REFUSED_EXCESS);
    assert_int_equal(piece.count, 2);
    assert_true(body.room == 0);
}

static void ends_by_the_clients_word_or_in_some_versions_by_the_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < IETF_VERSION_COUNT; i++) {
        struct ietf_length length = { true, 5 };
        struct ietf_body body = ietf_body_at(&IETF_VERSIONS[i], 0, length, &none, false);
        struct bytes piece = bytes_of_text("abcd");

        assert_int_equal(ietf_body_take(&body, &piece), 0);
        assert_false(ietf_body_ends(&body));
        piece = bytes_of_text("e");
        assert_int_equal(ietf_body_take(&body, &piece), 0);
        assert_int_equal(ietf_body_ends(&body), IETF_VERSIONS[i].length_completes);
        body.completes = true;
        assert_true(ietf_body_ends(&body));
    }
}

static void tells_the_length_by_the_content(void **state)
{
    struct ietf_length length = ietf_body_length(true, 70, &(struct framing){ .length = 30 });

    (void)state;
    assert_true(length.known);
    assert_true(length.bytes == 100);
    assert_false(ietf_body_length(false, 70, &(struct framing){ .length = 30 }).known);
    assert_false(ietf_body_length(true, 70, &(struct framing){ .chunked = true }).known);
    assert_false(ietf_body_length(true, 1, &(struct framing){ .length = IETF_SIZE_MAX }).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_room_up_to_whatever_comes_first),
        cmocka_unit_test(refuses_a_stated_length_without_room),
        cmocka_unit_test(cuts_the_piece_that_does_not_fit),
        cmocka_unit_test(ends_by_the_clients_word_or_in_some_versions_by_the_length),
        cmocka_unit_test(tells_the_length_by_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
