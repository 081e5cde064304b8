#include "media/video_blend.h"

#include "base/arena.h"
#include <math.h>

struct video_blend_plane {
    int x, y, width, height;
    uint8_t *values, *alphas; /* alpha 255: the logo alone */
};

struct video_blend {
    struct video_blend_plane planes[3];
    double start_s, end_s;
};

/* BT.709 in limited range: what each component adds to Y, Cb and Cr. */
static const double video_blend_matrix[3][4] = {
    {0.182586, 0.614231, 0.062007, 16},
    {-0.100644, -0.338572, 0.439216, 128},
    {0.439216, -0.398942, -0.040274, 128},
};

static uint8_t video_blend_component(int plane, const double rgb[3])
{
    const double *row = video_blend_matrix[plane];
    return (uint8_t)lrint(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2] + row[3]);
}

/* One value of a plane stands for `step` x `step` pixels of the logo, weighed by how opaque they
 * are. */
static void video_blend_sample(struct video_blend_plane *to, int plane, size_t index,
                               const struct video_logo *logo, int x, int y, int step)
{
    double rgb[3] = {0}, alpha = 0;
    for (int row = y; row < y + step; row++) {
        for (int column = x; column < x + step; column++) {
            if (row >= logo->rgba->height || column >= logo->rgba->width)
                continue;
            const uint8_t *pixel = picture_at(logo->rgba, column, row);
            alpha += pixel[3];
            for (int c = 0; c < 3; c++)
                rgb[c] += (double)pixel[c] * pixel[3];
        }
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = alpha > 0 ? rgb[c] / alpha : 0;
    to->values[index] = video_blend_component(plane, rgb);
    to->alphas[index] = (uint8_t)lrint(alpha / (step * step) * logo->opacity);
}

static void video_blend_plane_init(struct video_blend_plane *to, int plane,
                                   const struct video_logo *logo, int width, int height)
{
    int step = plane == 0 ? 1 : 2;
    int left = logo->x & ~1, top = logo->y & ~1;
    int right = left + logo->rgba->width, bottom = top + logo->rgba->height;
    int from_x = left > 0 ? left : 0, from_y = top > 0 ? top : 0;
    int to_x = right < width ? right : width, to_y = bottom < height ? bottom : height;
    if (from_x >= to_x || from_y >= to_y)
        return;
    to->x = from_x / step;
    to->y = from_y / step;
    to->width = (to_x - from_x + step - 1) / step;
    to->height = (to_y - from_y + step - 1) / step;
    size_t count = (size_t)to->width * (size_t)to->height;
    to->values = mem_array(count, 1);
    to->alphas = mem_array(count, 1);
    for (size_t i = 0; i < count; i++) {
        int column = (int)(i % (size_t)to->width), row = (int)(i / (size_t)to->width);
        video_blend_sample(to, plane, i, logo, from_x - left + column * step,
                           from_y - top + row * step, step);
    }
}

struct video_blend *video_blend_new(const struct video_logo *logo, int width, int height)
{
    struct video_blend *blend = mem_alloc(sizeof(*blend));
    blend->start_s = logo->start_s;
    blend->end_s = logo->end_s > 0 ? logo->end_s : INFINITY;
    for (int plane = 0; plane < 3; plane++)
        video_blend_plane_init(&blend->planes[plane], plane, logo, width, height);
    return blend;
}

void video_blend_free(struct video_blend *blend)
{
    if (!blend)
        return;
    for (int plane = 0; plane < 3; plane++) {
        free(blend->planes[plane].values);
        free(blend->planes[plane].alphas);
    }
    free(blend);
}

void video_blend_draw(const struct video_blend *blend, AVFrame *frame, double seconds)
{
    if (seconds + 0.0005 < blend->start_s || seconds + 0.0005 >= blend->end_s)
        return;
    for (int plane = 0; plane < 3; plane++) {
        const struct video_blend_plane *from = &blend->planes[plane];
        for (int y = 0; y < from->height; y++) {
            uint8_t *row =
                frame->data[plane] + (ptrdiff_t)(from->y + y) * frame->linesize[plane] + from->x;
            const uint8_t *values = from->values + (size_t)y * (size_t)from->width;
            const uint8_t *alphas = from->alphas + (size_t)y * (size_t)from->width;
            for (int x = 0; x < from->width; x++) {
                int mixed = row[x] * (255 - alphas[x]) + values[x] * alphas[x];
                row[x] = (uint8_t)((mixed + 127) / 255);
            }
        }
    }
}
