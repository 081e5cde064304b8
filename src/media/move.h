/*
 * Camera moves by name or by the words of a prompt: where the camera is at a moment of a clip. Every move is eased; one that repeats
 * comes back to where it began. Pure, any thread.
 */
#ifndef MEDIA_MOVE_H
#define MEDIA_MOVE_H

#include "media/parallax.h"
#include <stdbool.h>
#include <stddef.h>

struct move;

/* The names for camera_control, ended by NULL. */
extern const char *const move_names[];

/* By exact name (case ignored), else by the longest of its words in the text, else the default one. NULL text is allowed. */
const struct move *move_choose(const char *name, const char *text);
const char *move_name(const struct move *move);

/* `t` 0..1 over the move; `closed`: the pose at 1 is the pose at 0. `strength` 0..1 scales the way. */
void move_pose(const struct move *move, float t, bool closed, float strength,
               struct parallax_pose *ret_pose);

#endif
