#include "media/image_internal.h"

#include "base/arena.h"
#include "base/table.h"

#include <ctype.h>
#include <string.h>
#include <vips/vector.h>

/* Operations on pictures in memory fail only when memory runs out. */
static void must(int vips_result)
{
    if (vips_result != 0)
        abort();
}

static void swallow_log(const gchar *domain, GLogLevelFlags level, const gchar *message,
                        gpointer data)
{
    (void)domain, (void)level, (void)message, (void)data;
}

int image_init(struct err *err)
{
    if (vips_init("reeld") != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "libvips cannot be used.");
    /* One thread per worker: there are as many workers as cores. Nothing is decoded twice, so
     * nothing is kept. */
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    /* It would write code at run time, which the jail refuses, and its pixels differ between
     * processors. */
    vips_vector_set_enabled(FALSE);
    g_log_set_default_handler(swallow_log, NULL);
    /* Loaders that come as plug-ins are read from disk here, before the jail. */
    vips_type_find("VipsOperation", "heifload_buffer");
    vips_block_untrusted_set(TRUE);
    return 0;
}

#undef image_fault
int image_fault(const char *path, struct err *err)
{
    bool is_memory = strstr(vips_error_buffer(), "out of memory") != NULL;
    vips_error_clear();
    if (is_memory)
        return err_set_default(err, ERR_OUT_OF_MEMORY);
    return err_set(err, ERR_BAD_INPUT, path, "The picture %s is damaged or cut off.", path);
}

VipsImage *image_view(const struct picture *picture)
{
    size_t size = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    VipsImage *view =
        vips_image_new_from_memory(picture->pixels, size, picture->width, picture->height,
                                   picture->channels, VIPS_FORMAT_UCHAR);
    if (!view)
        abort();
    view->Xres = view->Yres = 72 / 25.4; /* a density is written in any case: the usual one */
    view->Type = picture->channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
    return view;
}

static void on_eval(VipsImage *image, VipsProgress *progress, struct image_watch *watch)
{
    double fraction = (double)progress->npels / (double)(progress->tpels ? progress->tpels : 1);
    if (!watch->stopped && !media_advance(watch->monitor, fraction < 1 ? fraction : 1)) {
        watch->stopped = true;
        vips_image_set_kill(image, TRUE);
    }
}

void image_watch(VipsImage *image, struct image_watch *watch)
{
    if (!watch->monitor)
        return;
    vips_image_set_progress(image, TRUE);
    g_signal_connect(image, "eval", G_CALLBACK(on_eval), watch);
}

int image_render(VipsImage *image, const char *path, struct picture **ret_picture, struct err *err)
{
    return image_render_watched(image, path, NULL, ret_picture, err);
}

int image_render_watched(VipsImage *image, const char *path, const struct media_monitor *monitor,
                         struct picture **ret_picture, struct err *err)
{
    struct picture *picture = picture_new(image->Xsize, image->Ysize, image->Bands);
    /* Row by row into the picture's own memory. */
    VipsRegion *region = vips_region_new(image);
    int rc = 0;
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    enum { ROWS = 64 };
    bool goes_on = true;
    for (int y = 0; rc == 0 && goes_on && y < picture->height; y += ROWS) {
        VipsRect area = {0, y, picture->width,
                         y + ROWS <= picture->height ? ROWS : picture->height - y};
        rc = vips_region_prepare(region, &area);
        for (int i = 0; rc == 0 && i < area.height; i++)
            memcpy(picture_at(picture, 0, y + i), VIPS_REGION_ADDR(region, 0, y + i), row);
        goes_on = media_advance(monitor, (double)(y + area.height) / picture->height);
    }
    g_object_unref(region);
    g_object_unref(image);
    if (rc != 0 || !goes_on) {
        picture_free(picture);
        return rc != 0 ? image_fault(path, err) : err_set_default(err, ERR_CANCELLED);
    }
    *ret_picture = picture;
    return 0;
}

static struct picture *image_render_own(VipsImage *image)
{
    struct picture *picture = NULL;
    must(image_render(image, "", &picture, NULL));
    return picture;
}

VipsImage *image_scale(VipsImage *image, int width, int height)
{
    enum { STEPS = 6 };
    VipsImage *steps[STEPS] = {NULL};
    bool has_alpha = vips_image_hasalpha(image);
    int rc =
        has_alpha ? vips_premultiply(image, &steps[0], NULL) : vips_copy(image, &steps[0], NULL);
    if (rc == 0)
        rc = vips_resize(steps[0], &steps[1], (double)width / image->Xsize, "vscale",
                         (double)height / image->Ysize, "kernel", VIPS_KERNEL_LANCZOS3, NULL);
    /* Rounding may miss the size by a pixel. */
    if (rc == 0)
        rc = vips_embed(steps[1], &steps[2], 0, 0, width, height, "extend", VIPS_EXTEND_COPY, NULL);
    if (rc == 0 && has_alpha)
        rc = vips_unpremultiply(steps[2], &steps[3], NULL) ||
             vips_rint(steps[3], &steps[4], NULL) ||
             vips_cast(steps[4], &steps[5], image->BandFmt, NULL);
    VipsImage *scaled = rc == 0 ? g_object_ref(steps[has_alpha ? 5 : 2]) : NULL;
    for (int i = 0; i < STEPS; i++) {
        if (steps[i])
            g_object_unref(steps[i]);
    }
    g_object_unref(image);
    return scaled;
}

struct picture *image_resize(const struct picture *source, int width, int height)
{
    if (source->width == width && source->height == height)
        return picture_copy(source);
    VipsImage *scaled = image_scale(image_view(source), width, height);
    must(scaled ? 0 : -1);
    return image_render_own(scaled);
}

struct picture *image_crop(const struct picture *source, int x, int y, int width, int height)
{
    struct picture *part = picture_new(width, height, source->channels);
    for (int row = 0; row < height; row++)
        memcpy(picture_at(part, 0, row), picture_at(source, x, y + row),
               (size_t)width * (size_t)source->channels);
    return part;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

struct picture *image_cover(const struct picture *source, int width, int height, double centre_x,
                            double centre_y)
{
    double aspect = (double)width / height;
    int w = source->width, h = (int)(w / aspect + 0.5);
    if (h > source->height) {
        h = source->height;
        w = clamp((int)(h * aspect + 0.5), 1, source->width);
    }
    h = clamp(h, 1, source->height);
    int x = clamp((int)(centre_x * source->width - w / 2.0 + 0.5), 0, source->width - w);
    int y = clamp((int)(centre_y * source->height - h / 2.0 + 0.5), 0, source->height - h);
    struct picture *part = image_crop(source, x, y, w, h);
    struct picture *sized = image_resize(part, width, height);
    picture_free(part);
    return sized;
}

struct picture *image_with_alpha(const struct picture *source)
{
    struct picture *rgba = picture_new(source->width, source->height, 4);
    size_t count = (size_t)source->width * (size_t)source->height;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = source->pixels + i * (size_t)source->channels;
        uint8_t *to = rgba->pixels + i * 4;
        memcpy(to, from, 3);
        to[3] = source->channels == 4 ? from[3] : 255;
    }
    return rgba;
}

static void draw_pixel(uint8_t *base, int channels, const uint8_t *over, unsigned opacity)
{
    unsigned alpha = (over[3] * opacity + 127) / 255;
    unsigned below = channels == 4 ? (base[3] * (255 - alpha) + 127) / 255 : 255 - alpha;
    unsigned sum = alpha + below;
    if (alpha == 0 || sum == 0)
        return;
    for (int c = 0; c < 3; c++)
        base[c] = (uint8_t)((over[c] * alpha + base[c] * below + sum / 2) / sum);
    if (channels == 4)
        base[3] = (uint8_t)(sum > 255 ? 255 : sum);
}

void image_draw(struct picture *base, const struct picture *over, int x, int y, double opacity)
{
    unsigned share = (unsigned)(opacity * 255 + 0.5);
    for (int row = y < 0 ? -y : 0; row < over->height && y + row < base->height; row++) {
        for (int column = x < 0 ? -x : 0; column < over->width && x + column < base->width;
             column++)
            draw_pixel(picture_at(base, x + column, y + row), base->channels,
                       picture_at(over, column, row), share);
    }
}

struct picture *image_on_white(const struct picture *source)
{
    if (source->channels == 3)
        return picture_copy(source);
    struct picture *base = picture_new(source->width, source->height, 3);
    memset(base->pixels, 255, (size_t)source->width * (size_t)source->height * 3);
    image_draw(base, source, 0, 0, 1);
    return base;
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

int image_color(const char *text, uint8_t ret_rgba[4], struct err *err)
{
    size_t length = text[0] == '#' ? strspn(text + 1, "0123456789abcdefABCDEF") : 0;
    memset(ret_rgba, 0, 4);
    if (strcmp(text, "transparent") == 0)
        return 0;
    if ((length != 3 && length != 6 && length != 8) || text[1 + length] != '\0')
        return err_set(err, ERR_INVALID, NULL, "'%s' is no colour like #RRGGBB.", text);
    int digits = length == 3 ? 1 : 2;
    ret_rgba[3] = 255;
    for (size_t i = 0; i * (size_t)digits < length; i++) {
        int high = hex_digit(text[1 + i * (size_t)digits]);
        int low = digits == 1 ? high : hex_digit(text[2 + i * 2]);
        ret_rgba[i] = (uint8_t)(high * 16 + low);
    }
    return 0;
}

int image_aspect_size(const char *aspect_ratio, int *ret_width, int *ret_height, struct err *err)
{
    static const struct {
        const char *name;
        int width, height;
    } sizes[] = {{"16:9", 1920, 1080}, {"3:2", 1620, 1080}, {"4:3", 1440, 1080},
                 {"1:1", 1080, 1080},  {"3:4", 1080, 1440}, {"2:3", 1080, 1620},
                 {"9:16", 1080, 1920}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        if (strcmp(sizes[i].name, aspect_ratio) == 0) {
            *ret_width = sizes[i].width;
            *ret_height = sizes[i].height;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, NULL, "'%s' is no aspect ratio that is made here.",
                   aspect_ratio);
}
