#include "media/face.h"

#include "base/arena.h"
#include "media/nn/nn.h"
#include "media/raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FACE_DETECTOR_SIDE = 128,
    FACE_MESH_SIDE = 192,
    FACE_SIDE_MAX = FACE_MESH_SIDE,
    WINDOW_TAPS_MAX = 8,
    FACE_ANCHORS = 896,
    FACE_CANDIDATES_MAX = 64,
    FACE_VALUES = 16
};
static const float face_detector_least = 0.5f, face_mesh_least = 0.5f, face_overlap_most = 0.3f;

/* Photo pixels. */
struct candidate {
    float score, x, y, size; /* centre and longer side */
    float eyes[2][2];
};

/* Who is told how far it is, and the part of the whole that runs now. */
struct search {
    const struct media_monitor *monitor;
    double start, length;
};

/* A square of the photo, turned; samples of it fill a net's input. */
struct window {
    float x, y;         /* centre, photo pixels */
    float cosine, sine; /* times photo pixels per input pixel */
    int side;
};

static void window_to_photo(const struct window *window, float u, float v, float *ret_x,
                            float *ret_y)
{
    float dx = u - (float)window->side / 2, dy = v - (float)window->side / 2;
    *ret_x = window->x + window->cosine * dx - window->sine * dy;
    *ret_y = window->y + window->sine * dx + window->cosine * dy;
}

/* How many samples of a pixel of the window there are each way. */
static int window_taps(const struct window *window)
{
    float step = sqrtf(window->cosine * window->cosine + window->sine * window->sine);
    int taps = step > 1 ? (int)ceilf(step) : 1;
    return taps > WINDOW_TAPS_MAX ? WINDOW_TAPS_MAX : taps;
}

/* Where the samples along an axis lie in a photo of that length; -1 outside. */
static void window_places(const struct window *window, int taps, bool down, int length, int *places)
{
    for (int i = 0; i < window->side * taps; i++) {
        float along = (float)(i / taps) + ((float)(i % taps) + 0.5f) / (float)taps, x, y;
        window_to_photo(window, down ? 0 : along, down ? along : 0, &x, &y);
        float place = down ? y : x;
        places[i] = place < 0 || place >= (float)length ? -1 : (int)place;
    }
}

/* The samples of a window that is not turned: rows of the photo are added first, then columns. The sums are whole numbers. */
static void window_sum_upright(const struct picture *photo, const struct window *window, int taps,
                               float *sums)
{
    int columns[FACE_SIDE_MAX * WINDOW_TAPS_MAX], rows[FACE_SIDE_MAX * WINDOW_TAPS_MAX];
    int count = window->side * taps, first = photo->width, last = -1;
    window_places(window, taps, false, photo->width, columns);
    window_places(window, taps, true, photo->height, rows);
    for (int i = 0; i < count; i++) {
        first = columns[i] >= 0 && columns[i] < first ? columns[i] : first;
        last = columns[i] > last ? columns[i] : last;
    }
    size_t from = 3 * (size_t)first, to = 3 * ((size_t)last + 1);
    uint16_t *line = mem_array(3 * (size_t)photo->width, sizeof(*line));
    for (int v = 0; v < window->side && last >= 0; v++, sums += (size_t)window->side * 3) {
        memset(line + from, 0, (to - from) * sizeof(*line));
        for (int t = v * taps; t < (v + 1) * taps; t++) {
            const uint8_t *row = rows[t] >= 0 ? picture_at(photo, 0, rows[t]) : NULL;
            for (size_t i = from; row && i < to; i++)
                line[i] = (uint16_t)(line[i] + row[i]);
        }
        for (int k = 0; k < count; k++) {
            for (int c = 0; columns[k] >= 0 && c < 3; c++)
                sums[k / taps * 3 + c] += line[3 * columns[k] + c];
        }
    }
    free(line);
}

static void window_sum_turned(const struct picture *photo, const struct window *window, int taps,
                              float *sums)
{
    for (int v = 0; v < window->side; v++) {
        for (int u = 0; u < window->side; u++, sums += 3) {
            for (int k = 0; k < taps * taps; k++) {
                float x, y;
                window_to_photo(window, (float)u + ((float)(k % taps) + 0.5f) / (float)taps,
                                (float)v + ((float)(k / taps) + 0.5f) / (float)taps, &x, &y);
                if (x < 0 || y < 0 || x >= (float)photo->width || y >= (float)photo->height)
                    continue;
                const uint8_t *pixel = picture_at(photo, (int)x, (int)y);
                for (int c = 0; c < 3; c++)
                    sums[c] += pixel[c];
            }
        }
    }
}

/* Samples the photo, shrunk beforehand so that nothing is skipped; black outside. `low`, `high`: what 0 and 255 become. */
static void window_fill(const struct picture *photo, const struct window *window, float *input,
                        float low, float high)
{
    int taps = window_taps(window);
    size_t count = (size_t)window->side * (size_t)window->side * 3;
    memset(input, 0, count * sizeof(*input));
    if (window->sine == 0)
        window_sum_upright(photo, window, taps, input);
    else
        window_sum_turned(photo, window, taps, input);
    for (size_t i = 0; i < count; i++)
        input[i] = low + (high - low) * input[i] / ((float)(taps * taps) * 255);
}

static float sigmoid(float value)
{
    return 1 / (1 + expf(-raster_clamp(value, -80, 80)));
}

/* The outputs of the detector: scores of the two grids, then boxes of the two. */
static size_t collect(struct nn_net *net, const struct window *window, struct candidate *found,
                      size_t count)
{
    static const int grids[2] = {16, 8}, each[2] = {2, 6};
    struct nn_shape shape;
    size_t boxes_first = 0, scores_first = 2;
    nn_output(net, 0, &shape);
    if (shape.channels < FACE_VALUES) {
        boxes_first = 2;
        scores_first = 0;
    }
    float scale = sqrtf(window->cosine * window->cosine + window->sine * window->sine);
    for (size_t g = 0; g < 2; g++) {
        const float *scores = nn_output(net, scores_first + g, &shape),
                    *boxes = nn_output(net, boxes_first + g, &shape);
        for (int i = 0; i < grids[g] * grids[g] * each[g] && count < FACE_CANDIDATES_MAX; i++) {
            float score = sigmoid(scores[i]);
            const float *box = boxes + (size_t)i * FACE_VALUES;
            int cell = i / each[g];
            float ax = ((float)(cell % grids[g]) + 0.5f) / (float)grids[g] * FACE_DETECTOR_SIDE;
            float ay = ((float)(cell / grids[g]) + 0.5f) / (float)grids[g] * FACE_DETECTOR_SIDE;
            if (score < face_detector_least)
                continue;
            struct candidate *candidate = &found[count++];
            candidate->score = score;
            candidate->size = fmaxf(box[2], box[3]) * scale;
            window_to_photo(window, ax + box[0], ay + box[1], &candidate->x, &candidate->y);
            for (int eye = 0; eye < 2; eye++)
                window_to_photo(window, ax + box[4 + 2 * eye], ay + box[5 + 2 * eye],
                                &candidate->eyes[eye][0], &candidate->eyes[eye][1]);
        }
    }
    return count;
}

static int by_score(const void *a, const void *b)
{
    float first = ((const struct candidate *)a)->score,
          second = ((const struct candidate *)b)->score;
    return first < second ? 1 : first > second ? -1 : 0;
}

static bool overlap(const struct candidate *a, const struct candidate *b)
{
    float reach = (a->size + b->size) / 2;
    float x = reach - fabsf(a->x - b->x), y = reach - fabsf(a->y - b->y);
    x = fminf(x, fminf(a->size, b->size));
    y = fminf(y, fminf(a->size, b->size));
    if (x <= 0 || y <= 0)
        return false;
    return x * y / (a->size * a->size + b->size * b->size - x * y) > face_overlap_most;
}

static size_t suppress(struct candidate *found, size_t count)
{
    size_t kept = 0;
    qsort(found, count, sizeof(*found), by_score);
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t k = 0; k < kept; k++)
            again |= overlap(&found[k], &found[i]);
        if (!again)
            found[kept++] = found[i];
    }
    return kept;
}

static int look_at(struct nn_net *net, const struct picture *photo, float x, float y, float side,
                   struct candidate *found, size_t *count, struct err *err)
{
    struct nn_shape shape;
    const struct window window = {x, y, side / FACE_DETECTOR_SIDE, 0, FACE_DETECTOR_SIDE};
    window_fill(photo, &window, nn_input(net, &shape), -1, 1);
    int rc = nn_run(net, NULL, err);
    if (rc == 0)
        *count = collect(net, &window, found, *count);
    return rc;
}

/* Centre of the window with this index along an axis of `length`, `count` of them at most half a window apart. */
static float window_centre(int index, int count, float length, float side)
{
    if (count == 1)
        return length / 2;
    return side / 2 + (float)index * (length - side) / (float)(count - 1);
}

static int window_count(float length, float side)
{
    return length <= side ? 1 : (int)ceilf((length - side) / (side / 2)) + 1;
}

/* Looks through windows of a part of the photo's longer side. */
static int detect(struct nn_net *net, const struct picture *photo, float side,
                  const struct search *search, struct candidate *found, size_t *ret_count,
                  struct err *err)
{
    float width = (float)photo->width, height = (float)photo->height;
    int columns = window_count(width, side), count = columns * window_count(height, side), rc = 0;
    *ret_count = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        if (!media_advance(search->monitor, search->start + search->length * i / count))
            return err_set_default(err, ERR_CANCELLED);
        rc = look_at(net, photo, window_centre(i % columns, columns, width, side),
                     window_centre(i / columns, count / columns, height, side), side, found,
                     ret_count, err);
        *ret_count = suppress(found, *ret_count);
    }
    return rc;
}

static void face_from_points(struct face *face)
{
    float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (int i = 0; i < FACE_POINTS; i++) {
        left = fminf(left, face->points[i].x);
        right = fmaxf(right, face->points[i].x);
        top = fminf(top, face->points[i].y);
        bottom = fmaxf(bottom, face->points[i].y);
    }
    face->x = left;
    face->y = top;
    face->width = right - left;
    face->height = bottom - top;
    /* Corners of the eyes: 33 and 133 of the one, 362 and 263 of the other. */
    face->left_eye_x = (face->points[33].x + face->points[133].x) / 2;
    face->left_eye_y = (face->points[33].y + face->points[133].y) / 2;
    face->right_eye_x = (face->points[362].x + face->points[263].x) / 2;
    face->right_eye_y = (face->points[362].y + face->points[263].y) / 2;
}

/* The mesh in a square of one and a half times the face, turned by the line of the eyes. */
static int measure(struct nn_net *net, const struct picture *photo,
                   const struct candidate *candidate, struct face *ret_face, struct err *err)
{
    struct nn_shape shape;
    float angle = atan2f(candidate->eyes[1][1] - candidate->eyes[0][1],
                         candidate->eyes[1][0] - candidate->eyes[0][0]);
    float step = candidate->size * 1.5f / FACE_MESH_SIDE;
    const struct window window = {candidate->x, candidate->y, cosf(angle) * step,
                                  sinf(angle) * step, FACE_MESH_SIDE};
    window_fill(photo, &window, nn_input(net, &shape), 0, 1);
    int rc = nn_run(net, NULL, err);
    if (rc < 0)
        return rc;
    const float *points = nn_output(net, 0, &shape);
    ret_face->score = sigmoid(nn_output(net, 1, &shape)[0]);
    for (int i = 0; i < FACE_POINTS; i++) {
        struct face_point *point = &ret_face->points[i];
        window_to_photo(&window, points[3 * i], points[3 * i + 1], &point->x, &point->y);
        point->z = points[3 * i + 2] * step;
    }
    face_from_points(ret_face);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double first = ((const struct face *)a)->width, second = ((const struct face *)b)->width;
    return first < second ? 1 : first > second ? -1 : 0;
}

/* The faces among the candidates. */
static int measure_all(struct nn_net *net, const struct picture *photo,
                       const struct candidate *found, size_t count, struct face ret_faces[FACE_MAX],
                       size_t *ret_count, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count && *ret_count < FACE_MAX; i++) {
        struct face *face = &ret_faces[*ret_count];
        rc = measure(net, photo, &found[i], face, err);
        if (rc == 0 && face->score >= face_mesh_least)
            (*ret_count)++;
    }
    return rc;
}

/* The whole photo, then, as long as that shows nobody, halves and quarters of it for smaller faces. */
int face_find(const struct picture *photo, const struct media_assets *assets,
              const struct media_monitor *monitor, struct face ret_faces[FACE_MAX],
              size_t *ret_count, struct err *err)
{
    enum { LEVELS = 3 };
    struct candidate found[FACE_CANDIDATES_MAX];
    CLEANUP(nn) struct nn_net *detector = NULL, *mesh = NULL;
    float longer = (float)(photo->width > photo->height ? photo->width : photo->height);
    size_t count;
    *ret_count = 0;
    int rc = nn_open("face_detector", assets, 0, 0, &detector, err);
    if (rc == 0)
        rc = nn_open("face_mesh", assets, 0, 0, &mesh, err);
    for (int level = 0; rc == 0 && *ret_count == 0 && level < LEVELS; level++) {
        const struct search search = {monitor, (double)level / LEVELS, 1.0 / LEVELS};
        float side = longer / (float)(1 << level);
        if (level > 0 && side <= FACE_DETECTOR_SIDE)
            break;
        rc = detect(detector, photo, side, &search, found, &count, err);
        if (rc == 0)
            rc = measure_all(mesh, photo, found, count, ret_faces, ret_count, err);
    }
    qsort(ret_faces, *ret_count, sizeof(*ret_faces), by_size);
    return rc;
}
