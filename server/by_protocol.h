#pragma once

/*
 * The operations of the endpoint, by whichever protocol the request speaks
 *
 * tus and the IETF's resumable uploads share methods and URLs; protocol/choice.h tells the requests
 * apart. HEAD and DELETE of one that does not say are answered in the protocol that the upload was
 * created by. HEAD and DELETE may use the other one; appending may not.
 */

#include "server/exchange.h"

/* Handlers. */
int create_by_protocol(struct exchange *exchange); /* POST */
int put_by_protocol(struct exchange *exchange);    /* PUT: tus has none */
int append_by_protocol(struct exchange *exchange);
int offset_by_protocol(struct exchange *exchange);
int delete_by_protocol(struct exchange *exchange);
