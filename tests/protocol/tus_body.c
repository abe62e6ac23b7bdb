#include "protocol/tus_body.h"

#include "tests/check.h"

static const struct tus_length unknown = { 0 };
static const struct tus_limits unlimited = { 0 };

static struct tus_length length_of(uint64_t bytes)
{
    return (struct tus_length){ .known = true, .bytes = bytes };
}

static void has_room_up_to_the_length_or_the_limit(void **state)
{
    (void)state;
    assert_true(tus_body_at(70, length_of(100), unlimited).room == 30);
    assert_int_equal(tus_body_at(70, length_of(100), unlimited).beyond, REFUSED_TOO_LONG);
    assert_true(tus_body_at(100, length_of(100), unlimited).room == 0);

    struct tus_limits limits = { .max_size = 90 };
    assert_true(tus_body_at(70, unknown, limits).room == 20);
    assert_int_equal(tus_body_at(70, unknown, limits).beyond, REFUSED_TOO_LARGE);
    assert_true(tus_body_at(95, unknown, limits).room == 0);
    assert_true(tus_body_at(70, length_of(100), limits).room ==
                30); /* accepted when it was created */

    assert_true(tus_body_at(70, unknown, unlimited).room == INT64_MAX - 70);
    assert_true(tus_limits_longest((struct tus_limits){ .max_size = UINT64_MAX }) == INT64_MAX);
}

static void refuses_a_length_without_room(void **state)
{
    struct tus_body body = tus_body_at(70, length_of(100), unlimited);
    struct framing framing = { .length = 30 };

    (void)state;
    assert_int_equal(tus_body_check(&body, &framing), 0);
    framing.length = 31;
    assert_int_equal(tus_body_check(&body, &framing), REFUSED_TOO_LONG);
    framing = (struct framing){ .chunked = true };
    assert_int_equal(tus_body_check(&body, &framing), 0);
}

static void cuts_the_piece_that_does_not_fit(void **state)
{
    struct tus_body body = tus_body_at(0, length_of(8), unlimited);
    struct bytes piece = bytes_of_text("hello");

    (void)state;
    assert_int_equal(tus_body_take(&body, &piece), 0);
    assert_true(bytes_equal_text(piece, "hello"));

    piece = bytes_of_text("world");
    assert_int_equal(tus_body_take(&body, &piece), REFUSED_TOO_LONG);
    assert_true(bytes_equal_text(piece, "wor"));

    piece = bytes_of_text("!");
    assert_int_equal(tus_body_take(&body, &piece), REFUSED_TOO_LONG);
    assert_int_equal(piece.count, 0);

    piece = bytes_of_text("");
    assert_int_equal(tus_body_take(&body, &piece), 0);
}

static void is_complete_when_the_offset_is_the_length(void **state)
{
    struct tus_body body = tus_body_at(0, length_of(100), unlimited);

    (void)state;
    assert_int_equal(tus_body_end(&body, 99), TUS_END_COMMIT);
    assert_int_equal(tus_body_end(&body, 100), TUS_END_FINISH);

    body = tus_body_at(0, length_of(0), unlimited);
    assert_int_equal(tus_body_end(&body, 0), TUS_END_FINISH);

    body = tus_body_at(0, unknown, unlimited);
    assert_int_equal(tus_body_end(&body, 0), TUS_END_COMMIT);

    body = tus_body_at(100, length_of(100), unlimited);
    body.complete = true;
    assert_int_equal(tus_body_end(&body, 100), TUS_END_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_room_up_to_the_length_or_the_limit),
        cmocka_unit_test(refuses_a_length_without_room),
        cmocka_unit_test(cuts_the_piece_that_does_not_fit),
        cmocka_unit_test(is_complete_when_the_offset_is_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
