#pragma once

/*
 * The user that a server becomes which was started as root
 *
 * Root is for what only root can do at the start: ports below 1024, the data directory. What comes after
 * it, all that clients have to do with, is done as somebody who owns nothing else.
 *
 *   Errors   0, or -errno after one clear line
 *   Threads  before any other is started
 *   Source   setresuid(2), capabilities(7): with the last user id of root its capabilities are gone, too
 *
 * Calling sequence:  user_find  { user_act  user_act_as_root }  (what root has to do)  user_become
 *                    (what capabilities are for)  user_drop_capabilities
 */

#include <sys/types.h>

struct user {
    const char *name; /* borrowed */
    uid_t id;
    gid_t group;
};

/* -EINVAL where there is no such user, or it is root. */
int user_find(const char *name, struct user *ret_user);

/* Root acts with the rights of this user for a while: what it finds and makes then, that user could. It has
 * that user's groups ever after. */
int user_act(const struct user *user);
int user_act_as_root(void);

/* For good. Root gets all its groups and no other; who is this user already keeps those that it was started
 * with. -EPERM when neither asks. */
int user_become(const struct user *user);

/* For good: all that somebody was started with who is not root, as a service that may open ports below 1024; of root
 * all but what it takes to get at files of others. */
int user_drop_capabilities(void);
