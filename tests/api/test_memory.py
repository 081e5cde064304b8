"""The largest inputs that are taken fit into the memory that docs/OPERATING.md says; larger ones are refused with a sentence."""
import pathlib
import re
import subprocess

import pytest
from PIL import Image

from conftest import ROOT
from test_cancel import begin, filled
from test_templates import Customer, finished

Image.MAX_IMAGE_PIXELS = None
PHOTO, MARK, UHD, HUGE = {"image_url": "turned"}, {"logo_url": "turned"}, {"video_url": "uhd"}, {"video_url": "huge"}
STEPS = {
    "picture_cropped": ("crop_to_content", {"image_url": "clear"}),
    "picture_marked": ("overlay_logo", PHOTO | {"logo_url": "clear"}),
    "picture_split": ("split_grid_images", {"image_url": "clear", "grid_pattern": "2x1"}),
    "pictures_tiled": ("tile_grid_images", {"image_urls": ["turned"] * 15 + ["clear"], "grid_pattern": "4x4", "width": 8192}),
    "pictures_published": ("publish_frames_with_logo", {"image_urls": ["clear"], "logo_url": "clear", "format": "webp"}),
    "picture_cut_out": ("replace_background", {"image_url": "clear", "option": "ReplaceBackground", "background_url": "turned"}),
    "picture_moved": ("create_video", PHOTO | {"last_frame_url": "clear", "duration": 1, "fps": 24}),
    "huge_in_huge": ("overlay_video", HUGE | {"overlay_url": "huge", "shape": "circle", "layout": "center-large"}),
    "huge_cropped": ("overlay_logo", HUGE | {"logo_url": "clear"}),
    "videos_tiled": ("tile_grid_videos", {"video_urls": ["uhd"] * 16, "grid_pattern": "4x4", "audio": "mix"}),
    "video_cropped": ("crop_to_content", UHD),
}


@pytest.fixture(scope="module")
def inputs(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("largest")
    ramp = Image.linear_gradient("L").resize((10000, 10000))
    Image.merge("RGBA", (ramp, ramp.rotate(90), ramp.rotate(180), ramp)).save(folder / "clear.png", compress_level=1)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180))).save(folder / "turned.jpg", quality=80, exif=turned)
    Image.new("L", (10001, 10000)).save(folder / "over.png", compress_level=1)
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    for name, size, seconds in (("uhd", "3840x2160", 1), ("huge", "8192x4320", 0.6), ("over", "8192x4400", 0.1)):
        source = "testsrc2" if name == "uhd" else "color=c=teal"
        join = ":" if "=" in source else "="
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{source}{join}s={size}:r=30:d={seconds}", "-f", "lavfi", "-i",
                        f"sine=440:d={seconds}", *video, "-c:a", "aac", str(folder / f"{name}.mp4")], check=True, timeout=250)
    return {name: server.upload(folder / file)["url"] for name, file in (
        ("clear", "clear.png"), ("turned", "turned.jpg"), ("uhd", "uhd.mp4"), ("huge", "huge.mp4"), ("over_picture", "over.png"),
        ("over_video", "over.mp4"))}


@pytest.fixture
def customer(server, request):
    return Customer(server, re.sub(r"\W", "-", request.node.name)[:60])


def documented_bytes():
    """What the page for operators promises."""
    text = (ROOT / "docs" / "OPERATING.md").read_text()
    return float(re.search(r"at most ([\d.]+) GiB of memory", text)[1]) * 2**30


def peak_bytes(server):
    """The most that any media worker of the server has held; then counts anew."""
    most = 0
    for pid in pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split():
        folder = pathlib.Path("/proc") / pid
        if b"reeld-worker" in (folder / "cmdline").read_bytes():
            most = max(most, int(re.search(r"VmHWM:\s+(\d+)", (folder / "status").read_text())[1]) * 1024)
            (folder / "clear_refs").write_text("5")
    return most


def check_peak(server, customer, steps, request):
    peak_bytes(server)
    data = finished(customer, begin(customer, steps))
    assert data["processing_status"] == "success", data["error"]
    peak = peak_bytes(server)
    print(f"{request.node.name}: {peak / 2**20:.0f} MiB")
    assert 0 < peak <= documented_bytes()


@pytest.mark.parametrize("name", STEPS)
def test_the_largest_inputs(server, customer, inputs, request, name):
    flow, params = STEPS[name]
    check_peak(server, customer, [{"id": "step", "flow": flow, "params": filled(params, inputs)}], request)


def test_a_whole_chain_in_one_pass(server, customer, inputs, request):
    first = filled(UHD | MARK, inputs)
    behind = [("overlay_video", {"overlay_url": "uhd", "audio": "mix"}), ("video_audio_merge", {"audio_url": "uhd", "keep_original": True}),
              ("publish_video_with_logo", MARK | {"poster": True})]
    steps = [{"id": "s0", "flow": "overlay_logo", "params": first}]
    for flow, params in behind:
        video = {"video_url": f"{{{{steps.s{len(steps) - 1}.url}}}}"}
        steps.append({"id": f"s{len(steps)}", "flow": flow, "params": filled(params, inputs) | video})
    check_peak(server, customer, steps, request)


@pytest.mark.parametrize("flow, params, words", [
    ("crop_to_content", {"image_url": "over_picture"}, "/image_url has 10001 x 10000 pixels; at most 100 million"),
    ("crop_to_content", {"video_url": "over_video"}, "/video_url is 8192 x 4400 pixels; frames of at most 8192 x 4320"),
])
def test_larger_ones_are_refused(customer, inputs, flow, params, words):
    data = finished(customer, begin(customer, [{"id": "step", "flow": flow, "params": filled(params, inputs)}]))
    assert data["processing_status"] == "fail" and words in data["error"]["message"], data["error"]
