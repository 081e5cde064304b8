/*
 * Judges a finished video by libavformat and by the ffmpeg program, not by the code under test. A file that cannot be read or
 * that breaks what is promised of every result fails the cmocka test that runs. One thread.
 */
#ifndef TESTS_SHARED_JUDGE_VIDEO_H
#define TESTS_SHARED_JUDGE_VIDEO_H

#include "base/cleanup.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read by libavformat from its start; the caller's to close. */
AVFormatContext *judge_open(int fd);

struct judge_facts {
    int width, height, frames;
    double rate; /* frames a second */
    double video_s, sound_s;
    bool is_high; /* H.264 High profile */
    bool has_sound;
    enum AVCodecID sound_codec;
    int sound_rate, sound_channels;
    char title[64];
};

/* Fails unless: MP4 with the index first; H.264, yuv420p, square pixels, BT.709 in limited range, a key frame first; every
 * picture at a whole number of frames from 0, none twice or missing; sound, if any, as long as the picture within 0.1 s. */
struct judge_facts judge_file(int fd);

/* Every picture as RGB, every sound as stereo at 48,000 Hz, both from time 0. */
struct judge_frames {
    int width, height, count;
    uint8_t *rgb;
    float *sound; /* pairs */
    size_t samples;
};

struct judge_frames judge_decode(int fd);
void judge_frames_finish(struct judge_frames *frames);
static inline void cleanup_judge_frames(struct judge_frames *frames)
{
    judge_frames_finish(frames);
}

const uint8_t *judge_pixel(const struct judge_frames *frames, int frame, int x, int y);
/* Within `slack` of 0xRRGGBB. */
bool judge_is(const struct judge_frames *frames, int frame, int x, int y, unsigned color,
              int slack);
void judge_color(const struct judge_frames *frames, int frame, int x, int y, unsigned color);
/* Mean distance of two pictures in values of a byte. */
double judge_distance(const struct judge_frames *frames, int frame, int other);

/* Structural similarity of a picture of one to that of another, 1 for the same: mean over its brightness in squares of 8. */
double judge_similarity(const struct judge_frames *frames, const struct judge_frames *others,
                        int frame);

/* Integrated loudness in LUFS. */
double judge_loudness(int fd);
/* Strength of a tone, as an amplitude, in samples from..to. */
double judge_tone(const struct judge_frames *frames, double hertz, double from_s, double to_s);
/* Digest of the coded packets of the first stream of the type, in hex (static, overwritten by the fourth call after); without the
 * notes of encoders within pictures, which are not copied. */
const char *judge_packets(int fd, enum AVMediaType type);

#endif
