"""Hostile media through the door of a jailed worker: each ends with a sentence that names the input, or with a result where it can be read, soon
and within little memory, and the worker goes on."""
import pytest

from corpus import hostile, judge, recipes
from corpus.door import Worker

SECONDS_MAX = 60  # on a busy machine; none takes a tenth of it alone
MEMORY_KIB_MAX = 1 << 20  # all that the worker ever held
# what can be read in spite of what it says, beside what is refused
FLOWS = {
    "picture": [("publish_frames_with_logo", {"image_urls": ["X"]}), ("tile_grid_images", {"image_urls": ["X"], "grid_pattern": "1x1", "width": 64}),
                ("overlay_video", {"video_url": "video", "overlay_url": "X"})],
    "video": [("publish_video_with_logo", {"video_url": "X"}), ("overlay_logo", {"video_url": "X", "logo_url": "picture"}),
              ("publish_frames_with_logo", {"video_url": "X", "count": 2})],
    "sound": [("video_audio_merge", {"video_url": "video", "audio_url": "X"}), ("video_audio_merge", {"video_url": "video", "audio_url": "X", "fade_s": 0.1})],
}


@pytest.fixture(scope="module")
def small_worker(tmp_path_factory):
    """A quarter of the memory that a server gives."""
    import conftest
    log = tmp_path_factory.mktemp("hostile") / "worker.log"
    running = Worker(conftest.BUILD, memory=3 << 30, cpu_seconds=30, log=log)
    running.start()
    yield running
    assert running.starts == 1, log.read_text()
    assert running.peak_kib() < MEMORY_KIB_MAX, running.peak_kib()
    running.stop()


def check(worker, others, kind, data):
    ends = []
    for flow, params in FLOWS[kind]:
        filled, paths = recipes.fill(params, data, others)
        answer = judge.judge(worker.run(flow, filled, SECONDS_MAX), paths)
        ends.append((answer.kind, answer.code))
    return ends


# what some step may read in spite of what it says, as any reader does; all others are refused by every step
READ = {
    "picture": {"text_bomb.png", "profile_bomb.png", "profile_of_itself.png", "animated_bomb.png", "many_chunks.png", "long_data.png", "exif_loop.jpg", "exif_far.jpg",
                "profile_of_many.jpg", "profile_far.jpg", "bomb.gif", "many.gif", "bomb_plain.avif", "long_plain.avif", "nothing_plain.avif"},
    "video": {"box_of_0.mp4", "box_of_2147483648.mp4", "box_of_4294967295.mp4", "stsc_28e2464b.mp4", "ctts_8c44c9bb.mp4", "scale_1000000000.mp4", "edits.mp4",
              "huge_within.mp4", "elsewhere.mp4", "unknown_sizes.webm", "tags_within_tags.webm", "no_time.webm", "width.webm", "frame.webm", "long.webm",
              "endless.webm", "rate.webm", "channels.webm", "no_rate.webm", "delay.webm"},
    "sound": {"block_0.wav", "long.wav", "many_chunks.wav", "comments.flac", "picture.flac", "id3_again.mp3", "comments.ogg"},
}


@pytest.mark.parametrize("kind", FLOWS)
def test_hostile_media(small_worker, files, others, kind):
    made = {"picture": lambda: [*hostile.pictures(), *hostile.pictures_of(files)], "video": lambda: hostile.videos(files), "sound": lambda: hostile.sounds(files)}
    wrong, count = [], 0
    for name, data in made[kind]():
        count += 1
        try:
            ends = check(small_worker, others, kind, data)
            assert name in READ[kind] or all(end == "failed" for end, _ in ends), ends
        except AssertionError as fault:
            wrong.append(f"{name}: {fault}")
    assert not wrong, "\n".join(wrong)
    assert count > 15


@pytest.mark.parametrize("kind", FLOWS)
def test_what_is_no_media_is_refused(small_worker, others, kind):
    for name, data in hostile.posers():
        ends = check(small_worker, others, kind, data)
        assert all(end == ("failed", "BAD_INPUT") for end in ends), (name, ends)
