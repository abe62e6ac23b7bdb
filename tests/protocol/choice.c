#include "protocol/choice.h"

#include "tests/check.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_the_markers(void **state)
{
    static const struct {
        const char *fields;
        enum protocol protocol;
    } cases[] = {
        { "Tus-Resumable: 1.0.0", PROTOCOL_TUS },
        { "TUS-Resumable: 1.0.0\nUpload-Length: 5", PROTOCOL_TUS },
        { "Tus-Resumable: 9.9.9", PROTOCOL_TUS },
        { "Tus-Resumable:", PROTOCOL_TUS },
        { "Tus-Resumable: 1.0.0\nUpload-Complete: ?1\nUpload-Draft-Interop-Version: 8",
          PROTOCOL_TUS },
        { "Upload-Draft-Interop-Version: 8", PROTOCOL_IETF },
        { "Upload-Draft-Interop-Version: 99", PROTOCOL_IETF },
        { "Upload-Complete: ?1", PROTOCOL_IETF },
        { "Upload-Complete: ?0;a=b", PROTOCOL_IETF },
        { "Upload-Incomplete: ?0", PROTOCOL_IETF },
        { "Content-Type: application/partial-upload", PROTOCOL_IETF },
        { "content-type: Application/Partial-Upload; a=b", PROTOCOL_IETF },
        { "", PROTOCOL_NONE },
        { "Upload-Length: 5\nUpload-Offset: 0", PROTOCOL_NONE },
        { "Upload-Complete: true", PROTOCOL_NONE },
        { "Upload-Complete: ?2", PROTOCOL_NONE },
        { "Upload-Complete: ?11", PROTOCOL_NONE },
        { "Upload-Complete: ?", PROTOCOL_NONE },
        { "Upload-Complete:", PROTOCOL_NONE },
        { "Content-Type: application/offset+octet-stream", PROTOCOL_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct message_text text;
        message_text_fields(bytes_of_text(cases[i].fields), &text);
        if (protocol_choose(&text.message) != cases[i].protocol)
            fail_msg("misread: %s", cases[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_the_markers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
