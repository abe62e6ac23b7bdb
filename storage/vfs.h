#pragma once

/*
 * The shim between SQLite and the file system
 *
 * A VFS of the name VFS_NAME that announces each call that changes a file, and each that opens,
 * reads or maps one, to os.sqlite() and then passes it on to SQLite's own VFS for Unix.
 *
 *   Errors   what os.sqlite() answers becomes the code that SQLite's own VFS gives for it
 */

#define VFS_NAME "ferry"

/* Makes the VFS known to SQLite; any number of times, from any thread. 0 or -errno. */
int vfs_register(void);
