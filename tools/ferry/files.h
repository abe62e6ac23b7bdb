#pragma once

/*
 * Files to upload: what the command line names, and what is in its folders
 *
 * A folder's files come in the order of their names. Links in it are followed to files and not to
 * folders, so there are no loops; what is neither file nor folder is left out, and it is said.
 *
 *   Ownership  files_done() frees; a zeroed one is fine
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file {
    char *path;     /* as it is opened and told; "-" is standard input */
    char *relative; /* where it is below the folder that was named; NULL: it was named itself */
    uint64_t size;  /* 0 where it is not known */
    bool size_known;
};

struct files {
    struct file *files;
    size_t count;
    bool failed; /* some folder could not be read, and it is said */
};

/* Adds the file; with recursive, of a folder what is in it. */
void files_add(struct files *files, const char *path, bool recursive);
void files_done(struct files *files);
