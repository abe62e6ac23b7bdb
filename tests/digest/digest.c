#include "digest/digest.h"

#include <stdio.h>

#include "tests/check.h"

enum {
    LONG_BYTES = 5001
};

static uint8_t long_text[LONG_BYTES];

static int long_text_fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < LONG_BYTES; i++)
        long_text[i] = (uint8_t)((i * 31 + 7) >> 1);
    return 0;
}

/* From Python's hashlib and zlib. */
/* clang-format off */
static const struct {
    enum digest_algorithm algorithm;
    const uint8_t *text;
    size_t count;
    const char *hex;
} known[] = {
    { DIGEST_BLAKE2B, long_text, 0,
      "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
      "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce" },
    { DIGEST_SHA256, long_text, 0,
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { DIGEST_SHA512, long_text, 0,
      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
    { DIGEST_SHA1, long_text, 0,
      "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { DIGEST_MD5, long_text, 0,
      "d41d8cd98f00b204e9800998ecf8427e" },
    { DIGEST_CRC32, long_text, 0,
      "00000000" },
    { DIGEST_BLAKE2B, (const uint8_t *)"abc", 3,
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923" },
    { DIGEST_SHA256, (const uint8_t *)"abc", 3,
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { DIGEST_SHA512, (const uint8_t *)"abc", 3,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    { DIGEST_SHA1, (const uint8_t *)"abc", 3,
      "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { DIGEST_MD5, (const uint8_t *)"abc", 3,
      "900150983cd24fb0d6963f7d28e17f72" },
    { DIGEST_CRC32, (const uint8_t *)"abc", 3,
      "352441c2" },
    { DIGEST_BLAKE2B, long_text, LONG_BYTES,
      "d447070b91cc7f6d70e42093ef07c0bd1253c8c08acd5a9ff2c7e3a67d09217d"
      "63e8792715e455e83662ad2ed62121bbd4cef5f93785d666baef07acf65bb72c" },
    { DIGEST_SHA256, long_text, LONG_BYTES,
      "ea417b03b4c8d2e5e7181732764f13c7d71afac4dbda06bcfd6a1840cde8bb68" },
    { DIGEST_SHA512, long_text, LONG_BYTES,
      "215dffbbe72f6c108d8df132b87464dd55b61a0a3b3ae67d2c9334e0b352545b"
      "39e94d11a49200ffc7714d90f652de16d02b8ff20294c0d895083ecb930729cd" },
    { DIGEST_SHA1, long_text, LONG_BYTES,
      "7a2f0444b00c44fdb1d0c9c6e8bcba53a087c500" },
    { DIGEST_MD5, long_text, LONG_BYTES,
      "367c918cae462a1cc43033ed50400460" },
    { DIGEST_CRC32, long_text, LONG_BYTES,
      "b94dea5d" },
};
/* clang-format on */

static void assert_hex(const struct digest_value *value, const char *hex)
{
    char text[2 * DIGEST_BYTES_MAX + 1] = "";
    struct bytes bytes = digest_value_bytes(value);

    for (size_t i = 0; i < bytes.count; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    assert_string_equal(text, hex);
}

static void agrees_with_other_programs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct digest digest;
        struct digest_value value;
        digest_init(&digest, known[i].algorithm);
        digest_update(&digest, bytes_of(known[i].text, known[i].count));
        digest_final(&digest, &value);
        assert_int_equal(value.algorithm, known[i].algorithm);
        assert_hex(&value, known[i].hex);
    }
}

/* Hashes the long text in two parts, with the process gone in between. */
static void resume_at(enum digest_algorithm algorithm, size_t cut, const char *hex)
{
    struct digest digest;
    struct digest_checkpoint checkpoint;
    struct digest_value value;

    digest_init(&digest, algorithm);
    digest_update(&digest, bytes_of(long_text, cut));
    digest_checkpoint(&digest, &checkpoint);
    assert_in_range(cut - checkpoint.position, 0, 256);

    memset(&digest, 0xaa, sizeof(digest));
    assert_true(
        digest_restore(&digest, algorithm, bytes_of(checkpoint.bytes, checkpoint.count)));
    assert_int_equal(digest.position, checkpoint.position);
    digest_update(&digest, bytes_of(long_text + digest.position, LONG_BYTES - digest.position));
    digest_final(&digest, &value);
    assert_hex(&value, hex);
}

static void goes_on_from_a_checkpoint_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].count == LONG_BYTES)
            for (size_t cut = 0; cut <= LONG_BYTES; cut += cut < 600 ? 1 : 97)
                resume_at(known[i].algorithm, cut, known[i].hex);
}

static void goes_on_from_a_checkpoint_of_what_was_resumed(void **state)
{
    struct digest digest;
    struct digest_checkpoint first, second;

    (void)state;
    digest_init(&digest, DIGEST_BLAKE2B);
    digest_update(&digest, bytes_of(long_text, 1000));
    digest_checkpoint(&digest, &first);
    assert_true(digest_restore(&digest, DIGEST_BLAKE2B, bytes_of(first.bytes, first.count)));
    digest_checkpoint(&digest, &second);
    assert_int_equal(first.position, second.position);
    assert_memory_equal(first.bytes, second.bytes, first.count);
}

static void refuses_what_is_no_checkpoint(void **state)
{
    struct digest digest, untouched;
    struct digest_checkpoint checkpoint;

    (void)state;
    digest_init(&digest, DIGEST_SHA256);
    digest_update(&digest, bytes_of(long_text, 1000));
    digest_checkpoint(&digest, &checkpoint);
    struct bytes bytes = bytes_of(checkpoint.bytes, checkpoint.count);
    untouched = digest;

    assert_false(digest_restore(&digest, DIGEST_SHA512, bytes));
    assert_false(digest_restore(&digest, DIGEST_NONE, bytes));
    assert_false(digest_restore(&digest, DIGEST_SHA256, bytes_after(bytes, 1)));
    checkpoint.bytes[0] = 2; /* a version to come */
    assert_false(digest_restore(&digest, DIGEST_SHA256, bytes));
    checkpoint.bytes[0] = 1;
    checkpoint.bytes[1] ^= 1; /* not between two blocks */
    assert_false(digest_restore(&digest, DIGEST_SHA256, bytes));
    checkpoint.bytes[1] ^= 1;
    checkpoint.bytes[8] = 0x80; /* beyond all files */
    assert_false(digest_restore(&digest, DIGEST_SHA256, bytes));
    assert_memory_equal(&digest, &untouched, sizeof(digest));
}

static void none_is_an_algorithm_too(void **state)
{
    struct digest digest;
    struct digest_checkpoint checkpoint;
    struct digest_value value;

    (void)state;
    digest_init(&digest, DIGEST_NONE);
    digest_update(&digest, bytes_of(long_text, LONG_BYTES));
    digest_checkpoint(&digest, &checkpoint);
    assert_int_equal(checkpoint.count, 0);
    assert_true(digest_restore(&digest, DIGEST_NONE, bytes_of(NULL, 0)));
    digest_final(&digest, &value);
    assert_int_equal(digest_value_bytes(&value).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_other_programs),
        cmocka_unit_test(goes_on_from_a_checkpoint_anywhere),
        cmocka_unit_test(goes_on_from_a_checkpoint_of_what_was_resumed),
        cmocka_unit_test(refuses_what_is_no_checkpoint),
        cmocka_unit_test(none_is_an_algorithm_too),
    };
    return cmocka_run_group_tests(tests, long_text_fill, NULL);
}
