"""Hostile media through the whole server: the workflow fails with a sentence, nothing else is opened or fetched, and the server goes on."""
import ctypes
import http.server
import os
import struct

import pytest

from conftest import PHOTOS, serving
from corpus import hostile

PICTURES = ["bomb.png", "lying.png", "bomb.jpg", "bomb.webp", "canvas_bomb.webp", "large_frame.gif", "svg.png"]
POSERS = ["laughs.svg", "entity.svg", "file.svg", "address.svg", "hls.m3u8", "list.ffconcat", "script.mvg", "page.ps", "archive.zip", "archive.gz", "empty", "byte_255", "noise.png",
          "noise.avif", "list.png", "magic.webp"]


class Watch:
    """Tells whether a file was opened or read."""

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        assert self.fd >= 0 and libc.inotify_add_watch(self.fd, os.fsencode(path), 0x21) >= 0  # IN_ACCESS, IN_OPEN

    def seen(self):
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Serves what tests put into `files`, and notes what else is asked for."""
    class Handler(http.server.BaseHTTPRequestHandler):
        files, others = {}, []

        def do_GET(self):
            data = self.files.get(self.path)
            if data is None:
                self.others.append(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *arguments):
            pass

    canary = tmp_path_factory.mktemp("canary") / "canary.txt"
    canary.write_text("never read")
    with serving(Handler) as base:
        yield base, Handler, canary, Watch(canary)


def test_the_watch_sees_what_is_read(host):
    _, _, canary, watch = host
    canary.read_text()
    assert struct.unpack("iIII", watch.seen()[:16])[1] & 0x20


@pytest.fixture(scope="module")
def made(host):
    base, _, canary, _ = host
    return dict([*hostile.posers(str(canary), base.removeprefix("http://")), *hostile.pictures()])


@pytest.mark.parametrize("name", [*PICTURES, *POSERS])
def test_hostile_pictures_fail_with_a_sentence(server, host, made, name):
    base, handler, _, watch = host
    handler.files[f"/{name}"] = made[name]
    watch.seen()
    data = server.run("vim_grid2images", {"image_url": f"{base}/{name}"})
    assert data["processing_status"] == "fail", data
    error = data["error"]
    assert error["code"] in ("BAD_INPUT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "FETCH_FAILED"), error
    assert error["message"].endswith(".") and len(error["message"]) > 12
    assert not handler.others and not watch.seen()


def test_the_next_workflow_is_right(server):
    data = server.run("vim_grid2images", {"image_url": server.upload(PHOTOS / "chelsea.png")["url"]})
    assert data["processing_status"] == "success", data["error"]
    assert server.request("GET", "/ready").status_code == 200
