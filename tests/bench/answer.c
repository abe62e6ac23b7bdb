#include "tools/ferry_bench/answer.h"

#include "tests/check.h"

static const char *parse(const char *text, struct answer *ret_answer)
{
    return answer_parse(bytes_of_text(text), ret_answer);
}

static void waits_for_the_whole_header(void **state)
{
    (void)state;
    assert_int_equal(answer_header_bytes(bytes_of_text("")), 0);
    assert_int_equal(answer_header_bytes(bytes_of_text("HTTP/1.1 204 No Content\r\n")), 0);
    assert_int_equal(answer_header_bytes(bytes_of_text("HTTP/1.1 204 No Content\r\n\r\nabc")), 27);
}

static void knows_what_a_load_has_to_know(void **state)
{
    struct answer answer;

    (void)state;
    assert_null(
        parse("HTTP/1.1 201 Created\r\nLocation: /files/1\r\nupload-offset:  70 \r\n"
              "Content-Length: 2\r\nConnection: close\r\n\r\nok",
              &answer));
    assert_int_equal(answer.status, 201);
    assert_true(answer.offset_known);
    assert_int_equal(answer.offset, 70);
    assert_true(answer.length_known);
    assert_int_equal(answer.length, 2);
    assert_true(answer.closes);
    assert_false(answer.chunked);
    assert_true(bytes_equal_text(answer.location, "/files/1"));
}

static void what_is_not_there_is_not_known(void **state)
{
    struct answer answer;

    (void)state;
    assert_null(parse("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", &answer));
    assert_false(answer.offset_known);
    assert_false(answer.length_known);
    assert_false(answer.closes);
    assert_true(answer.chunked);
    assert_int_equal(answer.location.count, 0);
}

static void says_what_is_wrong(void **state)
{
    static const char *const wrong[] = {
        "\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nUpload-Offset\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nUpload-Offset: -1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nUpload-Offset: 9223372036854775808\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct answer answer = { .status = 77 };
        assert_non_null(parse(wrong[i], &answer));
        assert_int_equal(answer.status, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_whole_header),
        cmocka_unit_test(knows_what_a_load_has_to_know),
        cmocka_unit_test(what_is_not_there_is_not_known),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
