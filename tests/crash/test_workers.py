"""The real worker processes: what they hold, and what their death, hang or hunger does to workflows."""
import json
import os
import pathlib
import signal
import threading
import time

import PIL.Image
import pytest

from conftest import PHOTOS, QuietFiles, serving

STEP = {"id": "shout", "label": "Shout", "description": "One step of text.", "category": "utility", "credits": {"image": 1},
        "available_options": [{"key": "topic", "label": "Topic", "component": "text", "required": True}],
        "steps": [{"id": "write", "flow": "chat", "params": {"prompt": "{{options.topic}}"}}],
        "outputs": [{"step": "write"}]}


def children(server, name):
    """The processes of this server whose name begins so, by their ids."""
    pid = server.process.pid
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().startswith(name):
                found.append(int(child))
    return found


def wait_children(server, name, count):
    until = time.monotonic() + 60
    while len(children(server, name)) != count:
        assert time.monotonic() < until
        time.sleep(0.02)
    return children(server, name)


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def wait_jailed(pid):
    """A worker has its name a moment before its jail closes."""
    until = time.monotonic() + 60
    while status_of(pid)["Seccomp"] != "2":
        assert time.monotonic() < until
        time.sleep(0.02)


def descriptors(pid):
    folder = f"/proc/{pid}/fd"
    return {int(name): os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}


def test_workers_live_in_a_jail(new_server):
    server = new_server("--workers", "2")
    media = wait_children(server, "media-", 2)
    net = wait_children(server, "net-", 1)
    for pid in media + net:
        wait_jailed(pid)
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert "Max core file size        0                    0" in limits
    for pid in media:
        open_files = descriptors(pid)
        assert set(open_files) <= {0, 1, 2, 3, 4}, open_files
        assert open_files[0] == open_files[1] == "/dev/null"
        assert open_files[3].startswith("socket:")
        assert "reeld.db" not in str(open_files)
        environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        assert server.key.encode() not in environment
    for pid in net:
        assert not any("reeld" in name for number, name in descriptors(pid).items() if number > 2)
    assert status_of(server.process.pid)["Threads"]


def test_a_killed_worker_costs_one_attempt(new_server):
    server = new_server("--workers", "1")
    picture = server.upload(PHOTOS / "coffee.png")["url"]
    before = wait_children(server, "media-", 1)
    answers = [server.create("vim_images2grid", image_urls=[picture] * 4).json()["data"]["id"] for _ in range(4)]
    os.kill(before[0], signal.SIGKILL)
    for name in answers:
        assert server.finish(name)["processing_status"] == "success"
    assert wait_children(server, "media-", 1) != before


def test_a_stopped_worker_meets_the_time_limit(new_server, tmp_path):
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    hurried = dict(STEP, steps=[dict(STEP["steps"][0], timeout_s=1)])
    (catalog / "shout.json").write_text(json.dumps(hurried))
    server = new_server("--workers", "1", "--catalog", str(catalog))
    (worker,) = wait_children(server, "media-", 1)
    os.kill(worker, signal.SIGSTOP)
    data = server.run("shout", {"topic": "anything"})
    assert data["processing_status"] == "fail"
    assert data["error"] == {"code": "TIMEOUT", "message": "The step took longer than its time limit.",
                             "step_id": "write"}
    assert server.run("shout", {"topic": "anything"})["processing_status"] == "success"


def test_the_net_worker_is_replaced_while_it_fetches(new_server):
    photo = (PHOTOS / "chelsea.png").read_bytes()
    asked = []
    answer = threading.Event()

    class Slow(QuietFiles):
        def do_GET(self):
            asked.append(self.path)
            if len(asked) == 1:
                answer.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", str(len(photo)))
            self.end_headers()
            self.wfile.write(photo)

    with serving(Slow) as host:
        server = new_server("--workers", "1")
        name = server.create("vim_grid2images", {"image_url": host + "/slow.png"}).json()["data"]["id"]
        while not asked:
            time.sleep(0.01)
        (net,) = wait_children(server, "net-", 1)
        os.kill(net, signal.SIGKILL)
        data = server.finish(name)
        answer.set()
        assert data["processing_status"] == "success", data["error"]
        assert len(asked) == 2


@pytest.fixture(scope="module")
def huge_picture(tmp_path_factory):
    """81 megapixels in a small file: 243 MB when it is decoded."""
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    PIL.Image.new("RGB", (9000, 9000), (200, 30, 90)).save(path, compress_level=1)
    return path


@pytest.mark.parametrize("flags, code, sentence", [
    (["--worker-memory", "500M"], "OUT_OF_MEMORY", "The step needed more memory than a worker may use."),
    (["--worker-output", "20k"], "PAYLOAD_TOO_LARGE", "The step wrote a larger file than it may."),
    (["--worker-cpu", "0"], "TIMEOUT", "The step used more processor time than it may."),
])
def test_limits_of_workers_end_in_their_sentence(new_server, huge_picture, flags, code, sentence):
    server = new_server("--workers", "1", *flags)
    if code == "TIMEOUT":  # a clip takes seconds of any processor
        photo = server.upload(PHOTOS / "astronaut.png")["url"]
        data = server.run("vim_arctic", {"image_url": photo, "pipeline_mode": "video"})
    else:
        picture = server.upload(huge_picture)["url"]
        data = server.run("vim_grid2images", {"image_url": picture, "grid_pattern": "1x2"})
    assert data["processing_status"] == "fail"
    assert (data["error"]["code"], data["error"]["message"]) == (code, sentence)
    small = server.upload(PHOTOS / "coffee.png")["url"]
    if code != "PAYLOAD_TOO_LARGE":
        data = server.run("vim_grid2images", {"image_url": small, "grid_pattern": "4x4"})
        assert data["processing_status"] == "success", data["error"]
