#pragma once

/*
 * Addresses: URLs of endpoints and uploads
 *
 *   Source     RFC 3986, by libcurl's URL functions
 *   Ownership  what is returned is the caller's: free() it
 */

#include <stdbool.h>

struct address {
    char *url;             /* without user and password: fit to be kept and printed */
    char *user, *password; /* NULL: none */
};

/* False for what is not an absolute http or https URL. */
bool address_parse(const char *text, struct address *ret_address);
void address_done(struct address *address);

/*
 * What a Location means: reference, resolved against the URL that was asked. NULL when it is no
 * http or https URL, or leads from https to http, where everybody could read along.
 */
char *address_resolve(const char *base, const char *reference);

/* Scheme, host and port are the same: credentials for one may go to the other. */
bool address_same_origin(const char *one, const char *other);
