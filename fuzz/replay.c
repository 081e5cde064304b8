/* Feeds every file of the given directories to the fuzz target once: the corpus as a regression
 * test. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t capacity = 1 << 20;
    uint8_t *bytes = malloc(capacity);
    size_t size = bytes ? fread(bytes, 1, capacity, file) : 0;
    uint8_t *exact =
        realloc(bytes, size ? size : 1); /* so that the sanitizers notice a byte too many */
    if (!exact)
        abort();
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    fclose(file);
    return 0;
}

static int replay_directory(const char *directory, int *replayed)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            rc |= replay_file(path);
            ++*replayed;
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int main(int argc, char **argv)
{
    int replayed = 0;
    int rc = 0;
    for (int i = 1; i < argc; i++)
        rc |= replay_directory(argv[i], &replayed);
    if (rc != 0 || replayed == 0)
        return 1;
    printf("[  PASSED  ] %d test(s).\n", replayed); /* as the other test programs end */
    return 0;
}
