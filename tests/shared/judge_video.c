#include "judge_video.h"

#include "base/arena.h"
#include "base/sha256.h"
#include "media/video_private.h"

#include <fcntl.h>
#include <libavformat/avformat.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

AVFormatContext *judge_open(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    AVFormatContext *file = NULL;
    assert_int_equal(avformat_open_input(&file, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(file, NULL) >= 0);
    return file;
}

/* Every time is where it belongs: a whole number of frames from 0, none twice or missing. */
static void check_times(AVFormatContext *file, const AVStream *video)
{
    int frames = (int)video->nb_frames, count = 0;
    bool *seen = mem_array((size_t)frames + 1, sizeof(bool));
    AVPacket *packet = av_packet_alloc();
    int64_t decoded_before = INT64_MIN;
    while (av_read_frame(file, packet) >= 0) {
        if (packet->stream_index == video->index) {
            double exact =
                (double)packet->pts * av_q2d(video->time_base) * av_q2d(video->avg_frame_rate);
            int index = (int)lrint(exact);
            assert_true(fabs(exact - index) < 0.01);
            assert_in_range(index, 0, frames - 1);
            assert_false(seen[index]);
            assert_true(packet->dts > decoded_before);
            assert_true(count > 0 || (packet->flags & AV_PKT_FLAG_KEY));
            decoded_before = packet->dts;
            seen[index] = true;
            count++;
        }
        av_packet_unref(packet);
    }
    assert_int_equal(count, frames);
    av_packet_free(&packet);
    free(seen);
}

static void check_index_first(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    size_t size = (size_t)status.st_size;
    char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(bytes != MAP_FAILED);
    assert_memory_equal(bytes + 4, "ftyp", 4);
    const char *index = memmem(bytes, size, "moov", 4), *content = memmem(bytes, size, "mdat", 4);
    assert_true(index && content && index < content);
    munmap(bytes, size);
}

struct judge_facts judge_file(int fd)
{
    AVFormatContext *file = judge_open(fd);
    struct judge_facts facts = {0};
    check_index_first(fd);
    assert_in_range(file->nb_streams, 1, 2);
    for (unsigned i = 0; i < file->nb_streams; i++) {
        const AVStream *stream = file->streams[i];
        const AVCodecParameters *p = stream->codecpar;
        double seconds = (double)stream->duration * av_q2d(stream->time_base);
        if (i == 0) {
            assert_int_equal(p->codec_id, AV_CODEC_ID_H264);
            assert_int_equal(p->format, AV_PIX_FMT_YUV420P);
            assert_int_equal(p->color_range, AVCOL_RANGE_MPEG);
            assert_int_equal(p->color_primaries, AVCOL_PRI_BT709);
            assert_int_equal(p->color_trc, AVCOL_TRC_BT709);
            assert_int_equal(p->color_space, AVCOL_SPC_BT709);
            assert_int_equal(p->sample_aspect_ratio.num, p->sample_aspect_ratio.den);
            facts.is_high = p->profile == FF_PROFILE_H264_HIGH;
            facts.width = p->width;
            facts.height = p->height;
            facts.frames = (int)stream->nb_frames;
            facts.rate = av_q2d(stream->avg_frame_rate);
            facts.video_s = seconds;
        } else {
            assert_int_equal(p->codec_type, AVMEDIA_TYPE_AUDIO);
            facts.has_sound = true;
            facts.sound_codec = p->codec_id;
            facts.sound_rate = p->sample_rate;
            facts.sound_channels = p->ch_layout.nb_channels;
            facts.sound_s = seconds;
        }
    }
    const AVDictionaryEntry *title = av_dict_get(file->metadata, "title", NULL, 0);
    snprintf(facts.title, sizeof(facts.title), "%s", title ? title->value : "");
    assert_true(fabs(facts.video_s - facts.frames / facts.rate) < 0.002);
    assert_true(!facts.has_sound || fabs(facts.sound_s - facts.video_s) < 0.1);
    check_times(file, file->streams[0]);
    avformat_close_input(&file);
    return facts;
}

/* What a command prints, to its end. */
static void *read_command(const char *command, size_t *ret_size)
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = 0, capacity = 1 << 20;
    char *bytes = mem_array(capacity, 1);
    for (size_t got; (got = fread(bytes + size, 1, capacity - size, pipe)) > 0;) {
        size += got;
        if (size == capacity)
            bytes = mem_resize(bytes, capacity *= 2, 1);
    }
    assert_int_equal(pclose(pipe), 0);
    *ret_size = size;
    return bytes;
}

struct judge_frames judge_decode(int fd)
{
    char command[256];
    struct judge_frames frames = {0};
    AVFormatContext *file = judge_open(fd);
    frames.width = file->streams[0]->codecpar->width;
    frames.height = file->streams[0]->codecpar->height;
    bool has_sound = file->nb_streams > 1;
    avformat_close_input(&file);
    size_t size = 0;
    snprintf(command, sizeof(command),
             "ffmpeg -v error -nostdin -i /proc/%d/fd/%d -map 0:v -vsync passthrough -vf "
             "scale=in_color_matrix=bt709:flags=bicubic+full_chroma_int+accurate_rnd -f rawvideo "
             "-pix_fmt rgb24 -",
             (int)getpid(), fd);
    frames.rgb = read_command(command, &size);
    size_t frame_size = (size_t)frames.width * (size_t)frames.height * 3;
    assert_int_equal(size % frame_size, 0);
    frames.count = (int)(size / frame_size);
    if (!has_sound)
        return frames;
    snprintf(command, sizeof(command),
             "ffmpeg -v error -nostdin -i /proc/%d/fd/%d -map 0:a -af "
             "aresample=48000:async=1:first_pts=0 -f f32le -ac 2 -",
             (int)getpid(), fd);
    frames.sound = read_command(command, &size);
    frames.samples = size / (2 * sizeof(float));
    return frames;
}

void judge_frames_finish(struct judge_frames *frames)
{
    free(frames->rgb);
    free(frames->sound);
}

const uint8_t *judge_pixel(const struct judge_frames *frames, int frame, int x, int y)
{
    assert_in_range(frame, 0, frames->count - 1);
    assert_in_range(x, 0, frames->width - 1);
    assert_in_range(y, 0, frames->height - 1);
    size_t row = (size_t)frame * (size_t)frames->height + (size_t)y;
    return frames->rgb + (row * (size_t)frames->width + (size_t)x) * 3;
}

bool judge_is(const struct judge_frames *frames, int frame, int x, int y, unsigned color, int slack)
{
    const uint8_t *pixel = judge_pixel(frames, frame, x, y);
    return abs(pixel[0] - (int)(color >> 16)) <= slack &&
           abs(pixel[1] - (int)(color >> 8 & 255)) <= slack &&
           abs(pixel[2] - (int)(color & 255)) <= slack;
}

void judge_color(const struct judge_frames *frames, int frame, int x, int y, unsigned color)
{
    const uint8_t *pixel = judge_pixel(frames, frame, x, y);
    if (!judge_is(frames, frame, x, y, color, 8))
        fail_msg("frame %d at %d, %d: #%02x%02x%02x instead of #%06x", frame, x, y, pixel[0],
                 pixel[1], pixel[2], color);
}

double judge_distance(const struct judge_frames *frames, int frame, int other)
{
    const uint8_t *a = judge_pixel(frames, frame, 0, 0), *b = judge_pixel(frames, other, 0, 0);
    size_t count = (size_t)frames->width * (size_t)frames->height * 3;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += abs(a[i] - b[i]);
    return sum / (double)count;
}

/* Of one square of brightness (green) at `at`. */
static double judge_square(const uint8_t *a, const uint8_t *b, size_t stride)
{
    enum { SIDE = 8 };
    const double c1 = 6.5025, c2 = 58.5225, count = SIDE * SIDE;
    double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        size_t at = (i / SIDE) * stride + (i % SIDE) * 3 + 1;
        sum_a += a[at];
        sum_b += b[at];
        aa += a[at] * a[at];
        bb += b[at] * b[at];
        ab += a[at] * b[at];
    }
    double mean_a = sum_a / count, mean_b = sum_b / count;
    double spread = aa / count - mean_a * mean_a + bb / count - mean_b * mean_b;
    double both = ab / count - mean_a * mean_b;
    return (2 * mean_a * mean_b + c1) * (2 * both + c2) /
           ((mean_a * mean_a + mean_b * mean_b + c1) * (spread + c2));
}

double judge_similarity(const struct judge_frames *frames, const struct judge_frames *others,
                        int frame)
{
    double sum = 0;
    int count = 0;
    for (int y = 0; y + 8 <= frames->height; y += 8) {
        for (int x = 0; x + 8 <= frames->width; x += 8, count++)
            sum += judge_square(judge_pixel(frames, frame, x, y), judge_pixel(others, frame, x, y),
                                (size_t)frames->width * 3);
    }
    return sum / count;
}

double judge_loudness(int fd)
{
    char command[256];
    snprintf(command, sizeof(command),
             "ffmpeg -nostats -nostdin -hide_banner -i /proc/%d/fd/%d -vn -af ebur128 -f null - "
             "2>&1",
             (int)getpid(), fd);
    size_t size = 0;
    char *text = read_command(command, &size);
    text[size < (1 << 20) ? size : (1 << 20) - 1] = '\0';
    const char *summary = strstr(text, "Summary:");
    const char *at = summary ? strstr(summary, " I: ") : NULL;
    assert_non_null(at);
    double lufs = strtod(at + 4, NULL);
    free(text);
    return lufs;
}

double judge_tone(const struct judge_frames *frames, double hertz, double from_s, double to_s)
{
    size_t from = (size_t)lrint(from_s * 48000), to = (size_t)lrint(to_s * 48000);
    assert_true(frames->sound && from < to && to <= frames->samples);
    double real = 0, imaginary = 0;
    for (size_t i = from; i < to; i++) {
        double sample = (frames->sound[2 * i] + frames->sound[2 * i + 1]) / 2;
        real += sample * cos(2 * M_PI * hertz * (double)i / 48000);
        imaginary += sample * sin(2 * M_PI * hertz * (double)i / 48000);
    }
    return 2 * hypot(real, imaginary) / (double)(to - from);
}

const char *judge_packets(int fd, enum AVMediaType type)
{
    enum { DIGESTS = 4 };
    static char digests[DIGESTS][SHA256_HEX_SIZE];
    static unsigned turn;
    AVFormatContext *file = judge_open(fd);
    int stream = av_find_best_stream(file, type, -1, -1, NULL, 0);
    assert_true(stream >= 0);
    AVPacket *packet = av_packet_alloc();
    struct sha256_ctx sum;
    uint8_t digest[SHA256_SIZE];
    sha256_init(&sum);
    while (av_read_frame(file, packet) >= 0) {
        if (packet->stream_index != stream) {
            av_packet_unref(packet);
            continue;
        }
        if (type == AVMEDIA_TYPE_VIDEO)
            assert_int_equal(video_private_strip(packet, 4), 0);
        sha256_update(&sum, (size_t)packet->size, packet->data);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&file);
    turn = (turn + 1) % DIGESTS;
    sha256_digest(&sum, sizeof(digest), digest);
    hex_encode(digest, sizeof(digest), digests[turn]);
    return digests[turn];
}
