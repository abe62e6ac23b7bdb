#pragma once

/*
 * A disk of its own: a file system on a loop device, below /var/tmp
 *
 * For what a directory in memory cannot show. Needs root, a loop device, and the program that makes such a file system.
 *
 * Calling sequence:  loop_disk_make  ... mounted ...  loop_disk_remove, whatever came of the first
 */

enum {
    SKIPPED = 77, /* to meson */
};

struct loop_disk {
    char directory[32], image[48];
    char mounted[48]; /* where it is */
};

/* mkfs: the program that makes the file system, with its options. What is missing, or NULL. */
const char *loop_disk_make(struct loop_disk *disk, const char *mkfs, unsigned megabytes);

void loop_disk_remove(struct loop_disk *disk);
