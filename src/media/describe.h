/*
 * What a picture shows, in words: who is in it, its colours, its light, its shape. By measuring and by the nets that look for
 * people; nothing is guessed that was not measured. Any thread.
 */
#ifndef MEDIA_DESCRIBE_H
#define MEDIA_DESCRIBE_H

#include "base/arena.h"
#include "media/portrait.h"

/* Words that go on in a sentence, such as "a close portrait of one person before a dark blue ground, in low light, upright".
 * The same picture gives the same words. */
const char *describe_picture(struct arena *a, const struct portrait *portrait);

#endif
