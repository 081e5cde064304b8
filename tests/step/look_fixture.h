/* What the tests of the local look share: the files under assets/, which can be taken away, running image_2_image, and measuring
 * what it made. */
#ifndef TESTS_STEP_LOOK_FIXTURE_H
#define TESTS_STEP_LOOK_FIXTURE_H

#include "still.h"

#include "media/assets.h"
#include "shared/fault.h"
#include "shared/folder.h"
#include "shared/project.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct project_change change; /* of what is there; a test that sets it takes it back */

static inline int find_asset(void *context, const char *name, const void **ret_bytes,
                             size_t *ret_size, struct err *err)
{
    (void)context;
    return project_asset(&change, name, ret_bytes, ret_size, err);
}

static const struct media_assets assets = {NULL, find_asset};

/* --- running --- */

static const char *photo; /* path of the usual one */

static inline struct host *start(const char *path, const char *rest, const char *local)
{
    char params[1024];
    snprintf(params, sizeof(params), "{'image_url':'%s'%s%s}", path, *rest ? "," : "", rest);
    struct host *host = host_new("image_2_image", params, &fault);
    if (!host)
        fail_msg("%s: %s", params, fault.message);
    host->run.host.asset = find_asset;
    if (local)
        host_set_local(host, local);
    return host;
}

static inline struct host *make(const char *path, const char *rest, const char *local,
                                uint64_t seed)
{
    struct host *host = start(path, rest, local);
    host->run.seed = seed;
    if (host_run(host) < 0)
        fail_msg("%s: %s", rest, host->err.message);
    assert_string_equal(host->run.provider, "local");
    assert_false(host->progress_fell);
    return host;
}

static inline struct picture *picture_of(const struct host *host, size_t index)
{
    const struct step_output *output = &host->run.outputs[index];
    return still_result(host, index, "image/png", output->width, output->height);
}

/* One picture of a scene or a style. */
static inline struct picture *made(const char *path, const char *rest, const char *local,
                                   uint64_t seed)
{
    struct host *host CLEANUP(host) = make(path, rest, local, seed);
    assert_int_equal(host->run.output_count, 1);
    return picture_of(host, 0);
}

/* --- measuring --- */

struct mean {
    double red, green, blue, luma, chroma;
};

static inline double luma_of(const uint8_t *pixel)
{
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

static inline double chroma_of(const uint8_t *pixel)
{
    int most = pixel[0] > pixel[1] ? pixel[0] : pixel[1],
        least = pixel[0] < pixel[1] ? pixel[0] : pixel[1];
    most = pixel[2] > most ? pixel[2] : most;
    least = pixel[2] < least ? pixel[2] : least;
    return most - least;
}

/* Of a part given in fractions of the picture. */
static inline struct mean mean_of(const struct picture *picture, double x, double y, double width,
                                  double height)
{
    struct mean mean = {0};
    int count = 0;
    for (int row = (int)(y * picture->height); row < (int)((y + height) * picture->height); row++) {
        for (int column = (int)(x * picture->width); column < (int)((x + width) * picture->width);
             column++, count++) {
            const uint8_t *pixel = picture_at(picture, column, row);
            mean.red += pixel[0];
            mean.green += pixel[1];
            mean.blue += pixel[2];
            mean.luma += luma_of(pixel);
            mean.chroma += chroma_of(pixel);
        }
    }
    assert_true(count > 0);
    return (struct mean){mean.red / count, mean.green / count, mean.blue / count, mean.luma / count,
                         mean.chroma / count};
}

/* Share of pixels whose luma lies in a range. */
static inline double share_of(const struct picture *picture, double from, double to)
{
    size_t count = (size_t)picture->width * (size_t)picture->height, found = 0;
    for (size_t i = 0; i < count; i++) {
        double luma = luma_of(picture->pixels + i * (size_t)picture->channels);
        found += luma >= from && luma < to;
    }
    return (double)found / (double)count;
}

static inline double difference_of(const struct picture *a, const struct picture *b)
{
    assert_int_equal(a->width * a->height * a->channels, b->width * b->height * b->channels);
    size_t count = (size_t)a->width * (size_t)a->height * (size_t)a->channels;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (double)count;
}

/* Mean difference of neighbours across: what flat drawing lowers. */
static inline double roughness_of(const struct picture *picture)
{
    double sum = 0;
    for (int y = 0; y < picture->height; y++) {
        for (int x = 1; x < picture->width; x++)
            sum +=
                fabs(luma_of(picture_at(picture, x, y)) - luma_of(picture_at(picture, x - 1, y)));
    }
    return sum / picture->width / picture->height;
}

static inline int fixture_open(const char *folder_of_project)
{
    project_open(folder_of_project);
    photo = project_file("tests/data/astronaut.png");
    return step_process_init(&fault);
}

/* cmocka's teardown of a group. */
static inline int fixture_close(void **state)
{
    project_close(state);
    return folder_remove(state);
}

#endif
