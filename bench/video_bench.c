/*
 * Times the frames of a clip before they are encoded, the way a resident worker renders them:
 *
 *     video_bench STILL.png MOVE FRAMES      a still of image_2_image, with its layers inside
 *
 * prints the processor time (all threads) and the wall time of one frame in milliseconds: as a picture, and as the
 * encoder takes it.
 */
#include "media/image.h"
#include "media/move.h"
#include "media/parallax.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static double processor_ms(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

static double wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct layers *load(const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return NULL;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    struct layers *layers = bytes == MAP_FAILED ? NULL : layers_read(bytes, (size_t)status.st_size);
    munmap(bytes, (size_t)status.st_size);
    return layers;
}

/* One way through the move; the first frames warm the caches. */
static void measure(struct parallax *camera, const struct move *move, int frames,
                    struct picture *rgb, const struct picture_planes *planes)
{
    enum { WARM = 5 };
    double processor = 0, wall = 0;
    for (int i = -WARM; i < frames; i++) {
        float t = i < 0 ? 0 : (float)i / (float)frames;
        struct parallax_pose pose;
        if (i == 0) {
            processor = processor_ms();
            wall = wall_ms();
        }
        move_pose(move, t, false, 1, &pose);
        if (planes)
            parallax_render_planes(camera, &pose, t, (uint32_t)(i + WARM), planes);
        else
            parallax_render(camera, &pose, t, (uint32_t)(i + WARM), rgb);
    }
    printf("%s: %.2f ms of processor time, %.2f ms of wall time a frame\n",
           planes ? "yuv420p" : "rgb24", (processor_ms() - processor) / frames,
           (wall_ms() - wall) / frames);
}

int main(int argc, char **argv)
{
    if (argc != 4 || atoi(argv[3]) < 1) {
        fprintf(stderr, "usage: video_bench STILL.png MOVE FRAMES\n");
        return 2;
    }
    struct err fault;
    if (image_init(&fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return 1;
    }
    CLEANUP(layers) struct layers *layers = load(argv[1]);
    if (!layers) {
        fprintf(stderr, "%s is no still with layers.\n", argv[1]);
        return 1;
    }
    CLEANUP(parallax) struct parallax *camera = parallax_new(layers, 5);
    CLEANUP(picture) struct picture *rgb = picture_new(layers->width, layers->height, 3);
    int wide = (layers->width + 63) & ~63;
    CLEANUP(picture) struct picture *memory = picture_new(wide, layers->height * 3 / 2, 1);
    uint8_t *y = memory->pixels, *u = y + (size_t)wide * (size_t)layers->height;
    const struct picture_planes planes = {layers->width,
                                          layers->height,
                                          {y, u, u + (size_t)wide * (size_t)layers->height / 4},
                                          {wide, wide / 2, wide / 2}};
    const struct move *move = move_choose(argv[2], NULL);
    measure(camera, move, atoi(argv[3]), rgb, NULL);
    measure(camera, move, atoi(argv[3]), NULL, &planes);
    return 0;
}
