/* The folder of a test program's own, below /tmp. It is there when it is first asked for and goes with all that is in it. A
 * fault fails the cmocka test that runs. One thread. */
#ifndef TESTS_SHARED_FOLDER_H
#define TESTS_SHARED_FOLDER_H

#include <stddef.h>

const char *folder_path(void);
/* Of a file in it, there or not; overwritten by the eighth call after. */
const char *folder_file(const char *name);
/* Empty, for reading and writing. */
int folder_create(const char *name);
void folder_write(const char *name, const void *bytes, size_t size);

/* cmocka's teardown of a group: the folder goes, if there is one. */
int folder_remove(void **state);
/* Any folder with all that is in it: 0 or -1. */
int folder_remove_tree(const char *path);

#endif
