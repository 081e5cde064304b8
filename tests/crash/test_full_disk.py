"""The disk that holds the data folder is full for a while: clear errors, nothing accepted is lost, and it goes on afterwards."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PHOTOS, Server
from test_workers import STEP, wait_children

MOUNT = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'


def may_mount():
    return subprocess.run(["unshare", "-m", "sh", "-c", MOUNT, "/mnt", "true"], capture_output=True).returncode == 0


class SmallDisk(Server):
    """Its data folder is a file system of 24 MB that only the server sees."""

    def start(self, wait_ready=True):
        self.folder.mkdir(exist_ok=True)
        self.prefix = ["unshare", "-m", "sh", "-c", MOUNT, str(self.folder)]
        return super().start(wait_ready)

    def filler(self):
        return f"/proc/{self.process.pid}/root{self.folder}/filler"

    def fill(self):
        with open(self.filler(), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        os.remove(self.filler())


@pytest.fixture
def small_disk(tmp_path):
    if not may_mount():
        pytest.skip("a file system of its own needs the right to mount one")
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "shout.json").write_text(json.dumps(STEP))
    (catalog / "tile.json").write_text(json.dumps(dict(
        STEP, id="tile", available_options=[{"key": "image_url", "label": "Picture", "component": "image", "required": True}],
        steps=[{"id": "write", "flow": "tile_grid_images",
                "params": {"image_urls": ["{{options.image_url}}", "{{options.image_url}}"], "grid_pattern": "2x1"}}])))
    server = SmallDisk(tmp_path / "data", "--catalog", str(catalog), "--workers", "1")
    yield server.start()
    server.stop()


def test_accepted_workflows_wait_for_room(small_disk):
    (worker,) = wait_children(small_disk, "media-", 1)
    os.kill(worker, signal.SIGSTOP)
    accepted = [small_disk.create("shout", {"topic": "x" * 3000}).json()["data"]["id"] for _ in range(5)]
    while True:  # until its step is with the worker
        data = small_disk.request("GET", f"/v2/workflow/{accepted[0]}").json()["data"]
        if data["processing_status"] == "processing":
            break
        time.sleep(0.01)
    small_disk.fill()
    refused = 0
    while refused < 3:  # the log of the database may have had some room left
        answer = small_disk.create("shout", {"topic": "x" * 3000})
        if answer.status_code == 200:
            accepted.append(answer.json()["data"]["id"])
            continue
        refused += 1
        assert answer.status_code == 503, answer.text
        assert answer.json()["message"] in ("STORAGE_FAILED", "UNAVAILABLE")
        assert "Retry-After" in answer.headers
    assert small_disk.request("GET", "/ready").status_code == 503
    assert small_disk.request("GET", "/health").status_code == 200
    os.kill(worker, signal.SIGCONT)
    time.sleep(1.5)
    states = {small_disk.request("GET", f"/v2/workflow/{name}").json()["data"]["processing_status"] for name in accepted}
    assert states <= {"queue", "processing", "success"}
    small_disk.free()
    for name in accepted:
        data = small_disk.finish(name)
        assert data["processing_status"] == "success", data["error"]
    assert small_disk.request("GET", "/ready").status_code == 200
    account = [line for line in small_disk.log.read_text().splitlines() if "could not be stored" in line]
    assert account and "full" in account[0]


def test_results_without_room_say_so(small_disk):
    picture = small_disk.upload(PHOTOS / "chelsea.png")["url"]
    small_disk.request("GET", "/ready")
    (worker,) = wait_children(small_disk, "media-", 1)
    os.kill(worker, signal.SIGSTOP)
    name = small_disk.create("tile", {"image_url": picture}).json()["data"]["id"]
    time.sleep(0.5)
    small_disk.fill()
    os.kill(worker, signal.SIGCONT)
    time.sleep(6)
    small_disk.free()
    # The attempt fails, and so does writing that down; when there is room, another one is made.
    data = small_disk.finish(name)
    assert data["processing_status"] == "success", data["error"]
    lines = [line for line in small_disk.log.read_text().splitlines() if "a step failed" in line]
    assert lines and "STORAGE_FAILED" in lines[0] and ("full" in lines[0] or "space" in lines[0]), lines
