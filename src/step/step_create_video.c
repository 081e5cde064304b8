#include "step/step.h"

static const char *const aspect_ratios[] = {"16:9", "3:2", "4:3",  "1:1",
                                            "3:4",  "2:3", "9:16", NULL};

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .required = true,
     .doc = "The picture that comes alive; a still of image_2_image moves by its real depth."},
    {.name = "last_frame_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "A picture that the clip turns into."},
    {.name = "prompt",
     .type = STEP_PARAM_TEXT,
     .default_json = "\"\"",
     .doc = "What happens; its words choose the camera and what is in the air offline."},
    {.name = "duration",
     .type = STEP_PARAM_NUMBER,
     .default_json = "5",
     .min = 1,
     .max = 10,
     .doc = "Seconds of the motion."},
    {.name = "loop",
     .type = STEP_PARAM_INTEGER,
     .default_json = "1",
     .min = 1,
     .max = 6,
     .doc = "How often the motion is shown; from two on it ends where it begins."},
    {.name = "motion_type",
     .type = STEP_PARAM_TEXT,
     .max_length = 80,
     .doc = "The model a provider is asked to use; StaticMotion holds the camera still offline."},
    {.name = "camera_control",
     .type = STEP_PARAM_TEXT,
     .max_length = 200,
     .doc = "The camera's move by name or in words: Pan left, Dolly zoom, Orbit right, ..."},
    {.name = "aspect_ratio",
     .type = STEP_PARAM_CHOICE,
     .values = aspect_ratios,
     .doc = "Shape of the clip; without it the one nearest to the picture's."},
    {.name = "fps",
     .type = STEP_PARAM_INTEGER,
     .default_json = "30",
     .min = 24,
     .max = 60,
     .doc = "Frames a second."},
    {.name = "audio_url",
     .type = STEP_PARAM_AUDIO,
     .doc = "A sound for the clip: a file of sound, or a video whose sound is taken; it is cut or "
            "repeated."},
    {.name = "seed",
     .type = STEP_PARAM_INTEGER,
     .min = 0,
     .max = 4294967295.0,
     .doc = "Same inputs and seed give the same clip."},
};

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/clip.h"
#include "media/image.h"
#include "media/look.h"
#include "step/fuse.h"
#include "step/still.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

/* A photo is read in at least as much of its size as the clip shows, with room for its margins. */
#define PHOTO_ROOM 1.15
/* Of the move, where what opens up behind somebody was never seen. */
#define STRENGTH_INVENTED 0.65f

/* The given shape, else the one of the table that is nearest to the picture's. */
static int choose_size(const struct step_run *run, const struct step_input *input, int *ret_width,
                       int *ret_height, struct err *err)
{
    const char *given = step_run_text(run, "aspect_ratio");
    if (given)
        return image_aspect_size(given, ret_width, ret_height, err);
    struct image_info info;
    int rc = image_probe(input->fd, input->path, &info, err);
    double wanted = rc == 0 ? log((double)info.width / info.height) : 0, best = INFINITY;
    for (int i = 0; rc == 0 && aspect_ratios[i]; i++) {
        int width, height;
        rc = image_aspect_size(aspect_ratios[i], &width, &height, err);
        double away = rc == 0 ? fabs(log((double)width / height) - wanted) : INFINITY;
        if (away >= best)
            continue;
        best = away;
        *ret_width = width;
        *ret_height = height;
    }
    return rc;
}

/* The layers that the file carries for exactly this size; NULL when there are none. */
static struct layers *read_layers(const struct step_input *input, int width, int height)
{
    if (input->size == 0 || input->size > LAYERS_FILE_MAX)
        return NULL;
    void *bytes = mmap(NULL, (size_t)input->size, PROT_READ, MAP_PRIVATE, input->fd, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    struct layers *layers = layers_read(bytes, (size_t)input->size);
    munmap(bytes, (size_t)input->size);
    if (layers && (layers->width != width || layers->height != height)) {
        layers_free(layers);
        layers = NULL;
    }
    return layers;
}

/* It is that part of the run. */
static int open_layers(struct step_part part, const struct step_input *input, int width, int height,
                       struct layers **ret_layers, struct err *err)
{
    struct step_run *run = part.run;
    struct step_part cut = {run, part.from + part.length / 2, part.length / 2};
    const struct media_monitor monitor = {&cut, step_part_advance};
    part.length /= 2;
    *ret_layers = read_layers(input, width, height);
    if (*ret_layers)
        return 0;
    const struct media_assets assets = {run, step_run_asset};
    struct picture *photo = NULL;
    struct portrait *portrait CLEANUP(portrait) = NULL;
    int rc = step_still_load(part, input, (int)(width * PHOTO_ROOM), (int)(height * PHOTO_ROOM),
                             IMAGE_FIT_LEAST, &photo, err);
    if (rc == 0)
        rc = portrait_open(photo, &assets, &monitor, &portrait, err);
    if (rc < 0)
        return rc;
    *ret_layers = look_derive(portrait, width, height, run->seed);
    look_add_weather(*ret_layers, step_run_text(run, "prompt"));
    return 0;
}

static const struct move *choose_move(const struct step_run *run)
{
    const char *kind = step_run_text(run, "motion_type");
    if (kind && strcasecmp(kind, "StaticMotion") == 0)
        return move_choose("Static", NULL);
    const char *name = step_run_text(run, "camera_control");
    if (!name || !*name)
        name = json_member_string(run->local, "camera");
    const char *words = name && *name ? name : step_run_text(run, "prompt");
    return move_choose(name, words);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *input = step_run_input(run, "image_url");
    const struct step_input *last_input = step_run_input(run, "last_frame_url");
    const struct step_input *audio = step_run_input(run, "audio_url");
    struct step_part part = {run, 0.1, 0.9};
    const struct media_monitor monitor = {&part, step_part_advance};
    struct layers *layers CLEANUP(layers) = NULL, *last CLEANUP(layers) = NULL;
    struct step_marks marks CLEANUP(step_marks) = {0};
    int width = 0, height = 0, fd CLEANUP(fd) = -1;
    run->provider = "local";
    int rc = choose_size(run, input, &width, &height, err);
    if (rc == 0)
        rc = open_layers((struct step_part){run, 0, last_input ? 0.05 : 0.1}, input, width, height,
                         &layers, err);
    if (rc == 0 && last_input)
        rc =
            open_layers((struct step_part){run, 0.05, 0.05}, last_input, width, height, &last, err);
    if (rc != 0)
        return rc;
    struct clip_settings settings = {
        .move = choose_move(run),
        .seconds = step_run_number(run, "duration", 5),
        .fps = (int)step_run_integer(run, "fps", 30),
        .rounds = (int)step_run_integer(run, "loop", 1),
        .closed = json_member_bool(run->local, "closed", false) && !last,
        .strength = layers->subject && !layers->scene[0] ? STRENGTH_INVENTED : 1,
    };
    int64_t frames = llrint(settings.seconds * settings.fps) * settings.rounds;
    const struct video_result made = {width, height, frames * 1000 / settings.fps};
    rc = step_marks_read(run, width, height, made.duration_ms, &marks, err);
    if (rc == 0)
        rc = step_run_open_output(run, &fd, err);
    if (rc < 0)
        return rc;
    const struct video_writer_sound sound = {
        .fd = audio ? audio->fd : -1, .path = audio ? audio->path : NULL, .repeats = true};
    settings.sound = audio ? &sound : NULL;
    settings.marks = step_marks_all(&marks);
    rc = clip_write(layers, last, &settings, fd, &monitor, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &made, err);
}

#endif

const struct step_type step_create_video = {
    .name = "create_video",
    .summary = "Moves a camera through a picture by its depth, with what is in the air.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_VIDEO,
    .place = STEP_PLACE_MEDIA,
    .generative = true,
    .credits = 100,
    .weight = 8,
    .timeout_s = 600,
    .fuse_begins = step_fuse_always,
    .run = STEP_RUN(run),
};
