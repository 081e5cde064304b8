/* Where the person stands in the frame, and how large. */
#include "media/compose.h"

#include <math.h>

/* What the matte says about the person's outline, in photo pixels. */
struct outline {
    double left, top, right, bottom; /* of what is covered */
    double cut_left,
        cut_right; /* rows from which the photo's side cuts the person; height when it does not */
    bool cut_top, cut_bottom;
};

enum { COVERED = 128 };

static bool row_covered(const struct picture *matte, int y, int from, int to)
{
    int count = 0;
    for (int x = from; x < to; x++)
        count += *picture_at(matte, x, y) >= COVERED;
    return count * 2 >= to - from;
}

static void read_outline(const struct picture *matte, struct outline *outline)
{
    *outline = (struct outline){matte->width,  matte->height, 0,     0,
                                matte->height, matte->height, false, false};
    int edge = matte->width / 100 + 1;
    int covered_first = 0, covered_last = 0;
    for (int y = 0; y < matte->height; y++) {
        int first = -1, last = -1, count = 0;
        for (int x = 0; x < matte->width; x++) {
            if (*picture_at(matte, x, y) < COVERED)
                continue;
            first = first < 0 ? x : first;
            last = x;
            count++;
        }
        if (y == matte->height / 200)
            covered_first = count;
        if (y == matte->height - 1 - matte->height / 100)
            covered_last = count;
        if (count * 100 < matte->width)
            continue;
        outline->left = fmin(outline->left, first);
        outline->right = fmax(outline->right, last + 1);
        outline->top = fmin(outline->top, y);
        outline->bottom = y + 1;
        if (y < outline->cut_left && row_covered(matte, y, 0, edge))
            outline->cut_left = y;
        if (y < outline->cut_right && row_covered(matte, y, matte->width - edge, matte->width))
            outline->cut_right = y;
    }
    outline->cut_top = covered_first * 8 > matte->width;
    outline->cut_bottom = covered_last * 25 > matte->width;
}

struct measures {
    double eyes_x, eyes_y, face_width, face_height;
};

/* Without a face the upper part of the outline stands in for it. */
static struct measures measure(const struct compose_subject *subject, const struct outline *outline)
{
    if (subject->has_face)
        return (struct measures){subject->eyes_x, subject->eyes_y, subject->face_width,
                                 subject->face_height};
    double width = outline->right - outline->left, height = outline->bottom - outline->top;
    double face = fmin(width * 0.45, height * 0.28);
    return (struct measures){(outline->left + outline->right) / 2, outline->top + face * 0.75,
                             face * 0.8, face};
}

static bool is_full(const struct compose_subject *subject, const struct compose_settings *settings,
                    const struct outline *outline, const struct measures *face)
{
    double body = outline->bottom - outline->top;
    bool whole = !outline->cut_bottom && body > 4.6 * face->face_height &&
                 (subject->has_face || body > 1.6 * (outline->right - outline->left));
    return whole && settings->crop != COMPOSE_CROP_HALF;
}

static void place_full(const struct compose_settings *settings, const struct outline *outline,
                       struct compose_place *place)
{
    double width = settings->width, height = settings->height;
    double body = outline->bottom - outline->top;
    double tall = width < height ? 0.66 : 0.74;
    place->full = true;
    place->scale = tall * height / body;
    place->feet_y = height * 0.93;
    place->y = place->feet_y - outline->bottom * place->scale;
    place->x = width / 2 - (outline->left + outline->right) / 2 * place->scale;
}

/* A thing that the photo shows whole stands near the camera on the ground, as the hero of the picture. */
static bool place_thing(const struct compose_settings *settings, const struct outline *outline,
                        const struct picture *photo, struct compose_place *place)
{
    double width = settings->width, height = settings->height;
    bool whole = !outline->cut_top && !outline->cut_bottom && outline->cut_left >= photo->height &&
                 outline->cut_right >= photo->height;
    if (!whole)
        return false;
    place->full = true;
    place->scale = fmin(0.60 * height / (outline->bottom - outline->top),
                        0.66 * width / (outline->right - outline->left));
    place->feet_y = height * 0.88;
    place->y = place->feet_y - outline->bottom * place->scale;
    double aside = width > height * 1.2 ? (raster_noise(settings->seed, 5, 0) - 0.5) * 0.16 : 0;
    place->x = width * (0.5 + aside) - (outline->left + outline->right) / 2 * place->scale;
    return true;
}

/* The row of the photo below which somebody is cut, at a scale: by the lower edge, or by a side that would lie in the frame. */
static double whole_until(const struct compose_settings *settings, const struct outline *outline,
                          const struct measures *face, const struct picture *photo, double scale)
{
    double bottom =
        outline->cut_bottom ? photo->height : outline->bottom - face->face_height * 0.06;
    if (face->eyes_x * scale < settings->width / 2.0)
        bottom = fmin(bottom, outline->cut_left);
    if ((photo->width - face->eyes_x) * scale < settings->width / 2.0)
        bottom = fmin(bottom, outline->cut_right);
    return bottom;
}

/* Where the eyes lie in the frame, and the scale at which the frame ends where the person is still whole. A photo that cuts
 * shoulders high up makes for a closer picture, with the eyes lower, up to a limit; beyond it the sides will have to fade. */
static double scale_half(const struct compose_settings *settings, const struct outline *outline,
                         const struct measures *face, const struct picture *photo, double *eyes_at)
{
    enum { STEPS = 4 };
    double width = settings->width, height = settings->height;
    double natural = fmin(height * 0.21 / face->face_height, width * 0.215 / face->face_width);
    double bottom =
        outline->cut_bottom ? photo->height : outline->bottom - face->face_height * 0.06;
    double usual = *eyes_at;
    double scale = fmax(natural, (height - usual) / fmax(bottom - face->eyes_y, 1));
    /* A head that the photo cuts is cut by the frame as well. */
    if (outline->cut_top)
        scale = fmax(natural, (height + 4) / fmax(bottom, 1));
    double started = scale, largest = 0;
    for (int step = 0; step <= STEPS; step++) {
        double eyes = usual + 0.028 * step * height, close = 0.34 + 0.03 * step;
        largest =
            fmin(height * close / face->face_height, width * (close + 0.08) / face->face_width);
        double until = whole_until(settings, outline, face, photo, started);
        double below = outline->cut_top ? until : until - face->eyes_y;
        double whole = fmax(started, (outline->cut_top ? height : height - eyes) / fmax(below, 1));
        bool fits = whole <= largest;
        /* Cut at both sides, little of it shows in a close picture. */
        bool both = step == STEPS && outline->cut_left < photo->height &&
                    outline->cut_right < photo->height;
        if (fits || both) {
            scale = fits ? whole : fmax(started, largest);
            *eyes_at = eyes;
            break;
        }
    }
    if (outline->cut_top)
        return scale;
    /* Hair above the eyes stays in the picture. */
    double head = face->eyes_y - outline->top;
    return head > 0 ? fmin(scale, (*eyes_at - height * 0.035) / head) : scale;
}

/* Puts the sides where the photo cuts the person outside the frame, or notes where they have to fade. */
static void place_sides(const struct compose_settings *settings, const struct outline *outline,
                        const struct measures *face, double photo_width, double photo_height,
                        struct compose_place *place)
{
    double width = settings->width;
    double last_row = fmin((settings->height - place->y) / place->scale, photo_height);
    bool left = outline->cut_left < last_row && place->x > 0;
    bool right = outline->cut_right < last_row && place->x + photo_width * place->scale < width;
    double at_right = width - (photo_width - face->eyes_x) * place->scale;
    if (left && !right && face->eyes_x * place->scale > width * 0.26) {
        place->x = -2;
        left = false;
        right = outline->cut_right < last_row && place->x + photo_width * place->scale < width;
    } else if (right && !left && at_right < width * 0.74) {
        place->x = width - photo_width * place->scale + 2;
        right = false;
        left = outline->cut_left < last_row && place->x > 0;
    }
    place->fade_left = left ? place->x : -1e6;
    place->fade_right = right ? place->x + photo_width * place->scale : 1e6;
}

void compose_frame(const struct compose_subject *subject, const struct compose_settings *settings,
                   struct compose_place *ret_place)
{
    struct outline outline;
    read_outline(subject->matte, &outline);
    *ret_place = (struct compose_place){.fade_left = -1e6, .fade_right = 1e6};
    struct measures face = measure(subject, &outline);
    if (subject->thing && place_thing(settings, &outline, subject->matte, ret_place))
        return;
    if (is_full(subject, settings, &outline, &face)) {
        place_full(settings, &outline, ret_place);
        return;
    }
    double width = settings->width, height = settings->height;
    double photo_width = subject->matte->width, photo_height = subject->matte->height;
    double eyes_at = height * (width < height ? 0.345 : 0.37);
    ret_place->scale = scale_half(settings, &outline, &face, subject->matte, &eyes_at);
    ret_place->y = eyes_at - face.eyes_y * ret_place->scale;
    /* A short bust sinks rather than float. */
    double bottom = outline.cut_bottom ? photo_height : outline.bottom - face.face_height * 0.06;
    double lowest = ret_place->y + bottom * ret_place->scale;
    if (outline.cut_top)
        ret_place->y = -2;
    else if (lowest < height)
        ret_place->y += height - lowest + 1;
    double body = (outline.left + outline.right) / 2;
    double centre = face.eyes_x * 0.7 + body * 0.3;
    double aside = width > height * 1.2 ? (raster_noise(settings->seed, 5, 0) - 0.5) * 0.16 : 0;
    ret_place->x = width * (0.5 + aside) - centre * ret_place->scale;
    place_sides(settings, &outline, &face, photo_width, photo_height, ret_place);
    ret_place->feet_y = height * 1.2;
}
