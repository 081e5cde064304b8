"""What a result shows and sounds like, by the ffmpeg program: a decoder that is not ours."""
import json
import subprocess

import numpy


class Video:
    """`frames` as RGB, `times` in seconds, `streams` and `format` as ffprobe says; `sound` is (samples, channels) at `rate`, or None."""

    def __init__(self, data, sound=True):
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_entries", "packet=pts_time,stream_index,flags", "-"]
        said = json.loads(subprocess.run(command, input=data, capture_output=True, check=True).stdout)
        self.streams, self.format = said["streams"], said["format"]
        self.video = next(stream for stream in self.streams if stream["codec_type"] == "video")
        self.audio = next((stream for stream in self.streams if stream["codec_type"] == "audio"), None)
        self.width, self.height = self.video["width"], self.video["height"]
        self.times = sorted(float(packet["pts_time"]) for packet in said["packets"] if packet["stream_index"] == self.video["index"] and "D" not in packet["flags"])
        raw = ffmpeg(data, "-map", "0:v:0", "-vsync", "passthrough", "-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp,format=rgb24",
                     "-f", "rawvideo")
        self.frames = numpy.frombuffer(raw, numpy.uint8).reshape(-1, self.height, self.width, 3)
        self.rate = int(self.audio["sample_rate"]) if self.audio else None
        self.sound = samples(data, int(self.audio["channels"])) if self.audio and sound else None


def ffmpeg(data, *arguments):
    return subprocess.run(["ffmpeg", "-v", "error", "-i", "-", *arguments, "-"], input=data, capture_output=True, check=True).stdout


def samples(data, channels):
    raw = ffmpeg(data, "-map", "0:a:0", "-f", "f32le", "-c:a", "pcm_f32le")
    return numpy.frombuffer(raw, "<f4").reshape(-1, channels)


def strength(channel, hertz, rate):
    """Amplitude of a tone."""
    times = numpy.arange(len(channel)) / rate
    window = numpy.hanning(len(channel))
    return 2 * abs((channel * window * numpy.exp(-2j * numpy.pi * hertz * times)).sum()) / window.sum()


def loudness(data):
    """Integrated, in LUFS."""
    report = subprocess.run(["ffmpeg", "-nostats", "-i", "-", "-map", "0:a:0", "-af", "ebur128", "-f", "null", "-"], input=data, capture_output=True, check=True)
    return float(report.stderr.decode().rsplit("I:", 1)[1].split()[0])
