"""Streams that are copied as they are: what MP4 holds stays, what a file says wrongly about its times is put in order or refused by a sentence."""
import pytest

from corpus import judge, mutate


def overlaid(worker, others, data):
    return worker.run("overlay_logo", {"video_url": data, "logo_url": others["picture"]})


def sound_of(data):
    return next(stream for stream in judge.probe(data)["streams"] if stream["codec_type"] == "audio")


@pytest.mark.parametrize("name,codec", [("h264.mp4", "aac"), ("flac.mkv", "flac"), ("ac3.mkv", "ac3"), ("mp3.mp4", "mp3"), ("vp9.webm", "opus"), ("7.1.mkv", "flac"),
                                        ("h264.mkv", "aac"), ("h264.mov", "aac")])
def test_sound_that_mp4_holds_is_copied(worker, files, others, name, codec):
    answer = judge.judge(overlaid(worker, others, files[name].read_bytes()))
    assert answer.kind == "done", answer
    sound = sound_of(answer.outputs[0])
    assert sound["codec_name"] == codec
    assert int(sound["channels"]) == (8 if name == "7.1.mkv" else 2)


def blocks_of(nodes, track):
    """The simple blocks of a track of a Matroska file, each with the list that it is in."""
    return [(where, i) for where, i in mutate.everywhere(nodes) if where[i].tag == 0xA3 and where[i].body[0] == 0x80 | track]


def repeated(data, track):
    nodes = mutate.ebml_read(data)
    where, i = blocks_of(nodes, track)[4]
    where[i:i] = [where[i].copy() for _ in range(3)]
    return mutate.ebml_write(nodes)


def disordered(data, track):
    nodes = mutate.ebml_read(data)
    (one, i), (other, j) = (blocks_of(nodes, track)[k] for k in (3, 7))
    one[i].body, other[j].body = other[j].body, one[i].body
    return mutate.ebml_write(nodes)


@pytest.mark.parametrize("wrong", [repeated, disordered])
@pytest.mark.parametrize("track", [1, 2])
def test_times_that_do_not_grow_are_put_in_order(worker, files, others, wrong, track):
    """Of sound that is copied under a logo, and of pictures that are copied when a file is published."""
    data = wrong(files["ac3.mkv"].read_bytes(), track)
    answer = overlaid(worker, others, data) if track == 2 else worker.run("publish_video_with_logo", {"video_url": data})
    judge.judge(answer)
    assert answer.kind == "done", answer
