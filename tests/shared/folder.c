#include "folder.h"

#include "fault.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 128, PATHS_IN_TURN = 8 };

struct err fault;

static char folder[] = "/tmp/reeld-test-XXXXXX";
static bool is_made;

const char *folder_path(void)
{
    if (!is_made)
        assert_non_null(mkdtemp(folder));
    is_made = true;
    return folder;
}

const char *folder_file(const char *name)
{
    static char paths[PATHS_IN_TURN][PATH_SIZE];
    static unsigned turn;
    char *path = paths[turn++ % PATHS_IN_TURN];
    assert_true(snprintf(path, PATH_SIZE, "%s/%s", folder_path(), name) < PATH_SIZE);
    return path;
}

int folder_create(const char *name)
{
    int fd = open(folder_file(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

void folder_write(const char *name, const void *bytes, size_t size)
{
    int fd = folder_create(name);
    for (size_t done = 0; done < size;) {
        ssize_t count = write(fd, (const char *)bytes + done, size - done);
        assert_true(count > 0);
        done += (size_t)count;
    }
    assert_int_equal(close(fd), 0);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

int folder_remove_tree(const char *path)
{
    return nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int folder_remove(void **state)
{
    (void)state;
    return is_made ? folder_remove_tree(folder) : 0;
}
