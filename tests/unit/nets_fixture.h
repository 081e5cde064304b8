/* What the tests of nets share: the files under assets/, which can be changed or taken away, and photos of tests/data.
 * Included after cmocka.h. */
#ifndef TESTS_UNIT_NETS_FIXTURE_H
#define TESTS_UNIT_NETS_FIXTURE_H

#include "base/arena.h"
#include "media/assets.h"
#include "media/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err fault;
static const char *source_directory; /* of the project */
static struct arena *fixture_arena;  /* what was read, until the end */

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, fault.message);                                              \
    } while (0)

static inline int fixture_open(const char *name)
{
    int fd = open(arena_printf(fixture_arena, "%s/%s", source_directory, name), O_RDONLY);
    if (fd < 0)
        fail_msg("%s cannot be opened", name);
    return fd;
}

static inline void *fixture_read(const char *name, size_t *ret_size)
{
    struct stat status;
    int fd = fixture_open(name);
    assert_int_equal(fstat(fd, &status), 0);
    *ret_size = (size_t)status.st_size;
    void *bytes = arena_alloc(fixture_arena, *ret_size + 1);
    assert_int_equal(read(fd, bytes, *ret_size), status.st_size);
    close(fd);
    return bytes;
}

static inline struct picture *fixture_photo(const char *name)
{
    struct picture *photo = NULL;
    int fd = fixture_open(name);
    OK(image_load(fd, name, 0, 0, false, &photo, &fault));
    close(fd);
    assert_int_equal(photo->channels, 3);
    return photo;
}

/* The real files, read once, but for one. */
struct fixture_assets {
    const char *replaced; /* NULL: none */
    const void *bytes;    /* NULL: it is missing */
    size_t size;
};

static inline int fixture_find(void *context, const char *name, const void **ret_bytes,
                               size_t *ret_size, struct err *err)
{
    static struct {
        const char *name;
        void *bytes;
        size_t size;
    } known[16];
    const struct fixture_assets *assets = context;
    size_t at = 0;
    if (assets && assets->replaced && strcmp(name, assets->replaced) == 0) {
        *ret_bytes = assets->bytes;
        *ret_size = assets->size;
        return *ret_bytes ? 0 : err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
    }
    while (known[at].name && strcmp(known[at].name, name) != 0)
        at++;
    if (!known[at].name) {
        known[at].name = arena_strdup(fixture_arena, name);
        known[at].bytes =
            fixture_read(arena_printf(fixture_arena, "assets/%s", name), &known[at].size);
    }
    *ret_bytes = known[at].bytes;
    *ret_size = known[at].size;
    return 0;
}

static const struct media_assets real_assets = {NULL, fixture_find};

#endif
