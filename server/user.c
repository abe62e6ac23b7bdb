#define LOG_MODULE "user"
#include "server/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fail.h"

enum {
    ENTRY_BYTES = 16384, /* of the user database: names, folder, shell */

    /* Uploads may be another user's, and SQLite gives its log to the owner of the database. */
    KEPT_BY_ROOT = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER,
};

int user_find(const char *name, struct user *ret_user)
{
    char texts[ENTRY_BYTES];
    struct passwd entry;
    struct passwd *found = NULL;

    int code = getpwnam_r(name, &entry, texts, sizeof(texts), &found);
    if (found == NULL && (code == 0 || code == ENOENT || code == ESRCH))
        return fail_code(EINVAL, "there is no user %s", name);
    if (found == NULL)
        return fail_code(code, "look for user %s", name);
    if (entry.pw_uid == 0)
        return fail_code(EINVAL, "user %s is root: to become it gives nothing up", name);

    *ret_user = (struct user){ .name = name, .id = entry.pw_uid, .group = entry.pw_gid };
    return 0;
}

int user_act(const struct user *user)
{
    if (initgroups(user->name, user->group) != 0 || setegid(user->group) != 0 ||
        seteuid(user->id) != 0)
        return fail_errno("act as user %s", user->name);
    return 0;
}

int user_act_as_root(void)
{
    if (seteuid(0) != 0 || setegid(getgid()) != 0)
        return fail_errno("act as root again");
    return 0;
}

int user_become(const struct user *user)
{
    if (geteuid() != 0)
        return setresuid(user->id, user->id, user->id) == 0
                   ? 0
                   : fail_code(EPERM, "become user %s: only root can do that", user->name);

    /* Groups first: without root they cannot be changed any more. */
    if (initgroups(user->name, user->group) != 0 ||
        setresgid(user->group, user->group, user->group) != 0 ||
        setresuid(user->id, user->id, user->id) != 0)
        return fail_errno("become user %s", user->name);
    if (setresuid(0, 0, 0) == 0)
        fail_fatal("become user %s: root can be had back", user->name);
    return 0;
}

/* Ambient ones go with those that are permitted. Where nothing is to go nothing is asked for, as the filter of a service
 * manager may deny that to all. */
int user_drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct had[_LINUX_CAPABILITY_U32S_3] = { 0 };
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (syscall(SYS_capget, &header, had) != 0)
        return fail_errno("look at capabilities");
    if (geteuid() == 0)
        kept[0].permitted = kept[0].effective = had[0].permitted & KEPT_BY_ROOT;
    if (memcmp(had, kept, sizeof(had)) != 0 && syscall(SYS_capset, &header, kept) != 0)
        return fail_errno("give up capabilities");
    return 0;
}
