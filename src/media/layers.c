#include "media/layers.h"

#include "base/arena.h"
#include "base/json.h"
#include "media/image.h"
#include "media/particle/particle.h"

#include <stdio.h>
#include <string.h>

enum {
    META_MAX = 64 * 1024,
    PART_MAX = 32 * 1024 * 1024,
    CHUNKS_MAX = 4096,
    QUALITY_COLOUR = 90,
    QUALITY_DEPTH = 92
};

static const uint8_t png_signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

struct layers *layers_new(void)
{
    return mem_alloc(sizeof(struct layers));
}

void layers_free(struct layers *layers)
{
    if (!layers)
        return;
    picture_free(layers->clean);
    picture_free(layers->depth);
    picture_free(layers->subject);
    picture_free(layers->front);
    free(layers);
}

/* --- chunks ------------------------------------------------------------------------------------ */

static uint32_t read_number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void append_number(struct buffer *b, uint32_t number)
{
    const uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 8), (uint8_t)number};
    buffer_append(b, bytes, sizeof(bytes));
}

/* The checksum of PNG chunks, four bits at a time. */
static uint32_t chunk_checksum(const uint8_t *bytes, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (bytes[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

static void append_chunk(struct buffer *b, const char type[4], const void *bytes, size_t size)
{
    append_number(b, (uint32_t)size);
    size_t start = b->size;
    buffer_append(b, type, 4);
    buffer_append(b, bytes, size);
    append_number(b, chunk_checksum((const uint8_t *)b->bytes + start, size + 4));
}

static json_t *three(const float v[3])
{
    return json_pack("[f,f,f]", (double)v[0], (double)v[1], (double)v[2]);
}

static json_t *layers_meta(const struct layers *layers)
{
    json_t *particles = json_array();
    for (size_t i = 0; i < layers->particle_count; i++)
        json_array_append_new(particles, json_pack("{s:s, s:f}", "kind", layers->particles[i].kind,
                                                   "amount", (double)layers->particles[i].amount));
    json_t *colours = json_array();
    for (size_t i = 0; i < layers->colour_count; i++)
        json_array_append_new(colours, three(layers->colours[i]));
    json_t *face = layers->face_width > 0 ? json_pack("[f,f,f,f]", layers->face_x, layers->face_y,
                                                      layers->face_width, layers->face_height)
                                          : json_null();
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:s, s:o, "
                     "s:o, s:o, s:I}",
                     "face", face, "version", 1, "width", layers->width, "height", layers->height,
                     "margin", layers->margin, "near_m", layers->near_m, "far_m", layers->far_m,
                     "subject_m", layers->subject_m, "focus_x", layers->focus_x, "focus_y",
                     layers->focus_y, "vignette", (double)layers->vignette, "grain",
                     (double)layers->grain, "scene", layers->scene, "variant", layers->variant,
                     "particles", particles, "light", three(layers->light), "colours", colours,
                     "seed", (json_int_t)layers->seed);
}

static int append_picture(struct buffer *b, const char type[4], const struct picture *picture,
                          int quality, struct err *err)
{
    void *bytes = NULL;
    size_t size = 0;
    int rc = image_save_bytes(picture, IMAGE_WEBP, quality, &bytes, &size, err);
    if (rc == 0 && size <= PART_MAX)
        append_chunk(b, type, bytes, size);
    free(bytes);
    return rc;
}

int layers_embed(const struct layers *layers, const void *png, size_t png_size,
                 struct buffer *ret_png, struct err *err)
{
    enum { END_CHUNK = 12 };
    const uint8_t *bytes = png;
    if (png_size < sizeof(png_signature) + END_CHUNK ||
        memcmp(bytes + png_size - 8, "IEND", 4) != 0)
        return err_set(err, ERR_INTERNAL, NULL, "The finished picture is not a PNG.");
    buffer_append(ret_png, bytes, png_size - END_CHUNK);
    CLEANUP(json) json_t *meta = layers_meta(layers);
    size_t size;
    CLEANUP(free) char *text = json_text(meta, &size);
    append_chunk(ret_png, "rdMT", text, size);
    int rc = append_picture(ret_png, "rdCL", layers->clean, QUALITY_COLOUR, err);
    if (rc == 0)
        rc = append_picture(ret_png, "rdDE", layers->depth, QUALITY_DEPTH, err);
    if (rc == 0 && layers->subject)
        rc = append_picture(ret_png, "rdSU", layers->subject, QUALITY_COLOUR, err);
    if (rc == 0 && layers->front)
        rc = append_picture(ret_png, "rdFR", layers->front, QUALITY_COLOUR, err);
    buffer_append(ret_png, bytes + png_size - END_CHUNK, END_CHUNK);
    return rc;
}

/* --- reading ----------------------------------------------------------------------------------- */

struct part_slot {
    const char *type;
    const uint8_t **bytes;
    size_t *size;
    size_t most;
};

static bool take_part(const struct part_slot *slots, size_t count, const uint8_t *chunk,
                      size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(chunk + 4, slots[i].type, 4) != 0)
            continue;
        if (*slots[i].bytes || size > slots[i].most ||
            chunk_checksum(chunk + 4, size + 4) != read_number(chunk + 8 + size))
            return false;
        *slots[i].bytes = chunk + 8;
        *slots[i].size = size;
    }
    return true;
}

bool layers_find(const void *bytes, size_t size, struct layers_parts *ret_parts)
{
    struct layers_parts *parts = ret_parts;
    *parts = (struct layers_parts){0};
    const struct part_slot slots[] = {
        {"rdMT", &parts->meta, &parts->meta_size, META_MAX},
        {"rdCL", &parts->clean, &parts->clean_size, PART_MAX},
        {"rdDE", &parts->depth, &parts->depth_size, PART_MAX},
        {"rdSU", &parts->subject, &parts->subject_size, PART_MAX},
        {"rdFR", &parts->front, &parts->front_size, PART_MAX},
    };
    const uint8_t *file = bytes;
    if (size < sizeof(png_signature) || size > LAYERS_FILE_MAX ||
        memcmp(file, png_signature, sizeof(png_signature)) != 0)
        return false;
    size_t at = sizeof(png_signature);
    for (int chunk = 0; chunk < CHUNKS_MAX && size - at >= 12; chunk++) {
        size_t length = read_number(file + at);
        if (length > size - at - 12)
            return false;
        if (!take_part(slots, sizeof(slots) / sizeof(slots[0]), file + at, length))
            return false;
        if (memcmp(file + at + 4, "IEND", 4) == 0)
            break;
        at += length + 12;
    }
    return parts->meta && parts->clean && parts->depth;
}

static bool read_number_in(const json_t *object, const char *key, double low, double high,
                           double *ret)
{
    const json_t *value = json_object_get(object, key);
    *ret = json_number_value(value);
    return json_is_number(value) && *ret >= low && *ret <= high;
}

static bool read_colour(const json_t *array, float ret[3])
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(array, i);
        double v = json_number_value(value);
        if (!json_is_number(value) || !(v >= 0 && v <= 4))
            return false;
        ret[i] = (float)v;
    }
    return true;
}

static bool read_name(const json_t *object, const char *key, char ret[LAYERS_NAME_MAX])
{
    const char *text = json_member_string(object, key);
    if (!text || strlen(text) >= LAYERS_NAME_MAX)
        return false;
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static bool read_lists(const json_t *meta, struct layers *layers)
{
    const json_t *particles = json_object_get(meta, "particles");
    const json_t *colours = json_object_get(meta, "colours");
    layers->particle_count = json_array_size(particles);
    layers->colour_count = json_array_size(colours);
    if (layers->particle_count > SCENE_PARTICLES_MAX || layers->colour_count > LAYERS_COLOURS_MAX ||
        layers->colour_count == 0)
        return false;
    for (size_t i = 0; i < layers->particle_count; i++) {
        const json_t *row = json_array_get(particles, i);
        const char *kind = json_member_string(row, "kind");
        double amount;
        if (!kind || !particle_find(kind) || !read_number_in(row, "amount", 0, 1, &amount))
            return false;
        snprintf(layers->particles[i].kind, sizeof(layers->particles[i].kind), "%s", kind);
        layers->particles[i].amount = (float)amount;
    }
    for (size_t i = 0; i < layers->colour_count; i++) {
        if (!read_colour(json_array_get(colours, i), layers->colours[i]))
            return false;
    }
    return true;
}

/* None is fine; one that is given lies about the picture. */
static bool read_face(const json_t *array, struct layers *layers)
{
    double *const values[4] = {&layers->face_x, &layers->face_y, &layers->face_width,
                               &layers->face_height};
    if (!json_is_array(array))
        return array == NULL || json_is_null(array);
    for (size_t i = 0; i < 4; i++) {
        const json_t *value = json_array_get(array, i);
        *values[i] = json_number_value(value);
        if (!json_is_number(value) || !(*values[i] >= (i < 2 ? -8192 : 1) && *values[i] <= 8192))
            return false;
    }
    return true;
}

bool layers_read_meta(const uint8_t *json, size_t size, struct layers *layers)
{
    CLEANUP(json) json_t *meta = NULL;
    if (json_parse((const char *)json, size, META_MAX, &meta, NULL) < 0)
        return false;
    double width, height, margin, vignette, grain, seed;
    if (json_member_integer(meta, "version", 0) != 1 ||
        !read_number_in(meta, "width", 16, 4096, &width) ||
        !read_number_in(meta, "height", 16, 4096, &height) ||
        !read_number_in(meta, "margin", 0, 512, &margin) ||
        !read_number_in(meta, "near_m", 0.01, 1000, &layers->near_m) ||
        !read_number_in(meta, "far_m", 0.02, 1e9, &layers->far_m) ||
        !read_number_in(meta, "subject_m", 0.1, 1e4, &layers->subject_m) ||
        !read_number_in(meta, "focus_x", 0, 1, &layers->focus_x) ||
        !read_number_in(meta, "focus_y", 0, 1, &layers->focus_y) ||
        !read_number_in(meta, "vignette", 0, 1, &vignette) ||
        !read_number_in(meta, "grain", 0, 1, &grain) ||
        !read_number_in(meta, "seed", 0, 4294967295.0, &seed) ||
        !read_name(meta, "scene", layers->scene) || !read_name(meta, "variant", layers->variant) ||
        !read_colour(json_object_get(meta, "light"), layers->light) ||
        !read_face(json_object_get(meta, "face"), layers))
        return false;
    layers->width = (int)width;
    layers->height = (int)height;
    layers->margin = (int)margin;
    layers->vignette = (float)vignette;
    layers->grain = (float)grain;
    layers->seed = (uint32_t)seed;
    return layers->far_m > layers->near_m && read_lists(meta, layers);
}

/* A decoded layer of exactly the size and channels that are expected, else NULL. */
static struct picture *read_layer(const uint8_t *bytes, size_t size, int width, int height,
                                  int channels)
{
    struct picture *picture = NULL;
    if (!bytes || image_load_bytes(bytes, size, "layer", &picture, NULL) < 0)
        return NULL;
    bool fits = picture->channels == channels && picture->width <= 8192 &&
                picture->height <= 8192 &&
                (width == 0 || (picture->width == width && picture->height == height));
    if (fits)
        return picture;
    picture_free(picture);
    return NULL;
}

/* WebP has no grey: the first channel is taken. */
static struct picture *first_channel(struct picture *rgb)
{
    if (!rgb)
        return NULL;
    struct picture *grey = picture_new(rgb->width, rgb->height, 1);
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++)
        grey->pixels[i] = rgb->pixels[i * 3];
    picture_free(rgb);
    return grey;
}

struct layers *layers_read(const void *bytes, size_t size)
{
    struct layers_parts parts;
    if (!layers_find(bytes, size, &parts))
        return NULL;
    CLEANUP(layers) struct layers *layers = layers_new();
    if (!layers_read_meta(parts.meta, parts.meta_size, layers))
        return NULL;
    int width = layers->width + 2 * layers->margin, height = layers->height + 2 * layers->margin;
    layers->clean = read_layer(parts.clean, parts.clean_size, width, height, 3);
    layers->depth = first_channel(read_layer(parts.depth, parts.depth_size, 0, 0, 3));
    layers->subject = read_layer(parts.subject, parts.subject_size, width, height, 4);
    layers->front = read_layer(parts.front, parts.front_size, width, height, 4);
    if (!layers->clean || !layers->depth || (parts.subject && !layers->subject) ||
        (parts.front && !layers->front))
        return NULL;
    return TAKE(layers);
}
