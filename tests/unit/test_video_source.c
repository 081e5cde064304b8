/*
 * What is found out about a video without decoding it has to be what libavformat finds by decoding, and what the first picture says: it
 * decides whether a stream is copied. On the files of tests/data/make_videos.py: test_video_source DIRECTORY.
 */
#include "media/video_source.h"

#include "media/video.h"

#include <dirent.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *directory;

static AVFormatContext *plain_open(const char *path)
{
    AVFormatContext *file = NULL;
    if (avformat_open_input(&file, path, NULL, NULL) < 0 ||
        avformat_find_stream_info(file, NULL) < 0)
        fail_msg("%s cannot be read", path);
    return file;
}

#define SAME(what, found, wanted)                                                                  \
    do {                                                                                           \
        if ((found) != (wanted))                                                                   \
            fail_msg("%s: %s is %d instead of %d", path, what, (int)(found), (int)(wanted));       \
    } while (0)

static void compare_to_library(const char *path, const struct video_source *source)
{
    AVFormatContext *file = plain_open(path);
    const AVStream *stream = file->streams[source->stream->index];
    const AVCodecParameters *wanted = stream->codecpar, *found = source->stream->codecpar;
    SAME("format", found->format, wanted->format);
    SAME("range", found->color_range, wanted->color_range);
    SAME("space", found->color_space, wanted->color_space);
    SAME("primaries", found->color_primaries, wanted->color_primaries);
    SAME("transfer", found->color_trc, wanted->color_trc);
    SAME("field order", found->field_order, wanted->field_order);
    SAME("profile", found->profile, wanted->profile);
    SAME("width", found->width, wanted->width);
    SAME("height", found->height, wanted->height);
    if (wanted->sample_aspect_ratio.num > 0)
        SAME("aspect", av_cmp_q(found->sample_aspect_ratio, wanted->sample_aspect_ratio), 0);
    SAME("exact rate", av_cmp_q(source->stream->r_frame_rate, stream->r_frame_rate), 0);
    avformat_close_input(&file);
}

static void compare_to_picture(const char *path, const struct video_source *packets,
                               const struct video_source *frames)
{
    SAME("coded width", packets->coded_width, frames->coded_width);
    SAME("coded height", packets->coded_height, frames->coded_height);
    SAME("width", packets->width, frames->width);
    SAME("height", packets->height, frames->height);
    SAME("turns", packets->quarter_turns, frames->quarter_turns);
    SAME("rate", av_cmp_q(packets->rate, frames->rate), 0);
    SAME("format", packets->format, frames->format);
    SAME("range", packets->color_range, frames->color_range);
    SAME("space", packets->color_space, frames->color_space);
    SAME("duration", packets->duration_us, frames->duration_us);
}

/* False for files that are no video for video_source.c. */
static bool compare(const char *path)
{
    struct video_source *packets CLEANUP(video_source) = NULL, *frames CLEANUP(video_source) = NULL;
    struct err err;
    int fd CLEANUP(fd) = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (video_source_open(fd, "/video_url", AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                          VIDEO_SOURCE_FRAMES, &frames, &err) < 0)
        return false;
    if (video_source_open(fd, "/video_url", AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                          VIDEO_SOURCE_PACKETS, &packets, &err) < 0)
        fail_msg("%s: %s", path, err.message);
    compare_to_library(path, packets);
    compare_to_picture(path, packets, frames);
    return true;
}

static void test_facts(void **state)
{
    (void)state;
    enum { VIDEOS_AT_LEAST = 20 };
    DIR *folder = opendir(directory);
    int videos = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        const char *dot = strrchr(entry->d_name, '.');
        if (dot &&
            (strcmp(dot, ".mp4") == 0 || strcmp(dot, ".mkv") == 0 || strcmp(dot, ".webm") == 0))
            videos += compare(path);
    }
    closedir(folder);
    assert_true(videos >= VIDEOS_AT_LEAST);
}

/* Whatever stands where the first picture should be: refused or opened, never known to be what it is not. */
static void test_broken_first_picture(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof(path), "%s/front.mp4", directory);
    int fd CLEANUP(fd) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    char *bytes CLEANUP(free) = malloc((size_t)status.st_size);
    assert_int_equal(read(fd, bytes, (size_t)status.st_size), status.st_size);
    char *data = memmem(bytes, (size_t)status.st_size, "mdat", 4);
    assert_non_null(data);
    static const int fills[] = {0, 0xff, 0x41, 1};
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        struct video_source *packets CLEANUP(video_source) = NULL;
        struct err err;
        int broken CLEANUP(fd) = memfd_create("broken", MFD_CLOEXEC);
        memset(data + 4, fills[i], (size_t)(bytes + status.st_size - data) - 4);
        assert_int_equal(write(broken, bytes, (size_t)status.st_size), status.st_size);
        int rc = video_source_open(broken, "/video_url", AVMEDIA_TYPE_VIDEO,
                                   VIDEO_SOURCE_VIDEO_FILES, VIDEO_SOURCE_PACKETS, &packets, &err);
        assert_true(rc == ERR_BAD_INPUT || packets->format == AV_PIX_FMT_NONE);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_facts),
                                       cmocka_unit_test(test_broken_first_picture)};
    struct err err;
    if (argc != 2 || video_init(&err) < 0)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
