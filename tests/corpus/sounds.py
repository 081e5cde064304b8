"""Good sounds: 440 Hz to the left, 880 Hz to the right, a second long, at -20 dBFS."""
import io
import struct
import subprocess
import wave

import numpy

RATE, LEFT_HZ, RIGHT_HZ = 48000, 440, 880
LEVEL = 0.1
TAGS = ["-metadata", "artist=SecretName", "-metadata", "comment=SecretComment", "-metadata", "creation_time=2019-03-04T05:06:07Z"]


def tone(rate=RATE, seconds=1.0, frequencies=(LEFT_HZ, RIGHT_HZ)):
    """Samples of -1..1 by channel; a channel of None is silent."""
    times = numpy.arange(round(rate * seconds)) / rate
    return numpy.stack([LEVEL * numpy.sin(2 * numpy.pi * (hz or 0) * times) for hz in frequencies], axis=1)


def wav(samples, rate, kind="s16", more=b""):
    """RIFF by hand; `kind` is u8, s16, s24, s32 or f32; `more` are chunks before the data."""
    if kind == "u8":
        data = (numpy.round(samples * 127) + 128).astype(numpy.uint8).tobytes()
    elif kind == "f32":
        data = samples.astype("<f4").tobytes()
    elif kind == "s24":
        data = numpy.round(samples * 8388607).astype("<i4").view(numpy.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        bits = int(kind[1:])
        data = numpy.round(samples * (2 ** (bits - 1) - 1)).astype(f"<i{bits // 8}").tobytes()
    bits, channels = int(kind[1:]), samples.shape[1]
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", 3 if kind == "f32" else 1, channels, rate, rate * block, block, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + more + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def ffmpeg(*arguments, stdin=None):
    command = ["ffmpeg", "-v", "error", "-nostdin" if stdin is None else "-y", "-y", *map(str, arguments)]
    subprocess.run(command, input=stdin, check=True)


def waves():
    for kind in ("u8", "s16", "s24", "s32", "f32"):
        yield f"{kind}.wav", wav(tone(), RATE, kind)
    for rate in (8000, 44100, 96000):
        yield f"rate{rate}.wav", wav(tone(rate), rate)
    yield "mono.wav", wav(tone(frequencies=[LEFT_HZ]), RATE)
    info = b"INFOIART" + struct.pack("<I", 12) + b"SecretName\0\0"
    yield "private.wav", wav(tone(), RATE, more=b"LIST" + struct.pack("<I", len(info)) + info)
    # a length that was not known when the header was written
    whole = wav(tone(), RATE)
    yield "unsized.wav", whole[:4] + b"\xff\xff\xff\xff" + whole[8:40] + b"\xff\xff\xff\xff" + whole[44:]


def many_channels(folder):
    """Each channel has a tone of its own, in the order of the layout."""
    for layout, count in (("5.1", 6), ("7.1", 8)):
        samples = tone(frequencies=[LEFT_HZ, RIGHT_HZ, 1760, 60, 1320, 2200, 330, 2640][:count])
        ffmpeg("-f", "f32le", "-ar", RATE, "-ac", count, "-channel_layout", layout, "-i", "-", "-c:a", "pcm_s16le", folder / f"{layout}.wav",
               stdin=samples.astype("<f4").tobytes())
    ffmpeg("-i", folder / "5.1.wav", "-c:a", "aac", folder / "5.1.m4a")
    ffmpeg("-i", folder / "7.1.wav", "-c:a", "flac", folder / "7.1.flac")


def coded(folder):
    source = folder / "s16.wav"
    cover = ["-i", folder / "baseline.jpg", "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    for name, arguments in {
            "plain.mp3": ["-c:a", "libmp3lame", "-b:a", "128k"],
            "variable.mp3": ["-c:a", "libmp3lame", "-q:a", "4"],
            "bare.mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"],
            "plain.aac": ["-c:a", "aac", "-f", "adts"],
            "plain.m4a": ["-c:a", "aac"],
            "lossless.m4a": ["-c:a", "alac"],
            "vorbis.ogg": ["-c:a", "libvorbis"],
            "opus.ogg": ["-c:a", "libopus", "-f", "ogg"],
            "plain.flac": ["-c:a", "flac"],
            "sound.webm": ["-c:a", "libopus"],
            "sound.mkv": ["-c:a", "flac"]}.items():
        ffmpeg("-i", source, *arguments, folder / name)
    for name, codec in (("private.mp3", "libmp3lame"), ("private.m4a", "aac"), ("private.flac", "flac")):
        ffmpeg("-i", source, *cover, "-c:a", codec, *TAGS, folder / name)
    ffmpeg("-i", source, "-c:a", "libvorbis", *TAGS, folder / "private.ogg")


def make(folder):
    for name, data in waves():
        (folder / name).write_bytes(data)
    many_channels(folder)
    coded(folder)


def silence(seconds=0.1):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * round(8000 * seconds)))
    return out.getvalue()
