#include "server/ready.h"

#include <jansson.h>

#include "server/admin.h"

int ready(struct exchange *exchange)
{
    struct answer *answer = exchange_answer(exchange);
    bool stopping = atomic_load(&admin_of(exchange)->stopping);

    json_t *json = stopping ? json_pack("{s:b, s:[s]}", "ready", 0, "reasons", "stopping")
                            : json_pack("{s:b, s:[]}", "ready", 1, "reasons");
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    answer_content(answer, stopping ? 503 : 200, "application/json", text,
                   text == NULL ? 0 : strlen(text));
    return 0;
}
