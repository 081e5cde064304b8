/*
 * Times the passes over videos the way a resident worker runs them: one process, several runs, CPU
 * of each printed in milliseconds (user and system of all threads), one a line; the first line is
 * the cold one.
 *
 * video_bench RUNS logo VIDEO OUT | grid VIDEO OUT | chain OUT | fused OUT | clip OUT
 */
#include "media/video.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { CLIP_WIDTH = 1920, CLIP_HEIGHT = 1080, CLIP_FRAMES = 150 };

static struct err fault;
static struct picture *still, *logo_picture;
static struct video_logo logo;

static void must(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "%s\n", fault.message);
        exit(1);
    }
}

static int file(const char *path, bool write)
{
    int fd = open(path, write ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0644);
    if (fd < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

/* The window moves over a larger still, in whole pixels: the least that a renderer can do. */
static void render(int index, struct picture *frame)
{
    int x = index * (still->width - CLIP_WIDTH) / CLIP_FRAMES;
    int y = index * (still->height - CLIP_HEIGHT) / CLIP_FRAMES;
    for (int row = 0; row < CLIP_HEIGHT; row++)
        memcpy(picture_at(frame, 0, row), picture_at(still, x, y + row), CLIP_WIDTH * 3);
}

static void clip(int fd, bool intermediate, const struct video_logo *over, const char *title)
{
    const struct video_writer_settings settings = {.width = CLIP_WIDTH,
                                                   .height = CLIP_HEIGHT,
                                                   .rate_numerator = 30,
                                                   .rate_denominator = 1,
                                                   .frame_count = CLIP_FRAMES,
                                                   .title = title,
                                                   .logo = over,
                                                   .intermediate = intermediate};
    struct picture *frame CLEANUP(picture) = picture_new(CLIP_WIDTH, CLIP_HEIGHT, 3);
    struct video_writer *writer CLEANUP(video_writer) = NULL;
    must(video_writer_new(fd, &settings, &writer, &fault));
    for (int i = 0; i < CLIP_FRAMES; i++) {
        render(i, frame);
        must(video_writer_frame(writer, frame, &fault));
    }
    must(video_writer_finish(writer, &fault));
}

static void publish(int fd_in, int fd_out)
{
    const struct video_publish_settings settings = {.title = "bench", .poster = true};
    struct video_result result;
    struct picture *poster CLEANUP(picture) = NULL;
    must(video_publish(fd_in, "/video_url", &settings, fd_out, NULL, &result, &poster, &fault));
}

/* Still to clip to logo to published file, a step each, as the engine runs them today. */
static void chain(const char *out)
{
    int made CLEANUP(fd) = memfd_create("clip", 0), marked CLEANUP(fd) = memfd_create("logo", 0);
    int published CLEANUP(fd) = file(out, true);
    struct video_result result;
    clip(made, true, NULL, NULL);
    must(video_overlay_logo(made, "/video_url", &logo, false, marked, NULL, &result, &fault));
    publish(marked, published);
}

/* The same with the logo drawn by the clip's own writer. */
static void fused(const char *out)
{
    int marked CLEANUP(fd) = memfd_create("logo", 0), published CLEANUP(fd) = file(out, true);
    clip(marked, false, &logo, NULL);
    publish(marked, published);
}

static void once(char **words)
{
    struct video_result result;
    if (strcmp(words[0], "logo") == 0) {
        int in CLEANUP(fd) = file(words[1], false), out CLEANUP(fd) = file(words[2], true);
        must(video_overlay_logo(in, "/video_url", &logo, false, out, NULL, &result, &fault));
    } else if (strcmp(words[0], "grid") == 0) {
        int in CLEANUP(fd) = file(words[1], false), out CLEANUP(fd) = file(words[2], true);
        const struct video_grid_input cells[2] = {{in, "/video_urls/0"}, {in, "/video_urls/1"}};
        const struct video_grid_settings settings = {
            .columns = 2, .rows = 1, .audio = VIDEO_GRID_AUDIO_NONE};
        must(video_grid(cells, 2, &settings, out, NULL, &result, &fault));
    } else if (strcmp(words[0], "chain") == 0) {
        chain(words[1]);
    } else if (strcmp(words[0], "fused") == 0) {
        fused(words[1]);
    } else {
        int out CLEANUP(fd) = file(words[1], true);
        clip(out, false, NULL, NULL);
    }
}

static double cpu_ms(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

/* A binary PPM of at least the clip's size. */
static void load_still(const char *path)
{
    FILE *in = fopen(path, "rb");
    int width, height;
    if (!in || fscanf(in, "P6 %d %d 255%*c", &width, &height) != 2 || width < CLIP_WIDTH ||
        height < CLIP_HEIGHT) {
        fprintf(stderr, "%s is no fitting PPM.\n", path);
        exit(1);
    }
    still = picture_new(width, height, 3);
    if (fread(still->pixels, 3, (size_t)width * (size_t)height, in) !=
        (size_t)width * (size_t)height)
        exit(1);
    fclose(in);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: video_bench STILL.ppm RUNS logo|grid|chain|fused|clip FILE...\n");
        return 2;
    }
    must(video_init(&fault));
    load_still(argv[1]);
    logo_picture = picture_new(200, 100, 4);
    for (int i = 0; i < 200 * 100; i++)
        memcpy(logo_picture->pixels + (size_t)i * 4, "\xff\x00\x00\xff", 4);
    logo = (struct video_logo){.rgba = logo_picture, .x = 40, .y = 40, .opacity = 1};
    for (int i = 0; i < atoi(argv[2]); i++) {
        double before = cpu_ms();
        once(argv + 3);
        printf("%.0f\n", cpu_ms() - before);
    }
    picture_free(still);
    picture_free(logo_picture);
    return 0;
}
