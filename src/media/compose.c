#include "media/compose.h"

#include "base/arena.h"
#include "media/grade.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Margin of the layers in parts of the longer side: as far as the camera may move. */
#define MARGIN 0.06

static int check(const struct media_monitor *monitor, double fraction, struct err *err)
{
    return media_advance(monitor, fraction) ? 0 : err_set_default(err, ERR_CANCELLED);
}

static void choose_grade(const struct compose_settings *settings, struct scene_grade *ret_grade)
{
    *ret_grade = settings->variant->grade;
    grade_words(ret_grade, settings->light_words);
    /* A few degrees warmer or cooler, so that two people do not get the same picture. */
    float warm = (raster_noise(settings->seed, 6, 0) - 0.5f) * 0.035f;
    ret_grade->highlights[0] *= 1 + warm;
    ret_grade->highlights[2] *= 1 - warm;
    ret_grade->contrast *= 1 + (raster_noise(settings->seed, 7, 0) - 0.5f) * 0.06f;
}

static void choose_particles(const struct compose_settings *settings, struct layers *layers)
{
    const struct scene_variant *variant = settings->variant;
    if (settings->weather.kind[0]) {
        if (strcmp(settings->weather.kind, "none") != 0)
            layers->particles[layers->particle_count++] = settings->weather;
    } else {
        memcpy(layers->particles, variant->particles, sizeof(layers->particles));
        layers->particle_count = variant->particle_count;
    }
    for (size_t i = 0; i < layers->particle_count; i++) {
        float vary = 0.8f + 0.4f * raster_noise(settings->seed, 8, (uint32_t)i);
        layers->particles[i].amount = raster_clamp(layers->particles[i].amount * vary, 0, 1);
    }
}

static void choose_colours(const struct compose_settings *settings, struct layers *layers)
{
    static const float neutral[3][3] = {
        {0.96f, 0.95f, 0.92f}, {0.93f, 0.76f, 0.34f}, {0.74f, 0.78f, 0.86f}};
    layers->colour_count = settings->colour_count ? settings->colour_count : 3;
    for (size_t i = 0; i < layers->colour_count; i++)
        memcpy(layers->colours[i], settings->colour_count ? settings->colours[i] : neutral[i],
               sizeof(layers->colours[i]));
    const struct scene_variant *variant = settings->variant;
    for (int c = 0; c < 3; c++) {
        float light = variant->key.colour[c] * 0.5f + variant->ambient.colour[c] * 0.5f;
        layers->light[c] = raster_encode(light) / 255;
    }
}

/* The rows of the front picture from the first that holds anything on. */
static int front_top(const struct picture *front)
{
    for (int y = 0; y < front->height; y++) {
        for (int x = 0; x < front->width; x++) {
            if (picture_at(front, x, y)[3] > 0)
                return y;
        }
    }
    return front->height;
}

/* The front layer of the plate on the canvas, graded like the rest. NULL when none of it lies in the frame. */
static struct picture *front_layer(const struct compose_canvas *canvas, const struct grade *grade)
{
    const struct picture *front = canvas->settings->plate->front;
    if (!front)
        return NULL;
    struct raster_part part = canvas->part;
    double by = (double)front->width / canvas->settings->plate->colour->width;
    part.x *= by;
    part.y *= by;
    part.width *= by;
    part.height *= by;
    int top = (int)((front_top(front) - part.y) / part.height * canvas->height) - 2;
    top = top < 0 ? 0 : top;
    if (top >= canvas->height)
        return NULL;
    const struct raster_region region = {0, top, canvas->width, canvas->height - top};
    struct raster *raster =
        raster_sample_region(front, &part, canvas->width, canvas->height, &region, RASTER_LINEAR);
    struct picture *low = grade_apply(grade, raster);
    struct picture *picture = picture_new(canvas->width, canvas->height, 4);
    memcpy(picture_at(picture, 0, top), low->pixels, (size_t)low->width * (size_t)low->height * 4);
    picture_free(low);
    raster_free(raster);
    return picture;
}

/* Depth for the clip: a quarter of the size is more than the camera needs. */
static struct picture *depth_layer(const struct compose_canvas *canvas)
{
    const struct scene *scene = canvas->settings->scene;
    struct picture *depth = picture_new(canvas->metres->width, canvas->metres->height, 1);
    float near = (float)scene->near_m, by = 255 / logf((float)(scene->far_m / scene->near_m));
    size_t count = (size_t)depth->width * (size_t)depth->height;
    for (size_t i = 0; i < count; i++) {
        float v = logf(fmaxf(canvas->metres->values[i], near) / near) * by;
        depth->pixels[i] = (uint8_t)(raster_clamp(v, 0, 255) + 0.5f);
    }
    return depth;
}

static struct layers *layers_start(const struct compose_settings *settings,
                                   const struct compose_canvas *canvas)
{
    struct layers *layers = layers_new();
    layers->width = settings->width;
    layers->height = settings->height;
    layers->margin = canvas->margin;
    layers->near_m = settings->scene->near_m;
    layers->far_m = settings->scene->far_m;
    layers->subject_m = canvas->subject_m;
    layers->focus_x = 0.5;
    layers->focus_y = 0.45;
    layers->vignette = 0.24f;
    layers->grain = 0.22f;
    layers->seed = settings->seed;
    snprintf(layers->scene, sizeof(layers->scene), "%s", settings->scene->id);
    snprintf(layers->variant, sizeof(layers->variant), "%s", settings->variant->name);
    choose_particles(settings, layers);
    choose_colours(settings, layers);
    return layers;
}

static int compose_subject_layer(struct compose_canvas *canvas,
                                 const struct compose_subject *subject,
                                 const struct compose_place *place, const struct grade *grade,
                                 const struct media_monitor *monitor, struct layers *layers,
                                 struct err *err)
{
    struct raster *person = compose_cut(canvas, subject, place);
    int rc = check(monitor, 0.5, err);
    if (rc == 0) {
        compose_shadow(canvas, person, place);
        compose_relight(canvas, subject, place, person);
        compose_reflection(canvas, person, place);
        rc = check(monitor, 0.75, err);
    }
    if (rc == 0) {
        layers->subject = grade_apply(grade, person);
        double x = subject->has_face ? subject->eyes_x : subject->matte->width / 2.0;
        if (subject->has_face) {
            layers->face_width = subject->face_width * place->scale;
            layers->face_height = subject->face_height * place->scale;
            layers->face_x = place->x + subject->eyes_x * place->scale - layers->face_width / 2;
            layers->face_y = place->y + subject->eyes_y * place->scale - layers->face_height * 0.4;
        }
        layers->focus_x = fmax(0.1, fmin(0.9, (place->x + x * place->scale) / layers->width));
    }
    raster_free(person);
    return rc;
}

int compose_scene(const struct compose_subject *subject, const struct compose_settings *settings,
                  const struct media_monitor *monitor, struct layers **ret_layers, struct err *err)
{
    int longer = settings->width > settings->height ? settings->width : settings->height;
    int margin = (int)(longer * MARGIN) & ~7;
    struct compose_canvas canvas = {.width = settings->width + 2 * margin,
                                    .height = settings->height + 2 * margin,
                                    .margin = margin};
    struct compose_place place = {0};
    if (subject)
        compose_frame(subject, settings, &place);
    int rc = check(monitor, 0.05, err);
    if (rc < 0)
        return rc;
    compose_plate(&canvas, settings, subject ? &place : NULL);
    CLEANUP(layers) struct layers *layers = layers_start(settings, &canvas);
    struct scene_grade grading;
    choose_grade(settings, &grading);
    struct grade *grade = mem_alloc(sizeof(*grade));
    grade_init(grade, &grading);
    rc = check(monitor, 0.35, err);
    if (rc == 0 && subject)
        rc = compose_subject_layer(&canvas, subject, &place, grade, monitor, layers, err);
    if (rc == 0) {
        layers->clean = grade_apply(grade, canvas.plate);
        layers->front = front_layer(&canvas, grade);
        layers->depth = depth_layer(&canvas);
        *ret_layers = TAKE(layers);
    }
    free(grade);
    compose_canvas_finish(&canvas);
    return rc;
}
