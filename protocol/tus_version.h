#pragma once

/*
 * The version of tus: Tus-Resumable in every request and answer, Tus-Version where it is refused
 *
 *   Source   tus 1.0.0, "Tus-Resumable", "Tus-Version"
 *   Errors   REFUSED_VERSION, whose answer carries Tus-Version; REFUSED_REPEATED_FIELD
 */

#include "protocol/message.h"

/* What Tus-Resumable says in every answer. */
#define TUS_VERSION "1.0.0"

/* What Tus-Version says: all that we speak, the preferred one first. */
#define TUS_VERSIONS "1.0.0"

/* For POST, PATCH and DELETE: the version must be there, and be ours. */
int tus_version_check(const struct message *message);

/* For HEAD and GET: it may be missing, too. */
int tus_version_check_stated(const struct message *message);
