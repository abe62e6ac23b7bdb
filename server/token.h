#pragma once

/*
 * The token of the operator's listener: one line of a file
 *
 * Whoever can read the file is an operator. So it has to be one that only who runs the server can read, or root's, whose
 * group may read it, too: in that way secrets are handed to services.
 *
 *   Shape      BEARER_TOKEN_MIN to BEARER_TOKEN_MAX letters, digits and -._~+/ , as protocol/bearer.h
 *              wants them; blanks and line feeds behind it do not count
 *   Errors     0, or -errno after one clear line
 *   Ownership  the caller frees the token
 *   Threads    calls block on the disk
 *   Source     the rule for files: PostgreSQL, "Secure TCP/IP Connections with SSL"
 */

/* -EINVAL when what the file holds is no token, or it is no regular file; -EPERM when others may read it. */
int token_read(const char *path, char **ret_token);

/*
 * Reads it; a file that is missing is made, with 256 random bits in it and the mode 0600. A crash
 * meanwhile leaves a whole one, or none.
 */
int token_read_or_make(const char *path, char **ret_token);
