"""Cancelling long work: the client sees it at once, the worker is free a moment later, and neither a file nor a credit stays behind."""
import os
import pathlib
import subprocess
import time

import pytest
from PIL import Image

from conftest import PHOTOS, Server
from test_lifecycle import Gate, gate  # noqa: F401
from test_templates import Customer

SECONDS = 10  # far below what most of the steps take; on an idle machine one is enough for any of them
LOGO = ("logo_url", "logo")
# step type and parameters; a name of a file stands where a reference does
STEPS = {
    "create_video": {"image_url": "photo", "duration": 10, "loop": 6},
    "image_2_image": {"image_url": "photo", "prompt": "A drawing", "style": "cartoon", "quantity": 4},
    "overlay_logo": {"video_url": "video", "logo_url": "logo"},
    "overlay_video": {"video_url": "video", "overlay_url": "video", "audio": "mix"},
    "crop_to_content": {"video_url": "video"},
    "replace_background": {"video_url": "video", "option": "ReplaceBackground", "color": "#204060"},
    "publish_video_with_logo": {"video_url": "video", "logo_url": "logo"},
    "publish_frames_with_logo": {"video_url": "video", "count": 24, "logo_url": "logo", "format": "png"},
    "tile_grid_videos": {"video_urls": ["video"] * 4, "grid_pattern": "2x2"},
    "tile_grid_images": {"image_urls": ["large"] * 9, "grid_pattern": "3x3", "width": 8192},
    "split_grid_images": {"image_url": "large", "grid_pattern": "4x4"},
    "video_audio_merge": {"video_url": "video", "audio_url": "video", "attach_mode": "SpeedAdjust", "volume": 0.5, "keep_original": True},
}
# changed so that the pictures have to be made anew
AUDIO = {"video_audio_merge": {"audio_url": "sound"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One of its own: the shared one may hold for a minute what a client of another test left half sent."""
    running = Server(tmp_path_factory.mktemp("cancel") / "data").start()
    yield running
    assert running.stop() == 0
    running.prove()


@pytest.fixture(scope="module")
def inputs(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    Image.linear_gradient("L").resize((9000, 9000)).convert("RGB").save(folder / "large.png", compress_level=1)
    Image.new("RGB", (64, 64), "lime").save(folder / "logo.png")
    sound = ["-f", "lavfi", "-i", "sine=440:r=44100:d=150"]
    for command in (["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=100", *sound, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt",
                     "yuv420p", "-c:a", "aac", "-shortest", "video.mp4"], [*sound, "sound.wav"]):
        subprocess.run(["ffmpeg", "-v", "error", *command], check=True, timeout=110, cwd=folder)
    files = {"photo": PHOTOS / "astronaut.png", "large": folder / "large.png", "logo": folder / "logo.png", "video": folder / "video.mp4",
             "sound": folder / "sound.wav"}
    return {name: server.upload(path)["url"] for name, path in files.items()}


@pytest.fixture
def customer(server, request):
    return Customer(server, request.node.name[:60].replace("[", "-").replace("]", ""))


def filled(params, inputs):
    return {name: [inputs[item] for item in value] if isinstance(value, list) else inputs.get(value, value) if isinstance(value, str) else value
            for name, value in params.items()}


def begin(customer, steps):
    definition = {"id": "long", "credits": {"video": 5}, "steps": steps, "outputs": [{"step": steps[-1]["id"]}]}
    saved = customer.save(definition)
    assert saved.status_code == 200, saved.text
    created = customer.request("POST", "/v2/workflow", json={"template_id": "long"})
    assert created.status_code == 200, created.text
    return created.json()["data"]["id"]


def read(customer, workflow):
    return customer.request("GET", f"/v2/workflow/{workflow}").json()["data"]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
    return value


def files_of(server):
    """Names in the folder of files, and what the server holds open without a name."""
    named = {str(path) for path in (server.folder / "blobs").rglob("*") if path.is_file()}
    nameless = []
    for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.endswith(" (deleted)") and str(server.folder) in target:
            nameless.append(target)
    return named, nameless


def is_idle(server):
    counts = server.request("GET", "/ready").json()["counts"]
    return counts["workers_busy"] == 0


def check_cancel(server, customer, workflow):
    """Cancels what runs, and waits for the end of all that it left."""
    began = time.monotonic()
    answer = customer.request("POST", f"/v2/workflow/{workflow}/cancel")
    assert answer.status_code == 200, answer.text
    data = read(customer, workflow)
    assert data["processing_status"] == "cancel" and data["running_steps"] == [] and data["used_credits"] == 0
    until(lambda: is_idle(server), SECONDS)
    until(lambda: not files_of(server)[1], SECONDS)
    assert time.monotonic() - began < SECONDS
    account = customer.request("GET", "/v2/account").json()["data"]
    assert (account["balance"], account["reserved"]) == (1000, 0)


@pytest.mark.parametrize("flow", sorted(STEPS))
def test_a_long_step(server, customer, inputs, flow):
    params = filled(STEPS[flow] | AUDIO.get(flow, {}), inputs)
    until(lambda: is_idle(server))
    named, _ = files_of(server)
    workflow = begin(customer, [{"id": "step", "flow": flow, "params": params}])
    until(lambda: [step for step in read(customer, workflow)["running_steps"] if step["progress_percentage"] > 0])
    check_cancel(server, customer, workflow)
    assert files_of(server)[0] == named


def test_a_chain_in_one_pass(server, customer, inputs):
    clip = {"id": "clip", "flow": "create_video", "params": filled(STEPS["create_video"], inputs)}
    mark = {"id": "mark", "flow": "overlay_logo", "params": {"video_url": "{{steps.clip.url}}", "logo_url": inputs["logo"]}}
    inset = {"id": "inset", "flow": "overlay_video", "params": {"video_url": "{{steps.mark.url}}", "overlay_url": inputs["video"]}}
    until(lambda: is_idle(server))
    named, _ = files_of(server)
    workflow = begin(customer, [clip, mark, inset])
    until(lambda: len(read(customer, workflow)["running_steps"]) == 3)
    check_cancel(server, customer, workflow)
    assert files_of(server)[0] == named


def test_before_anything_has_begun(server, customer, inputs):
    """At once: while it is decided, dispatched, or a file is opened, wherever that finds it."""
    until(lambda: is_idle(server))
    named, _ = files_of(server)
    for pause in (0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.2):
        step = {"id": "step", "flow": "tile_grid_images", "params": filled(STEPS["tile_grid_images"], inputs)}
        workflow = begin(customer, [step])
        time.sleep(pause)
        check_cancel(server, customer, workflow)
    assert files_of(server)[0] == named


def test_while_an_input_is_fetched(server, customer, gate):  # noqa: F811
    until(lambda: is_idle(server))
    named, _ = files_of(server)
    workflow = begin(customer, [{"id": "step", "flow": "split_grid_images", "params": {"image_url": f"{gate}/slow.png"}}])
    until(lambda: read(customer, workflow)["processing_status"] == "processing" and files_of(server)[1])
    check_cancel(server, customer, workflow)
    Gate.opened.set()
    time.sleep(0.2)
    assert files_of(server) == (named, [])


def test_a_workflow_inside_another(server, customer, inputs):
    clip = {"id": "clip", "flow": "create_video", "params": filled(STEPS["create_video"], inputs)}
    assert customer.save({"id": "inner", "credits": {"video": 2}, "steps": [clip], "outputs": [{"step": "clip"}]}).status_code == 200
    until(lambda: is_idle(server))
    named, _ = files_of(server)
    workflow = begin(customer, [{"id": "outer", "flow": "each_workflow", "params": {"template_id": "inner", "options": {}}}])
    until(lambda: read(customer, workflow)["progress_percentage"] > 0)
    check_cancel(server, customer, workflow)
    assert files_of(server)[0] == named
