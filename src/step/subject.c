#include "step/subject.h"

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/image.h"

#include <string.h>

enum { MASK_SIDE_MAX = 4096 };

void step_subject_finish(struct step_subject *subject)
{
    picture_free(subject->mask);
    matte_stream_free(subject->stream);
    *subject = (struct step_subject){0};
}

/* By its brightness, or by its transparency where it has some. */
static struct picture *grey_of(const struct picture *picture)
{
    struct picture *grey = picture_new(picture->width, picture->height, 1);
    size_t count = (size_t)picture->width * (size_t)picture->height;
    bool has_alpha = false;
    for (size_t i = 0; picture->channels == 4 && i < count; i++)
        has_alpha |= picture->pixels[4 * i + 3] < 250;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = picture->pixels + i * (size_t)picture->channels;
        grey->pixels[i] =
            has_alpha ? pixel[3]
                      : (uint8_t)((77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2] + 128) >> 8);
    }
    return grey;
}

static int open_key(const struct step_run *run, const char *text, struct step_subject *subject,
                    struct err *err)
{
    uint8_t rgba[4];
    if (image_color(text, rgba, NULL) < 0 || rgba[3] != 255)
        return err_set(err, ERR_INVALID, "/chroma_key_color",
                       "chroma_key_color is origin or a colour such as #00FF00.");
    memcpy(subject->key.colour, rgba, 3);
    subject->key.tolerance = step_run_number(run, "chroma_tolerance", 0.1);
    subject->kind = STEP_SUBJECT_CHROMA;
    return 0;
}

int step_subject_open(struct step_run *run, struct step_subject *ret_subject, struct err *err)
{
    const struct step_input *mask = step_run_input(run, "mask_url");
    const char *key = step_run_text(run, "chroma_key_color");
    *ret_subject = (struct step_subject){.assets = {run, step_run_asset}};
    if (key && strcmp(key, "origin") != 0 && mask)
        return err_set(err, ERR_INVALID, "/mask_url",
                       "Either mask_url or a chroma_key_color is taken, not both.");
    if (key && strcmp(key, "origin") != 0)
        return open_key(run, key, ret_subject, err);
    if (!mask)
        return 0;
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = image_load(mask->fd, mask->path, MASK_SIDE_MAX, MASK_SIDE_MAX, IMAGE_FIT_WITHIN,
                        &loaded, err);
    if (rc < 0)
        return rc;
    ret_subject->mask = grey_of(loaded);
    ret_subject->kind = STEP_SUBJECT_MASK;
    return 0;
}

/* --- cutting ------------------------------------------------------------------------------------
 */

static struct picture *without_alpha(const struct picture *picture)
{
    if (picture->channels == 3)
        return picture_copy(picture);
    struct picture *rgb = picture_new(picture->width, picture->height, 3);
    for (size_t i = 0; i < (size_t)picture->width * (size_t)picture->height; i++)
        memcpy(rgb->pixels + 3 * i, picture->pixels + 4 * i, 3);
    return rgb;
}

static bool has_transparency(const struct picture *picture)
{
    size_t count = (size_t)picture->width * (size_t)picture->height, clear = 0;
    for (size_t i = 0; picture->channels == 4 && i < count; i++)
        clear += picture->pixels[4 * i + 3] < 128;
    return clear * 500 > count;
}

static void cut_by_mask(const struct picture *photo, const struct picture *mask,
                        struct cutout *cutout)
{
    bool fits = mask->width == photo->width && mask->height == photo->height;
    cutout->matte = fits ? picture_copy(mask) : image_resize(mask, photo->width, photo->height);
    cutout->colours = matte_colours(photo, cutout->matte);
}

static bool is_blank(const struct cutout *cutout)
{
    struct cutout_box box;
    return !cutout->matte || !cutout_bounds(cutout->matte, &box);
}

int step_subject_cut(struct step_subject *subject, const struct picture *photo,
                     const struct media_monitor *monitor, struct cutout *ret_cutout,
                     struct err *err)
{
    struct picture *rgb CLEANUP(picture) = without_alpha(photo);
    struct cutout cutout CLEANUP(cutout) = {0};
    int rc = 0;
    if (subject->kind == STEP_SUBJECT_PERSON && has_transparency(photo)) {
        subject->kind = STEP_SUBJECT_ALPHA;
        cutout.matte = grey_of(photo);
        cutout.colours = TAKE(rgb);
    } else if (subject->kind == STEP_SUBJECT_PERSON) {
        rc = matte_person(rgb, &subject->assets, monitor, &cutout.matte, &cutout.colours, err);
        if (rc == ERR_NOT_FOUND || rc == ERR_UNAVAILABLE)
            rc = 0;
        if (rc == 0 && !cutout.matte) {
            subject->kind = STEP_SUBJECT_OBJECT;
            matte_object(rgb, &cutout.matte, &cutout.colours);
        }
    } else {
        if (subject->kind == STEP_SUBJECT_CHROMA && !subject->key_met)
            chroma_meet(rgb, &subject->key);
        subject->key_met = true;
        rc = step_subject_cut_next(subject, rgb, &cutout, err);
    }
    if (rc < 0)
        return rc;
    *ret_cutout = (struct cutout){0};
    if (is_blank(&cutout)) {
        subject->kind = STEP_SUBJECT_NONE;
        return 0;
    }
    *ret_cutout = cutout;
    cutout = (struct cutout){0};
    return 0;
}

int step_subject_cut_next(struct step_subject *subject, const struct picture *frame,
                          struct cutout *ret_cutout, struct err *err)
{
    int rc = 0;
    *ret_cutout = (struct cutout){0};
    switch (subject->kind) {
    case STEP_SUBJECT_PERSON:
        if (!subject->stream)
            rc = matte_stream_new(&subject->assets, &subject->stream, err);
        if (rc == 0)
            rc = matte_stream_next(subject->stream, frame, &ret_cutout->matte, &ret_cutout->colours,
                                   err);
        break;
    case STEP_SUBJECT_OBJECT:
        matte_object(frame, &ret_cutout->matte, &ret_cutout->colours);
        break;
    case STEP_SUBJECT_MASK:
        cut_by_mask(frame, subject->mask, ret_cutout);
        break;
    case STEP_SUBJECT_CHROMA:
        chroma_cut(frame, &subject->key, &ret_cutout->matte, &ret_cutout->colours);
        break;
    case STEP_SUBJECT_ALPHA:
    case STEP_SUBJECT_NONE:
        break;
    }
    return rc;
}

#endif
