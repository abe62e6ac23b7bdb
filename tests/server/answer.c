#include "server/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"

/* Without the Date, which is another one every second. */
static char *format_without_date(const struct answer *answer, bool head)
{
    size_t count = 0;
    char *text = answer_format(answer, head, &count);

    assert_non_null(text);
    assert_int_equal(strlen(text), count);
    char *date = strstr(text, "Date: ");
    if (date != NULL) {
        char *end = strstr(date, "\r\n") + 2;
        assert_int_equal(end - date, (long)strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        memmove(date, end, strlen(end) + 1);
    }
    return text;
}

static void formats_a_line_of_text(void **state)
{
    struct answer answer = { 0 };

    (void)state;
    answer_field(&answer, "Upload-Offset", "%d", 5);
    answer_text(&answer, 409, "the upload is at %d", 5);
    answer.close = true;
    char *text = format_without_date(&answer, false);
    assert_string_equal(text,
                        "HTTP/1.1 409 Conflict\r\n"
                        "Upload-Offset: 5\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: 19\r\n"
                        "Connection: close\r\n"
                        "\r\n"
                        "the upload is at 5\n");
    free(text);

    text = format_without_date(&answer, true);
    assert_null(strstr(text, "the upload"));
    assert_non_null(strstr(text, "Content-Length: 19"));
    free(text);
    answer_done(&answer);
}

static void owns_a_content_and_tells_its_length(void **state)
{
    struct answer answer = { .status = 200 };
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    answer_file(&answer, content_new(fds[0], 100), 5, 70);
    char *text = format_without_date(&answer, true);
    assert_string_equal(text, "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n");
    free(text);

    answer_text(&answer, 500, "the server failed"); /* instead of it */
    assert_false(answer.file.present);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    answer_done(&answer);

    struct content *content = content_new(fds[1], 1);
    answer_file(&answer, content, 0, 1);
    struct answer_file file = answer_take_file(&answer);
    assert_ptr_equal(file.content, content);
    assert_int_equal(answer.file.count, 1);
    answer_done(&answer);
    assert_int_not_equal(fcntl(fds[1], F_GETFD), -1);
    content_close(content);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
}

static void formats_an_interim_response(void **state)
{
    struct answer interim = { .status = 104 };

    (void)state;
    answer_field(&interim, "Upload-Offset", "7");
    char *text = format_without_date(&interim, false);
    assert_string_equal(text,
                        "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 7\r\n\r\n");
    free(text);
    answer_done(&interim);
}

static void every_refusal_has_a_status_and_a_sentence(void **state)
{
    (void)state;
    for (int refusal = 1; refusal < REFUSAL_COUNT; refusal++) {
        struct answer answer = { 0 };
        answer_result(&answer, refusal);
        assert_in_range(answer.status, 400, 599);
        assert_true(answer.body_count > 10);
        assert_int_equal(answer.body[answer.body_count - 1], '\n');
        assert_null(memchr(answer.body, '\n', answer.body_count - 1));
        answer_done(&answer);
    }
}

static const char *field(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (strcmp(answer->fields[i].name, name) == 0)
            return answer->fields[i].value;
    return NULL;
}

static void gives_the_statuses_of_the_ietf(void **state)
{
    static const struct {
        enum refusal refusal;
        unsigned status;
    } cases[] = {
        { REFUSED_COMPLETENESS, 400 },
        { REFUSED_OFFSET_UNSTATED, 400 },
        { REFUSED_PARTIAL_MEDIA_TYPE, 415 },
        { REFUSED_FIELD_EXCLUDED, 400 },
        { REFUSED_OTHER_PROTOCOL, 400 },
        { REFUSED_LENGTHS_INCONSISTENT, 400 },
        { REFUSED_EXCESS, 400 },
        { REFUSED_TOO_SMALL, 400 },
        { REFUSED_APPEND_TOO_LARGE, 413 },
        { REFUSED_APPEND_TOO_SMALL, 400 },
        { REFUSED_DIGEST_FIELD, 400 },
        { REFUSED_CONTENT_MISMATCH, 400 },
        { REFUSED_TAKEN_OVER, 503 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = { 0 };
        answer_result(&answer, cases[i].refusal);
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(field(&answer, "Retry-After") != NULL, cases[i].status == 503);
        answer_done(&answer);
    }
}

static void tells_problems(void **state)
{
    struct answer answer = { 0 };

    (void)state;
    answer_problem(&answer, 409, "{}");
    assert_int_equal(answer.status, 409);
    assert_string_equal(field(&answer, "Content-Type"), "application/problem+json");
    assert_memory_equal(answer.body, "{}\n", 3);
    assert_int_equal(answer.body_count, 3);
    answer_done(&answer);
}

static void gives_the_statuses_of_tus(void **state)
{
    static const struct {
        enum refusal refusal;
        unsigned status;
    } cases[] = {
        { REFUSED_VERSION, 412 },           { REFUSED_MEDIA_TYPE, 415 },
        { REFUSED_OFFSET_SYNTAX, 400 },     { REFUSED_LENGTH_SYNTAX, 400 },
        { REFUSED_DEFER_SYNTAX, 400 },      { REFUSED_LENGTH_UNSTATED, 400 },
        { REFUSED_METADATA_SYNTAX, 400 },   { REFUSED_REPEATED_FIELD, 400 },
        { REFUSED_UNKNOWN_UPLOAD, 404 },    { REFUSED_GONE, 410 },
        { REFUSED_OFFSET_MISMATCH, 409 },   { REFUSED_TOO_LARGE, 413 },
        { REFUSED_TOO_LONG, 413 },          { REFUSED_LENGTH_MISMATCH, 400 },
        { REFUSED_FINAL_UPLOAD, 403 },      { REFUSED_LOCKED, 423 },
        { REFUSED_CHECKSUM_MISMATCH, 460 }, { REFUSED_NO_SPACE, 507 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = { 0 };
        answer_result(&answer, cases[i].refusal);
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(field(&answer, "Tus-Version") != NULL, cases[i].status == 412);
        answer_done(&answer);
    }
}

static void every_failure_is_a_5xx(void **state)
{
    static const struct {
        int code;
        unsigned status;
    } cases[] = {
        { -ENOSPC, 507 }, { -EDQUOT, 507 }, { -ENOMEM, 503 }, { -EMFILE, 503 },
        { -ENFILE, 503 }, { -EIO, 500 },    { -EINVAL, 500 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = { 0 };
        answer_result(&answer, cases[i].code);
        assert_int_equal(answer.status, cases[i].status);
        answer_done(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_a_line_of_text),
        cmocka_unit_test(owns_a_content_and_tells_its_length),
        cmocka_unit_test(formats_an_interim_response),
        cmocka_unit_test(every_refusal_has_a_status_and_a_sentence),
        cmocka_unit_test(gives_the_statuses_of_the_ietf),
        cmocka_unit_test(tells_problems),
        cmocka_unit_test(gives_the_statuses_of_tus),
        cmocka_unit_test(every_failure_is_a_5xx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
