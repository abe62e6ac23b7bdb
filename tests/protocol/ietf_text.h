#pragma once

/* What the tests of the IETF's protocol have in common. */

#include "protocol/ietf_version.h"
#include "tests/protocol/message_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The version of that number; 0: the one for requests without. */
static inline const struct ietf_version *version(unsigned number)
{
    for (size_t i = 0; i < IETF_VERSION_COUNT; i++)
        if (IETF_VERSIONS[i].number == number)
            return &IETF_VERSIONS[i];
    return NULL;
}

/* A bit for every version, to say in a table which of them a case is for. */
#define IN(number)     (1U << (number))
#define FROM_TO(a, b)  ((2U << (b)) - (1U << (a)))
#define SIX_AND_BEFORE FROM_TO(3, 6)
#define SEVEN_AND_ON   (FROM_TO(7, 10) | IN(0))
#define EVERY          (SIX_AND_BEFORE | SEVEN_AND_ON)
