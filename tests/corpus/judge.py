"""What every answer of a worker has to be: a result that is itself valid, or a sentence that names the input and the fault."""
import io
import json
import pathlib
import re
import struct
import subprocess

from PIL import Image

from corpus.door import ROOT

# the ends that bad media may come to; anything else is a fault of ours
REFUSALS = {"BAD_INPUT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED"}
MISFITS = {"INVALID"}  # media that are right, but not with the other parameters
Image.MAX_IMAGE_PIXELS = None
ERRORS = set(re.findall(r'^ERR\(\w+, \d+, "(\w+)"', (pathlib.Path(ROOT) / "src/base/errors.def").read_text(), re.M))


def boxes(data):
    """(type, body) of the boxes on top of an ISO file; none may reach beyond the end or leave bytes over."""
    at, found = 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        assert head <= size <= len(data) - at, f"a box {kind} of {size} bytes at {at} of {len(data)}"
        found.append((kind, data[at + head:at + size]))
        at += size
    return found


def probe(data):
    """What ffprobe says of a video or sound, with the counted frames."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", "-count_frames", "-"]
    return json.loads(subprocess.run(command, input=data, capture_output=True, check=True).stdout)


def judge_video(record, data, whole):
    kinds = [kind for kind, _ in boxes(data)]
    assert kinds[:2] == [b"ftyp", b"moov"] and b"mdat" in kinds, kinds
    assert record["width"] > 0 and record["height"] > 0 and record["duration_ms"] > 0, record
    if whole:
        said = probe(data)
        video = next(stream for stream in said["streams"] if stream["codec_type"] == "video")
        assert (video["width"], video["height"]) == (record["width"], record["height"]), (video, record)
        assert int(video["nb_read_frames"]) > 0
        assert abs(float(said["format"]["duration"]) * 1000 - record["duration_ms"]) <= 1000, (said["format"], record)


def judge_picture(record, data):
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.size == (record["width"], record["height"]), (image.size, record)
    assert record["content_type"] == f"image/{image.format.lower()}", (record, image.format)


def judge_done(answer, whole=True):
    """`whole`: videos are decoded too."""
    results = list(answer.results())
    assert results, "a step that is done has results"
    for record, data in results:
        if record["content_type"] == "video/mp4":
            judge_video(record, data, whole)
        elif record["content_type"].startswith("image/"):
            judge_picture(record, data)
        else:
            assert data, record


def judge_failed(answer, paths=None):
    """`paths`: those of the inputs that may be at fault."""
    assert answer.code in REFUSALS | MISFITS, str(answer)
    assert re.fullmatch(r"[A-Z].{12,400}\.", answer.sentence, re.S), answer.sentence
    if paths is not None and answer.code in REFUSALS:
        assert answer.message["path"] in paths, str(answer)
        assert answer.message["path"] in answer.sentence, str(answer)


def judge(answer, paths=None, whole=True):
    assert answer.kind in ("done", "failed"), str(answer)
    assert all(0 <= fraction <= 1 for fraction in answer.progress), answer.progress
    if answer.kind == "done":
        judge_done(answer, whole)
    else:
        judge_failed(answer, paths)
    return answer
