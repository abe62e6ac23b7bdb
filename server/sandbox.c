#define LOG_MODULE "sandbox"
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#include "base/cleanup.h"
#include "base/fail.h"

/*
 * Landlock's interface as it is today. Kernel headers are often older than kernels, and a rule set
 * may be longer than the kernel knows as long as the rest of it is zero.
 */
enum {
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL_DEV = 5,
    ABI_SCOPE = 6,
};

struct rule_set {
    uint64_t files, net, scope; /* what is denied unless a rule allows it */
};

#define FILES_TRUNCATE  (UINT64_C(1) << 14)
#define FILES_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP    (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0)
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)

/* Rights that a file can have; the others are those of directories. */
#define FILES_OF_FILE                                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | \
     FILES_TRUNCATE | FILES_IOCTL_DEV)

#define FILES_STORE                                                                               \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     FILES_TRUNCATE)

/* What libraries open when it is first needed. */
static const struct sandbox_place libraries[] = {
    { "/dev/urandom", SANDBOX_READ }, /* SQLite, for temporary names and the salts of its log */
    { "/sys/devices/system/cpu/online", SANDBOX_READ }, /* malloc, which has arenas by cores */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    { "/", SANDBOX_READ }, /* the sanitizers read /proc, and programs to name their lines */
#endif
};

/* -errno where the kernel has none. */
static int landlock_version(void)
{
    if (RUNNING_ON_VALGRIND)
        return 0; /* it knows no such calls, and says so */
    int version =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? -errno : version;
}

/* All that the kernel can deny. */
static struct rule_set rule_set_of(int version)
{
    /* the thirteen rights of the first version are the lowest bits */
    struct rule_set rules = { .files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };

    if (version >= ABI_REFER)
        rules.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= ABI_TRUNCATE)
        rules.files |= FILES_TRUNCATE;
    if (version >= ABI_NET)
        rules.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (version >= ABI_IOCTL_DEV)
        rules.files |= FILES_IOCTL_DEV;
    if (version >= ABI_SCOPE)
        rules.scope = SCOPE_ABSTRACT | SCOPE_SIGNAL;
    return rules;
}

static uint64_t rights_of(enum sandbox_use use)
{
    switch (use) {
    case SANDBOX_READ: return LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    case SANDBOX_STORE: return FILES_STORE;
    case SANDBOX_CLEAR: return LANDLOCK_ACCESS_FS_REMOVE_FILE;
    }
    return 0;
}

static int landlock_allow(int rules_fd, const struct rule_set *rules, const char *path,
                          uint64_t rights)
{
    struct stat about;

    AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &about) != 0)
        return fail_errno("look at %s", path);

    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights & rules->files,
        .parent_fd = fd,
    };
    if (!S_ISDIR(about.st_mode))
        rule.allowed_access &= FILES_OF_FILE;
    if (syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return fail_errno("make a Landlock rule for %s", path);
    return 0;
}

/* "/run/ferry/own.sock" to "/run/ferry/." */
static int landlock_allow_place(int rules_fd, const struct rule_set *rules,
                                const struct sandbox_place *place)
{
    AUTO_FREE char *folder = NULL;
    const char *name = place->path == NULL ? NULL : strrchr(place->path, '/');
    int above = name == NULL ? 0 : (int)(name + 1 - place->path);

    if (place->path == NULL)
        return 0;
    if (place->use != SANDBOX_CLEAR)
        return landlock_allow(rules_fd, rules, place->path, rights_of(place->use));
    if (asprintf(&folder, "%.*s.", above, place->path) < 0) {
        folder = NULL;
        return fail_code(ENOMEM, "memory for a Landlock rule");
    }
    return landlock_allow(rules_fd, rules, folder, rights_of(place->use));
}

/* Service managers hide parts of /dev and /sys: what cannot be read needs no right. */
static int landlock_allow_libraries(int rules_fd, const struct rule_set *rules)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(libraries) / sizeof(libraries[0]); i++)
        if (access(libraries[i].path, R_OK) == 0)
            r = landlock_allow_place(rules_fd, rules, &libraries[i]);
    return r;
}

static int landlock_enter(int version, const struct sandbox_place *places, size_t count,
                          int *ret_landlock)
{
    struct rule_set rules = rule_set_of(version);

    AUTO_CLOSE int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (fd < 0) {
        *ret_landlock = -errno;
        return 0;
    }

    int r = landlock_allow_libraries(fd, &rules);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = landlock_allow_place(fd, &rules, &places[i]);
    if (r == 0)
        *ret_landlock = syscall(SYS_landlock_restrict_self, fd, 0) == 0 ? version : -errno;
    return r;
}

int sandbox_enter(enum sandbox_extent extent, const struct sandbox_place *places, size_t count,
                  int *ret_landlock)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_errno("set no_new_privs");

    tzset(); /* what it reads for the times in the log is read by now */
    int version = extent == SANDBOX_ON ? landlock_version() : 0;
    if (version > 0)
        return landlock_enter(version, places, count, ret_landlock);
    *ret_landlock = version;
    return 0;
}
