/* The client that is named is the peer, or one that a field names; from a peer that is not trusted nothing
 * is taken; host and scheme are what they must be. The input is fields in lines. */

#include "protocol/forwarded.h"

#include <assert.h>

#include "protocol/authority.h"
#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

/* What is written here stands to the right of all that a client wrote. */
static void cannot_be_pushed_away(struct message_text *text, const struct address *peer,
                                  const struct networks *trusted)
{
    static const char *const ours[][2] = { { "Forwarded", "for=203.0.113.9" },
                                           { "X-Forwarded-For", "203.0.113.9" } };
    struct address client;

    if (text->message.field_count + 2 > MESSAGE_TEXT_FIELDS_MAX)
        return;
    for (size_t i = 0; i < 2; i++)
        text->fields[text->message.field_count++] =
            (struct field){ .name = bytes_of_text(ours[i][0]), .value = bytes_of_text(ours[i][1]) };
    struct forwarded forwarded = forwarded_read(&text->message, peer, trusted);
    (void)address_parse(bytes_of_text("203.0.113.9"), &client);
    assert(address_equal(&forwarded.client, &client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct networks trusted = { 0 }, nobody = { 0 }, read = { 0 };
    struct message_text text;
    struct address peer;
    char written[ADDRESS_TEXT_BYTES];

    (void)networks_parse(bytes_of(data, size), &read);
    (void)networks_parse(bytes_of_text("10.0.0.0/8"), &trusted);
    (void)address_parse(bytes_of_text("10.0.0.1"), &peer);
    message_text_fields(bytes_of(data, size), &text);

    struct forwarded forwarded = forwarded_read(&text.message, &peer, &nobody);
    assert(address_equal(&forwarded.client, &peer));
    assert(forwarded.host.count == 0 && forwarded.scheme == FORWARDED_SCHEME_UNKNOWN);

    forwarded = forwarded_read(&text.message, &peer, &trusted);
    assert(forwarded.client.kind == ADDRESS_IP);
    address_format(&forwarded.client, written);
    struct address again;
    assert(address_parse(bytes_of_text(written), &again));
    assert(address_equal(&again, &forwarded.client));
    assert(forwarded.host.count == 0 || authority_valid(forwarded.host));

    cannot_be_pushed_away(&text, &peer, &trusted);
    return 0;
}
