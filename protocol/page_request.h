#pragma once

/*
 * Requests that a web page makes, in the browser of somebody who may do more than the page's author
 *
 * A page can have any address asked, that of this machine, too: by a form or a script without being
 * shown the answer, or, when its own name has been given the address meanwhile (DNS rebinding), with it.
 *
 *   Source   the Fetch standard, "`Origin` header"; Fetch Metadata Request Headers, 2.2 (Sec-Fetch-Site);
 *            the HTML standard, "form submission" (what a form can send)
 */

#include "protocol/message.h"

/*
 * Whether this is no request of a page of another site, and no form.
 *
 * Refuses with REFUSED_FOREIGN_PAGE, REFUSED_REPEATED_FIELD.
 */
int page_request_check(const struct message *message);

/*
 * Whether Host is what no page can be served under but from this machine or by its address: localhost,
 * an IP address, or nothing, which no browser sends.
 *
 * Refuses with REFUSED_HOST, REFUSED_REPEATED_FIELD.
 */
int page_request_check_host(const struct message *message);
