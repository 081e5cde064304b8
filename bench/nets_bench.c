/*
 * Times the nets and what is built on them, on a photo enlarged or shrunk to one megapixel: processor time in milliseconds
 * (user and system of all threads), the median of several runs, a line each: "NAME MS". With OUT the pictures are written
 * there as PNG, to be looked at.
 *
 * nets_bench PROJECT PHOTO [OUT]
 */
#include "base/arena.h"
#include "media/face.h"
#include "media/image.h"
#include "media/matte.h"
#include "media/nn/nn.h"
#include "media/paint.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNS_MAX = 31 };

static struct err fault;
static struct arena *arena;
static const char *project, *out;
static struct picture *photo, *result, *colours;
static struct face faces[FACE_MAX];
static size_t face_count;
static struct nn_net *selfie;

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
    static struct {
        const char *name;
        void *bytes;
        size_t size;
    } known[8];
    size_t at = 0;
    (void)context;
    while (known[at].name && strcmp(known[at].name, name) != 0)
        at++;
    if (!known[at].name) {
        struct stat status;
        int fd CLEANUP(fd) = open(arena_printf(arena, "%s/assets/%s", project, name), O_RDONLY);
        if (fd < 0 || fstat(fd, &status) < 0)
            return err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
        known[at].size = (size_t)status.st_size;
        known[at].bytes = arena_alloc(arena, known[at].size);
        if (read(fd, known[at].bytes, known[at].size) != status.st_size)
            return err_set_default(err, ERR_STORAGE);
        known[at].name = arena_strdup(arena, name);
    }
    *ret_bytes = known[at].bytes;
    *ret_size = known[at].size;
    return 0;
}

static const struct media_assets assets = {NULL, find};

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

/* Each run leaves a fresh `result` (and `colours`), which may stay NULL. */
static void measure(const char *name, int runs, void (*work)(void))
{
    double times[RUNS_MAX];
    for (int i = 0; i < runs; i++) {
        picture_free(result);
        picture_free(colours);
        result = colours = NULL;
        double before = processor_ms();
        work();
        times[i] = processor_ms() - before;
    }
    qsort(times, (size_t)runs, sizeof(*times), by_value);
    printf("%s %.2f\n", name, times[runs / 2]);
    fflush(stdout);
}

static void write_picture(const char *name, const struct picture *picture)
{
    if (!out || !picture)
        return;
    int fd CLEANUP(fd) =
        open(arena_printf(arena, "%s/%s.png", out, name), O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) {
        perror(out);
        exit(1);
    }
    must(image_save(picture, IMAGE_PNG, 0, fd, &fault));
}

static void open_selfie(void)
{
    nn_free(selfie);
    must(nn_open("selfie", &assets, 0, 0, &selfie, &fault));
}

static void run_selfie(void)
{
    must(nn_run(selfie, NULL, &fault));
}

static void cut_out(void)
{
    must(matte_person(photo, &assets, NULL, &result, &colours, &fault));
}

static void find_faces(void)
{
    must(face_find(photo, &assets, NULL, faces, &face_count, &fault));
}

/* Faces 60 pixels high for the first net, half the size without one. */
static double paint_scale(void)
{
    return face_count ? fmin(1, 60 / faces[0].height) : 0.5;
}

static void paint_soft(void)
{
    must(paint_photo(photo, PAINT_SOFT, 0.5, &assets, NULL, &result, &fault));
}

static void paint_drawn(void)
{
    must(paint_photo(photo, PAINT_DRAWN, paint_scale(), &assets, NULL, &result, &fault));
}

/* On a ground that shows every fault: magenta above, green below, checked with grey. */
static struct picture *cut_out_on_ground(void)
{
    struct picture *shown = picture_new(photo->width, photo->height, 3);
    for (int y = 0; y < photo->height; y++) {
        for (int x = 0; x < photo->width; x++) {
            static const int grounds[3][3] = {{235, 40, 200}, {30, 190, 70}, {240, 240, 240}};
            const int *ground = grounds[(x / 256 + y / 256) % 3];
            int alpha = *picture_at(result, x, y);
            for (int c = 0; c < 3; c++)
                picture_at(shown, x, y)[c] =
                    (uint8_t)((picture_at(colours, x, y)[c] * alpha + ground[c] * (255 - alpha)) /
                              255);
        }
    }
    return shown;
}

int main(int argc, char **argv)
{
    struct picture *decoded = NULL;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: nets_bench PROJECT PHOTO [OUT]\n");
        return 2;
    }
    project = argv[1];
    out = argc == 4 ? argv[3] : NULL;
    arena = arena_new();
    must(image_init(&fault));
    must(nn_init(&fault));
    int fd CLEANUP(fd) = open(argv[2], O_RDONLY);
    must(image_load(fd, argv[2], 0, 0, IMAGE_FIT_WITHIN, &decoded, &fault));
    double scale = sqrt(1e6 / ((double)decoded->width * decoded->height));
    photo = image_resize(decoded, (int)(decoded->width * scale), (int)(decoded->height * scale));
    measure("selfie_open", 11, open_selfie);
    measure("selfie_run", 31, run_selfie);
    measure("matte", 7, cut_out);
    write_picture("matte", result);
    write_picture("colours", colours);
    if (result) {
        struct picture *shown CLEANUP(picture) = cut_out_on_ground();
        write_picture("cutout", shown);
    }
    measure("faces", 5, find_faces);
    measure("paint_soft", 1, paint_soft);
    write_picture("paint_soft", result);
    measure("paint_drawn", 1, paint_drawn);
    write_picture("paint_drawn", result);
    picture_free(result);
    picture_free(colours);
    picture_free(photo);
    picture_free(decoded);
    nn_free(selfie);
    arena_free(arena);
    return 0;
}
