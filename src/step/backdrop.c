#include "step/backdrop.h"

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/compose.h"
#include "media/image.h"
#include "media/parallax.h"

#include <math.h>
#include <string.h>

enum { BACKDROP_SIDE_MAX = 4096, BACKDROP_FRAME_MAX = 1920 };

void step_backdrop_finish(struct step_backdrop *backdrop)
{
    picture_free(backdrop->image);
    picture_free(backdrop->still);
    video_reader_free(backdrop->reader);
    *backdrop = (struct step_backdrop){0};
}

static int open_image(const struct step_input *input, struct step_backdrop *backdrop,
                      struct err *err)
{
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = image_load(input->fd, input->path, BACKDROP_SIDE_MAX, BACKDROP_SIDE_MAX,
                        IMAGE_FIT_WITHIN, &loaded, err);
    if (rc == 0)
        backdrop->image = image_on_white(loaded);
    return rc;
}

static int open_video(const struct step_run *run, const struct step_input *input,
                      struct step_backdrop *backdrop, struct err *err)
{
    int rc = video_reader_new(input->fd, input->path, &backdrop->reader, err);
    if (rc < 0)
        return rc;
    double duration_s = (double)video_reader_info(backdrop->reader)->duration_ms / 1000;
    backdrop->start_s = step_run_number(run, "start_time", 0);
    if (backdrop->start_s > 0 && backdrop->start_s >= duration_s)
        return err_set(err, ERR_INVALID, "/start_time",
                       "start_time is %g s; the video of %s is %g s long.", backdrop->start_s,
                       input->path, duration_s);
    return 0;
}

static int open_scene(struct step_run *run, const char *text, struct step_backdrop *backdrop,
                      struct err *err)
{
    const struct scene *const *scenes;
    size_t count;
    int rc = scene_list(run->arena, &backdrop->assets, &scenes, &count, err);
    if (rc < 0)
        return rc;
    backdrop->scene = scene_find(scenes, count, text);
    if (!backdrop->scene)
        backdrop->scene = scene_match(scenes, count, text);
    if (!backdrop->scene) {
        const char *names = "";
        for (size_t i = 0; i < count; i++)
            names = arena_printf(run->arena, "%s%s%s", names, i ? ", " : "", scenes[i]->id);
        return err_set(err, ERR_INVALID, "/scene", "There is no scene '%.60s'; there are: %s.",
                       text, names);
    }
    backdrop->variant = scene_match_variant(backdrop->scene, text);
    if (!backdrop->variant)
        backdrop->variant = &backdrop->scene->variants[backdrop->scene->default_variant];
    return 0;
}

int step_backdrop_open(struct step_run *run, struct step_backdrop *ret_backdrop, struct err *err)
{
    const struct step_input *image = step_run_input(run, "background_url");
    const struct step_input *video = step_run_input(run, "background_video_url");
    const char *color = step_run_text(run, "color"), *scene = step_run_text(run, "scene");
    uint8_t rgba[4];
    *ret_backdrop =
        (struct step_backdrop){.assets = {run, step_run_asset}, .seed = (uint32_t)run->seed};
    if ((image != NULL) + (video != NULL) + (color != NULL) + (scene != NULL) > 1)
        return err_set(err, ERR_INVALID, image ? "/background_url" : "/background_video_url",
                       "Only one of background_url, background_video_url, color and scene is "
                       "taken.");
    if (color) {
        ret_backdrop->kind = STEP_BACKDROP_COLOR;
        if (image_color(color, rgba, err) < 0)
            return ERR_INVALID;
        if (rgba[3] != 255)
            return err_set(err, ERR_INVALID, "/color", "The background's color is opaque.");
        memcpy(ret_backdrop->color, rgba, 3);
        return 0;
    }
    ret_backdrop->kind = image   ? STEP_BACKDROP_IMAGE
                         : video ? STEP_BACKDROP_VIDEO
                         : scene ? STEP_BACKDROP_SCENE
                                 : STEP_BACKDROP_NONE;
    return image   ? open_image(image, ret_backdrop, err)
           : video ? open_video(run, video, ret_backdrop, err)
           : scene ? open_scene(run, scene, ret_backdrop, err)
                   : 0;
}

bool step_backdrop_size(const struct step_backdrop *backdrop, int *ret_width, int *ret_height)
{
    double width = 0, height = 0;
    if (backdrop->kind == STEP_BACKDROP_IMAGE) {
        width = backdrop->image->width;
        height = backdrop->image->height;
    } else if (backdrop->kind == STEP_BACKDROP_VIDEO) {
        width = video_reader_info(backdrop->reader)->width;
        height = video_reader_info(backdrop->reader)->height;
    } else {
        return false;
    }
    double factor = fmin(1, BACKDROP_FRAME_MAX / fmax(width, height));
    *ret_width = (int)fmax(1, floor(width * factor + 0.5));
    *ret_height = (int)fmax(1, floor(height * factor + 0.5));
    return true;
}

static struct picture *flat(const uint8_t color[3], int width, int height)
{
    struct picture *picture = picture_new(width, height, 3);
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
        memcpy(picture->pixels + 3 * i, color, 3);
    return picture;
}

/* The scene with nobody in it. */
static int make_scene(struct step_backdrop *backdrop, int width, int height,
                      struct picture **ret_picture, struct err *err)
{
    struct compose_settings settings = {
        .scene = backdrop->scene,
        .variant = backdrop->variant,
        .width = width,
        .height = height,
        .seed = backdrop->seed,
    };
    struct layers *layers CLEANUP(layers) = NULL;
    int rc =
        scene_plate(&backdrop->assets, backdrop->scene, backdrop->variant, &settings.plate, err);
    if (rc == 0)
        rc = compose_scene(NULL, &settings, NULL, &layers, err);
    if (rc < 0)
        return rc;
    struct parallax *parallax CLEANUP(parallax) = parallax_new(layers, 5);
    *ret_picture = picture_new(width, height, 3);
    parallax_render(parallax, &parallax_still, 0, 0, *ret_picture);
    return 0;
}

static struct picture *cover(const struct picture *picture, int width, int height)
{
    return picture->width == width && picture->height == height
               ? picture_copy(picture)
               : image_cover(picture, width, height, 0.5, 0.5);
}

static int video_at(struct step_backdrop *backdrop, double seconds, int width, int height,
                    struct picture **ret_picture, struct err *err)
{
    struct picture *frame = NULL;
    int rc = video_reader_at(backdrop->reader, backdrop->start_s + seconds, &frame, err);
    if (rc < 0)
        return rc;
    if (frame->width == width && frame->height == height) {
        *ret_picture = frame;
        return 0;
    }
    *ret_picture = cover(frame, width, height);
    picture_free(frame);
    return 0;
}

int step_backdrop_at(struct step_backdrop *backdrop, double seconds, int width, int height,
                     struct picture **ret_picture, struct err *err)
{
    static const uint8_t white[3] = {255, 255, 255};
    int rc = 0;
    if (backdrop->kind == STEP_BACKDROP_VIDEO)
        return video_at(backdrop, seconds, width, height, ret_picture, err);
    if (!backdrop->still || backdrop->still->width != width || backdrop->still->height != height) {
        picture_free(TAKE(backdrop->still));
        if (backdrop->kind == STEP_BACKDROP_IMAGE)
            backdrop->still = cover(backdrop->image, width, height);
        else if (backdrop->kind == STEP_BACKDROP_SCENE)
            rc = make_scene(backdrop, width, height, &backdrop->still, err);
        else
            backdrop->still = flat(backdrop->kind == STEP_BACKDROP_COLOR ? backdrop->color : white,
                                   width, height);
    }
    if (rc == 0)
        *ret_picture = picture_copy(backdrop->still);
    return rc;
}

#endif
