#include "cmd/suggest.h"

#include <string.h>

enum { SUGGEST_LENGTH_MAX = 40 };

static size_t suggest_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours that turn one into the other. Both at most SUGGEST_LENGTH_MAX long. */
static size_t suggest_distance(const char *a, const char *b)
{
    size_t rows[SUGGEST_LENGTH_MAX + 1][SUGGEST_LENGTH_MAX + 1];
    size_t height = strlen(a), width = strlen(b);
    for (size_t y = 0; y <= height; y++) {
        for (size_t x = 0; x <= width; x++) {
            if (y == 0 || x == 0) {
                rows[y][x] = y + x;
                continue;
            }
            size_t change = rows[y - 1][x - 1] + (a[y - 1] != b[x - 1]);
            size_t best = suggest_min(change, suggest_min(rows[y - 1][x], rows[y][x - 1]) + 1);
            if (y > 1 && x > 1 && a[y - 1] == b[x - 2] && a[y - 2] == b[x - 1])
                best = suggest_min(best, rows[y - 2][x - 2] + 1);
            rows[y][x] = best;
        }
    }
    return rows[height][width];
}

void suggest_init(struct suggest *suggest, const char *wanted)
{
    size_t length = strlen(wanted);
    *suggest = (struct suggest){.wanted = wanted};
    /* One mistake in three letters, three at most. */
    if (length <= SUGGEST_LENGTH_MAX)
        suggest->distance = suggest_min((length + 2) / 3, 3) + 1;
}

void suggest_offer(struct suggest *suggest, const char *name)
{
    if (suggest->distance == 0 || strlen(name) > SUGGEST_LENGTH_MAX)
        return;
    size_t distance = suggest_distance(suggest->wanted, name);
    if (distance < suggest->distance) {
        suggest->distance = distance;
        suggest->best = name;
    }
}
