#pragma once

/*
 * X-Request-ID: by what a request is found again in the logs of all who had a part in it
 *
 *   Source   no standard; what Heroku, nginx and Envoy do. Everything that they make is accepted, as are
 *            UUIDs, ULIDs and trace ids.
 */

#include <stdbool.h>

#include "base/bytes.h"

enum {
    REQUEST_ID_BYTES_MAX = 128
};

/* Whether it may go into our log and back to the client as it is: 1 to 128 letters, digits and "+-./=@_~:". */
bool request_id_valid(struct bytes id);
