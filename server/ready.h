#pragma once

/*
 * GET /readyz: whether uploads would be taken now, as JSON, with the reasons why not
 *
 * Not while the server goes down, while the disk has less space than --min-free, or while the disk or the
 * database does not take a trial. The answer comes within three seconds, whatever they do.
 */

#include "server/exchange.h"

int ready(struct exchange *exchange);
