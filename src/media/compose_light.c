/* The person on the canvas, and the scene's light on the person. */
#include "media/compose.h"

#include "base/arena.h"

#include <math.h>

enum { SHAPE_SHRINK = 8, EDGE_SHRINK = 4 };

static float luminance(const float *rgb)
{
    return 0.2126f * rgb[0] + 0.7152f * rgb[1] + 0.0722f * rgb[2];
}

/* --- cutting ----------------------------------------------------------------------------------- */

struct cut {
    const struct raster *colours, *matte; /* of the region */
    struct raster_region region;          /* of the canvas: outside there is nobody */
    struct raster *person;
    float left, right, soft; /* canvas: where it fades */
};

static void cut_band(void *context, int first, int last)
{
    const struct cut *job = context;
    const struct raster_region *region = &job->region;
    for (int y = first; y < last; y++) {
        const float *colour = raster_row(job->colours, y), *alpha = raster_row(job->matte, y);
        float *to = raster_row(job->person, region->y + y) + (size_t)region->x * 4;
        for (int i = 0; i < region->width; i++, colour += 3, to += 4) {
            float a = raster_clamp((alpha[i] - 0.10f) * 1.25f, 0, 1), x = (float)(region->x + i);
            if (a <= 0)
                continue;
            /* A straight cut would look torn off; it fades, a little wavy like a soft edge of light. */
            a *= raster_smoothstep(job->left, job->left + job->soft, x);
            a *= 1 - raster_smoothstep(job->right - job->soft, job->right, x);
            for (int c = 0; c < 3; c++)
                to[c] = colour[c] > 0 ? colour[c] : 0;
            to[3] = a;
        }
    }
}

/* What a small photo lost when it was enlarged. */
static void sharpen(struct raster *colours, double scale)
{
    if (scale < 1.25)
        return;
    struct raster *soft = raster_copy(colours);
    raster_blur(soft, (float)scale * 0.8f);
    size_t count = (size_t)colours->width * (size_t)colours->height * 3;
    float amount = scale > 2 ? 0.7f : 0.45f;
    for (size_t i = 0; i < count; i++) {
        float difference = colours->values[i] - soft->values[i];
        colours->values[i] += amount * raster_clamp(difference, -0.06f, 0.06f);
    }
    raster_free(soft);
}

/* The rows and columns of the photo that hold anybody. */
static void matte_bounds(const struct picture *matte, int *left, int *top, int *right, int *bottom)
{
    *left = matte->width;
    *top = matte->height;
    *right = *bottom = 0;
    for (int y = 0; y < matte->height; y++) {
        const uint8_t *row = picture_at(matte, 0, y);
        int first = 0, last = matte->width;
        while (first < last && row[first] == 0)
            first++;
        while (last > first && row[last - 1] == 0)
            last--;
        if (first == last)
            continue;
        *left = first < *left ? first : *left;
        *right = last > *right ? last : *right;
        *top = y < *top ? y : *top;
        *bottom = y + 1;
    }
}

/* From and to on one axis of the canvas. Where the photo ends within the frame, the person does too; at the frame's border the
 * photo's edge goes on, for the camera may move. */
static void cut_axis(double place, double scale, int from, int to, int photo, int frame, int margin,
                     int *ret_start, int *ret_length)
{
    double start = place + from * scale + margin - 2, end = place + to * scale + margin + 2;
    if (from == 0)
        start = place > 0 ? start + 2 : 0;
    if (to == photo)
        end = place + photo * scale < frame ? end - 2 : frame + 2 * margin;
    int low = start < 0 ? 0 : (int)ceil(start), high = (int)fmin(floor(end), frame + 2 * margin);
    *ret_start = low < frame + 2 * margin ? low : frame + 2 * margin - 1;
    *ret_length = high > *ret_start ? high - *ret_start : 1;
}

struct raster *compose_cut(const struct compose_canvas *canvas,
                           const struct compose_subject *subject, const struct compose_place *place)
{
    const struct raster_part part = {
        (-canvas->margin - place->x) / place->scale, (-canvas->margin - place->y) / place->scale,
        canvas->width / place->scale, canvas->height / place->scale, false};
    const struct picture *photo = subject->matte;
    int left, top, right, bottom, margin = canvas->margin;
    matte_bounds(photo, &left, &top, &right, &bottom);
    struct cut job = {.person = raster_new(canvas->width, canvas->height, 4),
                      .left = (float)place->fade_left + (float)margin,
                      .right = (float)place->fade_right + (float)margin,
                      .soft = (float)canvas->width * 0.05f};
    cut_axis(place->x, place->scale, left, right, photo->width, canvas->settings->width, margin,
             &job.region.x, &job.region.width);
    cut_axis(place->y, place->scale, top, bottom, photo->height, canvas->settings->height, margin,
             &job.region.y, &job.region.height);
    struct raster *colours = raster_sample_region(subject->colours, &part, canvas->width,
                                                  canvas->height, &job.region, RASTER_LINEAR);
    struct raster *matte = raster_sample_region(subject->matte, &part, canvas->width,
                                                canvas->height, &job.region, RASTER_AS_IS);
    sharpen(colours, place->scale);
    job.colours = colours;
    job.matte = matte;
    raster_bands(job.region.height, cut_band, &job);
    raster_free(colours);
    raster_free(matte);
    return job.person;
}

/* --- the person's form ------------------------------------------------------------------------- */

static struct raster *alpha_small(const struct raster *person, int shrink)
{
    struct raster *small = raster_new(person->width / shrink, person->height / shrink, 1);
    for (int y = 0; y < small->height; y++) {
        for (int x = 0; x < small->width; x++) {
            float sum = 0;
            for (int j = 0; j < shrink; j++) {
                const float *row =
                    raster_row(person, y * shrink + j) + (size_t)x * (size_t)shrink * 4;
                for (int i = 0; i < shrink; i++)
                    sum += row[i * 4 + 3];
            }
            raster_row(small, y)[x] = sum / (float)(shrink * shrink);
        }
    }
    return small;
}

/* A relief from the outline: rounded at the edges at three sizes, as bodies are, with the head as a ball. */
static struct raster *relief(const struct compose_canvas *canvas,
                             const struct compose_subject *subject,
                             const struct compose_place *place, const struct raster *alpha)
{
    struct raster *height = raster_new(alpha->width, alpha->height, 1);
    size_t count = (size_t)alpha->width * (size_t)alpha->height;
    static const float sizes[3] = {0.012f, 0.035f, 0.09f};
    for (int s = 0; s < 3; s++) {
        struct raster *round = raster_copy(alpha);
        float sigma = sizes[s] * (float)alpha->height;
        raster_blur(round, sigma);
        for (size_t i = 0; i < count; i++)
            height->values[i] += alpha->values[i] * round->values[i] * sigma * 1.6f;
        raster_free(round);
    }
    if (subject->has_face) {
        float scale = (float)place->scale / SHAPE_SHRINK;
        float cx =
            (float)(place->x + canvas->margin) / SHAPE_SHRINK + (float)subject->eyes_x * scale;
        float cy = (float)(place->y + canvas->margin) / SHAPE_SHRINK +
                   (float)(subject->eyes_y + subject->face_height * 0.08) * scale;
        float rx = (float)subject->face_width * 0.62f * scale;
        float ry = (float)subject->face_height * 0.78f * scale;
        for (int y = 0; y < height->height; y++) {
            for (int x = 0; x < height->width; x++) {
                float u = ((float)x - cx) / rx, v = ((float)y - cy) / ry;
                float inside = 1 - u * u - v * v;
                if (inside > 0)
                    raster_row(height, y)[x] += sqrtf(inside) * inside * rx * 0.55f;
            }
        }
    }
    raster_blur(height, (float)alpha->height * 0.008f);
    return height;
}

/* Light of one direction on a slope, wrapped softly around the edge. */
static float lit(const float normal[3], const float direction[3])
{
    const float wrap = 0.45f;
    float cosine = normal[0] * direction[0] + normal[1] * direction[1] + normal[2] * direction[2];
    return fmaxf(0, (cosine + wrap) / (1 + wrap));
}

/* How the scene's light changes the person, per channel: the photo's even light is taken as light from the front. */
static struct raster *shading(const struct compose_canvas *canvas, const struct raster *height)
{
    struct raster *shade = raster_new(height->width, height->height, 3);
    float key[3], ambient[3], front = 0;
    for (int c = 0; c < 3; c++) {
        key[c] = canvas->key.colour[c] * canvas->key.strength;
        ambient[c] = canvas->ambient.colour[c] * canvas->ambient.strength + 0.05f;
    }
    /* However strong the lamp, a face keeps most of its fill. */
    float most = luminance(ambient) * 2.2f, strength = luminance(key);
    for (int c = 0; c < 3 && strength > most; c++)
        key[c] *= most / strength;
    static const float ahead[3] = {0, 0, 1};
    float toward = lit(ahead, canvas->key.direction);
    front = luminance(ambient) + luminance(key) * toward;
    for (int y = 0; y < height->height; y++) {
        for (int x = 0; x < height->width; x++) {
            float dx = raster_at(height, (float)x + 1, (float)y, 0) -
                       raster_at(height, (float)x - 1, (float)y, 0);
            float dy = raster_at(height, (float)x, (float)y + 1, 0) -
                       raster_at(height, (float)x, (float)y - 1, 0);
            float normal[3] = {-dx * 0.55f, dy * 0.55f, 1};
            float length = sqrtf(normal[0] * normal[0] + normal[1] * normal[1] + 1);
            for (int i = 0; i < 3; i++)
                normal[i] /= length;
            float falls = lit(normal, canvas->key.direction);
            /* The sky's light comes from above, the ground gives half of it back. */
            float sky = 0.82f + 0.18f * normal[1];
            float *to = raster_row(shade, y) + x * 3;
            for (int c = 0; c < 3; c++)
                to[c] = (ambient[c] * sky + key[c] * falls) / front;
        }
    }
    return shade;
}

/* --- matching ---------------------------------------------------------------------------------- */

struct match {
    float gain[3];
    float saturation;
    float lift[3]; /* blacks of the air between */
};

/* Geometric mean of the light in the plate. */
static float mean_light(const struct raster *rgb)
{
    double sum = 0;
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++)
        sum += log((double)luminance(rgb->values + i * 3) + 0.004);
    return (float)exp(sum / (double)count);
}

/* The light that only 1 % of the person goes over: what the photo's exposure made of white. */
static float person_white(const struct raster *person)
{
    enum { STEPS = 512, EVERY = 4 };
    int counts[STEPS + 1] = {0}, total = 0;
    for (int y = 0; y < person->height; y += EVERY) {
        const float *pixel = raster_row(person, y);
        for (int x = 0; x < person->width; x += EVERY, pixel += 4 * EVERY) {
            if (pixel[3] < 0.5f)
                continue;
            counts[(int)(raster_clamp(luminance(pixel), 0, 1) * STEPS)]++;
            total++;
        }
    }
    int step = STEPS;
    for (int above = counts[STEPS]; step > 1 && above * 100 < total; above += counts[--step])
        ;
    return (float)step / STEPS;
}

/* The light that 3 % of the plate stay below: how black black is there. */
static float plate_black(const struct raster *plate)
{
    enum { STEPS = 512, EVERY = 8 };
    int counts[STEPS + 1] = {0}, total = 0;
    for (int y = 0; y < plate->height; y += EVERY) {
        const float *pixel = raster_row(plate, y);
        for (int x = 0; x < plate->width; x += EVERY, pixel += 3 * EVERY, total++)
            counts[(int)(raster_clamp(luminance(pixel), 0, 1) * STEPS)]++;
    }
    int step = 0;
    for (int below = counts[0]; below * 100 < total * 3; below += counts[++step])
        ;
    return (float)step / STEPS;
}

/* The scene's light says how bright somebody would be in it, the plate and the photo's own exposure a little; its colour goes
 * part of the way, and less light shows less colour. */
static void match_init(struct match *match, const struct compose_canvas *canvas,
                       const struct raster *person)
{
    const struct scene_light *key = &canvas->key, *ambient = &canvas->ambient;
    float light = luminance(key->colour) * key->strength * 0.6f +
                  luminance(ambient->colour) * ambient->strength;
    float plate = powf(mean_light(canvas->around) / 0.15f, 0.12f);
    /* A photo that was taken too dark is developed once more. */
    float own = raster_clamp(powf(0.5f / person_white(person), 0.7f), 0.95f, 3);
    float scene = raster_clamp(powf(light, 0.85f) * plate, 0.45f, 1.15f);
    float colour[3], sum = 0;
    for (int c = 0; c < 3; c++) {
        colour[c] =
            ambient->colour[c] * ambient->strength + key->colour[c] * key->strength * 0.6f + 0.02f;
        sum += colour[c];
    }
    const struct scene_variant *variant = canvas->settings->variant;
    float reach = variant->haze.end_m - variant->haze.start_m;
    float through = reach > 0 ? ((float)canvas->subject_m - variant->haze.start_m) / reach : 0;
    float haze = variant->haze.amount * (raster_clamp(through, 0, 1) + 0.02f);
    float black = plate_black(canvas->plate) * 0.18f / (luminance(ambient->colour) + 0.05f);
    for (int c = 0; c < 3; c++) {
        match->gain[c] = scene * own * powf(colour[c] * 3 / sum, 0.38f);
        match->lift[c] =
            variant->haze.colour[c] * haze + raster_clamp(black * ambient->colour[c], 0, 0.025f);
    }
    match->saturation = 0.85f + 0.14f * raster_smoothstep(0.45f, 1, scene);
}

struct relight {
    const struct compose_canvas *canvas;
    const struct raster *shade, *inside, *rim;
    struct match match;
    float rim_colour[3];
    float down; /* of the canvas, per pixel */
    struct raster *person;
};

/* Rows of the small maps at the height of a row of the person. */
struct relight_lines {
    float *inside, *rim, *shade, *around;
};

static void relight_pixel(const struct relight *job, const struct relight_lines *lines, int x,
                          float falls, float *pixel)
{
    float u = ((float)x + 0.5f) / SHAPE_SHRINK - 0.5f, eu = ((float)x + 0.5f) / EDGE_SHRINK - 0.5f;
    float inside, rim, shade[3], around[3];
    raster_along(job->inside, lines->inside, eu, 1, &inside);
    raster_along(job->rim, lines->rim, eu, 1, &rim);
    raster_along(job->shade, lines->shade, u, 3, shade);
    raster_along(job->canvas->around, lines->around, u, 3, around);
    /* The plate's light creeps around the edge, most where the plate is brighter than the person. */
    float wrap = (1 - inside) * (1 - inside);
    float own = luminance(pixel);
    for (int c = 0; c < 3; c++) {
        float value = own + (pixel[c] - own) * job->match.saturation;
        value *= job->match.gain[c] * falls * raster_clamp(shade[c], 0.42f, 1.65f);
        value = value > 0 ? value : 0;
        value += wrap * 0.55f * around[c] * (1 - raster_clamp(value, 0, 1));
        value += rim * job->rim_colour[c] * (0.03f + own) * (1 - 0.5f * raster_clamp(value, 0, 1));
        pixel[c] = value * (1 - job->match.lift[c]) + job->match.lift[c];
    }
}

static void relight_band(void *context, int first, int last)
{
    const struct relight *job = context;
    size_t edge = (size_t)job->inside->width, shape = (size_t)job->shade->width * 3;
    float *all =
        mem_array(2 * edge + shape + (size_t)job->canvas->around->width * 3, sizeof(float));
    struct relight_lines lines = {all, all + edge, all + 2 * edge, all + 2 * edge + shape};
    for (int y = first; y < last; y++) {
        float v = ((float)y + 0.5f) / SHAPE_SHRINK - 0.5f;
        float ev = ((float)y + 0.5f) / EDGE_SHRINK - 0.5f;
        raster_line(job->inside, ev, lines.inside);
        raster_line(job->rim, ev, lines.rim);
        raster_line(job->shade, v, lines.shade);
        raster_line(job->canvas->around, v, lines.around);
        /* Away from the face the light falls off, as a photographer would have it. */
        float falls = 1 - 0.26f * raster_smoothstep(0.55f, 1, ((float)y + 0.5f) * job->down);
        float *row = raster_row(job->person, y);
        for (int x = 0; x < job->person->width; x++, row += 4) {
            if (row[3] > 0)
                relight_pixel(job, &lines, x, falls, row);
        }
    }
    free(all);
}

/* What lies in the light from behind: covered here, but not a little further towards the light. */
static struct raster *rim_map(const struct compose_canvas *canvas, const struct raster *alpha)
{
    struct raster *behind = raster_copy(alpha);
    raster_blur(behind, (float)alpha->height * 0.0035f);
    struct raster *rim = raster_new(alpha->width, alpha->height, 1);
    float offset = (float)alpha->height * 0.0048f;
    float dx = canvas->rim.direction[0], dy = -canvas->rim.direction[1];
    float length = sqrtf(dx * dx + dy * dy) + 1e-3f;
    dx *= offset / length;
    dy *= offset / length;
    for (int y = 0; y < rim->height; y++) {
        for (int x = 0; x < rim->width; x++) {
            float here = raster_row(alpha, y)[x];
            float there = raster_at(behind, (float)x + dx, (float)y + dy, 0);
            raster_row(rim, y)[x] = raster_clamp(here - there, 0, 1);
        }
    }
    raster_free(behind);
    return rim;
}

void compose_relight(const struct compose_canvas *canvas, const struct compose_subject *subject,
                     const struct compose_place *place, struct raster *person)
{
    struct raster *small = alpha_small(person, SHAPE_SHRINK);
    struct raster *height = relief(canvas, subject, place, small);
    struct raster *shade = shading(canvas, height);
    struct raster *inside = alpha_small(person, EDGE_SHRINK);
    struct raster *rim = rim_map(canvas, inside);
    raster_blur(inside, (float)inside->height * 0.009f);
    struct relight job = {
        .canvas = canvas, .shade = shade, .inside = inside, .rim = rim, .person = person};
    job.down = 1 / (float)canvas->height;
    match_init(&job.match, canvas, person);
    for (int c = 0; c < 3; c++)
        job.rim_colour[c] = canvas->rim.colour[c] * raster_clamp(canvas->rim.strength, 0, 3) * 1.5f;
    raster_bands(person->height, relight_band, &job);
    raster_free(small);
    raster_free(height);
    raster_free(shade);
    raster_free(inside);
    raster_free(rim);
}
