#include "media/style/style.h"

#include "base/arena.h"
#include "base/table.h"

#include <math.h>
#include <string.h>

#define STYLE(name) extern const struct style style_##name;
#include "media/style/styles.def"
#undef STYLE

const struct style *const styles[] = {
#define STYLE(name) &style_##name,
#include "media/style/styles.def"
#undef STYLE
};
const size_t style_count = TABLE_SIZE(styles);

const struct style *style_find(const char *name)
{
    for (size_t i = 0; name && i < style_count; i++) {
        if (strcmp(styles[i]->name, name) == 0)
            return styles[i];
    }
    return NULL;
}

const struct style *style_match(const char *text)
{
    const struct style *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; text && i < style_count; i++) {
        size_t length = scene_words_in(styles[i]->words, text);
        if (length > best_length) {
            best = styles[i];
            best_length = length;
        }
    }
    return best;
}

int style_progress(const struct style_job *job, double fraction, struct err *err)
{
    return media_advance(job->monitor, fraction) ? 0 : err_set_default(err, ERR_CANCELLED);
}

float style_scale(const struct style_job *job)
{
    int longer = job->photo->width > job->photo->height ? job->photo->width : job->photo->height;
    return (float)longer / 1024;
}

static struct raster *whole(const struct picture *picture)
{
    const struct raster_part part = {0, 0, picture->width, picture->height, false};
    return raster_sample(picture, &part, picture->width, picture->height, RASTER_AS_IS);
}

struct raster *style_photo(const struct style_job *job)
{
    return whole(job->photo);
}

struct raster *style_matte(const struct style_job *job)
{
    if (job->matte)
        return whole(job->matte);
    struct raster *matte = raster_new(job->photo->width, job->photo->height, 1);
    size_t count = (size_t)matte->width * (size_t)matte->height;
    for (size_t i = 0; i < count; i++)
        matte->values[i] = 1;
    return matte;
}

struct raster *style_faces(const struct style_job *job)
{
    struct raster *map = raster_new(job->photo->width, job->photo->height, 1);
    for (size_t f = 0; f < job->face_count; f++) {
        const struct style_face *face = &job->faces[f];
        float rx = (float)face->width * 0.72f + 1, ry = (float)face->height * 0.78f + 1;
        float cx = (float)(face->x + face->width / 2), cy = (float)(face->y + face->height * 0.5);
        for (int y = 0; y < map->height; y++) {
            float v = ((float)y - cy) / ry;
            if (v < -1 || v > 1)
                continue;
            for (int x = 0; x < map->width; x++) {
                float u = ((float)x - cx) / rx;
                float inside = 1 - raster_smoothstep(0.55f, 1, sqrtf(u * u + v * v));
                float *value = raster_row(map, y) + x;
                *value = inside > *value ? inside : *value;
            }
        }
    }
    return map;
}

struct raster *style_luminance(const struct raster *rgb)
{
    struct raster *result = raster_new(rgb->width, rgb->height, 1);
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++)
        result->values[i] = 0.299f * rgb->values[i * 3] + 0.587f * rgb->values[i * 3 + 1] +
                            0.114f * rgb->values[i * 3 + 2];
    return result;
}

void style_stretch(struct raster *tone, const struct raster *matte, float share)
{
    enum { STEPS = 256 };
    float histogram[STEPS] = {0}, sum = 0;
    size_t count = (size_t)tone->width * (size_t)tone->height;
    for (size_t i = 0; i < count; i++) {
        float weight = matte->values[i];
        histogram[(int)(raster_clamp(tone->values[i], 0, 1) * (STEPS - 1))] += weight;
        sum += weight;
    }
    int low = 0, high = STEPS - 1;
    for (float below = 0; low < STEPS - 2 && (below += histogram[low]) < sum * share;)
        low++;
    for (float above = 0; high > low + 1 && (above += histogram[high]) < sum * share;)
        high--;
    float from = (float)low / STEPS, by = STEPS / (float)(high - low);
    for (size_t i = 0; i < count; i++)
        tone->values[i] = raster_clamp((tone->values[i] - from) * by, 0, 1);
}

float style_band(float value, float bands, float hardness)
{
    float position = value * bands, band = floorf(position), t = position - band;
    return (band + 0.5f + 0.5f * tanhf((t - 0.5f) * hardness) / tanhf(hardness / 2)) / bands;
}

struct raster *style_lines(const struct raster *luminance, float width, float threshold)
{
    struct raster *fine = raster_copy(luminance);
    struct raster *wide = raster_copy(luminance);
    raster_blur(fine, width);
    raster_blur(wide, width * 1.7f);
    size_t count = (size_t)fine->width * (size_t)fine->height;
    for (size_t i = 0; i < count; i++) {
        float dip = wide->values[i] - fine->values[i];
        fine->values[i] = raster_smoothstep(threshold * 0.55f, threshold * 1.45f, dip);
    }
    raster_free(wide);
    return fine;
}

/* --- pieces ------------------------------------------------------------------------------------ */

struct piece {
    struct raster *ink;
    uint8_t *seen;
    int *stack, *members;
};

static int piece_grow(struct piece *p, int start)
{
    int width = p->ink->width, height = p->ink->height, top = 0, size = 0;
    p->stack[top++] = start;
    p->seen[start] = 1;
    while (top > 0) {
        int at = p->stack[--top];
        p->members[size++] = at;
        int x = at % width, y = at / width;
        for (int j = y > 0 ? -1 : 0; j <= (y + 1 < height ? 1 : 0); j++) {
            for (int i = x > 0 ? -1 : 0; i <= (x + 1 < width ? 1 : 0); i++) {
                int next = at + j * width + i;
                if (p->seen[next] || p->ink->values[next] <= 0.5f)
                    continue;
                p->seen[next] = 1;
                p->stack[top++] = next;
            }
        }
    }
    return size;
}

void style_drop_specks(struct raster *ink, int area)
{
    size_t count = (size_t)ink->width * (size_t)ink->height;
    struct piece piece = {ink, mem_array(count, 1), mem_array(count, sizeof(int)),
                          mem_array(count, sizeof(int))};
    for (size_t i = 0; i < count; i++) {
        if (piece.seen[i] || ink->values[i] <= 0.5f)
            continue;
        int size = piece_grow(&piece, (int)i);
        for (int m = 0; size < area && m < size; m++)
            ink->values[piece.members[m]] = 0;
    }
    /* What is left of the soft edge around an erased speck goes with it. */
    for (size_t i = 0; i < count; i++) {
        if (!piece.seen[i])
            ink->values[i] *= ink->values[i] > 0.25f ? 0.9f : 0.6f;
    }
    free(piece.seen);
    free(piece.stack);
    free(piece.members);
}

/* --- distance ---------------------------------------------------------------------------------- */

/* The lower envelope of parabolas rooted in f along a line of n, by Felzenszwalb and Huttenlocher. */
static void distance_line(const float *f, int n, float *result, int *roots, float *bounds)
{
    int k = 0;
    roots[0] = 0;
    bounds[0] = -1e20f;
    bounds[1] = 1e20f;
    for (int q = 1; q < n; q++) {
        float s;
        do {
            int r = roots[k];
            s = ((f[q] + (float)q * (float)q) - (f[r] + (float)r * (float)r)) /
                (float)(2 * (q - r));
        } while (s <= bounds[k] && --k >= 0);
        roots[++k] = q;
        bounds[k] = s;
        bounds[k + 1] = 1e20f;
    }
    for (int q = 0, i = 0; q < n; q++) {
        while (bounds[i + 1] < (float)q)
            i++;
        float d = (float)(q - roots[i]);
        result[q] = d * d + f[roots[i]];
    }
}

struct raster *style_distance(const struct raster *mask, float most)
{
    int width = mask->width, height = mask->height;
    int longer = width > height ? width : height;
    struct raster *result = raster_new(width, height, 1);
    float *line = mem_array((size_t)longer, sizeof(float)),
          *done = mem_array((size_t)longer, sizeof(float));
    int *roots = mem_array((size_t)longer + 1, sizeof(int));
    float *bounds = mem_array((size_t)longer + 2, sizeof(float));
    float far = most * most * 4 + 1e4f;
    for (int x = 0; x < width; x++) {
        for (int y = 0; y < height; y++)
            line[y] = raster_row(mask, y)[x] > 0.5f ? 0 : far;
        distance_line(line, height, done, roots, bounds);
        for (int y = 0; y < height; y++)
            raster_row(result, y)[x] = done[y];
    }
    for (int y = 0; y < height; y++) {
        float *row = raster_row(result, y);
        distance_line(row, width, done, roots, bounds);
        for (int x = 0; x < width; x++)
            row[x] = fminf(sqrtf(done[x]), most);
    }
    free(line);
    free(done);
    free(roots);
    free(bounds);
    return result;
}
