"""Good videos: the PATTERN with a counter of frames across its middle, in every container and codec that is taken."""
import struct

import numpy

from corpus.pattern import HEIGHT, WIDTH, pattern
from corpus.sounds import TAGS, ffmpeg

FRAMES, FPS = 20, 10
BITS = 8
STRIPE = 16  # rows of the counter


def frame(number, width=WIDTH, height=HEIGHT):
    """A frame whose number stands across its middle in black and white, the highest bit first."""
    pixels = pattern(width, height)
    top, cell = height // 2 - STRIPE // 2, width // BITS
    for bit in range(BITS):
        pixels[top:top + STRIPE, bit * cell:(bit + 1) * cell] = 235 if number >> (BITS - 1 - bit) & 1 else 20
    return pixels


def number_of(pixels):
    """The number that a frame shows, whatever its size."""
    height, width = pixels.shape[:2]
    number = 0
    for bit in range(BITS):
        x = (2 * bit + 1) * width // (2 * BITS)
        part = pixels[height // 2 - height // 24:height // 2 + height // 24, x - width // 40:x + width // 40]
        number = number << 1 | int(part.mean() > 127)
    return number


def raw(frames=FRAMES, width=WIDTH, height=HEIGHT):
    return b"".join(frame(i, width, height).tobytes() for i in range(frames))


def source(width=WIDTH, height=HEIGHT, rate=FPS):
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-"]


def converted(matrix="bt709", range_="tv", pixels="yuv420p", primaries=None, transfer=None):
    """Into YUV, with its tags."""
    return ["-vf", f"scale=out_color_matrix={matrix}:out_range={range_}:flags=accurate_rnd+full_chroma_int,format={pixels},"
            f"setparams=color_primaries={primaries or matrix}:color_trc={transfer or matrix}:colorspace={matrix}:range={range_}",
            "-color_primaries", primaries or matrix, "-color_trc", transfer or matrix, "-colorspace", matrix, "-color_range", range_]


X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "8"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-x265-params", "log-level=none"]
STEREO = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]


def codecs(folder):
    pictures = raw()
    with_sound = ["-i", folder / "two_seconds.wav"]
    for name, arguments in {
            "h264.mp4": [*converted(), *X264, "-bf", "2", *STEREO],
            "h264_front.mp4": [*converted(), *X264, *STEREO, "-movflags", "+faststart"],
            "h264.mov": [*converted(), *X264, "-c:a", "pcm_s16le"],
            "h264.mkv": [*converted(), *X264, "-c:a", "libvorbis"],
            "fragmented.mp4": [*converted(), *X264, *STEREO, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-g", "5"],
            "hevc.mp4": [*converted(), *X265, "-tag:v", "hvc1", *STEREO],
            "vp8.webm": [*converted("smpte170m"), "-c:v", "libvpx", "-b:v", "2M", "-cpu-used", "8", "-deadline", "realtime", "-c:a", "libvorbis"],
            "vp9.webm": [*converted(), "-c:v", "libvpx-vp9", "-crf", "10", "-b:v", "0", "-cpu-used", "8", "-deadline", "realtime", "-c:a", "libopus"],
            "av1.mp4": [*converted(), "-c:v", "libaom-av1", "-crf", "10", "-b:v", "0", "-cpu-used", "8", "-usage", "realtime", "-c:a", "libopus"],
            "av1.webm": [*converted(), "-c:v", "libaom-av1", "-crf", "10", "-b:v", "0", "-cpu-used", "8", "-usage", "realtime", "-c:a", "libopus"],
            "mpeg4.mp4": [*converted(), "-c:v", "mpeg4", "-q:v", "2", "-bf", "2", *STEREO],
            "mjpeg.mov": [*converted("smpte170m", "pc", "yuvj420p"), "-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_s16be"],
            "prores.mov": [*converted(pixels="yuv422p10le"), "-c:v", "prores_ks", "-movflags", "write_colr", "-c:a", "pcm_s24le"],
            "flac.mkv": [*converted(), *X264, "-c:a", "flac"],
            "ac3.mkv": [*converted(), *X264, "-c:a", "ac3"],
            "mp3.mp4": [*converted(), *X264, "-c:a", "libmp3lame"]}.items():
        ffmpeg(*source(), *with_sound, *arguments, folder / name, stdin=pictures)


def large(folder):
    """For a stream that grows in its middle."""
    ffmpeg("-f", "lavfi", "-i", "color=c=gray:s=8192x8192:r=10:d=0.1", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-b:v", "100k",
           folder / "vp9_large.webm")


def formats(folder):
    """Depths, samplings, ranges and colour spaces."""
    pictures = raw(4)
    for name, arguments in {
            "ten_bit.mp4": [*converted(pixels="yuv420p10le"), *X264],
            "sampled_422.mp4": [*converted(pixels="yuv422p"), *X264],
            "sampled_444.mp4": [*converted(pixels="yuv444p"), *X264],
            "full_range.mp4": [*converted(range_="pc"), *X264],
            "bt601.mp4": [*converted("smpte170m"), *X264],
            "bt2020.mp4": [*converted("bt2020nc", primaries="bt709", transfer="bt709", pixels="yuv420p10le"), *X265],
            "rgb.mp4": ["-c:v", "libx264rgb", "-crf", "8", "-preset", "veryfast", "-pix_fmt", "rgb24"],
            "lossless.mkv": [*converted(), "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast"]}.items():
        ffmpeg(*source(), *arguments, "-an", folder / name, stdin=pictures)
    for name, transfer in (("pq.mp4", "smpte2084"), ("hlg.mp4", "arib-std-b67")):
        # diffuse white as the recommendations put it: 58 % of PQ, 75 % of HLG
        level = 0.58 if transfer == "smpte2084" else 0.75
        grey = numpy.full((HEIGHT, WIDTH, 3), round(level * 255), numpy.uint8)
        ffmpeg(*source(), *converted("bt2020nc", primaries="bt2020", transfer=transfer, pixels="yuv420p10le"), *X265, folder / name,
               stdin=grey.tobytes() * 4)


def shapes(folder):
    """Sizes, turns and pixels that are not square."""
    for name, width, height in (("odd.mp4", 127, 95), ("small.mp4", 16, 16)):
        ffmpeg(*source(width, height), *converted(pixels="yuv444p"), *X264, folder / name, stdin=raw(4, width, height))
    ffmpeg(*source(), *converted(), "-aspect", "8:3", *X264, folder / "wide_pixels.mp4", stdin=raw(4))
    plain = (folder / "h264.mp4").read_bytes()
    turn = 65536
    for name, matrix in {"turned90": (0, turn, -turn, 0), "turned180": (-turn, 0, 0, -turn), "turned270": (0, -turn, turn, 0),
                         "mirrored": (-turn, 0, 0, turn), "flipped": (turn, 0, 0, -turn)}.items():
        (folder / f"{name}.mp4").write_bytes(with_matrix(plain, matrix))
    ffmpeg(*source(), "-vf", "scale=out_color_matrix=smpte170m:out_range=tv,format=yuv420p,setfield=tff", "-flags", "+ildct+ilme", *X264,
           "-x264-params", "tff=1", folder / "interlaced.mp4", stdin=raw(4))


def with_matrix(data, matrix):
    """The movie with another matrix in the header of its first track, which is the video."""
    out = bytearray(data)
    at = out.find(b"tkhd") + 4 + 40 - (0 if out[out.find(b"tkhd") + 4] == 0 else -12)
    a, b, c, d = matrix
    out[at:at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return bytes(out)


def times(folder):
    """Variable rates, edits, offsets, lengths that are short, long or not said."""
    pictures = raw()
    ffmpeg(*source(), "-vf", "select='lt(n,10)+not(mod(n,3))',scale=out_color_matrix=smpte170m:out_range=tv,format=yuv420p", "-vsync", "vfr", *X264,
           folder / "variable.mp4", stdin=pictures)
    ffmpeg(*source(), *converted(), *X264, "-g", "100", "-bf", "3", folder / "one_group.mp4", stdin=pictures)
    # an edit list hides what comes before, another one delays what comes first
    ffmpeg("-ss", "0.75", "-i", folder / "one_group.mp4", "-c", "copy", folder / "trimmed.mp4")
    ffmpeg("-i", folder / "h264.mp4", "-itsoffset", "0.5", "-i", folder / "h264.mp4", "-map", "0:v", "-map", "1:a", "-c", "copy", folder / "late_sound.mp4")
    ffmpeg("-itsoffset", "0.5", "-i", folder / "h264.mp4", "-i", folder / "h264.mp4", "-map", "0:v", "-map", "1:a", "-c", "copy", folder / "late_video.mp4")
    ffmpeg("-i", folder / "h264.mkv", "-c", "copy", "-output_ts_offset", "100", folder / "begins_at_100.mkv")
    for name, kind in (("live.mkv", "matroska"), ("live.webm", "webm")):
        whole = folder / ("h264.mkv" if kind == "matroska" else "vp9.webm")
        ffmpeg("-i", whole, "-c", "copy", "-f", kind, "-live", "1", folder / name)
    ffmpeg(*source(), *converted(), *X264, folder / "instant.mp4", stdin=raw(1))
    # a picture that says to last a thousandth of a second
    ffmpeg(*source(rate=1000), *converted(), *X264, folder / "brief.mkv", stdin=raw(1))
    # half an hour of a picture every 20 seconds
    ffmpeg("-f", "lavfi", "-i", "color=c=red:s=32x32:r=1/20:d=1800", *X264, "-pix_fmt", "yuv420p", folder / "half_hour.mp4")


def streams(folder):
    video, sound = folder / "h264.mp4", folder / "two_seconds.wav"
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nSecretWords\n")
    ffmpeg("-i", video, "-i", folder / "vp9.webm", "-i", folder / "words.srt", "-i", sound, "-map", "0:v", "-map", "1:v", "-map", "0:a", "-map", "3:a", "-map", "2:s",
           "-c:v", "copy", "-c:a", "flac", "-c:s", "srt", "-attach", folder / "words.srt", "-metadata:s:t", "mimetype=text/plain", folder / "many.mkv")
    ffmpeg("-i", video, "-i", folder / "words.srt", "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text", "-timecode", "00:00:00:00", folder / "many.mov")
    ffmpeg("-i", video, "-i", folder / "turned6.jpg", "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic", *TAGS,
           "-metadata", "location=+48.137+011.575/", "-movflags", "use_metadata_tags", "-metadata", "com.apple.quicktime.model=SecretPhone",
           "-metadata:s:v", "handler_name=SecretHandler", folder / "private.mp4")
    ffmpeg("-i", folder / "vp9.webm", "-c", "copy", *TAGS, "-metadata", "title=SecretTitle", folder / "private.webm")
    ffmpeg("-i", video, "-c", "copy", "-an", folder / "silent.mp4")
    ffmpeg("-i", video, "-c:v", "copy", "-c:a", "aac", "-ac", "1", folder / "mono.mp4")
    ffmpeg("-i", video, "-i", folder / "5.1.wav", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", folder / "5.1.mp4")
    ffmpeg("-i", video, "-i", folder / "7.1.wav", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "flac", folder / "7.1.mkv")


def make(folder):
    from corpus.sounds import RATE, tone, wav
    (folder / "two_seconds.wav").write_bytes(wav(tone(seconds=2.0), RATE))
    for maker in (codecs, large, formats, shapes, times, streams):
        maker(folder)
