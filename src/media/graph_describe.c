/* Parts of filter descriptions; see graph.h. */
#include "media/graph.h"

#include <string.h>

static bool graph_is_hdr(const struct video_source *source)
{
    return source->color_transfer == AVCOL_TRC_SMPTE2084 ||
           source->color_transfer == AVCOL_TRC_ARIB_STD_B67;
}

static bool graph_is_wide(const struct video_source *source)
{
    return source->color_primaries == AVCOL_PRI_BT2020 ||
           source->color_primaries == AVCOL_PRI_SMPTE432 ||
           source->color_primaries == AVCOL_PRI_SMPTE431 ||
           source->color_space == AVCOL_SPC_BT2020_NCL ||
           source->color_space == AVCOL_SPC_BT2020_CL;
}

static const char *graph_matrix(enum AVColorSpace space)
{
    switch (space) {
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_BT470BG:
        return "bt601";
    case AVCOL_SPC_FCC:
        return "fcc";
    case AVCOL_SPC_SMPTE240M:
        return "smpte240m";
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return "bt2020";
    default:
        return "bt709";
    }
}

static const char *graph_range(const struct video_source *source)
{
    return source->color_range == AVCOL_RANGE_JPEG ? "full" : "limited";
}

/* High dynamic range and wide gamut go through linear light; the tone curve keeps diffuse white and
 * rolls highlights off. */
static void graph_append_gamut(struct buffer *text, const struct video_source *source)
{
    const char *transfer = source->color_transfer == AVCOL_TRC_SMPTE2084      ? "smpte2084"
                           : source->color_transfer == AVCOL_TRC_ARIB_STD_B67 ? "arib-std-b67"
                                                                              : "bt709";
    bool is_2020 = source->color_primaries == AVCOL_PRI_BT2020 ||
                   source->color_primaries == AVCOL_PRI_UNSPECIFIED;
    const char *primaries = is_2020                                         ? "bt2020"
                            : source->color_primaries == AVCOL_PRI_SMPTE432 ? "smpte432"
                            : source->color_primaries == AVCOL_PRI_SMPTE431 ? "smpte431"
                                                                            : "bt709";
    const char *matrix = source->color_space == AVCOL_SPC_BT2020_NCL  ? "2020_ncl"
                         : source->color_space == AVCOL_SPC_BT2020_CL ? "2020_cl"
                         : source->color_space == AVCOL_SPC_SMPTE170M ? "170m"
                                                                      : "709";
    buffer_printf(text,
                  "format=yuv420p10|yuv420p,zscale=tin=%s:pin=%s:min=%s:rin=%s:t=linear:npl=203,"
                  "format=gbrpf32,zscale=p=bt709,",
                  transfer, primaries, matrix, graph_range(source));
    if (graph_is_hdr(source))
        buffer_append_text(text, "tonemap=tonemap=mobius:param=0.3:desat=2,");
    buffer_append_text(text, "zscale=t=bt709:m=bt709:r=limited,format=yuv420p,");
}

static void graph_append_turn(struct buffer *text, const struct video_source *source)
{
    const int32_t *matrix = source->matrix;
    if (!matrix)
        return;
    switch (source->quarter_turns) {
    case 1:
        buffer_printf(text, "transpose=%s,", matrix[3] > 0 ? "cclock_flip" : "clock");
        break;
    case 2:
        buffer_append_text(text, matrix[0] < 0 ? "hflip," : "");
        buffer_append_text(text, matrix[4] < 0 ? "vflip," : "");
        break;
    case 3:
        buffer_printf(text, "transpose=%s,", matrix[3] < 0 ? "clock_flip" : "cclock");
        break;
    default:
        buffer_append_text(text, matrix[4] < 0 ? "vflip," : "");
        break;
    }
}

/* One scaler for size, matrix and range together; nothing when all are right already. */
static void graph_append_scale(struct buffer *text, const struct video_source *source, int width,
                               int height)
{
    bool converted = graph_is_hdr(source) || graph_is_wide(source);
    const char *matrix = converted ? "bt709" : graph_matrix(source->color_space);
    const char *range = converted ? "limited" : graph_range(source);
    bool is_right = (converted || source->format == AV_PIX_FMT_YUV420P) &&
                    source->color_space != AVCOL_SPC_RGB && strcmp(matrix, "bt709") == 0 &&
                    strcmp(range, "limited") == 0 && width == source->coded_width &&
                    height == source->coded_height;
    if (converted)
        graph_append_gamut(text, source);
    if (is_right)
        return;
    buffer_printf(text,
                  "scale=%d:%d:flags=bicubic+accurate_rnd+bitexact:out_color_matrix=bt709:"
                  "in_range=%s:out_range=limited",
                  width, height, range);
    if (source->color_space != AVCOL_SPC_RGB)
        buffer_printf(text, ":in_color_matrix=%s", matrix);
    buffer_append_text(text, ",format=yuv420p,");
}

/* Both fields of a picture become one whole picture. */
static void graph_append_rate(struct buffer *text, const struct video_source *source,
                              AVRational rate)
{
    if (source->interlaced)
        buffer_append_text(text, "bwdif=mode=send_frame:deint=all,");
    buffer_printf(text, "fps=fps=%d/%d:start_time=0:round=near,", rate.num, rate.den);
}

static void graph_append_upright(struct buffer *text, const struct video_source *source)
{
    bool sideways = source->quarter_turns % 2 == 1;
    bool is_square = source->width == (sideways ? source->coded_height : source->coded_width) &&
                     source->height == (sideways ? source->coded_width : source->coded_height);
    bool is_odd = source->width == ((sideways ? source->coded_height : source->coded_width) & ~1) &&
                  source->height == ((sideways ? source->coded_width : source->coded_height) & ~1);
    if (!is_square && is_odd) {
        graph_append_scale(text, source, source->coded_width, source->coded_height);
        graph_append_turn(text, source);
        buffer_printf(text, "crop=%d:%d:0:0,", source->width, source->height);
    } else {
        graph_append_scale(text, source, sideways ? source->height : source->width,
                           sideways ? source->width : source->height);
        graph_append_turn(text, source);
    }
    buffer_append_text(text, "format=yuv420p,setsar=1");
}

void graph_append_picture(struct buffer *text, const struct video_source *source, AVRational rate)
{
    graph_append_rate(text, source, rate);
    graph_append_upright(text, source);
}

void graph_append_rgb(struct buffer *text, const struct video_source *source)
{
    if (source->interlaced) /* nothing is remembered from picture to picture: one field has to do */
        buffer_printf(text, "field=type=top,scale=%d:%d:flags=bicubic+accurate_rnd+bitexact,",
                      source->coded_width, source->coded_height);
    graph_append_upright(text, source);
    buffer_append_text(text, ",scale=flags=bicubic+full_chroma_int+accurate_rnd+bitexact:"
                             "in_color_matrix=bt709:in_range=limited:out_range=full,format=rgb24");
}

void graph_append_picture_in(struct buffer *text, const struct video_source *source,
                             AVRational rate, int width, int height, enum graph_fit fit)
{
    double by_width = (double)width / source->width, by_height = (double)height / source->height;
    bool is_wider = by_width < by_height; /* the input, relative to the box */
    double factor = (fit == GRAPH_FIT_CONTAIN) == is_wider ? by_width : by_height;
    int scaled_width = ((int)(source->width * factor + 1.0)) & ~1;
    int scaled_height = ((int)(source->height * factor + 1.0)) & ~1;
    if (fit == GRAPH_FIT_COVER) {
        scaled_width = scaled_width < width ? width : scaled_width;
        scaled_height = scaled_height < height ? height : scaled_height;
    } else {
        scaled_width = scaled_width > width ? width : scaled_width < 2 ? 2 : scaled_width;
        scaled_height = scaled_height > height ? height : scaled_height < 2 ? 2 : scaled_height;
    }
    bool sideways = source->quarter_turns % 2 == 1;
    graph_append_rate(text, source, rate);
    graph_append_scale(text, source, sideways ? scaled_height : scaled_width,
                       sideways ? scaled_width : scaled_height);
    graph_append_turn(text, source);
    buffer_append_text(text, "format=yuv420p,setsar=1");
    if (fit == GRAPH_FIT_COVER && (scaled_width != width || scaled_height != height))
        buffer_printf(text, ",crop=%d:%d", width, height);
    if (fit == GRAPH_FIT_CONTAIN && (scaled_width != width || scaled_height != height))
        buffer_printf(text, ",pad=%d:%d:%d:%d:color=black", width, height,
                      ((width - scaled_width) / 2) & ~1, ((height - scaled_height) / 2) & ~1);
}

/* Holes from here on, in seconds, become silence. What is missing between rounds would make each of them earlier than the last. */
#define GRAPH_HOLE 0.1
#define GRAPH_HOLE_ROUNDS 0.002

static void graph_append_resampler(struct buffer *text, double hole)
{
    buffer_printf(text,
                  "aresample=%d:async=1:min_hard_comp=%g:first_pts=0,"
                  "aformat=sample_fmts=fltp:channel_layouts=stereo",
                  VIDEO_SINK_AUDIO_RATE, hole);
}

void graph_append_sound(struct buffer *text, const struct video_source *source)
{
    graph_append_resampler(text, GRAPH_HOLE);
    if (source->promised_us > 0) /* decoders pad the last block */
        buffer_printf(text, ",atrim=end=%.6f", (double)source->promised_us / AV_TIME_BASE);
}

void graph_append_sound_until(struct buffer *text, const struct video_source *source,
                              double seconds)
{
    bool has_rounds = source->loops && (double)source->duration_us / AV_TIME_BASE < seconds;
    graph_append_resampler(text, has_rounds ? GRAPH_HOLE_ROUNDS : GRAPH_HOLE);
    buffer_printf(text, ",atrim=end=%.6f", seconds);
}

void graph_append_sound_end(struct buffer *text)
{
    buffer_append_text(text, ",aformat=sample_fmts=fltp:channel_layouts=stereo[audio]");
}
