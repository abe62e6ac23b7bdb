#pragma once

/*
 * Fuzzers
 *
 * Each file has one function that reads any input and asserts what must hold, whatever it was. With
 * -Dfuzz=true libFuzzer feeds it (tools/fuzz); in every build an ordinary test feeds it the files
 * of corpus/KIND/NAME/ (corpus.c): seeds, and whatever made a fuzzer fail once.
 *
 *   Source   https://llvm.org/docs/LibFuzzer.html
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* NOLINT: libFuzzer's name */

/*
 * The input as a string, which the caller frees; NULL without memory. Not strndup(): the address sanitizer's strict
 * checks of strings want a zero behind what that reads.
 */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);

    if (text != NULL && size > 0)
        memcpy(text, data, size);
    return text;
}
