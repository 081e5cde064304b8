"""Sounds of every format that is taken, laid under a silent video: sample for sample where it should be, as long and as loud as it was, to the ear
that it was for; nothing of the source that is private."""
import numpy
import pytest

from corpus import judge, pictures, recipes
from corpus.measure import Video, loudness, strength
from corpus.sounds import LEFT_HZ, LEVEL, RATE, RIGHT_HZ
from corpus.videos import FRAMES, FPS

# samples by which a format is late because nothing in it says how its coder delays
LATE = {"plain.aac": 1024, "bare.mp3": 1105, "vorbis.ogg": 128, "private.ogg": 128}
# mixed down to two: the other channels are heard as well
MANY = ("5.1", "7.1")
COARSE = (".mp3",)  # their coder's own filter


def names():
    endings = recipes.SOUND_ENDINGS
    return [*(f"{kind}.wav" for kind in ("u8", "s16", "s24", "s32", "f32", "rate8000", "rate44100", "rate96000", "mono", "unsized", "private", "5.1", "7.1")),
            *(f"plain{ending}" for ending in endings if ending not in (".wav", ".ogg")), "variable.mp3", "bare.mp3", "lossless.m4a", "vorbis.ogg", "opus.ogg",
            "sound.webm", "sound.mkv", "private.mp3", "private.m4a", "private.flac", "private.ogg", "5.1.m4a", "7.1.flac"]


def merged(worker, files, name, mode, **more):
    params = {"video_url": files["silent.mp4"].read_bytes(), "audio_url": files[name].read_bytes(), "attach_mode": mode, **more}
    answer = judge.judge(worker.run("video_audio_merge", params))
    assert answer.kind == "done", answer
    assert not any(secret in answer.outputs[0] for secret in pictures.SECRETS)
    return Video(answer.outputs[0]), answer.message["results"][0]["duration_ms"]


def delay(channel, hertz):
    """Samples by which a tone that should begin as a sine is late, to the nearest whole wave."""
    times = numpy.arange(len(channel)) / RATE
    turn = numpy.angle((channel * numpy.hanning(len(channel)) * numpy.exp(-2j * numpy.pi * hertz * times)).sum()) + numpy.pi / 2
    wave = RATE / hertz
    return (-turn / (2 * numpy.pi) * wave + wave / 2) % wave - wave / 2


def level(part):
    return float(numpy.sqrt((part ** 2).mean()))


def check_ears(name, middle):
    if name == "mono.wav":  # to both ears, together as loud as it was
        left, right = (strength(middle[:, channel], LEFT_HZ, RATE) for channel in (0, 1))
        assert left == pytest.approx(right, rel=0.02) and LEVEL * 0.69 < left < LEVEL * 1.02
        return
    for channel, own, other in ((0, LEFT_HZ, RIGHT_HZ), (1, RIGHT_HZ, LEFT_HZ)):
        assert strength(middle[:, channel], own, RATE) == pytest.approx(LEVEL, rel=0.08 if name.endswith(COARSE) else 0.03)
        assert strength(middle[:, channel], other, RATE) < LEVEL / 50
    if name.startswith("5.1"):  # the centre is heard in both, the left one behind to the left alone
        centre = [strength(middle[:, channel], 1760, RATE) for channel in (0, 1)]
        assert centre[0] == pytest.approx(centre[1], rel=0.05) and centre[0] > LEVEL / 2
        assert strength(middle[:, 0], 1320, RATE) > LEVEL / 3 and strength(middle[:, 1], 1320, RATE) < LEVEL / 50


@pytest.mark.parametrize("name", names())
def test_each_sample_has_its_place_ear_and_level(worker, files, name):
    """A second of sound, and silence to the end of the video."""
    video, duration_ms = merged(worker, files, name, "PadAudio")
    late, sound = LATE.get(name, 0), video.sound
    assert duration_ms == 2000 and len(video.frames) == FRAMES
    assert int(video.audio["duration_ts"]) == RATE * FRAMES // FPS
    assert video.audio["channels"] == 2 and video.rate == RATE and video.audio["codec_name"] == "aac"
    middle = sound[RATE // 10:RATE * 9 // 10]
    if not name.startswith(MANY):
        wave = RATE / LEFT_HZ
        assert abs((delay(middle[:, 0], LEFT_HZ) - late + wave / 2) % wave - wave / 2) < 0.5
    # it begins and ends where it should, within what AAC smears
    begin, end = late, RATE + late
    assert level(sound[begin + 400:end - 400, 0]) > 0.04
    assert begin < 600 or level(sound[:begin - 600, 0]) < 0.002
    assert level(sound[end + 400:, 0]) < 0.002
    assert level(sound[begin:begin + 400, 0]) > 0.03 and level(sound[end - 400:end, 0]) > 0.03
    check_ears(name, middle)


@pytest.mark.parametrize("name", [name for name in names() if not name.startswith("private")])
def test_the_video_is_as_long_as_the_sound(worker, files, name):
    video, duration_ms = merged(worker, files, name, "MatchAudio")
    assert len(video.frames) == FPS and video.times == pytest.approx([i / FPS for i in range(FPS)], abs=0.001)
    # a copied MP3 ends with its last packet
    copied = video.audio["codec_name"] == "mp3"
    assert abs(duration_ms - 1000) <= (27 if copied else 0)
    assert copied or int(video.audio["duration_ts"]) == RATE


@pytest.mark.parametrize("name", ["plain.m4a", "plain.aac", "plain.mp3", "variable.mp3", "5.1.m4a"])
def test_what_has_to_be_cut_alone_is_copied(worker, files, name):
    """A sound as long as the video goes as it is, or is cut between packets: its own coding and channels stay."""
    params = {"video_url": files["instant.mp4"].read_bytes(), "audio_url": files[name].read_bytes()}
    answer = judge.judge(worker.run("video_audio_merge", params))
    video = Video(answer.outputs[0])
    copied = name.endswith(".mp3") or name.endswith(".m4a")
    assert video.audio["codec_name"] == ("mp3" if name.endswith(".mp3") else "aac")
    assert video.audio["channels"] == (6 if name == "5.1.m4a" and copied else 2)
    assert not any(secret in answer.outputs[0] for secret in pictures.SECRETS)


@pytest.mark.parametrize("name", ["h264.mp4", "mono.mp4", "5.1.mp4", "7.1.mkv", "vp9.webm", "mp3.mp4", "prores.mov", "late_sound.mp4"])
def test_published_sound_has_its_loudness(worker, files, name):
    answer = judge.judge(worker.run("publish_video_with_logo", {"video_url": files[name].read_bytes()}))
    assert loudness(answer.outputs[0]) == pytest.approx(-16, abs=0.6)


@pytest.mark.parametrize("name", ["mono.wav", "5.1.wav", "rate8000.wav", "opus.ogg", "private.mp3"])
def test_sound_is_repeated_without_a_gap(worker, files, name):
    """A second of sound under two seconds of video."""
    video, _ = merged(worker, files, name, "MatchVideo")
    blocks = video.sound[:RATE * 2 - 480, 0].reshape(-1, 480)
    levels = numpy.sqrt((blocks ** 2).mean(axis=1))
    assert levels.min() > 0.02


@pytest.mark.parametrize("name", ["silent.mp4", "baseline.jpg", "words.srt"])
def test_what_has_no_sound_is_refused(worker, files, name):
    params = {"video_url": files["silent.mp4"].read_bytes(), "audio_url": files[name].read_bytes()}
    answer = judge.judge(worker.run("video_audio_merge", params), ["/audio_url"])
    assert answer.code == "BAD_INPUT" and "no sound" in answer.sentence
