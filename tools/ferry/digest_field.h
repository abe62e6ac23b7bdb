#pragma once

/*
 * Digest fields: Repr-Digest (RFC 9530) and Ferry-Digest, which is written the same way
 *
 *     Repr-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:
 */

#include "digest/digest_algorithm.h"

/* The first digest of an algorithm that is known; DIGEST_NONE where there is none. */
struct digest_value digest_field_parse(const char *field);
