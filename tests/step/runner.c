#include "runner.h"

#include "base/buffer.h"
#include "shared/fault.h"
#include "shared/folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *videos, *project;

bool runner_start(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s VIDEOS [PROJECT]\n", argv[0]);
        return false;
    }
    videos = argv[1];
    project = argc == 3 ? argv[2] : NULL;
    if (step_process_init(&fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return false;
    }
    return true;
}

struct host *runner_open(const char *type, const char *params)
{
    struct buffer text CLEANUP(buffer) = {0};
    for (const char *at = params; *at; at++) {
        const char *place = *at == '@'              ? folder_path()
                            : *at == '%'            ? videos
                            : *at == '$' && project ? project
                                                    : NULL;
        if (place)
            buffer_printf(&text, "%s/", place);
        else
            buffer_append_char(&text, *at);
    }
    struct host *host = host_new(type, text.bytes, &fault);
    if (!host)
        fail_msg("%s %s: %s", type, params, fault.message);
    if (project)
        host->asset_directory = arena_printf(host->arena, "%s/assets", project);
    return host;
}

struct host *runner_run(const char *type, const char *params)
{
    struct host *host = runner_open(type, params);
    if (host_run(host) < 0)
        fail_msg("%s %s: %s", type, params, host->err.message);
    assert_false(host->progress_fell);
    /* the last pictures of a video may follow the last report */
    assert_true(host->progress > (host->run.type->result == STEP_RESULT_VIDEO ? 0.9 : 0.999));
    assert_true(host->progress <= 1);
    return host;
}

struct host *runner_video(const char *type, const char *params, struct judge_facts *ret_facts)
{
    struct host *host = runner_run(type, params);
    assert_true(host->run.output_count > 0);
    const struct step_output *output = &host->run.outputs[0];
    assert_string_equal(output->content_type, "video/mp4");
    *ret_facts = judge_file(output->fd);
    /* pictures may be copied as they came */
    assert_true(ret_facts->is_high || strcmp(type, "video_audio_merge") == 0);
    assert_int_equal(output->width, ret_facts->width);
    assert_int_equal(output->height, ret_facts->height);
    double longest = fmax(ret_facts->video_s, ret_facts->sound_s);
    assert_in_range(output->duration_ms, lrint(ret_facts->video_s * 1000) - 1,
                    lrint(longest * 1000) + 1);
    return host;
}

struct judge_frames runner_decode(struct host *host)
{
    return judge_decode(host->run.outputs[0].fd);
}

void runner_fails(const char *type, const char *params, enum err_code code, const char *path,
                  const char *words)
{
    struct host *host CLEANUP(host) = runner_open(type, params);
    if (host_run(host) != (int)code)
        fail_msg("%s %s: \"%s\"", type, params, host->err.message);
    if (!strstr(host->err.message, words))
        fail_msg("%s %s: \"%s\" has no \"%s\"", type, params, host->err.message, words);
    assert_string_equal(host->err.path, path);
    if (host->run.type->result != STEP_RESULT_IMAGES) /* those are handed over one by one */
        assert_int_equal(host->run.output_count, 0);
}

void runner_repeats(const char *type, const char *params)
{
    struct host *first CLEANUP(host) = runner_run(type, params);
    struct host *second CLEANUP(host) = runner_run(type, params);
    assert_int_equal(first->run.output_count, second->run.output_count);
    for (size_t i = 0; i < first->run.output_count; i++) {
        size_t size, again;
        const void *bytes = host_output_bytes(first, i, &size);
        const void *other = host_output_bytes(second, i, &again);
        assert_int_equal(size, again);
        assert_memory_equal(bytes, other, size);
    }
}

static struct host *cancelled(const char *type, const char *params, double at)
{
    struct host *host = runner_open(type, params);
    host->cancel_at = at;
    assert_int_equal(host_run(host), ERR_CANCELLED);
    return host;
}

size_t runner_cancel_at(const char *type, const char *params, double at)
{
    struct host *host CLEANUP(host) = cancelled(type, params, at);
    return host->run.output_count;
}

void runner_cancel(const char *type, const char *params)
{
    struct host *host CLEANUP(host) = cancelled(type, params, 0.5);
    assert_true(host->progress < 0.6);
    assert_true(host->progress_count > 8);
}
