#include "tests/storage/loop_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the shell; the words are ours. */
static int run(const char *command)
{
    int status;

    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

const char *loop_disk_make(struct loop_disk *disk, const char *mkfs, unsigned megabytes)
{
    char command[160];

    *disk = (struct loop_disk){ .directory = "/var/tmp/ferry-disk-XXXXXX" };
    if (geteuid() != 0)
        return "not root";
    if (mkdtemp(disk->directory) == NULL)
        return "no directory below /var/tmp";
    (void)snprintf(disk->image, sizeof(disk->image), "%s/image", disk->directory);
    (void)snprintf(disk->mounted, sizeof(disk->mounted), "%s/mounted", disk->directory);
    int fd = open(disk->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)megabytes << 20) < 0 || close(fd) < 0)
        return "no image file";
    (void)snprintf(command, sizeof(command), "%s %s >/dev/null", mkfs, disk->image);
    if (run(command) != 0)
        return "no program that makes such a file system";
    (void)snprintf(command, sizeof(command), "mount -o loop %s %s", disk->image, disk->mounted);
    if (mkdir(disk->mounted, 0700) < 0 || run(command) != 0)
        return "no loop device, or not such a file system in the kernel";
    return NULL;
}

void loop_disk_remove(struct loop_disk *disk)
{
    (void)umount2(disk->mounted, MNT_DETACH);
    (void)rmdir(disk->mounted);
    (void)unlink(disk->image);
    (void)rmdir(disk->directory);
}
