"""Makes the videos that the tests read: make_videos.py DIRECTORY STAMP. Needs the ffmpeg program."""

import os
import struct
import subprocess
import sys

BT709 = ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p"]


def ffmpeg(*arguments):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, check=True)


def color(name, size, rate, seconds):
    """A flat picture whose YUV is BT.709."""
    return [
        "-f", "lavfi", "-i",
        f"color=c={name}:s={size}:r={rate}:d={seconds},format=rgb24,"
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    ]


def sine(hertz, seconds, volume="0dB", rate=48000):
    return ["-f", "lavfi", "-i", f"sine={hertz}:r={rate}:d={seconds},volume={volume}"]


def plain():
    stereo = ["-c:a", "aac", "-ac", "2"]
    ffmpeg(*color("0x204060", "1280x720", 30, 3), *sine(440, 3), *H264, *BT709, *stereo, "hd.mp4")
    ffmpeg(*color("red", "640x360", 25, 2), *H264, *BT709, "red.mp4")
    ffmpeg(*color("lime", "320x400", 24, 3), *sine(880, 3), *H264, *BT709, *stereo, "green.mp4")
    ffmpeg(*color("blue", "640x360", "30000/1001", 1), *sine(660, 1), *H264, *BT709, *stereo,
           "blue.mp4")
    ffmpeg("-i", "hd.mp4", "-c", "copy", "-f", "matroska", "hd.mkv")
    ffmpeg("-i", "hd.mp4", "-c", "copy", "-movflags", "+faststart", "front.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=24:d=2", *sine(300, 2), "-c:v", "libvpx-vp9",
           "-cpu-used", "8", "-b:v", "400k", "-c:a", "libvorbis", "vp9.webm")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=2", *sine(300, 2), "-c:v", "libx264",
           "-profile:v", "high", "-crf", "20", "-preset", "veryfast", "-pix_fmt", "yuv420p", *BT709,
           *stereo, "high.mp4")
    # a second each of red, green and blue
    parts = [color(name, "320x180", 25, 1) for name in ("red", "lime", "blue")]
    ffmpeg(*[word for part in parts for word in part], "-filter_complex", "concat=n=3", *H264,
           *BT709, "three.mp4")
    # smaller and shorter than the others, at another rate, a fifth above
    ffmpeg(*color("yellow", "160x90", 50, "0.6"), *sine(1320, "0.6"), *H264, *BT709, *stereo,
           "short.mp4")


def odd():
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=641x359:r=25:d=1", "-c:v", "libx264", "-preset",
           "ultrafast", "-pix_fmt", "yuv444p", "odd.mp4")
    # left half red, right half blue, to be turned a quarter against the clock: blue on top
    ffmpeg(*color("red", "320x360", 25, 1), *color("blue", "320x360", 25, 1), "-filter_complex",
           "hstack", *H264, *BT709, "halves.mp4")
    ffmpeg("-i", "halves.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "turned.mp4")
    ffmpeg(*color("red", "640x360", 50, 2), *H264, *BT709, "-vf",
           "select='lt(n,25)+not(mod(n,5))'", "-vsync", "vfr", "variable.mp4")
    ffmpeg(*color("red", "720x576", 25, 1), "-vf", "setsar=16/15", *H264, *BT709, "wide_pixels.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=c=black:s=1280x720:r=30:d=1.5", "-f", "lavfi", "-i",
           "testsrc2=s=1280x720:r=30:d=1.5", "-filter_complex", "concat", *H264, *BT709, "dark.mp4")
    with open("unsized.webm", "wb") as out:  # a pipe cannot be gone back in: no duration
        subprocess.run(["ffmpeg", "-v", "error", "-i", "vp9.webm", "-c", "copy", "-f", "webm", "-"],
                       check=True, stdout=out)
    ffmpeg("-f", "lavfi", "-i", "color=c=white:s=640x360:r=25:d=1,format=yuv420p10", "-c:v",
           "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le", "-color_primaries",
           "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "hdr.mp4")


def rare():
    # a white bar that moves by 4 pixels from field to field
    ffmpeg("-f", "lavfi", "-i", "color=c=black:s=320x240:r=50:d=1", "-f", "lavfi", "-i", "color=c=white:s=40x240:r=50:d=1",
           "-filter_complex", "[0][1]overlay=x=n*4:y=0,tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme", "-c:v",
           "libx264", "-x264-params", "tff=1", "-crf", "12", "-pix_fmt", "yuv420p", *BT709, "interlaced.mp4")
    ffmpeg(*color("red", "320x240", 25, "0.04"), *H264, *BT709, "instant.mp4")
    # begins within a group of pictures: an edit list hides what comes before
    ffmpeg("-i", "three.mp4", "-c:v", "libx264", "-g", "100", "-crf", "12", *BT709, "-pix_fmt", "yuv420p", "one_group.mp4")
    ffmpeg("-ss", "1.4", "-i", "one_group.mp4", "-c", "copy", "edited.mp4")
    ffmpeg("-i", "green.mp4", "-c", "copy", "-movflags", "use_metadata_tags", "-metadata", "location=+48.137+011.575/",
           "-metadata", "com.apple.quicktime.model=SecretPhone", "-metadata", "artist=SecretName", "-metadata:s:v",
           "handler_name=SecretHandler", "-metadata", "creation_time=2021-05-06T07:08:09Z", "private.mp4")


def sound():
    ffmpeg("-i", "red.mp4", *sine(440, 2, "-20dB"), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
           "-c:a", "aac", "-ac", "1", "quiet_mono.mp4")
    ffmpeg("-i", "red.mp4", "-f", "lavfi", "-i",
           "sine=440:r=48000:d=2,volume='if(lt(mod(t,0.5),0.02),8,0.05)':eval=frame", "-map", "0:v",
           "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-ac", "2", "spikes.mp4")
    ffmpeg("-i", "red.mp4", "-f", "lavfi", "-i",
           "sine=440:r=48000:d=2,pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0", "-map", "0:v",
           "-map", "1:a", "-c:v", "copy", "-c:a", "ac3", "surround.mp4")
    ffmpeg("-i", "red.mp4", "-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=2", "-map", "0:v",
           "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "silent.mp4")


def tones():
    """The same tone as files of sound alone."""
    ffmpeg(*sine(550, "1.5"), "-ac", "2", "tone.wav")
    for name, codec in (("tone.mp3", "libmp3lame"), ("tone.ogg", "libvorbis"), ("tone.flac", "flac"), ("tone.aac", "aac")):
        ffmpeg("-i", "tone.wav", "-c:a", codec, name)
    ffmpeg(*sine(550, 4), "-c:a", "aac", "-ac", "2", "long_tone.m4a")


def changing():
    """Streams that change in the middle: a sound its rate and channels, a video its size."""
    for name, rate, channels in (("changing0.mp3", "44100", "1"), ("changing1.mp3", "48000", "2")):
        ffmpeg(*sine(550, 1), "-ar", rate, "-ac", channels, name)
    first, second = (open(name, "rb").read() for name in ("changing0.mp3", "changing1.mp3"))
    open("changing.mp3", "wb").write(first + second + first)
    for name, color, size in (("changing0.webm", "red", "320x180"), ("changing1.webm", "blue", "160x90")):
        ffmpeg("-f", "lavfi", "-i", f"color=c={color}:s={size}:r=25:d=1", "-c:v", "libvpx", "-b:v", "1M", name)
    open("changing.txt", "w").write("file changing0.webm\nfile changing1.webm\n")
    ffmpeg("-f", "concat", "-i", "changing.txt", "-c", "copy", "changing.webm")


def flashes():
    """White for a tenth of a second and a beep with it, 0.4 seconds into every second."""
    on = "lt(mod(t+0.60001,1),0.1)"
    ffmpeg("-f", "lavfi", "-i", f"color=c=black:s=320x180:r=25:d=4,drawbox=c=white:t=fill:enable='{on}'", "-f", "lavfi", "-i",
           f"aevalsrc='0.5*sin(2*PI*1000*t)*{on}':s=48000:c=stereo:d=4", *H264, *BT709, "-c:a", "pcm_s16le", "flash.mov")
    ffmpeg("-i", "flash.mov", "-c:v", "copy", "-c:a", "aac", "flash.mp4")
    ffmpeg("-i", "flash.mov", "-c:v", "copy", "-c:a", "libopus", "flash.mkv")
    ffmpeg("-i", "flash.mov", "-c:v", "libvpx", "-cpu-used", "8", "-b:v", "1M", "-c:a", "libvorbis", "flash.webm")
    for name in ("beep.wav", "beep.m4a", "beep.mp3", "beep.ogg", "beep.flac"):
        ffmpeg("-i", "flash.mov", "-vn", "-t", "1", name)
    # the sound goes on for a second, and the header says only how long the whole is
    ffmpeg("-i", "flash.mov", "-i", "flash.mov", "-map", "0:v", "-map", "1:a", "-t", "4", "-filter:v", "trim=end=3", *H264, *BT709,
           "-c:a", "libopus", "overhang.mkv")


def lie(source, target, side):
    """Writes another picture size into the header than the pictures have."""
    data = bytearray(open(source, "rb").read())
    at = data.find(b"avc1", data.find(b"stsd"))
    data[at + 28:at + 32] = struct.pack(">HH", side, side)
    open(target, "wb").write(data)


def hostile():
    whole = open("front.mp4", "rb").read()
    open("cut.mp4", "wb").write(whole[: len(whole) * 55 // 100])
    behind = open("hd.mp4", "rb").read()
    open("headless.mp4", "wb").write(behind[: len(behind) // 2])
    open("text.mp4", "w").write("This is only a text that calls itself a video.\n" * 20)
    open("playlist.mp4", "w").write("#EXTM3U\n#EXTINF:3,\n/etc/passwd\n#EXT-X-ENDLIST\n" * 5)
    open("concat.mp4", "w").write("ffconcat version 1.0\nfile /etc/passwd\n" * 5)
    open("empty.mp4", "wb").close()
    ffmpeg(*color("red", "320x240", 25, 1), "-frames:v", "0", *H264, "no_frames.mp4")
    lie("red.mp4", "lying.mp4", 60000)
    ffmpeg("-f", "lavfi", "-i", "color=c=red:s=8320x64:r=5:d=0.4", *H264, "broad.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=c=red:s=32x32:r=1:d=3700", *H264, "long.mp4")
    ffmpeg(*sine(440, 1), "-c:a", "aac", "sound_only.mp4")
    noise = bytearray(whole)
    start = whole.find(b"mdat") + 64
    for i in range(start, len(noise), 37):
        noise[i] ^= (i * 73) & 0xFF
    open("noise.mp4", "wb").write(noise)


def main():
    directory, stamp = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    os.makedirs(directory, exist_ok=True)
    os.chdir(directory)
    plain()
    odd()
    rare()
    sound()
    tones()
    flashes()
    changing()
    hostile()
    open(stamp, "w").close()


if __name__ == "__main__":
    main()
