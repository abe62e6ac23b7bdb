#include "tools/ferry/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static void writes_pairs_in_order(void **state)
{
    struct metadata metadata = { 0 };

    (void)state;
    assert_true(metadata_set(&metadata, "filename", "world_domination_plan.pdf"));
    assert_true(metadata_set(&metadata, "is_confidential", ""));
    assert_true(metadata_set(&metadata, "a", "\xFF"));
    assert_true(metadata_set(&metadata, "b", "ab"));
    assert_true(metadata_set(&metadata, "a", "a"));
    char *header = metadata_format(&metadata);
    assert_string_equal(header,
                        "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential,"
                        "a YQ==,b YWI=");
    free(header);
    metadata_done(&metadata);
}

static void refuses_keys_that_tus_does_not_allow(void **state)
{
    static const char *const keys[] = { "", "a b", "a,b", "\xC3\xA9", "a\n", "\x7f" };
    struct metadata metadata = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_false(metadata_set(&metadata, keys[i], "x"));
    assert_int_equal(metadata.count, 0);
}

static void refuses_too_much(void **state)
{
    struct metadata metadata = { 0 };
    char *value = malloc(METADATA_HEADER_BYTES_MAX);

    (void)state;
    for (char key[] = "A"; key[0] < 'A' + 40; key[0]++)
        assert_true(metadata_set(&metadata, key, "x"));
    memset(value, 'x', METADATA_HEADER_BYTES_MAX);
    value[METADATA_HEADER_BYTES_MAX - 1] = '\0';
    assert_true(metadata_set(&metadata, "long", value));
    assert_null(metadata_format(&metadata));
    free(value);
    metadata_done(&metadata);
}

static void reads_what_servers_send(void **state)
{
    static const struct {
        const char *header;
        size_t count;
        const char *key, *value; /* of the last pair */
    } cases[] = {
        { "", 0, "", "" },
        { "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==", 1, "filename",
          "world_domination_plan.pdf" },
        { "a YQ==,b", 2, "b", "" },
        { "a YQ==, b YWI= ,c ", 3, "c", "" },
        { "a YQ==,a YWI=", 1, "a", "ab" },
        { "a YQ==,bad ?,worse YQ=,worst Y===,b YWJj", 2, "b", "abc" },
        { ",, ,a YQ==,", 1, "a", "a" },
        { "a YQ== YQ==,b YQ==", 1, "b", "a" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct metadata metadata;
        metadata_parse(cases[i].header, &metadata);
        assert_int_equal(metadata.count, cases[i].count);
        if (metadata.count > 0) {
            assert_string_equal(metadata.pairs[metadata.count - 1].key, cases[i].key);
            assert_string_equal(metadata.pairs[metadata.count - 1].value, cases[i].value);
        }
        metadata_done(&metadata);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_pairs_in_order),
        cmocka_unit_test(refuses_keys_that_tus_does_not_allow),
        cmocka_unit_test(refuses_too_much),
        cmocka_unit_test(reads_what_servers_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
