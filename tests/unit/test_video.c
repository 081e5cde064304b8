/* The passes over videos, on files that tests/data/make_videos.py makes: test_video DIRECTORY.
 * Results are judged by libavformat and by the ffmpeg program, not by the code under test. */
#include "media/video.h"

#include "base/sha256.h"
#include "media/audio.h"
#include "shared/fault.h"
#include "shared/judge_video.h"
#include "worker/jail.h"

#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *directory;
static int data(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s is missing", path);
    return fd;
}

static int blank(void)
{
    int fd = memfd_create("result", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* --- judging a file --- */

/* Neither versions (but of copied streams) nor a time of creation. */
static void check_plain(int fd, bool has_copies)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    size_t size = (size_t)status.st_size;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(bytes != MAP_FAILED);
    assert_null(memmem(bytes, size, "x264", 4));
    if (!has_copies)
        assert_null(memmem(bytes, size, "Lavc", 4));
    assert_null(memmem(bytes, size, "Lavf", 4));
    const char *movie = memmem(bytes, size, "mvhd", 4);
    assert_non_null(movie);
    static const char zeros[8];
    assert_memory_equal(movie + 8, zeros, 8);
    munmap(bytes, size);
}

static void check_pixel(int fd, double seconds, double x, double y, int red, int green, int blue)
{
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    struct picture *picture CLEANUP(picture) = NULL;
    OK(video_reader_new(fd, "/result", &reader, &fault));
    OK(video_reader_at(reader, seconds, &picture, &fault));
    const uint8_t *pixel =
        picture_at(picture, (int)(x * (picture->width - 1)), (int)(y * (picture->height - 1)));
    if (abs(pixel[0] - red) > 6 || abs(pixel[1] - green) > 6 || abs(pixel[2] - blue) > 6)
        fail_msg("at %.2f s, %.2f, %.2f: %d %d %d instead of %d %d %d", seconds, x, y, pixel[0],
                 pixel[1], pixel[2], red, green, blue);
}

static void check_same(int a, int b)
{
    char first[SHA256_HEX_SIZE], second[SHA256_HEX_SIZE];
    assert_int_equal(sha256_fd(a, first, NULL, NULL), 0);
    assert_int_equal(sha256_fd(b, second, NULL, NULL), 0);
    assert_string_equal(first, second);
}

static struct picture *flat(int width, int height, int red, int green, int blue, int alpha)
{
    struct picture *picture = picture_new(width, height, alpha < 0 ? 3 : 4);
    for (int i = 0; i < width * height; i++) {
        uint8_t *pixel = picture->pixels + (size_t)i * (size_t)picture->channels;
        pixel[0] = (uint8_t)red;
        pixel[1] = (uint8_t)green;
        pixel[2] = (uint8_t)blue;
        if (alpha >= 0)
            pixel[3] = (uint8_t)alpha;
    }
    return picture;
}

/* --- the writer --- */

static int write_colors(void)
{
    const struct video_writer_settings settings = {.width = 320,
                                                   .height = 240,
                                                   .rate_numerator = 24000,
                                                   .rate_denominator = 1001,
                                                   .frame_count = 48,
                                                   .title = "Grüße"};
    struct picture *orange CLEANUP(picture) = flat(320, 240, 230, 120, 20, -1);
    struct picture *teal CLEANUP(picture) = flat(320, 240, 10, 130, 140, -1);
    struct video_writer *writer CLEANUP(video_writer) = NULL;
    int fd = blank();
    OK(video_writer_new(fd, &settings, &writer, &fault));
    for (int i = 0; i < 48; i++)
        OK(video_writer_frame(writer, i < 24 ? orange : teal, &fault));
    OK(video_writer_finish(writer, &fault));
    return fd;
}

static void test_writer(void **state)
{
    (void)state;
    int fd CLEANUP(fd) = write_colors(), again CLEANUP(fd) = write_colors();
    struct judge_facts facts = judge_file(fd);
    check_plain(fd, false);
    assert_true(facts.is_high);
    assert_int_equal(facts.width, 320);
    assert_int_equal(facts.height, 240);
    assert_int_equal(facts.frames, 48);
    assert_true(fabs(facts.rate - 24000.0 / 1001) < 0.001);
    assert_true(fabs(facts.video_s - 48 * 1001 / 24000.0) < 0.001);
    assert_string_equal(facts.title, "Grüße");
    assert_false(facts.has_sound);
    check_pixel(fd, 0.1, 0.5, 0.5, 230, 120, 20);
    check_pixel(fd, 23.5 * 1001 / 24000, 0.5, 0.5, 230, 120, 20);
    check_pixel(fd, 24.0 * 1001 / 24000, 0.5, 0.5, 10, 130, 140);
    check_same(fd, again);
}

/* Noise, which no bound on the rate may make different from run to run. */
static int write_noise(void)
{
    const struct video_writer_settings settings = {
        .width = 640, .height = 360, .rate_numerator = 30, .rate_denominator = 1};
    struct picture *picture CLEANUP(picture) = flat(640, 360, 0, 0, 0, -1);
    struct video_writer *writer CLEANUP(video_writer) = NULL;
    uint32_t random = 1;
    int fd = blank();
    OK(video_writer_new(fd, &settings, &writer, &fault));
    for (int frame = 0; frame < 150; frame++) {
        for (size_t i = 0; i < 640 * 360 * 3; i++) {
            random = random * 1664525 + 1013904223;
            picture->pixels[i] = (uint8_t)(random >> 24);
        }
        OK(video_writer_frame(writer, picture, &fault));
    }
    OK(video_writer_finish(writer, &fault));
    return fd;
}

static void test_writer_rate_is_bounded(void **state)
{
    (void)state;
    int first CLEANUP(fd) = write_noise(), second CLEANUP(fd) = write_noise();
    struct stat status;
    fstat(first, &status);
    double bits_per_second = (double)status.st_size * 8 / 5;
    print_message("noise at 640 x 360: %.1f Mb/s\n", bits_per_second / 1e6);
    assert_true(bits_per_second < 10e6);
    check_same(first, second);
}

/* --- reading --- */

static struct video_info probe(const char *name)
{
    struct video_info info;
    int fd CLEANUP(fd) = data(name);
    OK(video_probe(fd, "/video_url", &info, &fault));
    return info;
}

static void check_info(const char *name, int width, int height, double rate, int64_t duration_ms)
{
    struct video_info info = probe(name);
    assert_int_equal(info.width, width);
    assert_int_equal(info.height, height);
    assert_true(fabs((double)info.rate_numerator / info.rate_denominator - rate) < 0.01);
    assert_in_range(info.duration_ms, duration_ms - 5, duration_ms + 25);
}

static void test_probe(void **state)
{
    (void)state;
    check_info("hd.mp4", 1280, 720, 30, 3000);
    check_info("hd.mkv", 1280, 720, 30, 3000);
    check_info("vp9.webm", 640, 360, 24, 2000);
    check_info("unsized.webm", 640, 360, 24, 2000);
    check_info("turned.mp4", 360, 640, 25, 1000);
    check_info("odd.mp4", 640, 358, 25, 1000);
    check_info("wide_pixels.mp4", 768, 576, 25, 1000);
    check_info("blue.mp4", 640, 360, 29.97, 1001);
    check_info("lying.mp4", 640, 360, 25, 2000);
    struct video_info info = probe("surround.mp4");
    assert_true(info.has_audio);
    assert_int_equal(info.audio_channels, 6);
    assert_int_equal(info.audio_rate, 48000);
    assert_false(probe("red.mp4").has_audio);
}

static void test_reader(void **state)
{
    (void)state;
    int turned CLEANUP(fd) = data("turned.mp4"), dark CLEANUP(fd) = data("dark.mp4");
    check_pixel(turned, 0.5, 0.5, 0.2, 0, 0, 254);
    check_pixel(turned, 0.5, 0.5, 0.8, 254, 0, 0);
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    OK(video_reader_new(dark, "/video_url", &reader, &fault));
    static const double times[] = {2.9, 0.2, 1.4, 1.6, 99, -1};
    static const bool is_dark[] = {false, true, true, false, false, true};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct picture *picture CLEANUP(picture) = NULL;
        OK(video_reader_at(reader, times[i], &picture, &fault));
        const uint8_t *pixel = picture_at(picture, 100, 360);
        assert_int_equal(pixel[0] + pixel[1] + pixel[2] < 30, is_dark[i]);
    }
}

static void check_refused(const char *name, const char *words)
{
    int fd CLEANUP(fd) = data(name), out CLEANUP(fd) = blank();
    struct video_result result;
    struct picture *poster = NULL, *red CLEANUP(picture) = flat(64, 32, 255, 0, 0, 255);
    const struct video_logo logo = {.rgba = red, .opacity = 1};
    const struct video_publish_settings settings = {.poster = true};
    const struct video_input cell = {fd, "/video_urls/0"};
    const struct video_grid_settings grid = {.columns = 1, .rows = 1};
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(
        video_publish(fd, "/video_url", &settings, out, NULL, &result, &poster, &fault),
        ERR_BAD_INPUT);
    if (!strstr(fault.message, words) || !strstr(fault.message, "/video_url"))
        fail_msg("%s: %s", name, fault.message);
    assert_string_equal(fault.path, "/video_url");
    assert_null(poster);
    const struct video_input input = {fd, "/video_url"};
    const struct video_marks marks = {&logo, 1};
    assert_int_equal(video_overlay(&input, &marks, out, NULL, &result, &fault), ERR_BAD_INPUT);
    assert_int_equal(video_grid(&cell, 1, &grid, out, NULL, &result, &fault), ERR_BAD_INPUT);
    assert_string_equal(fault.path, "/video_urls/0");
}

static void test_hostile(void **state)
{
    (void)state;
    check_refused("cut.mp4", "cut off: it promises 3.0 seconds");
    check_refused("headless.mp4", "damaged");
    check_refused("noise.mp4", "damaged");
    check_refused("text.mp4", "no video that is taken here");
    check_refused("playlist.mp4", "no video that is taken here");
    check_refused("concat.mp4", "no video that is taken here");
    check_refused("empty.mp4", "no video that is taken here");
    check_refused("no_frames.mp4", "holds no video");
    check_refused("sound_only.mp4", "holds no video");
    check_refused("broad.mp4", "8320 x 64 pixels");
    check_refused("long.mp4", "3700 seconds");
}

/* --- logo --- */

static int overlay(const char *name, const struct video_logo *logo, struct video_result *ret_result)
{
    int fd CLEANUP(fd) = data(name), out = blank();
    const struct video_input input = {fd, "/video_url"};
    const struct video_marks marks = {logo, 1};
    OK(video_overlay(&input, &marks, out, NULL, ret_result, &fault));
    return out;
}

static void test_logo(void **state)
{
    (void)state;
    struct picture *red CLEANUP(picture) = flat(200, 100, 250, 40, 30, 255);
    const struct video_logo logo = {red, 1000, 40, 1, 1, 2};
    struct video_result result;
    int fd CLEANUP(fd) = overlay("hd.mp4", &logo, &result);
    int again CLEANUP(fd) = overlay("hd.mp4", &logo, &result);
    struct judge_facts facts = judge_file(fd);
    check_plain(fd, true);
    check_same(fd, again);
    assert_true(facts.is_high);
    assert_int_equal(facts.frames, 90);
    assert_int_equal(facts.sound_codec, AV_CODEC_ID_AAC);
    assert_int_equal(result.width, 1280);
    assert_int_equal(result.height, 720);
    assert_int_equal(result.duration_ms, 3000);
    double x = 1100 / 1279.0, y = 90 / 719.0;
    check_pixel(fd, 0.5, x, y, 32, 64, 96);
    check_pixel(fd, 29 / 30.0, x, y, 32, 64, 96);
    check_pixel(fd, 30 / 30.0, x, y, 250, 40, 30);
    check_pixel(fd, 59 / 30.0, x, y, 250, 40, 30);
    check_pixel(fd, 60 / 30.0, x, y, 32, 64, 96);
    check_pixel(fd, 1.5, 990 / 1279.0, y, 32, 64, 96);
    check_pixel(fd, 1.5, 1212 / 1279.0, y, 32, 64, 96);
    check_pixel(fd, 1.5, x, 150 / 719.0, 32, 64, 96);
}

static void test_logo_opacity_and_edges(void **state)
{
    (void)state;
    struct picture *white CLEANUP(picture) = flat(200, 100, 255, 255, 255, 255);
    const struct video_logo logo = {white, -100, -50, 0.5, 0, 0};
    struct video_result result;
    int fd CLEANUP(fd) = overlay("hd.mp4", &logo, &result);
    check_pixel(fd, 1, 0.02, 0.02, 143, 159, 175);
    check_pixel(fd, 1, 0.12, 0.02, 32, 64, 96);
}

/* Copied sound is the same sound, packet for packet. */
static void test_logo_copies_sound(void **state)
{
    (void)state;
    struct picture *white CLEANUP(picture) = flat(20, 10, 255, 255, 255, 255);
    const struct video_logo logo = {white, 0, 0, 1, 0, 0};
    struct video_result result;
    int in CLEANUP(fd) = data("hd.mp4"), out CLEANUP(fd) = overlay("hd.mp4", &logo, &result);
    AVFormatContext *files[2] = {judge_open(in), judge_open(out)};
    AVPacket *packets[2] = {av_packet_alloc(), av_packet_alloc()};
    int same = 0;
    for (bool more = true; more; same += more) {
        for (int i = 0; i < 2; i++) {
            do {
                av_packet_unref(packets[i]);
                more = av_read_frame(files[i], packets[i]) >= 0;
            } while (more && packets[i]->stream_index != 1);
        }
        if (more) {
            assert_int_equal(packets[0]->size, packets[1]->size);
            assert_memory_equal(packets[0]->data, packets[1]->data, (size_t)packets[0]->size);
            assert_int_equal(packets[0]->pts, packets[1]->pts);
        }
    }
    assert_in_range(same, 140, 144);
    for (int i = 0; i < 2; i++) {
        av_packet_free(&packets[i]);
        avformat_close_input(&files[i]);
    }
    int vorbis CLEANUP(fd) = overlay("vp9.webm", &logo, &result);
    assert_int_equal(judge_file(vorbis).sound_codec, AV_CODEC_ID_AAC);
}

static void test_odd_inputs(void **state)
{
    (void)state;
    struct picture *white CLEANUP(picture) = flat(20, 10, 255, 255, 255, 255);
    const struct video_logo logo = {white, 0, 0, 1, 0, 0};
    struct video_result result;
    int turned CLEANUP(fd) = overlay("turned.mp4", &logo, &result);
    assert_int_equal(result.width, 360);
    assert_int_equal(result.height, 640);
    check_pixel(turned, 0.5, 0.5, 0.2, 0, 0, 254);
    check_pixel(turned, 0.5, 0.5, 0.8, 254, 0, 0);
    int odd CLEANUP(fd) = overlay("odd.mp4", &logo, &result);
    judge_file(odd);
    assert_int_equal(result.width, 640);
    assert_int_equal(result.height, 358);
    int variable CLEANUP(fd) = overlay("variable.mp4", &logo, &result);
    judge_file(variable); /* and its times are constant, which judge_file() checks */
    assert_in_range(result.duration_ms, 1900, 2000);
    int pixels CLEANUP(fd) = overlay("wide_pixels.mp4", &logo, &result);
    assert_int_equal(judge_file(pixels).width, 768);
    int hdr CLEANUP(fd) = overlay("hdr.mp4", &logo, &result);
    judge_file(hdr);
    check_pixel(hdr, 0.5, 0.5, 0.5, 255, 255, 255);
}

/* --- publishing --- */

static int publish(const char *name, const struct video_publish_settings *settings,
                   struct video_result *ret_result, struct picture **ret_poster)
{
    int fd CLEANUP(fd) = data(name), out = blank();
    OK(video_publish(fd, "/video_url", settings, out, NULL, ret_result, ret_poster, &fault));
    return out;
}

static void check_published(const char *name)
{
    const struct video_publish_settings settings = {.title = "A title"};
    struct video_result result;
    struct picture *poster = NULL;
    int fd CLEANUP(fd) = publish(name, &settings, &result, &poster);
    int again CLEANUP(fd) = publish(name, &settings, &result, &poster);
    struct judge_facts facts = judge_file(fd);
    assert_null(poster);
    assert_true(facts.is_high);
    assert_string_equal(facts.title, "A title");
    assert_int_equal(facts.sound_codec, AV_CODEC_ID_AAC);
    assert_in_range(result.duration_ms, lrint(facts.video_s * 1000) - 1,
                    lrint(fmax(facts.video_s, facts.sound_s) * 1000) + 1);
    check_same(fd, again);
    double lufs = judge_loudness(fd);
    print_message("%s: %.1f LUFS\n", name, lufs);
    assert_true(fabs(lufs + 16) <= 0.5);
}

static void test_publish_loudness(void **state)
{
    (void)state;
    check_published("hd.mp4");
    check_published("quiet_mono.mp4");
    check_published("spikes.mp4");
    check_published("surround.mp4");
    check_published("vp9.webm");
    check_published("high.mp4");
}

static void test_publish_silence(void **state)
{
    (void)state;
    const struct video_publish_settings settings = {0};
    struct video_result result;
    struct picture *poster = NULL;
    int silent CLEANUP(fd) = publish("silent.mp4", &settings, &result, &poster);
    assert_true(judge_file(silent).has_sound);
    int mute CLEANUP(fd) = publish("red.mp4", &settings, &result, &poster);
    check_plain(mute, false);
    assert_false(judge_file(mute).has_sound);
    assert_int_equal(result.duration_ms, 2000);
    check_pixel(mute, 1, 0.5, 0.5, 254, 0, 0);
}

/* What is web-ready already comes out with the same packets, and publishing it again changes
 * nothing. */
static void test_publish_copies(void **state)
{
    (void)state;
    const struct video_publish_settings settings = {.poster = true};
    struct video_result result;
    struct picture *poster = NULL;
    int fd CLEANUP(fd) = publish("high.mp4", &settings, &result, &poster);
    assert_non_null(poster);
    assert_int_equal(poster->width, 1280);
    picture_free(TAKE(poster));
    int out CLEANUP(fd) = blank();
    OK(video_publish(fd, "/video_url", &settings, out, NULL, &result, &poster, &fault));
    picture_free(TAKE(poster));
    check_same(fd, out);
    struct picture *red CLEANUP(picture) = flat(100, 100, 255, 0, 0, 255);
    const struct video_logo logo = {red, 0, 0, 1, 0, 0};
    const struct video_publish_settings with_logo = {.marks = {&logo, 1}};
    int marked CLEANUP(fd) = publish("high.mp4", &with_logo, &result, &poster);
    check_pixel(marked, 1, 0.02, 0.04, 254, 0, 0);
    int in CLEANUP(fd) = data("high.mp4");
    const char *given = judge_packets(in, AVMEDIA_TYPE_VIDEO);
    assert_string_equal(given, judge_packets(fd, AVMEDIA_TYPE_VIDEO));
    assert_string_not_equal(given, judge_packets(marked, AVMEDIA_TYPE_VIDEO));
}

static void test_poster_is_not_black(void **state)
{
    (void)state;
    const struct video_publish_settings settings = {.poster = true};
    struct video_result result;
    struct picture *poster CLEANUP(picture) = NULL;
    int fd CLEANUP(fd) = publish("dark.mp4", &settings, &result, &poster);
    assert_true(fd >= 0);
    assert_non_null(poster);
    assert_int_equal(poster->height, 720);
    const uint8_t *pixel = picture_at(poster, 100, 360);
    assert_true(pixel[0] + pixel[1] + pixel[2] > 100);
}

/* --- grid --- */

static int grid(const char *const *names, const struct video_grid_settings *settings,
                struct video_result *ret_result)
{
    struct video_input inputs[VIDEO_GRID_CELLS_MAX];
    size_t count = 0;
    for (; names[count]; count++)
        inputs[count] = (struct video_input){data(names[count]), "/video_urls"};
    int out = blank();
    OK(video_grid(inputs, count, settings, out, NULL, ret_result, &fault));
    for (size_t i = 0; i < count; i++)
        close(inputs[i].fd);
    return out;
}

static void test_grid(void **state)
{
    (void)state;
    static const char *const names[] = {"red.mp4", "green.mp4", "blue.mp4", NULL};
    struct video_grid_settings settings = {
        .columns = 2, .rows = 2, .gap = 20, .audio = VIDEO_GRID_AUDIO_FIRST};
    struct video_result result;
    int fd CLEANUP(fd) = grid(names, &settings, &result);
    int again CLEANUP(fd) = grid(names, &settings, &result);
    struct judge_facts facts = judge_file(fd);
    check_plain(fd, false);
    check_same(fd, again);
    assert_int_equal(result.width, 1300);
    assert_int_equal(result.height, 740);
    assert_true(fabs(facts.rate - 30000 / 1001.0) < 0.01);
    assert_in_range(result.duration_ms, 1000, 1002); /* the blue one is the shortest */
    assert_true(fabs(facts.sound_s - facts.video_s) < 0.002);
    check_pixel(fd, 0.5, 0.25, 0.25, 254, 0, 0);
    check_pixel(fd, 0.5, 0.75, 0.25, 0, 255, 0);
    check_pixel(fd, 0.5, 0.52, 0.02, 0, 255, 0); /* cover: to the edge */
    check_pixel(fd, 0.5, 0.25, 0.75, 0, 0, 254);
    check_pixel(fd, 0.5, 0.75, 0.75, 0, 0, 0);
    check_pixel(fd, 0.5, 0.5, 0.25, 0, 0, 0);
    check_pixel(fd, 0.5, 0.25, 0.5, 0, 0, 0);
}

static void test_grid_modes(void **state)
{
    (void)state;
    static const char *const names[] = {"red.mp4", "green.mp4", "blue.mp4", NULL};
    struct video_grid_settings settings = {
        .columns = 3, .rows = 1, .contain = true, .longest = true, .audio = VIDEO_GRID_AUDIO_MIX};
    struct video_result result;
    int fd CLEANUP(fd) = grid(names, &settings, &result);
    struct judge_facts facts = judge_file(fd);
    assert_int_equal(result.width, 1920);
    assert_int_equal(result.height, 360);
    assert_in_range(result.duration_ms, 2990, 3010);
    assert_true(fabs(facts.sound_s - facts.video_s) < 0.002);
    check_pixel(fd, 2.8, 0.17, 0.5, 254, 0, 0); /* holds its last picture */
    check_pixel(fd, 2.8, 0.83, 0.5, 0, 0, 254);
    check_pixel(fd, 0.5, 0.5, 0.5, 0, 255, 0);
    check_pixel(fd, 0.5, 0.36, 0.5, 0, 0, 0); /* contain: bars beside the upright one */
    settings.audio = VIDEO_GRID_AUDIO_NONE;
    int mute CLEANUP(fd) = grid(names, &settings, &result);
    assert_false(judge_file(mute).has_sound);
    static const char *const large[] = {"hd.mp4", "turned.mp4", NULL};
    settings = (struct video_grid_settings){.columns = 1, .rows = 2};
    int tall CLEANUP(fd) = grid(large, &settings, &result);
    assert_int_equal(result.width, 1280);
    assert_int_equal(result.height, 1440);
    check_pixel(tall, 0.5, 0.5, 0.25, 32, 64, 96);
    check_pixel(tall, 0.5, 0.5, 0.55, 0, 0, 254);
    check_pixel(tall, 0.5, 0.5, 0.95, 254, 0, 0);
}

/* --- the jail --- */

/* In a process without files, network and new processes the same bytes come out: no library is
 * silently denied a thread or a file that changes its result. */
static void test_jail(void **state)
{
    (void)state;
    static const char *const names[] = {"hd.mp4", "vp9.webm", "hdr.mp4", "high.mp4"};
    struct picture *red CLEANUP(picture) = flat(100, 50, 255, 0, 0, 128);
    const struct video_logo logo = {red, 10, 10, 0.7, 0, 0};
    const struct video_publish_settings settings = {.marks = {&logo, 1}};
    struct video_result result;
    struct picture *poster = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int in CLEANUP(fd) = data(names[i]), inside CLEANUP(fd) = blank();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const struct jail_limits limits = {4ULL << 30, 1ULL << 30, 64};
            int rc = jail_enter(JAIL_MEDIA, &limits, NULL);
            if (rc == 0)
                rc = video_publish(in, "/video_url", &settings, inside, NULL, &result, &poster,
                                   NULL);
            _exit(rc == 0 ? 0 : 1);
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        int outside CLEANUP(fd) = publish(names[i], &settings, &result, &poster);
        check_same(inside, outside);
    }
}

/* --- progress --- */

struct watch {
    double last;
    int calls, stop_after;
};

static bool watch_advance(void *context, double fraction)
{
    struct watch *watch = context;
    assert_true(fraction >= watch->last - 1e-9 && fraction <= 1);
    watch->last = fraction;
    return ++watch->calls != watch->stop_after;
}

static void test_progress_and_cancel(void **state)
{
    (void)state;
    int fd CLEANUP(fd) = data("hd.mp4"), out CLEANUP(fd) = blank();
    struct watch watch = {0};
    const struct media_monitor monitor = {&watch, watch_advance};
    const struct video_publish_settings settings = {.poster = true};
    struct video_result result;
    struct picture *poster = NULL;
    OK(video_publish(fd, "/video_url", &settings, out, &monitor, &result, &poster, &fault));
    picture_free(TAKE(poster));
    assert_true(watch.calls > 100);
    assert_true(watch.last > 0.9);
    watch = (struct watch){.stop_after = 130};
    assert_int_equal(
        video_publish(fd, "/video_url", &settings, out, &monitor, &result, &poster, &fault),
        ERR_CANCELLED);
    assert_int_equal(watch.calls, 130);
    assert_null(poster);
}

static void test_meter(void **state)
{
    (void)state;
    /* A full-scale 997 Hz tone in one channel is -3.01 LUFS by definition; at -20 dB in both it is
     * -20. */
    struct audio_meter *meter CLEANUP(audio_meter) = audio_meter_new();
    static float tone[48000], silence[48000];
    for (int i = 0; i < 48000; i++)
        tone[i] = (float)sin(2 * M_PI * 997 * i / 48000);
    for (int s = 0; s < 5; s++)
        audio_meter_add(meter, tone, silence, 48000);
    assert_true(fabs(audio_meter_loudness(meter) + 3.01) < 0.03);
    for (int s = 0; s < 20; s++) /* gated away */
        audio_meter_add(meter, silence, silence, 48000);
    assert_true(fabs(audio_meter_loudness(meter) + 3.01) < 0.3);
    struct audio_meter *quiet CLEANUP(audio_meter) = audio_meter_new();
    audio_meter_add(quiet, silence, silence, 48000);
    assert_true(isinf(audio_meter_loudness(quiet)));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_video DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    if (video_init(&fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meter),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_rate_is_bounded),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_logo),
        cmocka_unit_test(test_logo_opacity_and_edges),
        cmocka_unit_test(test_logo_copies_sound),
        cmocka_unit_test(test_odd_inputs),
        cmocka_unit_test(test_publish_loudness),
        cmocka_unit_test(test_publish_silence),
        cmocka_unit_test(test_publish_copies),
        cmocka_unit_test(test_poster_is_not_black),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_grid_modes),
        cmocka_unit_test(test_jail),
        cmocka_unit_test(test_progress_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
