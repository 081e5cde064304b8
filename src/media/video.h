/*
 * Moving pictures and sound on libav*: probing, decoding, one decode-filter-encode pass, encoding.
 * Runs in worker processes only. video_init() once per process, before any jail. One object belongs
 * to one thread at a time.
 */
#ifndef MEDIA_VIDEO_H
#define MEDIA_VIDEO_H

#include "base/err.h"
#include "media/monitor.h"
#include "media/picture.h"
#include <stdbool.h>
#include <stdint.h>

int video_init(struct err *err);

/* Documented input limits; beyond them a sentence refuses. */
enum { VIDEO_SIDE_MIN = 16, VIDEO_SIDE_MAX = 8192, VIDEO_DURATION_MAX_S = 3600 };
#define VIDEO_PIXELS_MAX (8192 * 4320) /* of a frame */

struct video_info {
    int width,
        height; /* upright, square pixels, even: of an odd side the last row or column is dropped */
    int rate_numerator, rate_denominator; /* constant, 1 to 60: what results made from it have */
    int64_t duration_ms;
    int64_t frame_count; /* 0 when unknown */
    bool has_audio;
    int audio_rate, audio_channels;
};

/* Reads the container from the file. `path` names the input in sentences. ERR_BAD_INPUT when it is
 * no video that is taken here (MP4, MOV, WebM, MKV). */
int video_probe(int fd, const char *path, struct video_info *ret_info, struct err *err);

struct video_input {
    int fd;
    const char *path; /* names the input in sentences */
};

/* What a finished file is. */
struct video_result {
    int width, height;
    int64_t duration_ms;
};

/* A video that is shown within another one: cropped to its place, gone after its last picture. */
struct video_moving {
    struct video_input input; /* stays the caller's until the pass has ended */
    int width, height;        /* even */
    /* one channel of width x height, 255 opaque; NULL: all of it is seen */
    const struct picture *mask;
};

/* A picture over a video, or another video. */
struct video_logo {
    const struct picture *rgba; /* in its final size; NULL: `moving` instead */
    int x, y; /* left upper corner in pixels of the video, rounded down to even; may lie partly
                 outside */
    double opacity;                    /* 0..1 */
    double start_s;                    /* seen from here */
    double end_s;                      /* until before this; 0: to the end */
    const struct video_moving *moving; /* even place within the video, opaque, to its end; NULL */
};

/* What is drawn over the finished pictures of a pass, one after the other. All zero: nothing. */
enum { VIDEO_MARKS_MAX = 8 };
struct video_marks {
    const struct video_logo *logos;
    size_t count; /* at most VIDEO_MARKS_MAX */
};

/* For passes that find out themselves what they make: asked once for what is drawn over it, when size and length are known.
 * `marks` NULL: nothing is. */
struct video_painter {
    int (*marks)(void *context, const struct video_info *info, struct video_marks *ret_marks,
                 struct err *err);
    void *context;
};

/* --- reading frames --- */

struct video_reader;

int video_reader_new(int fd, const char *path, struct video_reader **ret_reader, struct err *err);
void video_reader_free(struct video_reader *reader); /* NULL allowed */
CLEANUP_DEFINE(video_reader, struct video_reader, video_reader_free);
/* Lives as long as the reader. */
const struct video_info *video_reader_info(const struct video_reader *reader);
/* The picture that is seen at a time at the info's rate, clamped into the video: RGB, upright, of the info's size.
 * Growing times are read in one go (a video frame by frame: at i / rate), others are searched. New
 * picture. */
int video_reader_at(struct video_reader *reader, double seconds, struct picture **ret_picture,
                    struct err *err);

/* --- whole passes: one decode, one encode, any input size and rate. Results are H.264 High,
 * yuv420p, BT.709, constant rate, faststart MP4; the same inputs give the same bytes. ERR_CANCELLED
 * when the monitor says so. --- */

/* Draws over a video. Sound is copied when MP4 can hold it as it is, else it becomes AAC. */
int video_overlay(const struct video_input *input, const struct video_marks *marks, int fd_out,
                  const struct media_monitor *monitor, struct video_result *ret_result,
                  struct err *err);

struct video_publish_settings {
    struct video_marks marks;
    const char *title; /* NULL */
    bool poster;
};

/* Web-ready file with sound at -16 LUFS. Streams that are already right are copied. `ret_poster`
 * gets a good frame as RGB when asked for, else NULL. */
int video_publish(int fd_in, const char *path, const struct video_publish_settings *settings,
                  int fd_out, const struct media_monitor *monitor, struct video_result *ret_result,
                  struct picture **ret_poster, struct err *err);

enum video_grid_audio { VIDEO_GRID_AUDIO_FIRST, VIDEO_GRID_AUDIO_MIX, VIDEO_GRID_AUDIO_NONE };
enum { VIDEO_GRID_CELLS_MAX = 16 };

struct video_grid_settings {
    int columns, rows;
    int gap;      /* pixels between cells */
    bool contain; /* black bars instead of cropping */
    bool longest; /* shorter videos hold their last picture; else the shortest ends it */
    enum video_grid_audio audio;
    struct video_painter painter;
};

/* Cells row by row; fewer inputs than cells leave black. Cell shape is the first video's; the whole
 * fits 1920 x 1920 and is no larger than the first video times the grid; the rate is the highest of
 * the inputs. */
int video_grid(const struct video_input *inputs, size_t input_count,
               const struct video_grid_settings *settings, int fd_out,
               const struct media_monitor *monitor, struct video_result *ret_result,
               struct err *err);

enum video_inset_audio { VIDEO_INSET_AUDIO_BASE, VIDEO_INSET_AUDIO_OVERLAY, VIDEO_INSET_AUDIO_MIX };

/* A video within another one. */
struct video_inset_settings {
    struct video_marks marks; /* the inset first */
    bool shortest; /* the end of the inset ends the result, if it comes before that of the base */
    bool drawn; /* the base's pictures show the inset already: they are copied, the sound is made */
    enum video_inset_audio audio;
};

/* The base's sound is copied when nothing has to change. */
int video_inset(const struct video_input *base, const struct video_inset_settings *settings,
                int fd_out, const struct media_monitor *monitor, struct video_result *ret_result,
                struct err *err);

enum video_merge_mode {
    VIDEO_MERGE_MATCH_VIDEO,  /* sound is cut or repeated */
    VIDEO_MERGE_PAD_AUDIO,    /* sound is cut or goes on as silence */
    VIDEO_MERGE_MATCH_AUDIO,  /* the video is cut or holds its last picture */
    VIDEO_MERGE_SPEED_ADJUST, /* the video is played faster or slower, a quarter to four times */
    VIDEO_MERGE_STRICT        /* both are equally long within 0.1 s, else ERR_BAD_INPUT */
};

struct video_merge_settings {
    enum video_merge_mode mode;
    double volume;      /* of the new sound, 0 to 4 */
    double fade_s;      /* the new sound comes and goes over this time */
    bool keep_original; /* the video's own sound is mixed with it */
    struct video_painter painter;
};

/* Gives a video another sound; of `audio` any sound file, or the sound of a video. Streams are copied when nothing has to change. */
int video_merge(const struct video_input *video, const struct video_input *audio,
                const struct video_merge_settings *settings, int fd_out,
                const struct media_monitor *monitor, struct video_result *ret_result,
                struct err *err);

/* --- encoding rendered frames --- */

struct video_writer;

/* The sound of a file, which goes beside the frames: copied where MP4 can hold it, cut where the frames end. */
struct video_writer_sound {
    int fd;
    const char *path; /* names the file in sentences */
    double start_s;   /* what of it is time 0 */
    /* Begins again until the frames end, and may be any file of sound; else that of a video, which may have none. */
    bool repeats;
};

struct video_writer_settings {
    int width, height; /* even */
    int rate_numerator, rate_denominator;
    int64_t frame_count; /* for the average bit rate bounds; 0 unknown */
    const char *title;   /* metadata, NULL */
    struct video_marks marks;
    /* NULL: none; file and path stay the caller's until the end */
    const struct video_writer_sound *sound;
};

/* Web-ready MP4 into `fd`: H.264 High, yuv420p, BT.709 tagged, faststart, deterministic. */
int video_writer_new(int fd, const struct video_writer_settings *settings,
                     struct video_writer **ret_writer, struct err *err);
/* The next frame, to be filled whole, in the encoder's own memory; then appends it. */
int video_writer_begin(struct video_writer *writer, struct picture_planes *ret_planes,
                       struct err *err);
int video_writer_commit(struct video_writer *writer, struct err *err);
/* Appends one RGB picture of the writer's size. */
int video_writer_frame(struct video_writer *writer, const struct picture *rgb, struct err *err);
/* Writes the trailer. The writer is then only freed. */
int video_writer_finish(struct video_writer *writer, struct err *err);
void video_writer_free(
    struct video_writer *writer); /* NULL allowed; without finish the file is void */
CLEANUP_DEFINE(video_writer, struct video_writer, video_writer_free);

#endif
