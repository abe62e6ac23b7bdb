/* An address that is read is written in one way, which is read as the same; a network has what has its
 * first bits, and nothing else. In the first line networks, then an address. */

#include "protocol/address.h"

#include <assert.h>

#include "tests/fuzz/fuzz.h"
#include "tests/protocol/message_text.h"

static void is_written_in_one_way(const struct address *address)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address again;

    address_format(address, text);
    assert(strlen(text) < ADDRESS_TEXT_BYTES);
    assert(address_parse(bytes_of_text(text), &again));
    assert(address_equal(&again, address));
    assert(address_parse_node(bytes_of_text(text), &again));
    assert(address_equal(&again, address));
}

static bool bit(const struct address *address, unsigned number)
{
    return (address->ip[number / 8] >> (7 - number % 8) & 1) != 0;
}

static bool begins_as(const struct address *address, const struct network *network)
{
    for (unsigned i = 0; i < network->prefix_bits; i++)
        if (bit(address, i) != bit(&network->first, i))
            return false;
    return true;
}

static bool one_has(const struct networks *networks, const struct address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (networks->items[i].first.kind == ADDRESS_IP && begins_as(address, &networks->items[i]))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct bytes line = message_text_cut(&input, '\n');
    struct networks networks = { .count = 77 };
    struct address address;

    bool read = networks_parse(line, &networks);
    assert(read ? networks.count <= NETWORKS_MAX : networks.count == 77);
    if (!address_parse(input, &address)) {
        if (address_parse_node(input, &address))
            is_written_in_one_way(&address);
        return 0;
    }
    assert(address.kind == ADDRESS_IP);
    is_written_in_one_way(&address);
    assert(!read || networks_have(&networks, &address) == one_has(&networks, &address));
    return 0;
}
