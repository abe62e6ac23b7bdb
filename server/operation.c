#include "server/operation.h"

#include <assert.h>

const char *operation_name(enum operation operation)
{
    static const char *const names[] = {
#define OPERATION(name, text) text,
#include "server/operation.def"
#undef OPERATION
    };

    assert(operation < OPERATION_COUNT);
    return names[operation];
}

enum operation operation_of_method(struct bytes method)
{
    static const struct {
        const char *method;
        enum operation operation;
    } methods[] = {
        { "HEAD", OPERATION_OFFSET },          { "GET", OPERATION_DOWNLOAD },
        { "PATCH", OPERATION_APPEND },         { "POST", OPERATION_CREATE },
        { "PUT", OPERATION_CREATE },           { "DELETE", OPERATION_DELETE },
        { "OPTIONS", OPERATION_CAPABILITIES },
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (bytes_equal_text(method, methods[i].method))
            return methods[i].operation;
    return OPERATION_NONE;
}
