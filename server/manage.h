#pragma once

/*
 * One upload, for the operator: /api/uploads/<id>
 *
 * GET tells its status, DELETE removes it whatever it is, as a client's DELETE does, and POST .../expire does
 * what time would have done: an upload that is complete, or that somebody writes to, stays.
 */

#include "server/exchange.h"

int manage_tell(struct exchange *exchange);
int manage_delete(struct exchange *exchange);
int manage_expire(struct exchange *exchange);
