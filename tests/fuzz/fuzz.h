#pragma once

/*
 * Fuzzers
 *
 * Each file has one function that reads any input and asserts what must hold, whatever it was. With
 * -Dfuzz=true libFuzzer feeds it (tools/fuzz); in every build an ordinary test feeds it the files
 * of corpus/ (corpus.c): seeds, and whatever made a fuzzer fail once.
 *
 *   Source   https://llvm.org/docs/LibFuzzer.html
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* NOLINT: libFuzzer's name */
