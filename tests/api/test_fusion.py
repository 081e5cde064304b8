"""Neighbouring video steps are made in one pass; what a client sees is as if they had run one by one."""
import subprocess

import pytest
import requests

from conftest import PHOTOS
from test_events import Stream, check_order
from test_templates import Customer, finished

CLIP = {"id": "clip", "flow": "create_video", "params": {"image_url": "{{options.photo}}", "duration": 1, "fps": 24,
                                                        "aspect_ratio": "1:1"}}
MARK = {"id": "mark", "flow": "overlay_logo", "params": {"video_url": "{{steps.clip.url}}", "logo_url": "{{options.logo}}",
                                                        "position": "top-left", "scale": 0.3, "start_time": "{{options.start}}"}}
PUBLISH = {"id": "publish", "flow": "publish_video_with_logo", "params": {"video_url": "{{steps.mark.url}}", "title": "Fused",
                                                                        "poster": True}}


def template(*outputs):
    options = [{"key": "photo", "component": "image", "required": True}, {"key": "logo", "component": "image", "required": True},
               {"key": "start", "component": "number", "default": 0}]
    return {"id": "chain", "credits": {"video": 3}, "available_options": options, "steps": [CLIP, MARK, PUBLISH],
            "outputs": [{"step": step} for step in outputs]}


@pytest.fixture
def customer(server, request):
    return Customer(server, request.node.name)


@pytest.fixture(scope="module")
def files(server, tmp_path_factory):
    logo = tmp_path_factory.mktemp("logo") / "logo.png"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=c=lime:s=100x100", "-frames:v", "1", str(logo)],
                   check=True, timeout=60)
    return {"photo": PHOTOS / "coffee.png", "logo": logo}


def start(customer, definition, files, **options):
    assert customer.save(definition).status_code == 200
    for name, path in files.items():
        with open(path, "rb") as file:
            answer = customer.request("POST", "/v2/assets", files={"file": file})
        options[name] = answer.json()["data"]["url"]
    created = customer.request("POST", "/v2/workflow", json={"template_id": "chain", "options": options})
    assert created.status_code == 200, created.text
    return created.json()["data"]


def run(customer, definition, files, **options):
    return finished(customer, start(customer, definition, files, **options)["id"])


def content(completion):
    return requests.get(completion["result"][0]["url"], timeout=30).content


def is_lime(video, tmp_path):
    """Whether the logo is in the first picture."""
    path = tmp_path / "video.mp4"
    path.write_bytes(video)
    pixel = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-vf", "crop=2:2:200:200", "-f",
                            "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True, timeout=60).stdout[:3]
    return pixel[0] < 40 and pixel[1] > 215 and pixel[2] < 40


def test_a_chain_is_one_pass(customer, files, tmp_path):
    data = run(customer, template("publish"), files)
    assert data["processing_status"] == "success", data["error"]
    clip, mark, publish = data["completions"]
    assert [step["id"] for step in data["completions"]] == ["clip", "mark", "publish"]
    assert all(step["status"] == "success" for step in data["completions"])
    # the pictures were coded once: the first steps show the video of the pass
    assert content(clip) == content(mark) and is_lime(content(clip), tmp_path)
    assert is_lime(content(publish), tmp_path) and b"Fused" in content(publish)
    assert [result["content_type"] for result in publish["result"]] == ["video/mp4", "image/jpeg"]
    assert clip["provider"] == "local"
    assert sum(step["used_credits"] for step in data["completions"]) == 3


def test_a_grid_is_coded_once_with_what_stands_over_it(customer, files, tmp_path):
    """Two photos become clips, the grid of them gets logo and loudness: the grid, logo and publish share one pass."""
    again = dict(CLIP, id="again")
    grid = {"id": "grid", "flow": "tile_grid_videos", "params": {"video_urls": ["{{steps.clip.url}}", "{{steps.again.url}}"]}}
    mark = dict(MARK, params=dict(MARK["params"], video_url="{{steps.grid.url}}"))
    definition = dict(template("publish"), steps=[CLIP, again, grid, mark, PUBLISH])
    data = run(customer, definition, files)
    assert data["processing_status"] == "success", data["error"]
    by_id = {step["id"]: step for step in data["completions"]}
    assert content(by_id["grid"]) == content(by_id["mark"]) and is_lime(content(by_id["publish"]), tmp_path)
    assert not is_lime(content(by_id["clip"]), tmp_path)
    pictures = [subprocess.run(["ffmpeg", "-v", "error", "-i", "-", "-map", "0:v", "-c", "copy", "-f", "md5", "-"],
                               input=content(by_id[step]), check=True, capture_output=True, timeout=60).stdout
                for step in ("grid", "publish")]
    assert pictures[0] == pictures[1]


def test_every_step_of_a_pass_moves(customer, files):
    """In events and in the object: all of them are seen at work, each as far as the pass; the whole never goes back."""
    long_clip = dict(CLIP, params=dict(CLIP["params"], duration=10, loop=2))
    created = start(customer, dict(template("publish"), steps=[long_clip, MARK, PUBLISH]), files)
    assert created["running_steps"] == []
    events = Stream(customer, created["id"]).end(100)
    check_order(events)
    seen = [data["running_steps"] for _, name, data in events if name == "progress" and data["running_steps"]]
    assert len(seen) > 3 and events[-1][2]["running_steps"] == []
    for steps in seen:
        assert [step["id"] for step in steps] == ["clip", "mark", "publish"]
        assert {step["status"] for step in steps} == {"processing"} and {step["item"] for step in steps} == {0}
        assert len({step["progress_percentage"] for step in steps}) == 1
    percents = [steps[0]["progress_percentage"] for steps in seen]
    assert percents == sorted(percents) and percents[0] < percents[-1]
    # the whole moves with them: all three steps are the pass
    for _, name, data in events:
        if name == "progress" and data["running_steps"]:
            assert abs(data["progress_percentage"] - data["running_steps"][0]["progress_percentage"]) < 2
    lines = customer.request("GET", f"/v2/workflow/{created['id']}/logs").json()["data"]
    assert ["clip", "One pass makes this step and mark, publish."] in [[line["step_id"], line["text"]] for line in lines]


def test_what_is_an_output_is_made_by_itself(customer, files, tmp_path):
    data = run(customer, template("clip", "publish"), files)
    assert data["processing_status"] == "success", data["error"]
    clip, mark, _ = data["completions"]
    assert not is_lime(content(clip), tmp_path) and is_lime(content(mark), tmp_path)


def test_a_fault_is_told_of_its_own_step(customer, files):
    data = run(customer, template("publish"), files, start=5)
    assert data["processing_status"] == "fail"
    assert data["error"]["step_id"] == "mark" and "1 s long" in data["error"]["message"]
    assert [step["status"] for step in data["completions"]][:2] == ["success", "fail"], data["completions"]


def test_a_logo_that_cannot_be_had_is_told_of_its_own_step(customer, files):
    data = run(customer, template("publish"), {"photo": files["photo"]}, logo="http://127.0.0.1:9/logo.png")
    assert data["processing_status"] == "fail" and data["error"]["step_id"] == "mark", data["error"]
    assert [step["status"] for step in data["completions"]][:2] == ["success", "fail"]
