#include "server/status_json.h"

#include <jansson.h>
#include <stdlib.h>

#include "protocol/choice.h"
#include "server/json_text.h"
#include "tests/check.h"

static json_t *status_with_parts(const struct upload_info *info, const struct status_parts *parts)
{
    json_error_t error;
    char *text = json_text(status_json(info, parts, "/files/", "/data/files/x"));

    assert_non_null(text);
    for (const char *letter = text; *letter != '\0'; letter++)
        assert_true(*letter == '\n' || (*letter >= ' ' && *letter <= '~'));
    json_t *status = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (status == NULL)
        fail_msg("%s: %s", error.text, text);
    free(text);
    return status;
}

static json_t *read_back(const struct upload_info *info)
{
    const struct status_parts none = { 0 };

    return status_with_parts(info, &none);
}

static const char *text_of(json_t *status, const char *key)
{
    json_t *value = json_object_get(status, key);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

static bool is_null(json_t *status, const char *key)
{
    return json_is_null(json_object_get(status, key));
}

static void tells_of_a_new_upload(void **state)
{
    const struct upload_info info = {
        .protocol = PROTOCOL_TUS,
        .created = 482196050,
        .appended = 482196050,
        .expires = 482800850,
        .filed = true,
    };

    (void)state;
    json_t *status = read_back(&info);
    assert_string_equal(text_of(status, "id"), "00000000000000000000000000000000");
    assert_string_equal(text_of(status, "url"), "/files/00000000000000000000000000000000");
    assert_string_equal(text_of(status, "file"), "/data/files/x");
    assert_string_equal(text_of(status, "protocol"), "tus");
    assert_string_equal(text_of(status, "kind"), "single");
    assert_true(is_null(status, "parts"));
    assert_string_equal(text_of(status, "state"), "receiving");
    assert_string_equal(text_of(status, "created"), "1985-04-12T23:20:50Z");
    assert_string_equal(text_of(status, "expires"), "1985-04-19T23:20:50Z");
    assert_true(json_is_false(json_object_get(status, "complete")));
    assert_true(json_is_false(json_object_get(status, "writing")));
    assert_int_equal(json_integer_value(json_object_get(status, "offset")), 0);
    assert_true(is_null(status, "length"));
    assert_true(is_null(status, "last_byte"));
    assert_true(is_null(status, "digest"));
    assert_true(is_null(status, "stated_digest"));
    assert_int_equal(json_object_size(json_object_get(status, "metadata")), 0);
    json_decref(status);
}

static void tells_of_a_complete_upload(void **state)
{
    const struct upload_info info = {
        .protocol = PROTOCOL_IETF,
        .state = UPLOAD_COMPLETE,
        .length_known = true,
        .length = INT64_MAX,
        .offset = INT64_MAX,
        .appended = 1,
        .expires = 5,
        .writing = true,
        .digest = { .algorithm = DIGEST_SHA256, .bytes = { 0x01, 0xab } },
        .stated = { .algorithm = DIGEST_SHA256, .bytes = { 0x02 } },
    };

    (void)state;
    json_t *status = read_back(&info);
    assert_string_equal(text_of(status, "protocol"), "ietf");
    assert_string_equal(text_of(status, "state"), "complete");
    assert_true(json_is_true(json_object_get(status, "complete")));
    assert_true(json_is_true(json_object_get(status, "writing")));
    assert_int_equal(json_integer_value(json_object_get(status, "offset")), INT64_MAX);
    assert_int_equal(json_integer_value(json_object_get(status, "length")), INT64_MAX);
    assert_string_equal(text_of(status, "last_byte"), "1970-01-01T00:00:01Z");
    assert_true(is_null(status, "expires"));

    json_t *digest = json_object_get(status, "digest");
    assert_string_equal(text_of(digest, "algorithm"), "sha256");
    assert_string_equal(text_of(digest, "hex"),
                        "01ab000000000000000000000000000000000000000000000000000000000000");
    digest = json_object_get(status, "stated_digest");
    assert_int_equal(text_of(digest, "hex")[1], '2');
    json_decref(status);
}

static void lists_the_parts_of_a_final_upload(void **state)
{
    const struct upload_info info = { .kind = UPLOAD_FINAL, .length_known = false };
    const struct upload_part_info infos[] = {
        { .id.bytes = { 0xab },
          .state = UPLOAD_DELETED,
          .length_known = true,
          .length = 3,
          .offset = 3,
          .begin_known = true },
        { .state = UPLOAD_RECEIVING, .offset = 5, .begin_known = true, .begin = 3 },
        { .state = UPLOAD_COMPLETE, .length_known = true, .length = 3, .offset = 3 },
    };
    const struct status_parts parts = { .infos = infos, .count = 3 };

    (void)state;
    json_t *status = status_with_parts(&info, &parts);
    assert_string_equal(text_of(status, "kind"), "final");
    assert_true(is_null(status, "file"));
    json_t *list = json_object_get(status, "parts");
    assert_int_equal(json_array_size(list), 3);

    json_t *part = json_array_get(list, 0);
    assert_string_equal(text_of(part, "id"), "ab000000000000000000000000000000");
    assert_string_equal(text_of(part, "url"), "/files/ab000000000000000000000000000000");
    assert_string_equal(text_of(part, "state"), "deleted");
    assert_int_equal(json_integer_value(json_object_get(part, "begin")), 0);
    assert_int_equal(json_integer_value(json_object_get(part, "length")), 3);
    part = json_array_get(list, 1);
    assert_int_equal(json_integer_value(json_object_get(part, "begin")), 3);
    assert_int_equal(json_integer_value(json_object_get(part, "offset")), 5);
    assert_true(is_null(part, "length"));
    assert_true(is_null(json_array_get(list, 2), "begin"));
    json_decref(status);
}

static void a_part_expires_though_it_is_complete(void **state)
{
    struct upload_info info = { .kind = UPLOAD_PARTIAL, .state = UPLOAD_COMPLETE, .expires = 1 };

    (void)state;
    json_t *status = read_back(&info);
    assert_string_equal(text_of(status, "kind"), "partial");
    assert_string_equal(text_of(status, "expires"), "1970-01-01T00:00:01Z");
    assert_true(is_null(status, "file")); /* not filed */
    json_decref(status);
}

static void names_the_other_states(void **state)
{
    struct upload_info info = { .state = UPLOAD_DAMAGED, .expires = 1 };

    (void)state;
    json_t *status = read_back(&info);
    assert_string_equal(text_of(status, "state"), "damaged");
    assert_string_equal(text_of(status, "expires"), "1970-01-01T00:00:01Z");
    assert_true(is_null(status, "protocol"));
    json_decref(status);
    info.state = UPLOAD_INVALIDATED;
    status = read_back(&info);
    assert_string_equal(text_of(status, "state"), "invalidated");
    json_decref(status);
    info.state = UPLOAD_VERIFYING;
    status = read_back(&info);
    assert_string_equal(text_of(status, "state"), "verifying");
    json_decref(status);
}

static json_t *metadata_of(const char *metadata)
{
    struct upload_info info = { .metadata = (uint8_t *)strdup(metadata) };

    info.metadata_count = strlen(metadata);
    json_t *status = read_back(&info);
    json_t *object = json_incref(json_object_get(status, "metadata"));
    json_decref(status);
    upload_info_done(&info);
    assert_true(json_is_object(object));
    return object;
}

static void expect_text(json_t *metadata, const char *key, const char *text, size_t count)
{
    json_t *value = json_object_get(metadata, key);

    assert_true(json_is_string(value));
    assert_int_equal(json_string_length(value), count);
    assert_memory_equal(json_string_value(value), text, count);
}

static void tells_metadata_that_is_text_as_text(void **state)
{
    (void)state;
    json_t *metadata =
        metadata_of("filename w6RcIi8uLi8uLgo=,empty,nul AA==,lines DQobW20=, \xc3\xbc eA==");
    assert_int_equal(json_object_size(metadata), 5);
    expect_text(metadata, "filename", "\xc3\xa4\\\"/../..\n", 11);
    expect_text(metadata, "empty", "", 0);
    expect_text(metadata, "nul", "\0", 1);
    expect_text(metadata, "lines", "\r\n\x1b[m", 5);
    expect_text(metadata, "\xc3\xbc", "x", 1);
    json_decref(metadata);
}

static void tells_other_metadata_as_base64(void **state)
{
    (void)state;
    json_t *metadata = metadata_of("latin /A==,cut w6Q=,long /////w==,surrogate 7aCA");
    assert_string_equal(text_of(json_object_get(metadata, "latin"), "base64"), "/A==");
    assert_string_equal(text_of(json_object_get(metadata, "long"), "base64"), "/////w==");
    assert_string_equal(text_of(json_object_get(metadata, "surrogate"), "base64"), "7aCA");
    expect_text(metadata, "cut", "\xc3\xa4", 2);
    json_decref(metadata);
}

static void reads_a_key_that_is_not_utf_8_as_latin_1(void **state)
{
    (void)state;
    json_t *metadata = metadata_of("\xfc\xff\"\\ eA==");
    expect_text(metadata, "\xc3\xbc\xc3\xbf\"\\", "x", 1);
    json_decref(metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_a_new_upload),
        cmocka_unit_test(tells_of_a_complete_upload),
        cmocka_unit_test(lists_the_parts_of_a_final_upload),
        cmocka_unit_test(a_part_expires_though_it_is_complete),
        cmocka_unit_test(names_the_other_states),
        cmocka_unit_test(tells_metadata_that_is_text_as_text),
        cmocka_unit_test(tells_other_metadata_as_base64),
        cmocka_unit_test(reads_a_key_that_is_not_utf_8_as_latin_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
