#pragma once

/*
 * The authority of a URL, as Host and a target in absolute form name it: host [ ":" port ]
 *
 *   Source   RFC 3986, 3.2; RFC 9110, 4.2.1 (the host is not empty) and 4.2.4 (no user information)
 */

#include <stdbool.h>

#include "base/bytes.h"

/* Whether it has that form. A comma is refused although a host name may have one: to another reader
 * it separates two hosts. */
bool authority_valid(struct bytes authority);
