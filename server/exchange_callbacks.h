#pragma once

/* What libmicrohttpd calls: for server/loop.c, which registers them. argument: struct exchanges. */

#include <microhttpd.h>

#include "server/connections.h"

void *exchange_on_uri(void *argument, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_request(void *argument, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *data, size_t *data_count, void **slot);
void exchange_on_completed(void *argument, struct MHD_Connection *connection, void **slot,
                           enum MHD_RequestTerminationCode why);

/* The connection is about to be closed; what was not completed is given up. True: a descriptor of ours goes on, and
 * with it the record. */
bool exchange_on_closed(struct connection *place);
