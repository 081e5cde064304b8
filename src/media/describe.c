#include "media/describe.h"

#include "base/table.h"

#include <math.h>
#include <stddef.h>

enum { DESCRIBE_SAMPLES = 128 /* along each side */, DESCRIBE_OUTSIDE = 64 /* matte below */ };

enum describe_colour {
    DESCRIBE_BLACK,
    DESCRIBE_GREY,
    DESCRIBE_WHITE,
    DESCRIBE_RED,
    DESCRIBE_ORANGE,
    DESCRIBE_YELLOW,
    DESCRIBE_GREEN,
    DESCRIBE_TURQUOISE,
    DESCRIBE_BLUE,
    DESCRIBE_PURPLE,
    DESCRIBE_PINK,
    DESCRIBE_COLOURS
};

static const char *const describe_names[DESCRIBE_COLOURS] = {
    "black", "grey",      "white", "red",    "orange", "yellow",
    "green", "turquoise", "blue",  "purple", "pink"};

/* Where each hue begins, in degrees. */
static const struct {
    int from;
    enum describe_colour colour;
} describe_hues[] = {{0, DESCRIBE_RED},      {16, DESCRIBE_ORANGE},     {46, DESCRIBE_YELLOW},
                     {70, DESCRIBE_GREEN},   {165, DESCRIBE_TURQUOISE}, {195, DESCRIBE_BLUE},
                     {260, DESCRIBE_PURPLE}, {300, DESCRIBE_PINK},      {345, DESCRIBE_RED}};

static enum describe_colour describe_colour_of(const uint8_t rgb[3])
{
    double high = fmax(rgb[0], fmax(rgb[1], rgb[2])), low = fmin(rgb[0], fmin(rgb[1], rgb[2]));
    double range = high - low, hue;
    if (high < 48)
        return DESCRIBE_BLACK;
    if (range < 0.18 * high)
        return low > 200 ? DESCRIBE_WHITE : DESCRIBE_GREY;
    if (high <= rgb[0])
        hue = 60 * (rgb[1] - rgb[2]) / range;
    else if (high <= rgb[1])
        hue = 60 * (rgb[2] - rgb[0]) / range + 120;
    else
        hue = 60 * (rgb[0] - rgb[1]) / range + 240;
    hue += hue < 0 ? 360 : 0;
    enum describe_colour colour = DESCRIBE_RED;
    for (size_t i = 0; i < TABLE_SIZE(describe_hues); i++)
        colour = hue >= describe_hues[i].from ? describe_hues[i].colour : colour;
    return colour;
}

struct describe_measure {
    int counts[DESCRIBE_COLOURS], count; /* of what is behind the subject */
    double sum, squares;                 /* of brightness everywhere */
    int all;
};

static void describe_measure(const struct portrait *portrait, struct describe_measure *measure)
{
    const struct picture *photo = portrait->photo;
    for (int row = 0; row < DESCRIBE_SAMPLES; row++) {
        for (int column = 0; column < DESCRIBE_SAMPLES; column++) {
            int x = (2 * column + 1) * photo->width / (2 * DESCRIBE_SAMPLES);
            int y = (2 * row + 1) * photo->height / (2 * DESCRIBE_SAMPLES);
            const uint8_t *rgb = picture_at(photo, x, y);
            double light = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
            measure->sum += light;
            measure->squares += light * light;
            measure->all++;
            if (portrait->matte && *picture_at(portrait->matte, x, y) >= DESCRIBE_OUTSIDE)
                continue;
            measure->counts[describe_colour_of(rgb)]++;
            measure->count++;
        }
    }
}

/* The colour that most of it has, and the second one if it has a fifth. */
static const char *describe_colours(struct arena *a, const struct describe_measure *measure)
{
    int first = 0, second = -1;
    for (int i = 1; i < DESCRIBE_COLOURS; i++)
        first = measure->counts[i] > measure->counts[first] ? i : first;
    for (int i = 0; i < DESCRIBE_COLOURS; i++) {
        if (i != first && measure->counts[i] * 5 >= measure->count &&
            (second < 0 || measure->counts[i] > measure->counts[second]))
            second = i;
    }
    return second < 0 ? describe_names[first]
                      : arena_printf(a, "%s and %s", describe_names[first], describe_names[second]);
}

static const char *describe_light(const struct describe_measure *measure)
{
    double mean = measure->sum / measure->all;
    double spread = sqrt(fmax(0, measure->squares / measure->all - mean * mean));
    if (mean < 70)
        return spread > 55 ? "low light with bright accents" : "low light";
    if (mean > 180)
        return "bright light";
    return spread > 65 ? "light of strong contrast" : "soft, even light";
}

static const char *describe_shape(const struct picture *photo)
{
    double aspect = (double)photo->width / photo->height;
    return aspect > 1.15 ? "wide" : aspect < 0.87 ? "upright" : "square";
}

static const char *describe_people(struct arena *a, const struct portrait *portrait)
{
    static const char *const numbers[] = {"", "one person", "two people", "three people",
                                          "four people"};
    if (portrait->face_count >= TABLE_SIZE(numbers))
        return "a group of people";
    if (portrait->face_count > 1)
        return numbers[portrait->face_count];
    if (portrait->face_count == 1) {
        double part = portrait->faces[0].height / portrait->photo->height;
        return arena_printf(a, "%s of one person",
                            part > 0.28   ? "a close portrait"
                            : part > 0.12 ? "a portrait"
                                          : "a full view");
    }
    return portrait->matte ? "a single subject" : NULL;
}

const char *describe_picture(struct arena *a, const struct portrait *portrait)
{
    struct describe_measure measure = {0};
    describe_measure(portrait, &measure);
    const char *subject = describe_people(a, portrait), *light = describe_light(&measure);
    const char *shape = describe_shape(portrait->photo);
    if (measure.count == 0)
        return arena_printf(a, "%s that fills the frame, in %s, %s", subject, light, shape);
    const char *colours = describe_colours(a, &measure);
    return subject ? arena_printf(a, "%s before %s, in %s, %s", subject, colours, light, shape)
                   : arena_printf(a, "a view in %s, in %s, %s", colours, light, shape);
}
