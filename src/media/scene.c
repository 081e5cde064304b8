#include "media/scene.h"

#include "base/json.h"
#include "media/image.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SCENE_JSON_MAX = 256 * 1024, SCENES_MAX = 64, PLATES_HELD = 2 };

/* --- reading ----------------------------------------------------------------------------------- */

static const char *read_text(struct arena *a, const json_t *object, const char *key)
{
    const char *text = json_member_string(object, key);
    return text ? arena_strdup(a, text) : "";
}

static void read_three(const json_t *array, float ret[3], float otherwise)
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(array, i);
        ret[i] = json_is_number(value) ? (float)json_number_value(value) : otherwise;
    }
}

static void read_words(struct arena *a, const json_t *array, struct scene_words *words)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count && words->count < SCENE_KEYWORDS_MAX; i++) {
        const char *word = json_string_value(json_array_get(array, i));
        if (word && *word)
            words->words[words->count++] = arena_strdup(a, word);
    }
}

static void read_light(const json_t *object, struct scene_light *light, float strength)
{
    read_three(json_object_get(object, "direction"), light->direction, 0);
    read_three(json_object_get(object, "colour"), light->colour, 1);
    light->strength = (float)json_member_number(object, "strength", strength);
    float length = 0;
    for (int i = 0; i < 3; i++)
        length += light->direction[i] * light->direction[i];
    length = sqrtf(length);
    for (int i = 0; i < 3 && length > 0; i++)
        light->direction[i] /= length;
}

static void read_box(const json_t *array, struct scene_box *box)
{
    double v[4];
    for (size_t i = 0; i < 4; i++)
        v[i] = json_number_value(json_array_get(array, i));
    if (json_array_size(array) == 4 && v[2] > 0 && v[3] > 0)
        *box = (struct scene_box){v[0], v[1], v[2], v[3]};
}

static void read_particles(const json_t *array, struct scene_variant *variant)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count && variant->particle_count < SCENE_PARTICLES_MAX; i++) {
        const json_t *row = json_array_get(array, i);
        const char *kind = json_member_string(row, "kind");
        struct scene_particles *particles = &variant->particles[variant->particle_count];
        if (!kind || strlen(kind) >= sizeof(particles->kind))
            continue;
        snprintf(particles->kind, sizeof(particles->kind), "%s", kind);
        particles->amount = (float)json_member_number(row, "amount", 0.5);
        variant->particle_count++;
    }
}

static void read_variant(struct arena *a, const char *name, const json_t *object,
                         struct scene_variant *variant)
{
    variant->name = arena_strdup(a, name);
    variant->plate = read_text(a, object, "plate");
    variant->depth = read_text(a, object, "depth");
    variant->front = json_member_string(object, "front") ? read_text(a, object, "front") : NULL;
    read_words(a, json_object_get(object, "keywords"), &variant->keywords);
    read_light(json_object_get(object, "key_light"), &variant->key, 1);
    read_light(json_object_get(object, "rim_light"), &variant->rim, 0.5f);
    read_light(json_object_get(object, "ambient"), &variant->ambient, 0.5f);
    const json_t *haze = json_object_get(object, "haze");
    read_three(json_object_get(haze, "colour"), variant->haze.colour, 0.5f);
    variant->haze.amount = (float)json_member_number(haze, "amount", 0);
    variant->haze.start_m = (float)json_member_number(haze, "start_m", 10);
    variant->haze.end_m = (float)json_member_number(haze, "end_m", 500);
    variant->like = json_member_string(object, "like") ? read_text(a, object, "like") : NULL;
    variant->mood = json_member_bool(object, "mood", false);
    const json_t *air = json_object_get(object, "air");
    read_three(json_object_get(air, "colour"), variant->air.colour, 0.5f);
    variant->air.amount = (float)json_member_number(air, "amount", 0);
    variant->air.metres = (float)json_member_number(air, "metres", 100);
    const json_t *grade = json_object_get(object, "grade");
    variant->grade.exposure = (float)json_member_number(grade, "exposure", 0);
    variant->grade.contrast = (float)json_member_number(grade, "contrast", 1);
    variant->grade.saturation = (float)json_member_number(grade, "saturation", 1);
    read_three(json_object_get(grade, "shadows"), variant->grade.shadows, 1);
    read_three(json_object_get(grade, "highlights"), variant->grade.highlights, 1);
    read_particles(json_object_get(object, "particles"), variant);
}

static void read_place(const json_t *object, struct scene *scene)
{
    const json_t *camera = json_object_get(object, "camera");
    scene->focal_mm = json_member_number(camera, "focal_mm", 35);
    scene->sensor_mm = json_member_number(camera, "sensor_mm", 36);
    scene->horizon = json_member_number(camera, "horizon", 0.55);
    scene->height_m = json_member_number(camera, "height_m", 1.6);
    const json_t *depth = json_object_get(object, "depth");
    scene->near_m = json_member_number(depth, "near_m", 1);
    scene->far_m = json_member_number(depth, "far_m", 1000);
    const json_t *ground = json_object_get(object, "ground");
    scene->ground_near = json_member_number(ground, "near", 1);
    scene->ground_far = json_member_number(ground, "far", scene->horizon);
    scene->reflects = json_member_number(ground, "reflects", 0);
    scene->receives_shadow = json_member_bool(ground, "receives_shadow", false);
    const json_t *subject = json_object_get(object, "subject");
    const json_t *half = json_object_get(subject, "half"), *full = json_object_get(subject, "full");
    scene->half = (struct scene_box){0.25, 0.2, 0.5, 0.8};
    scene->full = (struct scene_box){0.35, 0.2, 0.3, 0.68};
    read_box(json_object_get(half, "box"), &scene->half);
    read_box(json_object_get(full, "box"), &scene->full);
    scene->half_distance_m = json_member_number(half, "distance_m", 2.2);
    scene->full_distance_m = json_member_number(full, "distance_m", 5);
    scene->feet_y = json_member_number(full, "feet_y", scene->full.y + scene->full.height);
    const json_t *crops = json_object_get(subject, "crops");
    scene->crop_tall_x = json_member_number(json_object_get(crops, "9:16"), "centre_x", 0.5);
    scene->crop_wide_y = json_member_number(json_object_get(crops, "16:9"), "centre_y", 0.5);
}

static int read_scene(struct arena *a, const struct media_assets *assets, const char *id,
                      struct scene **ret_scene, struct err *err)
{
    const void *bytes;
    size_t size;
    const char *name = arena_printf(a, "scenes/%s/scene.json", id);
    int rc = assets->find(assets->context, name, &bytes, &size, err);
    if (rc < 0)
        return rc;
    CLEANUP(json) json_t *json = NULL;
    rc = json_parse(bytes, size, SCENE_JSON_MAX, &json, err);
    if (rc < 0)
        return rc;
    struct scene *scene = arena_alloc(a, sizeof(*scene));
    scene->id = arena_strdup(a, id);
    scene->label = read_text(a, json, "label");
    scene->description = read_text(a, json, "description");
    read_words(a, json_object_get(json, "keywords"), &scene->keywords);
    read_place(json, scene);
    const char *default_variant = json_member_string(json, "default_variant");
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(json, "variants"), key, value)
    {
        if (scene->variant_count == SCENE_VARIANTS_MAX)
            break;
        if (default_variant && strcmp(key, default_variant) == 0)
            scene->default_variant = scene->variant_count;
        read_variant(a, key, value, &scene->variants[scene->variant_count++]);
    }
    if (scene->variant_count == 0 || scene->near_m <= 0 || scene->far_m <= scene->near_m)
        return err_set(err, ERR_INTERNAL, name, "The scene %s is not described completely.", id);
    *ret_scene = scene;
    return 0;
}

int scene_list(struct arena *a, const struct media_assets *assets,
               const struct scene *const **ret_scenes, size_t *ret_count, struct err *err)
{
    const void *bytes;
    size_t size;
    *ret_count = 0;
    *ret_scenes = NULL;
    int rc = assets->find(assets->context, "scenes/index.json", &bytes, &size, err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    CLEANUP(json) json_t *json = NULL;
    if (rc == 0)
        rc = json_parse(bytes, size, SCENE_JSON_MAX, &json, err);
    if (rc < 0)
        return rc;
    const json_t *ids = json_object_get(json, "scenes");
    const struct scene **scenes = arena_array(a, SCENES_MAX, sizeof(struct scene *));
    for (size_t i = 0; i < json_array_size(ids) && *ret_count < SCENES_MAX; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        struct scene *scene = NULL;
        rc = id ? read_scene(a, assets, id, &scene, err) : ERR_NOT_FOUND;
        if (rc == ERR_NOT_FOUND)
            continue;
        if (rc < 0)
            return rc;
        scenes[(*ret_count)++] = scene;
    }
    *ret_scenes = scenes;
    return 0;
}

/* --- finding ----------------------------------------------------------------------------------- */

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

size_t scene_word_in(const char *word, const char *text)
{
    size_t length = strlen(word);
    for (const char *at = text; length > 0 && *at; at++) {
        bool starts = at == text || !is_word_char(at[-1]);
        if (starts && strncasecmp(at, word, length) == 0 && !is_word_char(at[length]))
            return length;
    }
    return 0;
}

size_t scene_words_in(const char *words, const char *text)
{
    size_t best = 0;
    while (*words) {
        char word[32];
        size_t length = strcspn(words, "|");
        if (length < sizeof(word)) {
            memcpy(word, words, length);
            word[length] = '\0';
            size_t found = scene_word_in(word, text);
            best = found > best ? found : best;
        }
        words += length + (words[length] == '|');
    }
    return best;
}

static size_t words_match(const struct scene_words *words, const char *text)
{
    size_t best = 0;
    for (size_t i = 0; i < words->count; i++) {
        size_t length = scene_word_in(words->words[i], text);
        if (length > best)
            best = length;
    }
    return best;
}

const struct scene *scene_match(const struct scene *const *scenes, size_t count, const char *text)
{
    const struct scene *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; text && i < count; i++) {
        size_t length = words_match(&scenes[i]->keywords, text);
        size_t by_id = scene_word_in(scenes[i]->id, text);
        if (by_id > length)
            length = by_id;
        if (length > best_length) {
            best = scenes[i];
            best_length = length;
        }
    }
    return best;
}

const struct scene_variant *scene_match_variant(const struct scene *scene, const char *text)
{
    const struct scene_variant *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; text && i < scene->variant_count; i++) {
        const struct scene_variant *variant = &scene->variants[i];
        size_t length = words_match(&variant->keywords, text);
        size_t by_name = scene_word_in(variant->name, text);
        if (by_name > length)
            length = by_name;
        if (length > best_length) {
            best = variant;
            best_length = length;
        }
    }
    return best;
}

const struct scene *scene_find(const struct scene *const *scenes, size_t count, const char *id)
{
    for (size_t i = 0; id && i < count; i++) {
        if (strcasecmp(scenes[i]->id, id) == 0)
            return scenes[i];
    }
    return NULL;
}

const struct scene_variant *scene_find_variant(const struct scene *scene, const char *name)
{
    for (size_t i = 0; name && i < scene->variant_count; i++) {
        if (strcasecmp(scene->variants[i].name, name) == 0)
            return &scene->variants[i];
    }
    return NULL;
}

const struct scene_variant *scene_mood(const struct scene *scene,
                                       const struct scene_variant *variant, uint32_t seed)
{
    const struct scene_variant *moods[SCENE_VARIANTS_MAX] = {variant};
    size_t count = 1;
    for (size_t i = 0; i < scene->variant_count; i++) {
        const struct scene_variant *other = &scene->variants[i];
        if (other->mood && other->like && strcmp(other->like, variant->name) == 0 &&
            count < SCENE_VARIANTS_MAX)
            moods[count++] = other;
    }
    return moods[seed % count];
}

double scene_metres(const struct scene *scene, int value)
{
    return scene->near_m * pow(scene->far_m / scene->near_m, value / 255.0);
}

/* --- plates ------------------------------------------------------------------------------------ */

/*
 * DESIGN. The bytes of the pack stay where they are for the life of the process, so their address names the
 * plate. The one used longest ago makes room.
 */
struct held_plate {
    const void *bytes;
    struct scene_plate plate;
    unsigned used;
};

static struct held_plate held_plates[PLATES_HELD];
static unsigned held_clock;

static void plate_finish(struct scene_plate *plate)
{
    picture_free(plate->colour);
    picture_free(plate->depth);
    picture_free(plate->front);
    *plate = (struct scene_plate){0};
}

static int plate_load(const struct media_assets *assets, const struct scene *scene,
                      const char *file, struct picture **ret_picture, struct err *err)
{
    char name[256];
    snprintf(name, sizeof(name), "scenes/%s/%s", scene->id, file);
    const void *bytes;
    size_t size;
    int rc = assets->find(assets->context, name, &bytes, &size, err);
    if (rc == 0)
        rc = image_load_bytes(bytes, size, name, ret_picture, err);
    return rc;
}

static struct picture *plate_channels(struct picture *picture, int channels)
{
    if (picture->channels == channels)
        return picture;
    struct picture *result = picture_new(picture->width, picture->height, channels);
    size_t count = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = picture->pixels + i * (size_t)picture->channels;
        uint8_t *to = result->pixels + i * (size_t)channels;
        for (int c = 0; c < channels; c++)
            to[c] = c == 3 ? 255 : from[picture->channels < 3 ? 0 : c];
    }
    picture_free(picture);
    return result;
}

static int plate_read(const struct media_assets *assets, const struct scene *scene,
                      const struct scene_variant *variant, struct scene_plate *plate,
                      struct err *err)
{
    int rc = plate_load(assets, scene, variant->plate, &plate->colour, err);
    if (rc == 0)
        rc = plate_load(assets, scene, variant->depth, &plate->depth, err);
    if (rc == 0 && variant->front)
        rc = plate_load(assets, scene, variant->front, &plate->front, err);
    if (rc < 0) {
        plate_finish(plate);
        return rc;
    }
    plate->colour = plate_channels(plate->colour, 3);
    plate->depth = plate_channels(plate->depth, 1);
    if (plate->front)
        plate->front = plate_channels(plate->front, 4);
    return 0;
}

int scene_plate(const struct media_assets *assets, const struct scene *scene,
                const struct scene_variant *variant, const struct scene_plate **ret_plate,
                struct err *err)
{
    char name[256];
    snprintf(name, sizeof(name), "scenes/%s/%s", scene->id, variant->plate);
    const void *bytes;
    size_t size;
    int rc = assets->find(assets->context, name, &bytes, &size, err);
    if (rc < 0)
        return rc;
    struct held_plate *oldest = &held_plates[0];
    for (size_t i = 0; i < PLATES_HELD; i++) {
        if (held_plates[i].bytes == bytes) {
            held_plates[i].used = ++held_clock;
            *ret_plate = &held_plates[i].plate;
            return 0;
        }
        if (held_plates[i].used < oldest->used)
            oldest = &held_plates[i];
    }
    plate_finish(&oldest->plate);
    oldest->bytes = NULL;
    rc = plate_read(assets, scene, variant, &oldest->plate, err);
    if (rc < 0)
        return rc;
    oldest->bytes = bytes;
    oldest->used = ++held_clock;
    *ret_plate = &oldest->plate;
    return 0;
}
