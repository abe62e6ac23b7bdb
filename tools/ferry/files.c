#include "tools/ferry/files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tools/ferry/say.h"

/* gcc 12's analyzer does not see that the array keeps what is put into it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"

static void files_append(struct files *files, const char *path, const char *relative)
{
    struct stat status;
    struct file *longer = reallocarray(files->files, files->count + 1, sizeof(*longer));
    struct file file = { .path = strdup(path) };

    if (relative != NULL)
        file.relative = strdup(relative);
    if (longer != NULL)
        files->files = longer;
    if (longer == NULL || file.path == NULL || (relative != NULL && file.relative == NULL)) {
        free(file.path);
        free(file.relative);
        (void)say_errno("%s", path);
        files->failed = true;
        return;
    }
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
        file.size = (uint64_t)status.st_size;
        file.size_known = true;
    }
    files->files[files->count++] = file;
}

#pragma GCC diagnostic pop

void files_done(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].relative);
    }
    free(files->files);
    *files = (struct files){ 0 };
}

/*
 * How much of the folder's own path does not count as place: of "a/photos" the files are in
 * "photos/", but a folder that is named by dots has no name.
 */
static size_t folder_prefix(const char *folder)
{
    size_t end = strlen(folder);
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/')
        begin--;
    bool dots = (end - begin == 1 && folder[begin] == '.') ||
                (end - begin == 2 && strncmp(folder + begin, "..", 2) == 0);
    return dots ? end : begin;
}

static void files_add_entry(struct files *files, const FTSENT *entry, size_t prefix)
{
    const char *path = entry->fts_path;
    const char *relative = path + prefix + strspn(path + prefix, "/");
    struct stat status;

    switch (entry->fts_info) {
    case FTS_D:
    case FTS_DP: break;
    case FTS_F: files_append(files, path, relative); break;
    case FTS_SL:
    case FTS_SLNONE:
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
            files_append(files, path, relative);
        else
            say_note("%s: left out: a link, and not to a file", path);
        break;
    case FTS_DEFAULT: say_note("%s: left out: neither a file nor a folder", path); break;
    default:
        errno = entry->fts_errno;
        (void)say_errno("%s", path);
        files->failed = true;
        break;
    }
}

static int entry_compare(const FTSENT **one, const FTSENT **other)
{
    return strcmp((*one)->fts_name, (*other)->fts_name);
}

static void files_add_folder(struct files *files, const char *folder)
{
    AUTO_FREE char *path = strdup(folder);
    char *paths[] = { path, NULL };

    if (path == NULL) {
        (void)say_errno("%s", folder);
        files->failed = true;
        return;
    }
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    size_t prefix = folder_prefix(path);
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, entry_compare);
    if (tree == NULL) {
        (void)say_errno("%s", path);
        files->failed = true;
        return;
    }
    const FTSENT *entry = NULL;
    while ((errno = 0, entry = fts_read(tree)) != NULL)
        files_add_entry(files, entry, prefix);
    if (errno != 0) {
        (void)say_errno("%s", path);
        files->failed = true;
    }
    (void)fts_close(tree);
}

void files_add(struct files *files, const char *path, bool recursive)
{
    struct stat status;

    if (recursive && strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        files_add_folder(files, path);
    else
        files_append(files, path, NULL);
}
