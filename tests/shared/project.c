#include "project.h"

#include "fault.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *project;
static struct arena *arena;

static struct {
    const char *name;
    const void *bytes;
    size_t size;
} assets[64];

void project_open(const char *folder)
{
    project = folder;
    arena = arena_new();
}

int project_close(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

const char *project_file(const char *name)
{
    return arena_printf(arena, "%s/%s", project, name);
}

/* NULL when there is none. */
static void *read_file(const char *name, size_t *ret_size)
{
    struct stat status;
    int fd CLEANUP(fd) = open(project_file(name), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return NULL;
    *ret_size = (size_t)status.st_size;
    char *bytes = arena_alloc(arena, *ret_size + 1);
    return read(fd, bytes, *ret_size) == status.st_size ? bytes : NULL;
}

void *project_read(const char *name, size_t *ret_size)
{
    void *bytes = read_file(name, ret_size);
    if (!bytes)
        fail_msg("%s cannot be read", name);
    return bytes;
}

static int give(const char *name, const void *bytes, size_t size, const void **ret_bytes,
                size_t *ret_size, struct err *err)
{
    *ret_bytes = bytes;
    *ret_size = size;
    return bytes ? 0 : err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
}

int project_asset(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                  struct err *err)
{
    const struct project_change *change = context;
    size_t at = 0;
    if (change && change->beginning &&
        strncmp(name, change->beginning, strlen(change->beginning)) == 0)
        return give(name, change->bytes, change->size, ret_bytes, ret_size, err);
    while (at < TABLE_SIZE(assets) && assets[at].name && strcmp(assets[at].name, name) != 0)
        at++;
    assert_true(at < TABLE_SIZE(assets));
    if (!assets[at].name) {
        assets[at].name = arena_strdup(arena, name);
        assets[at].bytes = read_file(arena_printf(arena, "assets/%s", name), &assets[at].size);
    }
    return give(name, assets[at].bytes, assets[at].size, ret_bytes, ret_size, err);
}
