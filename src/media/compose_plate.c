/* The plate behind the person: which part of it, out of focus by its depth, with the shadow on its ground. */
#include "media/compose.h"

#include "base/arena.h"

#include <math.h>
#include <string.h>

enum { FOCUS_SHRINK = 2, METRES_SHRINK = 4, AROUND_SHRINK = 8 };

void compose_canvas_finish(struct compose_canvas *canvas)
{
    raster_free(canvas->plate);
    raster_free(canvas->metres);
    raster_free(canvas->around);
}

/* The largest part of the shape, a little smaller by the seed, with the horizon near the eyes where there is room. */
static void choose_part(struct compose_canvas *canvas, const struct compose_settings *settings,
                        const struct compose_place *place)
{
    const struct scene *scene = settings->scene;
    const struct picture *plate = settings->plate->colour;
    double aspect = (double)canvas->width / canvas->height;
    double zoom = 0.90 + 0.10 * (double)raster_noise(settings->seed, 1, 0);
    double width = plate->width * zoom, height = width / aspect;
    if (height > plate->height * zoom) {
        height = plate->height * zoom;
        width = height * aspect;
    }
    bool tall = canvas->width < canvas->height;
    double shift = ((double)raster_noise(settings->seed, 2, 0) - 0.5) * 0.10;
    double x = plate->width * ((tall ? scene->crop_tall_x : 0.5) + shift) - width / 2;
    double y = plate->height * (tall ? 0.5 : scene->crop_wide_y) - height / 2;
    if (!tall) {
        double horizon_at = place && place->full ? 0.46 : 0.62;
        double wanted = plate->height * scene->horizon - height * horizon_at;
        y = y * 0.25 + wanted * 0.75;
    }
    if (place && place->full) {
        /* The ground line of full figures meets the feet. */
        double feet = (place->feet_y + canvas->margin) / canvas->height;
        y = plate->height * scene->feet_y - height * feet;
    }
    x = fmax(0, fmin(x, plate->width - width));
    y = fmax(0, fmin(y, plate->height - height));
    bool mirrored = raster_noise(settings->seed, 3, 0) < 0.5f;
    canvas->part = (struct raster_part){x, y, width, height, mirrored};
    canvas->plate_scale = canvas->width / width;
}

static void turn_light(struct scene_light *light, const struct scene_light *from, bool mirrored)
{
    *light = *from;
    if (mirrored)
        light->direction[0] = -light->direction[0];
}

static void sample_depth(struct compose_canvas *canvas)
{
    const struct compose_settings *settings = canvas->settings;
    const struct picture *depth = settings->plate->depth;
    const struct picture *colour = settings->plate->colour;
    /* The depth may be rendered at another size than the colours. */
    double by = (double)depth->width / colour->width;
    struct raster_part part = canvas->part;
    part.x *= by;
    part.y *= by;
    part.width *= by;
    part.height *= by;
    canvas->metres =
        raster_sample(depth, &part, canvas->width / 4, canvas->height / 4, RASTER_AS_IS);
    double near = settings->scene->near_m, ratio = log(settings->scene->far_m / near);
    size_t count = (size_t)canvas->metres->width * (size_t)canvas->metres->height;
    for (size_t i = 0; i < count; i++)
        canvas->metres->values[i] = (float)(near * exp(ratio * (double)canvas->metres->values[i]));
}

static void veil_band(void *context, int first, int last)
{
    struct compose_canvas *canvas = context;
    const struct scene_variant *variant = canvas->settings->variant;
    float *metres = mem_array((size_t)canvas->metres->width, sizeof(float));
    for (int y = first; y < last; y++) {
        float *row = raster_row(canvas->plate, y);
        raster_line(canvas->metres, ((float)y + 0.5f) / METRES_SHRINK - 0.5f, metres);
        for (int x = 0; x < canvas->width; x++, row += 3) {
            float away;
            raster_along(canvas->metres, metres, ((float)x + 0.5f) / METRES_SHRINK - 0.5f, 1,
                         &away);
            float much = variant->air.amount * (1 - expf(-away / variant->air.metres));
            for (int c = 0; c < 3; c++)
                row[c] += (variant->air.colour[c] - row[c]) * much;
        }
    }
    free(metres);
}

/* Lamps were cut off at white; out of focus they spread what they really have. */
static void raise_highlights(struct raster *raster)
{
    size_t count = (size_t)raster->width * (size_t)raster->height;
    for (size_t i = 0; i < count; i++) {
        float *pixel = raster->values + i * 3;
        float most = fmaxf(pixel[0], fmaxf(pixel[1], pixel[2]));
        if (most < 0.7f)
            continue;
        float gain = 1 + 2.2f * (most - 0.7f) / 0.3f;
        for (int c = 0; c < 3; c++)
            pixel[c] *= gain;
    }
}

struct focus {
    struct compose_canvas *canvas;
    const struct raster *soft, *softer;
};

static void focus_row(const struct focus *job, int y, float *soft, float *softer, float *metres)
{
    struct compose_canvas *canvas = job->canvas;
    float subject = (float)canvas->subject_m, v = ((float)y + 0.5f) / FOCUS_SHRINK - 0.5f;
    raster_line(job->soft, v, soft);
    raster_line(job->softer, v, softer);
    raster_line(canvas->metres, ((float)y + 0.5f) / METRES_SHRINK - 0.5f, metres);
    float *row = raster_row(canvas->plate, y);
    for (int x = 0; x < canvas->width; x++, row += 3) {
        float away, a[3], b[3];
        raster_along(canvas->metres, metres, ((float)x + 0.5f) / METRES_SHRINK - 0.5f, 1, &away);
        float blur = away > subject ? 1 - subject / away : (subject / away - 1) * 0.7f;
        if (blur < 0.02f)
            continue;
        float u = ((float)x + 0.5f) / FOCUS_SHRINK - 0.5f;
        float to_soft = blur < 0.5f ? blur * 2 : 1, to_softer = blur < 0.5f ? 0 : blur * 2 - 1;
        to_softer = to_softer > 1 ? 1 : to_softer;
        raster_along(job->soft, soft, u, 3, a);
        raster_along(job->softer, softer, u, 3, b);
        for (int c = 0; c < 3; c++) {
            float value = row[c] + (a[c] - row[c]) * to_soft;
            row[c] = value + (b[c] - value) * to_softer;
        }
    }
}

static void focus_band(void *context, int first, int last)
{
    const struct focus *job = context;
    size_t width = (size_t)job->soft->width * 3;
    float *lines = mem_array(2 * width + (size_t)job->canvas->metres->width, sizeof(float));
    for (int y = first; y < last; y++)
        focus_row(job, y, lines, lines + width, lines + 2 * width);
    free(lines);
}

/* Blur grows with the distance behind the plane of focus; full figures are seen with more depth of field. */
static void focus_plate(struct compose_canvas *canvas, bool full)
{
    float across = (float)(canvas->width < canvas->height ? canvas->width : canvas->height);
    float sigma = across * (full ? 0.0011f : 0.0036f) * 0.5f;
    struct raster *soft = raster_shrink(canvas->plate, FOCUS_SHRINK);
    raise_highlights(soft);
    struct raster *softer = raster_copy(soft);
    raster_blur(soft, sigma * 0.5f);
    raster_blur(softer, sigma);
    struct focus job = {canvas, soft, softer};
    raster_bands(canvas->height, focus_band, &job);
    raster_free(soft);
    raster_free(softer);
}

void compose_plate(struct compose_canvas *canvas, const struct compose_settings *settings,
                   const struct compose_place *place)
{
    canvas->settings = settings;
    choose_part(canvas, settings, place);
    bool mirrored = canvas->part.mirrored;
    turn_light(&canvas->key, &settings->variant->key, mirrored);
    turn_light(&canvas->rim, &settings->variant->rim, mirrored);
    turn_light(&canvas->ambient, &settings->variant->ambient, mirrored);
    canvas->key.strength *= 0.9f + 0.25f * raster_noise(settings->seed, 4, 0);
    canvas->subject_m =
        place && place->full ? settings->scene->full_distance_m : settings->scene->half_distance_m;
    canvas->plate = raster_sample(settings->plate->colour, &canvas->part, canvas->width,
                                  canvas->height, RASTER_LINEAR);
    sample_depth(canvas);
    if (settings->variant->air.amount > 0)
        raster_bands(canvas->height, veil_band, canvas);
    if (place)
        focus_plate(canvas, place->full);
    canvas->around = raster_shrink(canvas->plate, AROUND_SHRINK);
    raster_blur(canvas->around, (float)canvas->around->height * 0.035f);
}

/* --- the shadow on the ground ------------------------------------------------------------------ */

struct ground {
    const struct compose_canvas *canvas;
    double focal, horizon;   /* canvas pixels */
    double metres_per_pixel; /* at the subject */
    double feet_x, feet_y;
    double foot; /* half of the width of what stands there, canvas pixels */
    float direction[3];
};

/* How much of the key light the person takes from the ground at canvas pixel x, y. */
static float ground_shadow(const struct ground *ground, const struct raster *person, double x,
                           double y)
{
    const struct compose_canvas *canvas = ground->canvas;
    double down = y - ground->horizon;
    if (down < 2)
        return 0;
    double feet_down = ground->feet_y - ground->horizon;
    double distance = canvas->subject_m * feet_down / down;
    /* Metres from the feet: right, away from the camera. */
    double right = (x - canvas->width / 2.0) * distance / ground->focal -
                   (ground->feet_x - canvas->width / 2.0) * canvas->subject_m / ground->focal;
    double away = distance - canvas->subject_m;
    const float *light = ground->direction;
    /* Towards the light until the upright sheet of the person is met. */
    double along = away / light[2];
    if (along < 0)
        return 0;
    double up = along * (double)light[1], aside = right + along * (double)light[0];
    double px = ground->feet_x + aside / ground->metres_per_pixel;
    double py = ground->feet_y - up / ground->metres_per_pixel;
    if (px < 0 || py < 0 || px >= person->width || py >= person->height)
        return 0;
    float alpha = raster_at(person, (float)px, (float)py, 3);
    return alpha * (float)exp(-up * 0.45);
}

static void ground_init(struct ground *ground, const struct compose_canvas *canvas,
                        const struct raster *person, const struct compose_place *place)
{
    const struct scene *scene = canvas->settings->scene;
    const struct picture *plate = canvas->settings->plate->colour;
    ground->canvas = canvas;
    ground->focal = scene->focal_mm / scene->sensor_mm * plate->width * canvas->plate_scale;
    ground->horizon = (scene->horizon * plate->height - canvas->part.y) * canvas->plate_scale;
    ground->feet_y = place->feet_y + canvas->margin;
    ground->metres_per_pixel = canvas->subject_m / ground->focal;
    double sum = 0, squares = 0, weight = 1e-6;
    int from = (int)(ground->feet_y - canvas->height * 0.06);
    for (int y = from < 0 ? 0 : from; y < person->height && y < (int)ground->feet_y; y++) {
        for (int x = 0; x < person->width; x += 4) {
            double alpha = (double)raster_row(person, y)[x * 4 + 3];
            sum += x * alpha;
            squares += (double)x * x * alpha;
            weight += alpha;
        }
    }
    ground->feet_x = sum / weight;
    /* An even stretch has a deviation of its length over the root of twelve. */
    ground->foot = sqrt(3 * fmax(0, squares / weight - ground->feet_x * ground->feet_x));
    memcpy(ground->direction, canvas->key.direction, sizeof(ground->direction));
    if (ground->direction[1] < 0.25f)
        ground->direction[1] = 0.25f;
    if (fabsf(ground->direction[2]) < 0.35f)
        ground->direction[2] = ground->direction[2] < 0 ? -0.35f : 0.35f;
}

void compose_shadow(struct compose_canvas *canvas, const struct raster *person,
                    const struct compose_place *place)
{
    enum { SHRINK = 4 };
    if (!place->full || !canvas->settings->scene->receives_shadow)
        return;
    struct ground ground;
    ground_init(&ground, canvas, person, place);
    struct raster *shadow = raster_new(canvas->width / SHRINK, canvas->height / SHRINK, 2);
    double spread = fmax(canvas->height * 0.045, ground.foot * 1.25);
    double flat = fmax(spread * 0.12, canvas->height * 0.012);
    for (int y = 0; y < shadow->height; y++) {
        for (int x = 0; x < shadow->width; x++) {
            double cx = (x + 0.5) * SHRINK, cy = (y + 0.5) * SHRINK;
            double u = (cx - ground.feet_x) / spread, v = (cy - ground.feet_y) / flat;
            raster_row(shadow, y)[x * 2] = ground_shadow(&ground, person, cx, cy);
            raster_row(shadow, y)[x * 2 + 1] = (float)exp(-(u * u + v * v));
        }
    }
    raster_blur(shadow, (float)canvas->height * 0.0035f / SHRINK * 2);
    float key = canvas->key.strength, ambient = canvas->ambient.strength;
    float share = 0.75f * key / (key + ambient + 1e-3f);
    for (int y = 0; y < canvas->height; y++) {
        float *row = raster_row(canvas->plate, y);
        for (int x = 0; x < canvas->width; x++, row += 3) {
            float u = ((float)x + 0.5f) / SHRINK - 0.5f, v = ((float)y + 0.5f) / SHRINK - 0.5f;
            float light =
                (1 - share * raster_at(shadow, u, v, 0)) * (1 - 0.62f * raster_at(shadow, u, v, 1));
            for (int c = 0; c < 3; c++)
                row[c] *= light;
        }
    }
    raster_free(shadow);
}

/* --- the reflection on a wet or polished ground ------------------------------------------------ */

struct mirror {
    const struct compose_canvas *canvas;
    const struct raster *soft; /* the person, smaller, alpha premultiplied */
    float feet, reach, strength;
};

enum { MIRROR_SHRINK = 4 };

static void mirror_band(void *context, int first, int last)
{
    const struct mirror *job = context;
    for (int y = first; y < last; y++) {
        float below = (float)y + 0.5f - job->feet;
        if (below < 0 || below > job->reach)
            continue;
        float fades = 1 - below / job->reach, v = (job->feet - below) / MIRROR_SHRINK - 0.5f;
        float *row = raster_row(job->canvas->plate, y);
        for (int x = 0; x < job->canvas->width; x++, row += 3) {
            /* The ground is not even: what it shows sways a little. */
            float sway = 3 * (raster_smooth_noise((float)x / 90, below / 7, 4711) - 0.5f);
            float u = ((float)x + 0.5f + sway * below * 0.02f) / MIRROR_SHRINK - 0.5f, light[3];
            float alpha = raster_at(job->soft, u, v, 3) * fades * job->strength;
            if (alpha <= 0.002f)
                continue;
            raster_at3(job->soft, u, v, light);
            for (int c = 0; c < 3; c++)
                row[c] = row[c] * (1 - alpha) + light[c] * fades * job->strength * 0.8f;
        }
    }
}

void compose_reflection(struct compose_canvas *canvas, const struct raster *person,
                        const struct compose_place *place)
{
    float reflects = (float)canvas->settings->scene->reflects;
    if (!place->full || reflects <= 0)
        return;
    struct raster *lit = raster_copy(person);
    size_t count = (size_t)lit->width * (size_t)lit->height;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++)
            lit->values[i * 4 + c] *= lit->values[i * 4 + 3];
    }
    struct raster *soft = raster_shrink(lit, MIRROR_SHRINK);
    raster_free(lit);
    raster_blur(soft, (float)soft->height * 0.008f);
    struct mirror job = {canvas, soft, (float)place->feet_y + (float)canvas->margin,
                         (float)canvas->height * 0.22f, reflects};
    raster_bands(canvas->height, mirror_band, &job);
    raster_free(soft);
}
