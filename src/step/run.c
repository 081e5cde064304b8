/* What run functions use to read their parameters and to hand out results. */
#include "step/step.h"

#include <stdio.h>
#include <string.h>

static const json_t *run_param(const struct step_run *run, const char *name)
{
    return json_object_get(run->params, name);
}

const char *step_run_text(const struct step_run *run, const char *name)
{
    return json_string_value(run_param(run, name));
}

int64_t step_run_integer(const struct step_run *run, const char *name, int64_t otherwise)
{
    const json_t *value = run_param(run, name);
    return json_is_number(value) ? (int64_t)json_number_value(value) : otherwise;
}

double step_run_number(const struct step_run *run, const char *name, double otherwise)
{
    const json_t *value = run_param(run, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool step_run_boolean(const struct step_run *run, const char *name, bool otherwise)
{
    const json_t *value = run_param(run, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static const struct step_input *run_reference(const struct step_run *run, const json_t *value)
{
    int64_t index = json_member_integer(value, "input", -1);
    return index >= 0 && (size_t)index < run->input_count ? &run->inputs[index] : NULL;
}

const struct step_input *step_run_input(const struct step_run *run, const char *name)
{
    return run_reference(run, run_param(run, name));
}

size_t step_run_inputs(const struct step_run *run, const char *name,
                       const struct step_input *const **ret_inputs)
{
    const json_t *list = run_param(run, name);
    size_t size = json_array_size(list), count = 0;
    const struct step_input **inputs = arena_array(run->arena, size, sizeof(*inputs));
    for (size_t i = 0; i < size; i++) {
        const struct step_input *input = run_reference(run, json_array_get(list, i));
        if (input)
            inputs[count++] = input;
    }
    *ret_inputs = inputs;
    return count;
}

int step_run_progress(struct step_run *run, double fraction, struct err *err)
{
    double length = run->progress_to > 0 ? run->progress_to - run->progress_from : 1;
    run->host.progress(run->host.context, run->progress_from + length * fraction);
    if (run->host.cancelled(run->host.context))
        return err_set_default(err, ERR_CANCELLED);
    return 0;
}

bool step_run_advance(void *run, double fraction)
{
    return step_run_progress(run, fraction, NULL) == 0;
}

bool step_part_advance(void *part, double fraction)
{
    const struct step_part *of = part;
    return step_run_progress(of->run, of->from + of->length * fraction, NULL) == 0;
}

int step_run_open_output(struct step_run *run, int *ret_fd, struct err *err)
{
    return run->host.open_output(run->host.context, ret_fd, err);
}

static struct step_output *run_add_output(struct step_run *run)
{
    struct step_output *grown =
        arena_array(run->arena, run->output_count + 1, sizeof(*run->outputs));
    if (run->output_count)
        memcpy(grown, run->outputs, run->output_count * sizeof(*grown));
    run->outputs = grown;
    return &run->outputs[run->output_count++];
}

void step_run_add_file(struct step_run *run, int fd, const char *content_type, int width,
                       int height, int64_t duration_ms)
{
    *run_add_output(run) = (struct step_output){.content_type = content_type,
                                                .fd = fd,
                                                .width = width,
                                                .height = height,
                                                .duration_ms = duration_ms};
}

void step_run_add_text(struct step_run *run, const char *text)
{
    *run_add_output(run) = (struct step_output){
        .content_type = "text/plain", .text = arena_strdup(run->arena, text), .fd = -1};
}

int step_run_asset(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                   struct err *err)
{
    const struct step_run *run = context;
    return run->host.asset(run->host.context, name, ret_bytes, ret_size, err);
}

void step_run_note(struct step_run *run, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    run->host.note(run->host.context, arena_vprintf(run->arena, format, args));
    va_end(args);
}
