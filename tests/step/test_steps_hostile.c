/*
 * Every good file of tests/corpus, cut off and with bits turned over: each step that reads it ends with its result or with a sentence that
 * names the input. In this process, so that the sanitizers see what the worker's jail would hide.
 */
#include "base/arena.h"
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES_MAX = 100 * 1024, CUTS = 4, FLIPS = 4, BITS_A_FLIP = 6, NAMES_MAX = 256 };

static const char *folder;

static const char *const picture_endings[] = {".jpg",  ".png",  ".webp", ".gif",
                                              ".avif", ".heic", NULL};
static const char *const sound_endings[] = {".wav", ".mp3", ".aac", ".m4a", ".ogg", ".flac", NULL};

/* %s is the file under test, the other one is good. */
static const char *const picture_steps[][2] = {
    {"publish_frames_with_logo", "{'image_urls':['%s']}"},
    {"tile_grid_images", "{'image_urls':['%s'],'grid_pattern':'1x1','width':64}"},
    {"split_grid_images", "{'image_url':'%s'}"},
};
static const char *const video_steps[][2] = {
    {"publish_video_with_logo", "{'video_url':'%s'}"},
    {"publish_frames_with_logo", "{'video_url':'%s','count':2}"},
    {"crop_to_content", "{'video_url':'%s'}"},
};
static const char *const sound_steps[][2] = {
    {"video_audio_merge", "{'video_url':'@instant.mp4','audio_url':'%s'}"},
    {"video_audio_merge", "{'video_url':'@instant.mp4','audio_url':'%s','attach_mode':'PadAudio'}"},
    {"video_audio_merge",
     "{'video_url':'@instant.mp4','audio_url':'%s','fade_s':0.1,'volume':0.5}"},
};

static bool ends(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *endings; endings++) {
        if (strcmp(dot, *endings) == 0)
            return true;
    }
    return false;
}

/* The step's row with both files in it. */
static const char *fill(struct arena *a, const char *pattern, const char *file)
{
    const char *good = strchr(pattern, '@');
    const char *text = pattern;
    if (good)
        text = arena_printf(a, "%.*s%s/%s", (int)(good - pattern), pattern, folder, good + 1);
    const char *place = strstr(text, "%s");
    return arena_printf(a, "%.*s%s%s", (int)(place - text), text, file, place + 2);
}

static bool is_refusal(int code)
{
    return code == ERR_BAD_INPUT || code == ERR_TOO_LARGE || code == ERR_UNSUPPORTED ||
           code == ERR_INVALID;
}

static void check_end(const struct host *host, int rc, const char *name, const char *what)
{
    const char *message = host->err.message;
    size_t length = strlen(message);
    if (rc == 0 && host->run.output_count > 0)
        return;
    if (!is_refusal(rc) || length < 12 || message[length - 1] != '.' || !*host->err.path)
        fail_msg("%s of %s: %d, \"%s\" (%s)", what, name, rc, message, host->err.path);
}

static void run_one(const char *name, const void *bytes, size_t size, unsigned turn,
                    const char *what)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(fd) int fd = memfd_create("hostile", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, 0), (ssize_t)size);
    const char *const(*steps)[2] = ends(name, picture_endings) ? picture_steps
                                   : ends(name, sound_endings) ? sound_steps
                                                               : video_steps;
    const char *const *step = steps[turn % 3];
    struct err err = {0};
    CLEANUP(host)
    struct host *host =
        host_new(step[0], fill(a, step[1], arena_printf(a, "/proc/self/fd/%d", fd)), &err);
    if (!host)
        fail_msg("%s: %s", name, err.message);
    check_end(host, host_run(host), name, what);
}

/* Numbers that look like chance and are the same in every run. */
static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void spoil(const char *name, uint8_t *bytes, size_t size)
{
    uint32_t state = 2463534242U;
    for (const char *at = name; *at; at++)
        state = state * 31 + (uint8_t)*at;
    state |= 1;
    for (unsigned i = 0; i < CUTS; i++)
        run_one(name, bytes, next(&state) % size, i, "a piece");
    for (unsigned i = 0; i < FLIPS; i++) {
        size_t places[BITS_A_FLIP];
        /* half of them in the head, where formats are described */
        size_t within = i % 2 && size > 512 ? 512 : size;
        for (int j = 0; j < BITS_A_FLIP; j++) {
            places[j] = next(&state) % within;
            bytes[places[j]] ^= (uint8_t)(1U << j);
        }
        run_one(name, bytes, size, i, "turned bits");
        for (int j = 0; j < BITS_A_FLIP; j++)
            bytes[places[j]] ^= (uint8_t)(1U << j);
    }
}

static void spoil_file(const char *name)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(fd) int fd = open(arena_printf(a, "%s/%s", folder, name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t *bytes = arena_alloc(a, BYTES_MAX);
    ssize_t size = read(fd, bytes, BYTES_MAX);
    assert_true(size > 0);
    if (size < BYTES_MAX)
        spoil(name, bytes, (size_t)size);
}

static int is_media(const struct dirent *entry)
{
    return entry->d_type == DT_REG && strcmp(entry->d_name, "stamp") != 0 &&
           !strstr(entry->d_name, ".srt") && strcmp(entry->d_name, "half_hour.mp4") != 0;
}

static void test_spoilt_files(void **state)
{
    (void)state;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_media, alphasort);
    assert_in_range(count, 100, NAMES_MAX);
    for (int i = 0; i < count; i++) {
        spoil_file(entries[i]->d_name);
        free(entries[i]);
    }
    free((void *)entries);
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc != 2 || step_process_init(&err) < 0) {
        fprintf(stderr, "usage: test_steps_hostile CORPUS\n");
        return 2;
    }
    folder = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spoilt_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
