#include "media/team.h"

#include "base/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEAMS_JSON_MAX = 256 * 1024, TEAM_NAME_MAX = 48 };

/* Insertions, deletions and changes from one name to the other, case ignored. */
static int edit_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > TEAM_NAME_MAX || length_b > TEAM_NAME_MAX)
        return TEAM_NAME_MAX;
    int row[TEAM_NAME_MAX + 1];
    for (size_t j = 0; j <= length_b; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= length_a; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= length_b; j++) {
            int change =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            int other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < other ? change : other;
        }
    }
    return row[length_b];
}

/* Points for one name of a team: exact beats nearly right beats mentioned; 0 is no match. */
static int name_points(const char *known, const char *name, const char *text)
{
    int length = (int)strlen(known);
    if (name && *name) {
        int wrong = edit_distance(known, name);
        if (wrong == 0)
            return 100000;
        int points = 0;
        if (wrong <= length / 4)
            points = 10000 - wrong;
        else if (scene_word_in(known, name) > 0)
            points = 5000 + length;
        if (points)
            return points;
    }
    return text && scene_word_in(known, text) > 0 ? 1000 + length : 0;
}

static int team_points(const json_t *team, const char *name, const char *text)
{
    const char *known = json_member_string(team, "name");
    int best = known ? name_points(known, name, text) : 0;
    const json_t *others = json_object_get(team, "names");
    for (size_t i = 0; i < json_array_size(others); i++) {
        const char *other = json_string_value(json_array_get(others, i));
        int points = other ? name_points(other, name, text) : 0;
        best = points > best ? points : best;
    }
    return best;
}

static size_t read_colours(const json_t *array, float ret_colours[LAYERS_COLOURS_MAX][3])
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array) && count < LAYERS_COLOURS_MAX; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text || strlen(text) != 7 || text[0] != '#')
            continue;
        unsigned long value = strtoul(text + 1, NULL, 16);
        for (int c = 0; c < 3; c++)
            ret_colours[count][c] = (float)((value >> (16 - 8 * c)) & 255) / 255;
        count++;
    }
    return count;
}

size_t team_colours(const struct media_assets *assets, const char *name, const char *text,
                    float ret_colours[LAYERS_COLOURS_MAX][3])
{
    const void *bytes;
    size_t size;
    CLEANUP(json) json_t *json = NULL;
    if (assets->find(assets->context, "data/teams.json", &bytes, &size, NULL) < 0 ||
        json_parse(bytes, size, TEAMS_JSON_MAX, &json, NULL) < 0)
        return 0;
    const json_t *teams = json_object_get(json, "teams"), *best = NULL;
    int best_points = 0;
    for (size_t i = 0; i < json_array_size(teams); i++) {
        const json_t *team = json_array_get(teams, i);
        int points = team_points(team, name, text);
        if (points > best_points) {
            best_points = points;
            best = team;
        }
    }
    return best ? read_colours(json_object_get(best, "colours"), ret_colours) : 0;
}
