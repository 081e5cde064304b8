/* What drawings on paper share: strokes of a hand, and how a drawing ends before the page does. */
#include "media/style/style.h"

#include <math.h>

float style_hatch(float x, float y, float angle, float width, uint32_t seed)
{
    float cosine = cosf(angle), sine = sinf(angle);
    float along = x * cosine + y * sine, across = y * cosine - x * sine;
    across += 5.0f * raster_smooth_noise(along / 90, across / 130, seed);
    float strokes = raster_smooth_noise(along / 46, across / width, seed + 1);
    float fine = raster_smooth_noise(along / 19, across / (width * 0.45f), seed + 2);
    return 0.68f * strokes + 0.32f * fine;
}

/* The last row that the person reaches. */
static int page_bottom(const struct raster *ground)
{
    for (int y = ground->height - 1; y > 0; y--) {
        for (int x = 0; x < ground->width; x += 4) {
            if (raster_row(ground, y)[x] > 0.5f)
                return y;
        }
    }
    return 0;
}

void style_run_out(struct raster *ground, float scale, uint32_t seed)
{
    struct raster *wide = raster_resize(ground, ground->width / 8 + 1, ground->height / 8 + 1);
    float height = (float)ground->height, width = (float)ground->width;
    float bottom = fminf((float)page_bottom(ground), 0.955f * height);
    raster_blur(wide, 4.5f * scale);
    for (int y = 0; y < ground->height; y++) {
        float left = (bottom - (float)y) / (0.10f * height);
        for (int x = 0; x < ground->width; x++) {
            float *value = raster_row(ground, y) + x;
            float near = raster_at(wide, (float)x / 8, (float)y / 8, 0);
            *value = fmaxf(*value, 0.30f * near * near);
            float side = fminf((float)x, width - (float)x) / (0.11f * width) - 0.35f;
            float least = fminf(left, side);
            if (least > 1.5f)
                continue;
            float ragged =
                raster_smooth_noise((float)x / (34 * scale), (float)y / (60 * scale), seed + 5);
            *value *= raster_smoothstep(0.02f, 0.75f, least - 0.45f * ragged + 0.05f);
        }
    }
    raster_free(wide);
}
