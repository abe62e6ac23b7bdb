#pragma once

/* PATCH on an upload: tus 1.0.0, "PATCH". */

#include "server/exchange.h"

int append(struct exchange *exchange);
