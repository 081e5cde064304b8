#include "step/step.h"

static const char *const aspect_ratios[] = {"16:9", "3:2", "4:3",  "1:1",
                                            "3:4",  "2:3", "9:16", NULL};

static const char *const style_names[] = {
#define STYLE(name) #name,
#include "media/style/styles.def"
#undef STYLE
    "none", NULL};

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .required = true,
     .doc = "The photo to work on."},
    {.name = "prompt",
     .type = STEP_PARAM_TEXT,
     .default_json = "\"\"",
     .doc = "What the picture is to become; its words choose scene, weather, light and style "
            "offline."},
    {.name = "aspect_ratio",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"16:9\"",
     .values = aspect_ratios,
     .doc = "Shape of the result; the shorter side has 1080 pixels."},
    {.name = "creativity_strength",
     .type = STEP_PARAM_INTEGER,
     .default_json = "5",
     .min = 1,
     .max = 10,
     .doc = "How far the result may go from the photo."},
    {.name = "quantity",
     .type = STEP_PARAM_INTEGER,
     .default_json = "1",
     .min = 1,
     .max = 4,
     .doc = "How many variations are made."},
    {.name = "tool",
     .type = STEP_PARAM_TEXT,
     .max_length = 80,
     .doc = "The model a provider is asked to use; the offline engine has one."},
    {.name = "style",
     .type = STEP_PARAM_CHOICE,
     .values = style_names,
     .doc = "How the result is drawn or printed; none keeps it a photograph."},
    {.name = "seed",
     .type = STEP_PARAM_INTEGER,
     .min = 0,
     .max = 4294967295.0,
     .doc = "Same inputs and seed give the same pictures."},
};

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/image.h"
#include "media/look.h"
#include "step/still.h"

#include <stdio.h>

/* Larger photos hold nothing that a result of this size could show. */
enum { PHOTO_SIDE_MAX = 2400 };

static void read_hints(const struct step_run *run, struct look_hints *hints)
{
    const json_t *local = run->local;
    *hints = (struct look_hints){
        .prompt = step_run_text(run, "prompt"),
        .style = step_run_text(run, "style"),
        .scene = json_member_string(local, "scene"),
        .variant = json_member_string(local, "variant"),
        .team = json_member_string(local, "team"),
        .light = json_member_string(local, "light"),
        .weather = json_member_string(local, "weather"),
        .crop = json_member_string(local, "crop"),
        .transparent = json_member_bool(local, "transparent", false),
        .strength = (float)step_run_integer(run, "creativity_strength", 5) / 10,
    };
    if (!hints->style)
        hints->style = json_member_string(local, "style");
}

static int add_picture(struct step_run *run, const struct look_result *result, struct err *err)
{
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = look_save(result, fd, err);
    if (rc == 0)
        step_run_add_file(run, TAKE_FD(fd), "image/png", result->picture->width,
                          result->picture->height, 0);
    return rc;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *input = step_run_input(run, "image_url");
    const struct media_assets assets = {run, step_run_asset};
    struct step_part part = {run, 0.05, 0.15};
    const struct media_monitor monitor = {&part, step_part_advance};
    struct look_hints hints;
    read_hints(run, &hints);
    int width, height;
    int rc = image_aspect_size(step_run_text(run, "aspect_ratio"), &width, &height, err);
    struct picture *photo = NULL;
    if (rc == 0)
        rc = step_still_load((struct step_part){run, 0, 0.05}, input, PHOTO_SIDE_MAX,
                             PHOTO_SIDE_MAX, IMAGE_FIT_WITHIN, &photo, err);
    struct portrait *portrait CLEANUP(portrait) = NULL;
    if (rc == 0)
        rc = portrait_open(photo, &assets, &monitor, &portrait, err);
    if (rc < 0)
        return rc;
    run->provider = "local";
    struct look_plan plan;
    rc = look_plan(run->arena, &assets, &hints, portrait, &plan, err);
    if (rc == 0 && plan.note)
        step_run_note(run, "%s", plan.note);
    int64_t quantity = step_run_integer(run, "quantity", 1);
    for (int64_t i = 0; rc == 0 && i < quantity; i++) {
        part.from = 0.2 + 0.8 * (double)i / (double)quantity;
        part.length = 0.8 / (double)quantity;
        struct look_result result = {0};
        rc = look_make(&plan, portrait, width, height, run->seed + (uint64_t)i, &monitor, &result,
                       err);
        if (rc == 0)
            rc = add_picture(run, &result, err);
        if (rc == 0 && result.note && i == 0)
            step_run_note(run, "%s", result.note);
        look_result_finish(&result);
    }
    return rc;
}

#endif

const struct step_type step_image_2_image = {
    .name = "image_2_image",
    .summary = "Puts the person of a photo into a scene, or redraws the photo in a style.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_IMAGES,
    .place = STEP_PLACE_MEDIA,
    .generative = true,
    .credits = 10,
    .weight = 2,
    .timeout_s = 300,
    .run = STEP_RUN(run),
};
