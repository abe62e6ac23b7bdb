#include "tools/ferry/json.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/ferry/text.h"

void json_set_text(json_t *object, const char *key, const char *text)
{
    AUTO_FREE char *utf8 = text == NULL ? NULL : text_to_utf8(text, strlen(text));
    (void)json_object_set_new(object, key, utf8 == NULL ? json_null() : json_string(utf8));
}

void json_set_number(json_t *object, const char *key, uint64_t number)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)number));
}

bool json_print(json_t *object)
{
    AUTO_FREE char *line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

    json_decref(object);
    return line != NULL && puts(line) >= 0 && fflush(stdout) == 0;
}
