/* Files of the project that tests read: assets of the pack, photos of tests/data. What was read stays until project_close(). A
 * fault fails the cmocka test that runs. One thread. */
#ifndef TESTS_SHARED_PROJECT_H
#define TESTS_SHARED_PROJECT_H

#include <stddef.h>

struct err;

/* First in main(); `folder` stays the caller's. */
void project_open(const char *folder);
/* cmocka's teardown of a group. */
int project_close(void **state);

/* Paths and bytes live until project_close(); the bytes may be changed for a while. */
const char *project_file(const char *name);
void *project_read(const char *name, size_t *ret_size);

/* Assets whose names begin so are missing or, if `bytes` is not NULL, are these. */
struct project_change {
    const char *beginning; /* NULL: all are as they are */
    const void *bytes;
    size_t size;
};

/* Finds assets as struct media_assets wants it; the context is a struct project_change or NULL. */
int project_asset(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                  struct err *err);

#endif
