#include "media/portrait.h"

#include "base/arena.h"
#include "media/face.h"
#include "media/matte.h"

#include <math.h>
#include <string.h>

/* Onto white, as paper. */
static struct picture *without_alpha(struct picture *photo)
{
    if (photo->channels != 4)
        return photo;
    struct picture *flat = picture_new(photo->width, photo->height, 3);
    size_t count = (size_t)photo->width * (size_t)photo->height;
    for (size_t i = 0; i < count; i++) {
        unsigned alpha = photo->pixels[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            flat->pixels[3 * i + c] =
                (uint8_t)((photo->pixels[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
    picture_free(photo);
    return flat;
}

static int find_faces(struct portrait *portrait, const struct media_assets *assets,
                      const struct media_monitor *monitor, struct err *err)
{
    struct face *faces = mem_array(FACE_MAX, sizeof(*faces));
    size_t count;
    int rc = face_find(portrait->photo, assets, monitor, faces, &count, err);
    for (size_t i = 0; rc == 0 && i < count && i < STYLE_FACES_MAX; i++)
        portrait->faces[portrait->face_count++] =
            (struct style_face){faces[i].x, faces[i].y, faces[i].width, faces[i].height};
    if (portrait->face_count > 0) {
        portrait->eyes_x = (faces[0].left_eye_x + faces[0].right_eye_x) / 2;
        portrait->eyes_y = (faces[0].left_eye_y + faces[0].right_eye_y) / 2;
    }
    free(faces);
    return rc;
}

/* What is transparent already has been cut out: the matte, and the colours under it. */
static void take_alpha(const struct picture *photo, struct portrait *portrait)
{
    size_t count = (size_t)photo->width * (size_t)photo->height, clear = 0;
    for (size_t i = 0; photo->channels == 4 && i < count; i++)
        clear += photo->pixels[4 * i + 3] < 128;
    if (clear * 500 <= count || clear == count)
        return;
    portrait->matte = picture_new(photo->width, photo->height, 1);
    portrait->colours = picture_new(photo->width, photo->height, 3);
    for (size_t i = 0; i < count; i++) {
        memcpy(portrait->colours->pixels + 3 * i, photo->pixels + 4 * i, 3);
        portrait->matte->pixels[i] = photo->pixels[4 * i + 3];
    }
}

static int find_subject(struct portrait *portrait, const struct media_assets *assets,
                        const struct media_monitor *monitor, struct err *err)
{
    int rc = 0;
    if (!portrait->matte)
        rc = matte_person(portrait->photo, assets, monitor, &portrait->matte, &portrait->colours,
                          err);
    if (rc == 0 && !portrait->matte) {
        matte_object(portrait->photo, &portrait->matte, &portrait->colours);
        portrait->thing = portrait->matte != NULL;
    }
    return rc;
}

int portrait_open(struct picture *photo, const struct media_assets *assets,
                  const struct media_monitor *monitor, struct portrait **ret_portrait,
                  struct err *err)
{
    struct portrait *portrait = mem_alloc(sizeof(*portrait));
    struct media_span span = {monitor, 0, 0.6};
    const struct media_monitor part = {&span, media_span_advance};
    take_alpha(photo, portrait);
    bool given = portrait->matte != NULL;
    portrait->photo = without_alpha(photo);
    int rc = find_subject(portrait, assets, &part, err);
    span = (struct media_span){monitor, 0.6, 0.4};
    if (rc == 0)
        rc = find_faces(portrait, assets, &part, err);
    portrait->thing |= given && portrait->face_count == 0;
    if (rc == ERR_UNAVAILABLE || rc == ERR_NOT_FOUND) {
        portrait->fault = "The nets that find people cannot be used here.";
        rc = 0;
    }
    if (rc < 0) {
        portrait_free(portrait);
        return rc;
    }
    *ret_portrait = portrait;
    return 0;
}

void portrait_free(struct portrait *portrait)
{
    if (!portrait)
        return;
    picture_free(portrait->photo);
    picture_free(portrait->matte);
    picture_free(portrait->colours);
    free(portrait);
}

void portrait_subject(const struct portrait *portrait, struct compose_subject *ret_subject)
{
    *ret_subject = (struct compose_subject){
        .colours = portrait->colours, .matte = portrait->matte, .thing = portrait->thing};
    if (portrait->face_count == 0)
        return;
    ret_subject->has_face = true;
    ret_subject->eyes_x = portrait->eyes_x;
    ret_subject->eyes_y = portrait->eyes_y;
    ret_subject->face_width = portrait->faces[0].width;
    ret_subject->face_height = portrait->faces[0].height;
}

/* Rows and columns that the person covers. */
static void person_box(const struct picture *matte, double *left, double *top, double *right,
                       double *bottom)
{
    *left = matte->width;
    *top = matte->height;
    *right = *bottom = 0;
    for (int y = 0; y < matte->height; y++) {
        const uint8_t *row = picture_at(matte, 0, y);
        for (int x = 0; x < matte->width; x++) {
            if (row[x] < 128)
                continue;
            *left = fmin(*left, x);
            *right = fmax(*right, x + 1);
            *top = fmin(*top, y);
            *bottom = y + 1;
        }
    }
}

void portrait_cover(const struct portrait *portrait, int width, int height,
                    struct raster_part *ret_part)
{
    const struct picture *photo = portrait->photo;
    double aspect = (double)width / height, w = photo->width, h = w / aspect;
    if (h > photo->height) {
        h = photo->height;
        w = h * aspect;
    }
    double x = (photo->width - w) / 2, y = (photo->height - h) / 2;
    if (portrait->face_count > 0) {
        x = portrait->eyes_x - w / 2;
        y = portrait->eyes_y - h * 0.38;
        /* The hair above a large face comes first. */
        double head = portrait->eyes_y - portrait->faces[0].height * 0.95;
        y = fmin(y, head);
    } else if (portrait->matte) {
        double left, top, right, bottom;
        person_box(portrait->matte, &left, &top, &right, &bottom);
        x = (left + right) / 2 - w / 2;
        y = top - h * 0.08;
    }
    x = fmax(0, fmin(x, photo->width - w));
    y = fmax(0, fmin(y, photo->height - h));
    *ret_part = (struct raster_part){x, y, w, h, false};
}

void portrait_contain(const struct portrait *portrait, int width, int height,
                      struct raster_part *ret_part)
{
    double left, top, right, bottom;
    person_box(portrait->matte, &left, &top, &right, &bottom);
    double margin = 0.075, aspect = (double)width / height;
    double h = (bottom - top) / (1 - 2 * margin), w = h * aspect;
    if (w < (right - left) / (1 - 2 * margin)) {
        w = (right - left) / (1 - 2 * margin);
        h = w / aspect;
    }
    *ret_part = (struct raster_part){(left + right - w) / 2, (top + bottom - h) / 2, w, h, false};
}

void portrait_near(const struct portrait *portrait, int width, int height,
                   struct raster_part *ret_part)
{
    portrait_contain(portrait, width, height, ret_part);
    if (portrait->face_count == 0)
        return;
    double left, top, right, bottom, aspect = (double)width / height;
    person_box(portrait->matte, &left, &top, &right, &bottom);
    const struct style_face *face = &portrait->faces[0];
    double share = aspect > 1.2 ? 0.285 : 0.25;
    double h = fmax(face->height / share, face->width / 0.30 / aspect);
    /* The eyes lie a little above the middle, and nothing of the head is cut. */
    double eyes_at = 0.385, above = (portrait->eyes_y - top) / (eyes_at - 0.07);
    h = fmin(fmax(h, above), ret_part->height);
    double w = h * aspect, centre = portrait->eyes_x * 0.7 + (left + right) / 2 * 0.3;
    *ret_part = (struct raster_part){centre - w / 2, portrait->eyes_y - h * eyes_at, w, h, false};
}

void portrait_style_job(const struct portrait *portrait, const struct raster_part *part, int width,
                        int height, struct style_job *ret_job)
{
    struct raster *photo = raster_sample(portrait->photo, part, width, height, RASTER_AS_IS);
    ret_job->photo = raster_picture(photo, RASTER_AS_IS);
    raster_free(photo);
    ret_job->matte = NULL;
    double scale = width / part->width;
    if (portrait->matte) {
        struct raster *matte = raster_sample(portrait->matte, part, width, height, RASTER_AS_IS);
        for (int y = 0; y < height; y++) {
            double py = part->y + (y + 0.5) / scale;
            for (int x = 0; x < width; x++) {
                double px = part->x + (x + 0.5) / scale;
                if (px < 0 || py < 0 || px > portrait->photo->width || py > portrait->photo->height)
                    raster_row(matte, y)[x] = 0;
            }
        }
        ret_job->matte = raster_picture(matte, RASTER_AS_IS);
        raster_free(matte);
    }
    ret_job->face_count = portrait->face_count;
    for (size_t i = 0; i < portrait->face_count; i++) {
        const struct style_face *face = &portrait->faces[i];
        ret_job->faces[i] =
            (struct style_face){(face->x - part->x) * scale, (face->y - part->y) * scale,
                                face->width * scale, face->height * scale};
    }
}
