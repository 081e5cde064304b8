#include "media/matte.h"

#include "base/arena.h"
#include "media/image.h"
#include "media/matte_edge.h"
#include "media/matte_look.h"

#include <math.h>
#include <string.h>

static const float matte_least_share = 0.015f, matte_most_doubt = 0.45f;
static const double part_most = 0.6;

/* --- parts of the photo -------------------------------------------------------------------------
 */

struct part {
    int x, y, width, height; /* photo pixels */
};

static bool part_is_whole(const struct part *part, const struct picture *photo)
{
    return part->width == photo->width && part->height == photo->height;
}

/* Cells from the first to behind the last that is at least a little covered. */
static void cells_of_people(const struct raster *mask, int *left, int *top, int *right, int *bottom)
{
    *left = *top = MATTE_GRID;
    *right = *bottom = 0;
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        int x = i % MATTE_GRID, y = i / MATTE_GRID;
        if (mask->values[i] < 0.25f)
            continue;
        *left = x < *left ? x : *left;
        *right = x >= *right ? x + 1 : *right;
        *top = y < *top ? y : *top;
        *bottom = y >= *bottom ? y + 1 : *bottom;
    }
}

/* The part of the photo around the people with `room` (of their longer side) around them; the whole when that is not much
 * smaller. */
static struct part part_of_people(const struct picture *photo, const struct raster *mask,
                                  double room)
{
    int left, top, right, bottom;
    cells_of_people(mask, &left, &top, &right, &bottom);
    double across = (double)photo->width / MATTE_GRID, down = (double)photo->height / MATTE_GRID;
    double around = room * fmax((right - left) * across, (bottom - top) * down) + 8;
    int x0 = (int)fmax(0, left * across - around);
    int x1 = (int)fmin(photo->width, right * across + around);
    int y0 = (int)fmax(0, top * down - around);
    int y1 = (int)fmin(photo->height, bottom * down + around);
    if ((double)(x1 - x0) * (y1 - y0) > part_most * photo->width * photo->height)
        return (struct part){0, 0, photo->width, photo->height};
    return (struct part){x0, y0, x1 - x0, y1 - y0};
}

static struct picture *part_cut(const struct picture *photo, const struct part *part)
{
    return part_is_whole(part, photo)
               ? picture_copy(photo)
               : image_crop(photo, part->x, part->y, part->width, part->height);
}

/* Puts the part's matte and colours where they belong; around them there is nobody. */
static void widen(const struct picture *photo, const struct part *part, struct picture **matte,
                  struct picture **colours)
{
    struct picture *whole = picture_new(photo->width, photo->height, 1);
    struct picture *around = picture_copy(photo);
    for (int y = 0; y < part->height; y++) {
        memcpy(picture_at(whole, part->x, part->y + y), picture_at(*matte, 0, y),
               (size_t)part->width);
        memcpy(picture_at(around, part->x, part->y + y), picture_at(*colours, 0, y),
               (size_t)part->width * 3);
    }
    picture_free(*matte);
    picture_free(*colours);
    *matte = whole;
    *colours = around;
}

/* --- a photo ------------------------------------------------------------------------------------
 */

static void refine_part(const struct picture *photo, const struct part *part,
                        const struct picture *close, const struct matte_sight *sight,
                        struct picture **ret_matte, struct picture **ret_colours)
{
    matte_refine(close, sight->guide, sight->mask, ret_matte, ret_colours);
    if (!part_is_whole(part, photo))
        widen(photo, part, ret_matte, ret_colours);
}

/* A person who fills little of the photo is looked at again, closer. */
static int look_closer(struct nn_net *net, const struct picture *photo, struct part *part,
                       struct matte_sight *sight, struct picture **ret_close, struct err *err)
{
    *part = part_of_people(photo, sight->seen, 0.15);
    *ret_close = part_cut(photo, part);
    if (part_is_whole(part, photo))
        return 0;
    matte_sight_finish(sight);
    return matte_look(net, *ret_close, NULL, sight, err);
}

int matte_person(const struct picture *photo, const struct media_assets *assets,
                 const struct media_monitor *monitor, struct picture **ret_matte,
                 struct picture **ret_colours, struct err *err)
{
    CLEANUP(nn) struct nn_net *net = NULL;
    CLEANUP(picture) struct picture *close = NULL;
    struct matte_sight sight = {0};
    struct part part = {0};
    *ret_matte = *ret_colours = NULL;
    int rc = nn_open("selfie", assets, 0, 0, &net, err);
    if (rc == 0)
        rc = matte_look(net, photo, NULL, &sight, err);
    if (rc == 0 && !media_advance(monitor, 0.3))
        rc = err_set_default(err, ERR_CANCELLED);
    if (rc == 0 && sight.share >= matte_least_share)
        rc = look_closer(net, photo, &part, &sight, &close, err);
    if (rc == 0 && !media_advance(monitor, 0.6))
        rc = err_set_default(err, ERR_CANCELLED);
    if (rc == 0 && sight.share >= matte_least_share && sight.doubt <= matte_most_doubt)
        refine_part(photo, &part, close, &sight, ret_matte, ret_colours);
    matte_sight_finish(&sight);
    return rc;
}

/* --- a video ------------------------------------------------------------------------------------
 */

struct matte_stream {
    struct nn_net *net;
    struct matte_memory memory;
    struct part part; /* that is looked at; width 0 before anybody was seen */
};

int matte_stream_new(const struct media_assets *assets, struct matte_stream **ret_stream,
                     struct err *err)
{
    CLEANUP(matte_stream) struct matte_stream *stream = mem_alloc(sizeof(*stream));
    int rc = nn_open("selfie", assets, 0, 0, &stream->net, err);
    if (rc == 0)
        *ret_stream = TAKE(stream);
    return rc;
}

void matte_stream_free(struct matte_stream *stream)
{
    if (!stream)
        return;
    matte_memory_forget(&stream->memory);
    nn_free(stream->net);
    free(stream);
}

/* Whether the people come near a side of the part that is not one of the frame: cut off there, the net would miss what it sees half of. */
static bool leaves_part(const struct picture *frame, const struct part *part,
                        const struct raster *mask)
{
    enum { NEAR = MATTE_GRID / 16 };
    int left, top, right, bottom;
    cells_of_people(mask, &left, &top, &right, &bottom);
    return (left < NEAR && part->x > 0) || (top < NEAR && part->y > 0) ||
           (right > MATTE_GRID - NEAR && part->x + part->width < frame->width) ||
           (bottom > MATTE_GRID - NEAR && part->y + part->height < frame->height);
}

/* Where to look from now on; width 0 when nobody is there. */
static int choose_part(struct matte_stream *stream, const struct picture *frame, struct err *err)
{
    struct matte_sight sight = {0};
    matte_memory_forget(&stream->memory);
    stream->part = (struct part){0};
    int rc = matte_look(stream->net, frame, NULL, &sight, err);
    if (rc == 0 && sight.share >= matte_least_share) {
        struct part part = part_of_people(frame, sight.seen, 0.25);
        CLEANUP(picture) struct picture *close = part_cut(frame, &part);
        matte_sight_finish(&sight);
        rc = matte_look(stream->net, close, NULL, &sight, err);
        if (rc == 0 && sight.share >= matte_least_share && sight.doubt <= matte_most_doubt)
            stream->part = part;
    }
    matte_sight_finish(&sight);
    return rc;
}

int matte_stream_next(struct matte_stream *stream, const struct picture *frame,
                      struct picture **ret_matte, struct picture **ret_colours, struct err *err)
{
    *ret_matte = *ret_colours = NULL;
    for (int attempt = 0; attempt < 2; attempt++) {
        int rc = stream->part.width == 0 || attempt > 0 ? choose_part(stream, frame, err) : 0;
        if (rc < 0 || stream->part.width == 0)
            return rc;
        struct matte_sight sight = {0};
        CLEANUP(picture) struct picture *close = part_cut(frame, &stream->part);
        rc = matte_look(stream->net, close, &stream->memory, &sight, err);
        bool lost = rc == 0 && (sight.share < matte_least_share ||
                                leaves_part(frame, &stream->part, sight.seen));
        if (rc == 0 && sight.share >= matte_least_share && (!lost || attempt > 0))
            refine_part(frame, &stream->part, close, &sight, ret_matte, ret_colours);
        matte_sight_finish(&sight);
        if (rc < 0 || !lost)
            return rc;
    }
    return 0;
}
