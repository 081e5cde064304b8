/*
 * Colours of national teams and clubs (assets/data/teams.json), found by name in a hint or a prompt. Any thread.
 */
#ifndef MEDIA_TEAM_H
#define MEDIA_TEAM_H

#include "media/layers.h"
#include "media/scene.h"

/* The colours (encoded) of the team whose name is nearest to `name`, or else is the longest that occurs in `text`; the number of
 * colours, 0 when there is none. A missing or broken file gives 0. */
size_t team_colours(const struct media_assets *assets, const char *name, const char *text,
                    float ret_colours[LAYERS_COLOURS_MAX][3]);

#endif
