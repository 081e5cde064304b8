/*
 * Cutting out what stands before a ground of one known colour, and taking the light of that ground off it. Any thread.
 */
#ifndef MEDIA_CHROMA_H
#define MEDIA_CHROMA_H

#include "media/picture.h"

struct chroma_key {
    uint8_t colour[3]; /* of the ground: a green or blue screen, but white or black as well */
    double
        tolerance; /* 0..1: how far from it a pixel may be and is still ground; 0.1 suits an even screen */
};

/* Moves the key to the colour that the screen has in this RGB frame: who says #00FF00 means the green that is there. Where nothing of
 * its hue fills a good part of the frame it stays, and so does a key without colour. */
void chroma_meet(const struct picture *frame, struct chroma_key *key);

/* `frame` RGB. The screen may be lit unevenly, within twice the tolerance. The matte has 1 channel; the colours are RGB without the ground's share, and where they lean to its hue without its
 * cast. Pixel by pixel: the same frame gives the same result, so that a video does not flicker. The caller frees both. */
void chroma_cut(const struct picture *frame, const struct chroma_key *key,
                struct picture **ret_matte, struct picture **ret_colours);

#endif
