/* One input for all fuzzers of a kind, which meson.build names in FUZZERS: FUZZER(accept)FUZZER(address)... */

#include "tests/fuzz/fuzz.h"

#define FUZZER(name) int fuzz_##name(const uint8_t *data, size_t size);
FUZZERS
#undef FUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#define FUZZER(name) (void)fuzz_##name(data, size);
    FUZZERS
    return 0;
}
