/*
 * Feeds every file of a directory to a fuzzer, one test each
 *
 *     corpus_NAME DIRECTORY
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

enum {
    INPUT_BYTES = 64 * 1024
};

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A copy of exactly its size, so that a sanitizer sees what is read beyond it. */
static int feed(const char *directory, const char *name)
{
    AUTO_FREE char *path = NULL;
    static uint8_t buffer[INPUT_BYTES];

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        path = NULL;
        return -1;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t count = fread(buffer, 1, sizeof(buffer), file);
    int failed = ferror(file);
    (void)fclose(file);

    AUTO_FREE uint8_t *input = malloc(count + (count == 0));
    if (failed != 0 || input == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        input[i] = buffer[i];
    return LLVMFuzzerTestOneInput(input, count);
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;

    int count = argc == 2 ? scandir(argv[1], &entries, visible, alphasort) : -1;
    if (count <= 0) {
        (void)fprintf(stderr, "usage: %s DIRECTORY-WITH-FILES\n", argv[0]);
        return 2;
    }

    (void)printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        int r = feed(argv[1], entries[i]->d_name);
        (void)printf("%s %d - %s\n", r == 0 ? "ok" : "not ok", i + 1, entries[i]->d_name);
        (void)fflush(stdout);
        free(entries[i]);
    }
    free((void *)entries);
    return 0;
}
