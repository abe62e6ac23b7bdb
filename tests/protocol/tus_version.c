#include "protocol/tus_version.h"

#include "base/refusal.h"
#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void speaks_one_version(void **state)
{
    static const struct {
        const char *fields;
        int means, means_stated; /* where it must be there, and where it may be missing */
    } cases[] = {
        { "Tus-Resumable: 1.0.0", 0, 0 },
        { "TUS-Resumable: 1.0.0", 0, 0 },
        { "", REFUSED_VERSION, 0 },
        { "Tus-Resumable: 0.2.2", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable: 2.0.0", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable: 1.0.1", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable: 1.0", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable:", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable: 1.0.0,2.0.0", REFUSED_VERSION, REFUSED_VERSION },
        { "Tus-Resumable: 1.0.0\nTus-Resumable: 1.0.0", REFUSED_REPEATED_FIELD,
          REFUSED_REPEATED_FIELD },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        assert_int_equal(tus_version_check(&text.message), cases[i].means);
        assert_int_equal(tus_version_check_stated(&text.message), cases[i].means_stated);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(speaks_one_version) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
