#include "runner.h"

#include "base/buffer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *videos, *pictures;
static struct err fault;

void runner_folders(const char *video_folder, const char *picture_folder)
{
    videos = video_folder;
    pictures = picture_folder;
}

/* `params` holds @NAME for a picture of this test and %NAME for a video of the folder. */
struct host *runner_open(const char *type, const char *params)
{
    struct buffer text CLEANUP(buffer) = {0};
    for (const char *at = params; *at; at++) {
        if (*at == '@' || *at == '%')
            buffer_printf(&text, "%s/", *at == '@' ? pictures : videos);
        else
            buffer_append_char(&text, *at);
    }
    struct host *host = host_new(type, text.bytes, &fault);
    if (!host)
        fail_msg("%s %s: %s", type, params, fault.message);
    return host;
}

/* Also that progress grows to the end, not in one leap. */
struct host *runner_run(const char *type, const char *params)
{
    struct host *host = runner_open(type, params);
    if (host_run(host) < 0)
        fail_msg("%s %s: %s", type, params, host->err.message);
    assert_false(host->progress_fell);
    assert_true(host->progress > 0.9 && host->progress <= 1);
    return host;
}

/* Runs a step whose first result is a video; judges that its record says what the file is. */
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

/* It looks whether it is cancelled so often that it stops where it was told to. */
void runner_cancel(const char *type, const char *params)
{
    struct host *host CLEANUP(host) = runner_open(type, params);
    host->cancel_at = 0.5;
    assert_int_equal(host_run(host), ERR_CANCELLED);
    assert_true(host->progress < 0.6);
    assert_true(host->progress_count > 8);
}
