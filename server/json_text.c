#include "server/json_text.h"

#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"

char *json_text(struct json_t *json)
{
    AUTO_FREE char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *line = NULL;

    json_decref(json);
    return text != NULL && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}
