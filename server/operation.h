#pragma once

/* Operations: what requests are for, as metrics tell them apart */

#include "base/bytes.h"

enum operation {
#define OPERATION(name, text) OPERATION_##name,
#include "server/operation.def"
#undef OPERATION
    OPERATION_COUNT
};

const char *operation_name(enum operation operation);

/* What a request is for as long as its handler does not say otherwise: see exchange_name_operation(). */
enum operation operation_of_method(struct bytes method);
