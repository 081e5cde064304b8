/*
 * Times what people wait for most when a look is made: somebody composed into a scene whose plate was decoded before, a cartoon of one
 * megapixel, and the frames of a clip before they are encoded, with the slowest of all moves. Processor time in milliseconds (user and
 * system of all threads), a line each: "NAME MS".
 *
 * look_bench PACK PHOTO
 */
#include "base/arena.h"
#include "base/pack.h"
#include "media/image.h"
#include "media/look.h"
#include "media/move.h"
#include "media/nn/nn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { COMPOSE_RUNS = 5, FRAMES = 30 };

static struct err fault;
static struct pack *pack;

static void must(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "%s\n", fault.message);
        exit(1);
    }
}

static int find(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                struct err *err)
{
    return pack_find(context, name, ret_bytes, ret_size, err);
}

static double processor_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return first < second ? -1 : first > second ? 1 : 0;
}

static void print(const char *name, double *times, int count)
{
    qsort(times, (size_t)count, sizeof(*times), by_value);
    printf("%s %.2f\n", name, times[count / 2]);
    fflush(stdout);
}

/* One look; the first of a process also decodes the plate. */
static double make(const struct media_assets *assets, const struct portrait *portrait,
                   const struct look_hints *hints, int width, int height,
                   struct look_result *ret_result)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct look_plan plan;
    must(look_plan(a, assets, hints, portrait, &plan, &fault));
    double before = processor_ms();
    must(look_make(&plan, portrait, width, height, 1, NULL, ret_result, &fault));
    return processor_ms() - before;
}

/* The usual frame of the slowest move, as the encoder takes it. */
static void bench_frames(const struct layers *layers)
{
    enum { WIDTH = 1920, HEIGHT = 1080 };
    CLEANUP(parallax) struct parallax *parallax = parallax_new(layers, 5);
    CLEANUP(picture) struct picture *memory = picture_new(WIDTH, HEIGHT * 3 / 2, 1);
    uint8_t *y = memory->pixels, *u = y + (size_t)WIDTH * HEIGHT;
    const struct picture_planes planes = {
        WIDTH, HEIGHT, {y, u, u + (size_t)WIDTH * HEIGHT / 4}, {WIDTH, WIDTH / 2, WIDTH / 2}};
    double slowest = 0;
    for (size_t m = 0; move_names[m]; m++) {
        double frames[FRAMES];
        for (int i = 0; i < FRAMES; i++) {
            struct parallax_pose pose;
            float t = (float)i / FRAMES;
            move_pose(move_choose(move_names[m], NULL), t, false, 1, &pose);
            double before = processor_ms();
            parallax_render_planes(parallax, &pose, t, (uint32_t)i, &planes);
            frames[i] = processor_ms() - before;
        }
        qsort(frames, FRAMES, sizeof(*frames), by_value);
        slowest = frames[FRAMES / 2] > slowest ? frames[FRAMES / 2] : slowest;
    }
    print("frame", &slowest, 1);
}

static void bench_compose(const struct media_assets *assets, const struct portrait *portrait)
{
    const struct look_hints hints = {.prompt = "", .scene = "arctic", .strength = 0.5f};
    double times[COMPOSE_RUNS + 1];
    struct look_result result = {0};
    for (int i = 0; i <= COMPOSE_RUNS; i++) {
        look_result_finish(&result);
        result = (struct look_result){0};
        times[i] = make(assets, portrait, &hints, 1920, 1080, &result);
    }
    print("compose", times + 1, COMPOSE_RUNS);
    if (!result.layers)
        must(err_set(&fault, ERR_INTERNAL, NULL, "The scene gave no layers."));
    bench_frames(result.layers);
    look_result_finish(&result);
}

static void bench_cartoon(const struct media_assets *assets, const struct portrait *portrait)
{
    const struct look_hints hints = {.prompt = "", .style = "cartoon", .strength = 0.5f};
    struct look_result result = {0};
    double time = make(assets, portrait, &hints, 1000, 1000, &result);
    print("cartoon", &time, 1);
    look_result_finish(&result);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: look_bench PACK PHOTO\n");
        return 2;
    }
    struct stat status;
    int pack_fd CLEANUP(fd) = open(argv[1], O_RDONLY),
                photo_fd CLEANUP(fd) = open(argv[2], O_RDONLY);
    if (pack_fd < 0 || photo_fd < 0 || fstat(pack_fd, &status) < 0) {
        perror(argv[pack_fd < 0 ? 1 : 2]);
        return 1;
    }
    must(image_init(&fault));
    must(nn_init(&fault));
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, pack_fd, 0);
    must(pack_open(bytes, (size_t)status.st_size, &pack, &fault));
    const struct media_assets assets = {pack, find};
    struct picture *photo = NULL;
    must(image_load(photo_fd, argv[2], 0, 0, IMAGE_FIT_WITHIN, &photo, &fault));
    CLEANUP(portrait) struct portrait *portrait = NULL;
    must(portrait_open(photo, &assets, NULL, &portrait, &fault));
    bench_compose(&assets, portrait);
    bench_cartoon(&assets, portrait);
    return 0;
}
