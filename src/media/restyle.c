#include "media/restyle.h"

#include "media/paint.h"
#include "media/raster.h"

#include <math.h>

/* How much of the photo's size the painter sees, strokes of some pixels, and how many pixels at most: a second of work each 100,000. */
static const double restyle_detail = 0.45, restyle_pixels_most = 4e5;

static void to_plane(const uint8_t *pixel, float ret[3])
{
    float red = (float)pixel[0] / 255, green = (float)pixel[1] / 255, blue = (float)pixel[2] / 255;
    ret[0] = 0.299f * red + 0.587f * green + 0.114f * blue;
    ret[1] = 0.564f * (blue - ret[0]);
    ret[2] = 0.713f * (red - ret[0]);
}

struct restyle_manner restyle_read(const struct picture *picture)
{
    struct restyle_manner manner;
    double sums[3] = {0}, squares[3] = {0};
    size_t count = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < count; i++) {
        float plane[3];
        to_plane(picture->pixels + i * (size_t)picture->channels, plane);
        for (int c = 0; c < 3; c++) {
            sums[c] += plane[c];
            squares[c] += plane[c] * plane[c];
        }
    }
    for (int c = 0; c < 3; c++) {
        double mean = sums[c] / (double)count;
        manner.mean[c] = (float)mean;
        manner.spread[c] = (float)sqrt(fmax(squares[c] / (double)count - mean * mean, 0));
    }
    return manner;
}

void restyle_colours(struct picture *picture, const struct restyle_manner *own,
                     const struct restyle_manner *wanted)
{
    float factor[3];
    for (int c = 0; c < 3; c++)
        factor[c] =
            raster_clamp((wanted->spread[c] + 0.01f) / (own->spread[c] + 0.01f), 0.4f, 2.5f);
    size_t count = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < count; i++) {
        uint8_t *pixel = picture->pixels + 3 * i;
        float plane[3];
        to_plane(pixel, plane);
        for (int c = 0; c < 3; c++)
            plane[c] = wanted->mean[c] + (plane[c] - own->mean[c]) * factor[c];
        float red = plane[0] + plane[2] / 0.713f, blue = plane[0] + plane[1] / 0.564f;
        float green = (plane[0] - 0.299f * red - 0.114f * blue) / 0.587f;
        pixel[0] = (uint8_t)(raster_clamp(red, 0, 1) * 255 + 0.5f);
        pixel[1] = (uint8_t)(raster_clamp(green, 0, 1) * 255 + 0.5f);
        pixel[2] = (uint8_t)(raster_clamp(blue, 0, 1) * 255 + 0.5f);
    }
}

int restyle_photo(const struct picture *photo, const struct restyle_manner *wanted,
                  const struct media_assets *assets, const struct media_monitor *monitor,
                  struct picture **ret_picture, struct err *err)
{
    struct picture *painted = NULL;
    double pixels = (double)photo->width * photo->height;
    double scale = fmin(restyle_detail, sqrt(restyle_pixels_most / pixels));
    int rc = paint_photo(photo, PAINT_SOFT, scale, assets, monitor, &painted, err);
    if (rc == ERR_UNAVAILABLE || rc == ERR_NOT_FOUND) {
        painted = picture_copy(photo);
        rc = 0;
    }
    if (rc < 0)
        return rc;
    const struct restyle_manner own = restyle_read(painted);
    restyle_colours(painted, &own, wanted);
    *ret_picture = painted;
    return 0;
}
