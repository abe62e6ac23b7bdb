#pragma once

/*
 * The state folder: $XDG_STATE_HOME/ferry, by default ~/.local/state/ferry
 *
 *   Errors  0 or a descriptor; -errno, said once
 */

/* Opens the folder, and creates it (mode 0700) when it is missing. */
int state_open(void);

/* Replaces the file by the text and a line feed: the old or the new is there, never a part. */
int state_write(int folder_fd, const char *name, const char *text);

/* Removes the file; it need not be there. */
int state_remove(int folder_fd, const char *name);
