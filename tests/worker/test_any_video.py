"""Videos of every container, codec and colour space that is taken: each frame in its place and time, in its colours, with BT.709 tags, and its
sound beside it; nothing of the source that is private."""
import numpy
import pytest

from corpus import judge, pictures
from corpus.measure import Video, strength
from corpus.pattern import COLORS, HEIGHT, WIDTH, apart
from corpus.sounds import LEFT_HZ, LEVEL, RIGHT_HZ
from corpus.videos import FPS, FRAMES, number_of

ALL = list(range(FRAMES))
# by name: the numbers of the frames, a tenth of a second each
SHOWN = {
    "h264.mp4": ALL, "h264_front.mp4": ALL, "h264.mov": ALL, "h264.mkv": ALL, "hevc.mp4": ALL, "vp8.webm": ALL, "vp9.webm": ALL, "av1.mp4": ALL, "av1.webm": ALL,
    "mpeg4.mp4": ALL, "mjpeg.mov": ALL, "prores.mov": ALL, "flac.mkv": ALL, "ac3.mkv": ALL, "mp3.mp4": ALL, "ten_bit.mp4": ALL[:4], "sampled_422.mp4": ALL[:4],
    "sampled_444.mp4": ALL[:4], "full_range.mp4": ALL[:4], "bt601.mp4": ALL[:4], "bt2020.mp4": ALL[:4], "rgb.mp4": ALL[:4], "lossless.mkv": ALL[:4],
    "interlaced.mp4": ALL[:4], "odd.mp4": ALL[:4], "wide_pixels.mp4": ALL[:4], "one_group.mp4": ALL, "many.mkv": ALL, "many.mov": ALL, "private.mp4": ALL,
    "private.webm": ALL, "silent.mp4": ALL, "mono.mp4": ALL, "5.1.mp4": ALL, "7.1.mkv": ALL, "live.mkv": ALL, "live.webm": ALL, "begins_at_100.mkv": ALL,
    "late_sound.mp4": ALL, "instant.mp4": [0], "brief.mkv": [0],
    "variable.mp4": [*range(10), 9, 9, 12, 12, 12, 15, 15, 15, 18],  # a frame stays until the next one
    "trimmed.mp4": ALL[8:],  # the edit list hides the frames before
    "late_video.mp4": [0] * 5 + ALL,  # the first frame stands before its time
    "fragmented.mp4": [0] * 2 + ALL,
}
SIZES = {"odd.mp4": (126, 94), "wide_pixels.mp4": (256, 96)}
# sounds that are not FRAMES / FPS seconds of both tones: seconds, or None for no sound
SOUNDS = {"silent.mp4": None, "trimmed.mp4": None, "5.1.mp4": 1.0, "7.1.mkv": 1.0, "late_sound.mp4": 2.5, "fragmented.mp4": 2.0, **dict.fromkeys((
    "ten_bit.mp4", "sampled_422.mp4", "sampled_444.mp4", "full_range.mp4", "bt601.mp4", "bt2020.mp4", "rgb.mp4", "lossless.mkv", "interlaced.mp4", "odd.mp4",
    "wide_pixels.mp4", "one_group.mp4", "instant.mp4", "brief.mkv", "variable.mp4"))}


def overlaid(worker, others, data):
    """Encoded anew, under a logo in the corner that covers nothing that is measured."""
    answer = judge.judge(worker.run("overlay_logo", {"video_url": data, "logo_url": others["picture"], "scale": 0.05, "margin": 0}))
    assert answer.kind == "done", answer
    return answer


def check_tags(video):
    assert video.video["codec_name"] == "h264" and video.video["profile"] == "High" and video.video["pix_fmt"] == "yuv420p"
    assert [video.video[f"color_{tag}"] for tag in ("space", "primaries", "transfer", "range")] == ["bt709", "bt709", "bt709", "tv"]
    assert video.video["sample_aspect_ratio"] == "1:1" and video.video["field_order"] == "progressive"
    assert len(video.streams) == (2 if video.audio else 1)
    assert "side_data_list" not in video.video


def check_private(data):
    for secret in (*pictures.SECRETS, b"Exif", b"GPS"):
        assert secret not in data


@pytest.mark.parametrize("name", SHOWN)
def test_frames_colours_times_and_sound(worker, files, others, name):
    answer = overlaid(worker, others, files[name].read_bytes())
    video, numbers = Video(answer.outputs[0]), SHOWN[name]
    check_private(answer.outputs[0])
    check_tags(video)
    assert (video.width, video.height) == SIZES.get(name, (WIDTH, HEIGHT))
    assert [number_of(frame) for frame in video.frames] == [numbers[0]] * (len(video.frames) - len(numbers)) + numbers
    assert 0 <= len(video.frames) - len(numbers) <= (name == "fragmented.mp4")
    period = 1 / FPS if name != "brief.mkv" else 1 / 25
    assert video.times == pytest.approx([i * period for i in range(len(video.frames))], abs=0.0015)
    assert max(apart(frame) for frame in video.frames) < 5
    seconds = SOUNDS.get(name, FRAMES / FPS)
    assert (video.audio is not None) == (seconds is not None)
    if seconds is not None:
        assert abs(len(video.sound) / video.rate + float(video.audio["start_time"]) - seconds) < 0.035
    expected_ms = 1000 * max(seconds or 0, len(video.frames) * period)
    assert abs(answer.message["results"][0]["duration_ms"] - expected_ms) < 35


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mov", "h264.mkv", "vp8.webm", "vp9.webm", "av1.mp4", "mp3.mp4", "ac3.mkv", "prores.mov", "many.mkv"])
def test_both_ears_hear_their_own(worker, files, others, name):
    video = Video(overlaid(worker, others, files[name].read_bytes()).outputs[0])
    middle = video.sound[video.rate // 2:video.rate * 3 // 2]
    for channel, own, other in ((0, LEFT_HZ, RIGHT_HZ), (1, RIGHT_HZ, LEFT_HZ)):
        assert strength(middle[:, channel], own, video.rate) == pytest.approx(LEVEL, rel=0.06)
        assert strength(middle[:, channel], other, video.rate) < LEVEL / 50


def test_sound_begins_with_its_frame(worker, files, others):
    """Half a second of nothing, then the tone: within a frame of AAC."""
    answer = worker.run("publish_video_with_logo", {"video_url": files["late_sound.mp4"].read_bytes()})
    video = Video(judge.judge(answer).outputs[0])
    loud = numpy.abs(video.sound[:, 0]) > 0.02
    assert numpy.argmax(loud) / video.rate == pytest.approx(0.5, abs=0.025)


# by name: where the colours of the pattern's quarters go, and the size
TURNS = {"turned90.mp4": ((2, 0, 3, 1), (HEIGHT, WIDTH)), "turned180.mp4": ((3, 2, 1, 0), (WIDTH, HEIGHT)), "turned270.mp4": ((1, 3, 0, 2), (HEIGHT, WIDTH)),
         "mirrored.mp4": ((1, 0, 3, 2), (WIDTH, HEIGHT)), "flipped.mp4": ((2, 3, 0, 1), (WIDTH, HEIGHT))}


@pytest.mark.parametrize("flow", ["overlay_logo", "publish_video_with_logo"])
@pytest.mark.parametrize("name", TURNS)
def test_turns_and_flips(worker, files, others, name, flow):
    places, size = TURNS[name]
    data = files[name].read_bytes()
    answer = overlaid(worker, others, data) if flow == "overlay_logo" else judge.judge(worker.run(flow, {"video_url": data}))
    video = Video(answer.outputs[0], sound=False)
    check_tags(video)
    assert (video.width, video.height) == size and len(video.frames) == FRAMES
    assert apart(video.frames[3], [COLORS[place] for place in places]) < 5


@pytest.mark.parametrize("name", ["pq.mp4", "hlg.mp4"])
def test_diffuse_white_of_hdr_stays_near_white(worker, files, others, name):
    video = Video(overlaid(worker, others, files[name].read_bytes()).outputs[0])
    check_tags(video)
    middle = video.frames[1][HEIGHT // 4:HEIGHT // 2].reshape(-1, 3).mean(axis=0)
    assert 180 < middle.min() and middle.max() - middle.min() < 3


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "live.mkv", "begins_at_100.mkv", "private.mp4", "trimmed.mp4", "many.mov", "late_video.mp4"])
def test_pictures_that_are_copied_keep_their_times(worker, files, name):
    answer = judge.judge(worker.run("publish_video_with_logo", {"video_url": files[name].read_bytes()}))
    video = Video(answer.outputs[0])
    check_private(answer.outputs[0])
    numbers = [number for number in SHOWN[name] if name != "late_video.mp4"] or ALL
    assert [number_of(frame) for frame in video.frames] == numbers
    assert numpy.diff(video.times) == pytest.approx([1 / FPS] * (len(numbers) - 1), abs=0.002)
    assert video.times[0] == pytest.approx(0.5 if name == "late_video.mp4" else 0, abs=0.006)


def test_a_note_of_the_camera_within_the_pictures_is_not_passed_on(worker, files, others):
    """Encoders and cameras write of themselves, and of the place, into units of the stream that players skip."""
    source = files["h264.mp4"].read_bytes()
    assert b"x264 - core" in source
    for flow, params in (("publish_video_with_logo", {}), ("video_audio_merge", {"audio_url": others["sound"]})):
        answer = judge.judge(worker.run(flow, {"video_url": source, **params}))
        assert b"x264 - core" not in answer.outputs[0], flow
        assert [number_of(frame) for frame in Video(answer.outputs[0]).frames] == ALL


def test_hours_at_a_frame_in_20_seconds(worker, files):
    answer = judge.judge(worker.run("publish_frames_with_logo", {"video_url": files["half_hour.mp4"].read_bytes(), "count": 3}), whole=False)
    assert answer.kind == "done" and len(answer.outputs) == 3
    answer = judge.judge(worker.run("publish_video_with_logo", {"video_url": files["half_hour.mp4"].read_bytes()}))
    assert answer.message["results"][0]["duration_ms"] == 1_800_000
