/* Colours of teams: by their name, one of their other names, a name that is nearly right, or one that a text mentions. */
#include "media/team.h"

#include "base/table.h"
#include "shared/fault.h"
#include "shared/project.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct project_change change;
static const struct media_assets assets = {&change, project_asset};

/* The first colour as 0xRRGGBB; -1 when there is no team. */
static long first_colour(const char *name, const char *text)
{
    float colours[LAYERS_COLOURS_MAX][3];
    size_t count = team_colours(&assets, name, text, colours);
    long value = 0;
    assert_in_range(count, 0, LAYERS_COLOURS_MAX);
    for (int c = 0; c < 3 && count > 0; c++)
        value = value << 8 | lrintf(colours[0][c] * 255);
    return count > 0 ? value : -1;
}

static void test_names(void **state)
{
    static const struct {
        const char *name, *text;
        long colour;
    } rows[] = {
        {"Brazil", NULL, 0xFFDC02},
        {"bRAZIL", NULL, 0xFFDC02},
        {"brasil", NULL, 0xFFDC02},   /* another name */
        {"Brazzil", NULL, 0xFFDC02},  /* a letter too many */
        {"Brezil", NULL, 0xFFDC02},   /* a wrong one */
        {"Argentna", NULL, 0x74ACDF}, /* one too few */
        {"the team of Argentina", NULL, 0x74ACDF},
        {NULL, "a fan of Argentina, at night", 0x74ACDF},
        {"", "deutschland gegen alle", 0x111111},
        {"Germany", "a match against Brazil", 0x111111}, /* the name goes before the text */
        {"DR Congo", NULL, 0x007FFF},
        {NULL, "Bosnia and Herzegovina", 0x002F6C}, /* the longest that is mentioned */
        {"Atlantis", NULL, -1},
        {"Atlantis", "off to Brazil", 0xFFDC02},
        {NULL, "Brazilian coffee", -1}, /* no word of its own */
        {"", "", -1},
        {NULL, NULL, -1},
        {"a name that is much longer than any name of a team is allowed to be", NULL, -1},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        long found = first_colour(rows[i].name, rows[i].text);
        if (found != rows[i].colour)
            fail_msg("%s, %s: %lx instead of %lx", rows[i].name ? rows[i].name : "-",
                     rows[i].text ? rows[i].text : "-", found, rows[i].colour);
    }
}

/* Without the file, or with one that is not what it should be, a picture is made all the same. */
static void test_broken_files(void **state)
{
    static const char *const files[] = {
        NULL,
        "",
        "no JSON",
        "[]",
        "{\"teams\": 5}",
        "{\"teams\": [5, {\"name\": 5}, {\"name\": \"Brazil\"}]}",
        "{\"teams\": [{\"name\": \"Brazil\", \"colours\": [5, \"red\", \"#12\"]}]}",
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(files); i++) {
        change =
            (struct project_change){"data/teams.json", files[i], files[i] ? strlen(files[i]) : 0};
        assert_int_equal(first_colour("Brazil", "Brazil"), -1);
    }
    static const char many[] = "{\"teams\": [{\"names\": [\"us\"], \"colours\": [\"#010203\", "
                               "\"#1\", \"#040506\", \"#070809\", \"#0a0b0c\", \"#0d0e0f\"]}]}";
    float colours[LAYERS_COLOURS_MAX][3];
    change = (struct project_change){"data/teams.json", many, strlen(many)};
    assert_int_equal(team_colours(&assets, "us", NULL, colours), LAYERS_COLOURS_MAX);
    assert_true(fabsf(colours[1][0] - 4 / 255.0f) < 1e-6f);
    change = (struct project_change){0};
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_broken_files),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: test_team PROJECT\n");
        return 2;
    }
    project_open(argv[1]);
    return cmocka_run_group_tests(tests, NULL, project_close);
}
