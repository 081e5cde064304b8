/* What the tests of nets share: the photo that most of them look at, and the assets. */
#ifndef TESTS_UNIT_NETS_FIXTURE_H
#define TESTS_UNIT_NETS_FIXTURE_H

#include "media/assets.h"
#include "media/image.h"
#include "media/nn/nn.h"
#include "shared/fault.h"
#include "shared/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct media_assets real_assets = {NULL, project_asset};
static struct picture *astronaut;

/* First in main(). */
static inline bool fixture_start(int argc, char **argv)
{
    if (argc == 2 && image_init(&fault) == 0) {
        project_open(argv[1]);
        return true;
    }
    fprintf(stderr, "usage: %s PROJECT\n%s\n", argv[0], fault.message);
    return false;
}

static inline struct picture *fixture_photo(const char *name)
{
    size_t size;
    struct picture *photo = NULL;
    const void *bytes = project_read(name, &size);
    OK(image_load_bytes(bytes, size, name, &photo, &fault));
    assert_int_equal(photo->channels, 3);
    return photo;
}

/* cmocka's setup and teardown of a group. */
static inline int fixture_new(void **state)
{
    (void)state;
    OK(nn_init(&fault));
    astronaut = fixture_photo("tests/data/astronaut.png");
    return 0;
}

static inline int fixture_free(void **state)
{
    picture_free(astronaut);
    return project_close(state);
}

#endif
