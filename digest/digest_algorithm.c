#include "digest/digest_algorithm.h"

#include <assert.h>

static const struct {
    const char *name;
    size_t count;
} algorithms[DIGEST_ALGORITHM_COUNT] = {
    [DIGEST_NONE] = { "none", 0 },      [DIGEST_BLAKE2B] = { "blake2b", 64 },
    [DIGEST_SHA256] = { "sha256", 32 }, [DIGEST_SHA512] = { "sha512", 64 },
    [DIGEST_SHA1] = { "sha1", 20 },     [DIGEST_MD5] = { "md5", 16 },
    [DIGEST_CRC32] = { "crc32", 4 },
};

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
    assert(algorithm < DIGEST_ALGORITHM_COUNT);
    return algorithms[algorithm].name;
}

bool digest_algorithm_parse(struct bytes name, enum digest_algorithm *ret_algorithm)
{
    for (int i = DIGEST_NONE + 1; i < DIGEST_ALGORITHM_COUNT; i++) {
        if (bytes_equal_text(name, algorithms[i].name)) {
            *ret_algorithm = (enum digest_algorithm)i;
            return true;
        }
    }
    return false;
}

size_t digest_algorithm_bytes(enum digest_algorithm algorithm)
{
    assert(algorithm < DIGEST_ALGORITHM_COUNT);
    return algorithms[algorithm].count;
}

struct bytes digest_value_bytes(const struct digest_value *value)
{
    return bytes_of(value->bytes, digest_algorithm_bytes(value->algorithm));
}

bool digest_value_equal(const struct digest_value *one, const struct digest_value *other)
{
    return one->algorithm == other->algorithm &&
           memcmp(one->bytes, other->bytes, digest_algorithm_bytes(one->algorithm)) == 0;
}
