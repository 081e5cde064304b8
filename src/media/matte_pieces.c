#include "media/matte_pieces.h"

#include "base/arena.h"

#include <string.h>

enum { CRACK = 4, CORE_LEAST = 40 };
static const float kept_of_largest = 0.12f, kept_when_sure = 0.04f, sure_least = 0.8f;
static const float enclosed_least = 0.22f;

struct pieces {
    int width, height;
    int *labels; /* 0: not in a piece */
    int *cells;  /* of the piece that was marked last */
};

static struct pieces pieces_new(const struct raster *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height;
    return (struct pieces){mask->width, mask->height, mem_array(count, sizeof(int)),
                           mem_array(count, sizeof(int))};
}

static void pieces_free(struct pieces *pieces)
{
    free(pieces->labels);
    free(pieces->cells);
}

/* Marks the piece around `start` of the cells whose side of `level` is `above`; its area, and whether it touches the border. */
static int piece_mark(struct pieces *pieces, const float *values, float level, bool above,
                      int start, int label, bool *ret_border)
{
    int area = 0;
    pieces->cells[area++] = start;
    pieces->labels[start] = label;
    *ret_border = false;
    for (int done = 0; done < area; done++) {
        int at = pieces->cells[done], x = at % pieces->width, y = at / pieces->width;
        const int steps[4] = {x > 0 ? at - 1 : -1, x + 1 < pieces->width ? at + 1 : -1,
                              y > 0 ? at - pieces->width : -1,
                              y + 1 < pieces->height ? at + pieces->width : -1};
        for (int k = 0; k < 4; k++) {
            int next = steps[k];
            if (next < 0) {
                *ret_border = true;
            } else if (pieces->labels[next] == 0 && (values[next] > level) == above) {
                pieces->labels[next] = label;
                pieces->cells[area++] = next;
            }
        }
    }
    return area;
}

static float piece_mean(const struct pieces *pieces, int area, const struct raster *values)
{
    float sum = 0;
    for (int k = 0; k < area; k++)
        sum += values->values[pieces->cells[k]];
    return sum / (float)area;
}

float matte_keep_largest(struct raster *mask, const struct raster *net)
{
    enum { PIECES_MAX = 4096 };
    struct pieces pieces = pieces_new(mask);
    int areas[PIECES_MAX] = {0}, count = 0, largest = 0, left = 0;
    bool sure[PIECES_MAX] = {0}, border;
    int size = mask->width * mask->height;
    for (int i = 0; i < size && count + 1 < PIECES_MAX; i++) {
        if (mask->values[i] > 0.5f && pieces.labels[i] == 0) {
            count++;
            areas[count] = piece_mark(&pieces, mask->values, 0.15f, true, i, count, &border);
            sure[count] = net && piece_mean(&pieces, areas[count], net) >= sure_least;
            largest = areas[count] > largest ? areas[count] : largest;
        }
    }
    for (int i = 0; i < size; i++) {
        int label = pieces.labels[i];
        float least = (sure[label] ? kept_when_sure : kept_of_largest) * (float)largest;
        if (label == 0 || (float)areas[label] < least)
            mask->values[i] = 0;
        left += mask->values[i] > 0.5f;
    }
    pieces_free(&pieces);
    return (float)left / (float)size;
}

void matte_fill_gaps(struct raster *mask, int most_inside, int most_at_border)
{
    struct pieces pieces = pieces_new(mask);
    for (int i = 0; i < mask->width * mask->height; i++) {
        bool border;
        if (mask->values[i] > 0.5f || pieces.labels[i] != 0)
            continue;
        int area = piece_mark(&pieces, mask->values, 0.5f, false, i, 1, &border);
        for (int k = 0; area < (border ? most_at_border : most_inside) && k < area; k++)
            mask->values[pieces.cells[k]] = 1;
    }
    pieces_free(&pieces);
}

/* The largest value within `reach` cells along one axis, in place: `step` values between neighbours, `length` of them in a row. */
static void widen_along(float *values, size_t step, int length, int reach)
{
    float *line = mem_array((size_t)length, sizeof(float));
    for (int i = 0; i < length; i++)
        line[i] = values[(size_t)i * step];
    for (int i = 0; i < length; i++) {
        int last = i + reach < length ? i + reach : length - 1;
        float most = 0;
        for (int k = i > reach ? i - reach : 0; k <= last; k++)
            most = line[k] > most ? line[k] : most;
        values[(size_t)i * step] = most;
    }
    free(line);
}

static void widen(struct raster *raster, int reach)
{
    for (int y = 0; y < raster->height; y++)
        widen_along(raster_row(raster, y), 1, raster->width, reach);
    for (int x = 0; x < raster->width; x++)
        widen_along(raster->values + x, (size_t)raster->width, raster->height, reach);
}

/* 1 where the largest wide open space outside of the mask reaches, cracks excepted; `ret_open` is what is wide open. */
static struct raster *surroundings(const struct raster *mask, struct raster **ret_open)
{
    struct raster *open = raster_new(mask->width, mask->height, 1);
    struct raster *reached = raster_new(mask->width, mask->height, 1);
    int size = mask->width * mask->height, largest = 0;
    bool border;
    for (int i = 0; i < size; i++)
        open->values[i] = mask->values[i] > 0.5f;
    widen(open, CRACK);
    for (int i = 0; i < size; i++)
        open->values[i] = 1 - open->values[i];
    struct pieces pieces = pieces_new(mask);
    for (int i = 0; i < size; i++) {
        if (open->values[i] < 0.5f || pieces.labels[i] != 0)
            continue;
        int area = piece_mark(&pieces, open->values, 0.5f, true, i, 1, &border);
        if (area <= largest)
            continue;
        largest = area;
        memset(reached->values, 0, (size_t)size * sizeof(float));
        for (int k = 0; k < area; k++)
            reached->values[pieces.cells[k]] = 1;
    }
    pieces_free(&pieces);
    widen(reached, CRACK + 1);
    *ret_open = open;
    return reached;
}

void matte_fill_enclosed(struct raster *mask, const struct raster *net)
{
    struct raster *open CLEANUP(raster) = NULL;
    struct raster *rest CLEANUP(raster) = surroundings(mask, &open);
    struct pieces pieces = pieces_new(mask);
    int size = mask->width * mask->height;
    bool border;
    for (int i = 0; i < size; i++)
        rest->values[i] = mask->values[i] <= 0.5f && rest->values[i] < 0.5f;
    for (int i = 0; i < size; i++) {
        if (rest->values[i] < 0.5f || pieces.labels[i] != 0)
            continue;
        int area = piece_mark(&pieces, rest->values, 0.5f, true, i, 1, &border);
        bool wide = piece_mean(&pieces, area, open) * (float)area >= CORE_LEAST;
        bool known = wide && piece_mean(&pieces, area, net) >= enclosed_least;
        for (int k = 0; known && k < area; k++)
            mask->values[pieces.cells[k]] = 1;
    }
    pieces_free(&pieces);
}
