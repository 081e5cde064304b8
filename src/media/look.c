#include "media/look.h"

#include "base/buffer.h"
#include "media/grade.h"
#include "media/image.h"
#include "media/parallax.h"
#include "media/particle/particle.h"
#include "media/team.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- deciding ---------------------------------------------------------------------------------- */

struct weather_word {
    const char *word, *kind;
    float amount;
};

static const struct weather_word weather_words[] = {
    {"snow", "snow", 0.7f},
    {"snowing", "snow", 0.8f},
    {"snowfall", "snow", 0.8f},
    {"blizzard", "snow", 1.0f},
    {"rain", "rain", 0.7f},
    {"rainy", "rain", 0.7f},
    {"raining", "rain", 0.8f},
    {"storm", "rain", 1.0f},
    {"confetti", "confetti", 0.8f},
    {"celebration", "confetti", 0.7f},
    {"dust", "dust", 0.7f},
    {"dusty", "dust", 0.7f},
    {"sparks", "embers", 0.7f},
    {"embers", "embers", 0.7f},
    {"fire", "embers", 0.6f},
    {"bokeh", "bokeh", 0.7f},
    {"stars", "stars", 0.7f},
    {"clear", "none", 0},
    {"none", "none", 0},
};

static void choose_weather(const struct look_hints *hints, struct scene_particles *weather)
{
    const char *text = hints->weather ? hints->weather : hints->prompt;
    size_t best = 0;
    for (size_t i = 0; text && i < sizeof(weather_words) / sizeof(weather_words[0]); i++) {
        const struct weather_word *row = &weather_words[i];
        size_t length = scene_word_in(row->word, text);
        /* A clear sky is only taken from a hint: prompts use the word for other things. */
        if (length <= best || (!hints->weather && strcmp(row->kind, "none") == 0))
            continue;
        best = length;
        snprintf(weather->kind, sizeof(weather->kind), "%s", row->kind);
        weather->amount = row->amount;
    }
}

void look_add_weather(struct layers *layers, const char *text)
{
    const struct look_hints hints = {.prompt = text};
    struct scene_particles weather = {0};
    choose_weather(&hints, &weather);
    if (!weather.kind[0])
        return;
    layers->particles[0] = weather;
    layers->particle_count = 1;
}

static void choose_scene(const struct look_hints *hints, const struct scene *const *scenes,
                         size_t count, struct look_plan *plan)
{
    if (hints->scene && strcmp(hints->scene, "none") == 0)
        return;
    plan->scene = scene_find(scenes, count, hints->scene);
    if (!plan->scene && hints->scene)
        plan->scene = scene_match(scenes, count, hints->scene);
    if (!plan->scene)
        plan->scene = scene_match(scenes, count, hints->prompt);
    if (!plan->scene)
        return;
    plan->variant = scene_find_variant(plan->scene, hints->variant);
    if (!plan->variant)
        plan->variant = scene_match_variant(plan->scene, hints->light);
    if (!plan->variant)
        plan->variant = scene_match_variant(plan->scene, hints->prompt);
    if (!plan->variant)
        plan->variant = &plan->scene->variants[plan->scene->default_variant];
}

int look_plan(struct arena *a, const struct media_assets *assets, const struct look_hints *hints,
              const struct portrait *portrait, struct look_plan *ret_plan, struct err *err)
{
    struct look_plan *plan = ret_plan;
    *plan = (struct look_plan){.assets = assets, .hints = *hints};
    const struct scene *const *scenes;
    size_t count;
    int rc = scene_list(a, assets, &scenes, &count, err);
    if (rc < 0)
        return rc;
    choose_scene(hints, scenes, count, plan);
    bool plain = hints->style && strcmp(hints->style, "none") == 0;
    plan->style = style_find(hints->style);
    if (!plan->style && !plain)
        plan->style = style_match(hints->prompt);
    choose_weather(hints, &plan->weather);
    plan->colour_count = team_colours(assets, hints->team, hints->prompt, plan->colours);
    plan->has_subject = portrait->matte != NULL;
    if (!plan->scene && hints->scene && strcmp(hints->scene, "none") != 0)
        plan->note =
            arena_printf(a, "There is no scene %s, so the photo keeps its place.", hints->scene);
    if (plan->scene && !plan->has_subject)
        plan->note =
            arena_printf(a, "%s photo keeps its place and only takes the light of the scene %s.",
                         portrait->fault ? arena_printf(a, "%s The", portrait->fault)
                                         : "Neither a person nor a thing before an even ground was "
                                           "found in the photo, so the",
                         plan->scene->label);
    return 0;
}

/* --- making ------------------------------------------------------------------------------------ */

static uint32_t small_seed(uint64_t seed)
{
    return raster_hash((uint32_t)seed, (uint32_t)(seed >> 32), 0x5eed);
}

static int make_scene(const struct look_plan *plan, const struct portrait *portrait, int width,
                      int height, uint32_t seed, const struct media_monitor *monitor,
                      struct look_result *result, struct err *err)
{
    struct compose_settings settings = {
        .scene = plan->scene,
        .variant = scene_mood(plan->scene, plan->variant, raster_hash(seed, 9, 0)),
        .width = width,
        .height = height,
        .seed = seed,
        .light_words = plan->hints.light,
        .weather = plan->weather,
        .colour_count = plan->colour_count,
    };
    memcpy(settings.colours, plan->colours, sizeof(settings.colours));
    const char *crop = plan->hints.crop ? plan->hints.crop : "";
    if (strcmp(crop, "half") == 0)
        settings.crop = COMPOSE_CROP_HALF;
    else if (strcmp(crop, "full") == 0)
        settings.crop = COMPOSE_CROP_FULL;
    struct err fault = {0};
    int rc = scene_plate(plan->assets, plan->scene, settings.variant, &settings.plate, &fault);
    if (rc < 0) {
        result->note = "The plate of the scene cannot be used, so the photo keeps its place.";
        return 0;
    }
    struct compose_subject subject;
    portrait_subject(portrait, &subject);
    rc = compose_scene(&subject, &settings, monitor, &result->layers, err);
    if (rc < 0)
        return rc;
    struct parallax *parallax CLEANUP(parallax) = parallax_new(result->layers, 5);
    result->picture = picture_new(width, height, 3);
    parallax_render(parallax, &parallax_still, 0, 0, result->picture);
    return 0;
}

/* The photo in the shape, with the light of the words and, where there is one, of the scene. */
static struct picture *make_photo(const struct look_plan *plan, const struct portrait *portrait,
                                  int width, int height)
{
    struct scene_grade grading;
    grade_neutral(&grading);
    if (plan->scene) {
        grading = plan->variant->grade;
        grading.exposure *= 0.5f;
        for (int c = 0; c < 3; c++) {
            float light = plan->variant->ambient.colour[c];
            float mean = (plan->variant->ambient.colour[0] + plan->variant->ambient.colour[1] +
                          plan->variant->ambient.colour[2]) /
                             3 +
                         0.01f;
            grading.shadows[c] *= 1 + 0.30f * (raster_clamp(light / mean, 0.4f, 1.8f) - 1);
        }
    }
    bool moved = grade_words(&grading, plan->hints.light);
    if (!moved)
        moved = grade_words(&grading, plan->hints.prompt);
    if (!moved && !plan->scene && !plan->style) {
        grading.contrast = 1.05f;
        grading.saturation = 1.04f;
    }
    struct raster_part part;
    portrait_cover(portrait, width, height, &part);
    struct raster *linear = raster_sample(portrait->photo, &part, width, height, RASTER_LINEAR);
    struct grade *grade = mem_alloc(sizeof(*grade));
    grade_init(grade, &grading);
    struct picture *picture = grade_apply(grade, linear);
    raster_free(linear);
    free(grade);
    return picture;
}

/* The matte and the faces of a composed picture, for a style that goes over it. */
static void composed_style_job(const struct look_result *result, const struct portrait *portrait,
                               struct style_job *job)
{
    const struct layers *layers = result->layers;
    job->photo = result->picture;
    struct picture *matte = picture_new(layers->width, layers->height, 1);
    for (int y = 0; y < layers->height; y++) {
        for (int x = 0; x < layers->width; x++)
            *picture_at(matte, x, y) =
                picture_at(layers->subject, x + layers->margin, y + layers->margin)[3];
    }
    job->matte = matte;
    if (portrait->face_count == 0 || layers->face_width <= 0)
        return;
    job->faces[0] = (struct style_face){layers->face_x, layers->face_y, layers->face_width,
                                        layers->face_height};
    job->face_count = 1;
}

static int make_style(const struct look_plan *plan, const struct portrait *portrait, int width,
                      int height, uint32_t seed, const struct media_monitor *monitor,
                      struct look_result *result, struct err *err)
{
    struct style_job job = {.strength = plan->hints.strength,
                            .seed = seed,
                            .transparent = plan->hints.transparent,
                            .assets = plan->assets,
                            .monitor = monitor,
                            .note = &result->note};
    if (result->picture) {
        composed_style_job(result, portrait, &job);
    } else {
        struct raster_part part;
        if (plan->style->framing == STYLE_CUTS_OUT && portrait->matte)
            portrait_contain(portrait, width, height, &part);
        else if (plan->style->framing == STYLE_SKETCHES && portrait->matte)
            portrait_near(portrait, width, height, &part);
        else
            portrait_cover(portrait, width, height, &part);
        portrait_style_job(portrait, &part, width, height, &job);
    }
    struct picture *drawn = NULL;
    int rc = plan->style->run(&job, &drawn, err);
    if (job.photo != result->picture)
        picture_free((struct picture *)job.photo);
    picture_free((struct picture *)job.matte);
    if (rc < 0)
        return rc;
    picture_free(result->picture);
    result->picture = drawn;
    layers_free(TAKE(result->layers));
    return 0;
}

int look_make(const struct look_plan *plan, const struct portrait *portrait, int width, int height,
              uint64_t seed, const struct media_monitor *monitor, struct look_result *ret_result,
              struct err *err)
{
    uint32_t small = small_seed(seed);
    bool placed =
        plan->scene && plan->has_subject && !(plan->style && plan->style->framing != STYLE_CROPS);
    struct media_span span = {monitor, 0, plan->style ? 0.3 : 1};
    const struct media_monitor part = {&span, media_span_advance};
    int rc = 0;
    if (placed)
        rc = make_scene(plan, portrait, width, height, small, &part, ret_result, err);
    if (placed && plan->style)
        span = (struct media_span){monitor, 0.3, 0.7};
    else
        span.length = 1;
    if (rc == 0 && plan->style)
        rc = make_style(plan, portrait, width, height, small, &part, ret_result, err);
    if (rc == 0 && !ret_result->picture)
        ret_result->picture = make_photo(plan, portrait, width, height);
    return rc;
}

void look_result_finish(struct look_result *result)
{
    picture_free(result->picture);
    layers_free(result->layers);
    *result = (struct look_result){0};
}

/* --- saving ------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *bytes, size_t size, struct err *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) < 0)
        return err_set(err, ERR_STORAGE, NULL, "A result could not be written: %s.",
                       strerror(errno));
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return err_set(err, ERR_STORAGE, NULL, "A result could not be written: %s.",
                           strerror(errno));
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

int look_save(const struct look_result *result, int fd, struct err *err)
{
    if (!result->layers)
        return image_save(result->picture, IMAGE_PNG, 0, fd, err);
    CLEANUP(free) void *png = NULL;
    size_t size = 0;
    CLEANUP(buffer) struct buffer file = {0};
    int rc = image_save_bytes(result->picture, IMAGE_PNG, 0, &png, &size, err);
    if (rc == 0)
        rc = layers_embed(result->layers, png, size, &file, err);
    return rc == 0 ? write_all(fd, file.bytes, file.size, err) : rc;
}
