#pragma once

/*
 * JSON lines: one object per line on standard output
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Text from elsewhere, made UTF-8; NULL is null. */
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_number(json_t *object, const char *key, uint64_t number);

/* Writes the object and gives it up. False when standard output does not take it. */
bool json_print(json_t *object);
