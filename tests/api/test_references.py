"""Media references when a workflow runs: data: URIs, servers that answer badly, addresses that may not be reached."""
import base64
import http.server
import time

import pytest

from conftest import PHOTOS, serving

CHELSEA = (PHOTOS / "chelsea.png").read_bytes()


def run(server, reference):
    data = server.run("vim_grid2images", {"image_url": reference})
    if data["processing_status"] == "fail":
        assert set(data["error"]) == {"code", "message", "step_id"} and data["error"]["step_id"] == "split_images"
        assert data["error"]["message"].endswith(".") and data["used_credits"] == 0 and data["result"] == []
    return data


@pytest.mark.parametrize("reference", [
    "data:image/png;base64," + base64.b64encode(CHELSEA).decode(), "DATA:image/png;BASE64," + base64.b64encode(CHELSEA).decode(),
    "data:;base64," + base64.b64encode(CHELSEA).decode(), "data:image/jpeg;name=x;base64," + base64.b64encode(CHELSEA).decode(),
    "data:image/png," + "".join(f"%{byte:02x}" for byte in (PHOTOS / "chelsea.png").read_bytes())], ids=range(5))
def test_inline_pictures(server, reference):
    assert run(server, reference)["processing_status"] == "success"


@pytest.mark.parametrize("reference", [
    "data:,", "data:,hello", "data:image/png;base64,", "data:image/png;base64,AAAA", "data:image/png;base64,!!!!", "data:image/png;base64,AAA",
    "data:image/png;base64," + base64.b64encode(CHELSEA[:5000]).decode(), "data:image/png;base64," + base64.b64encode(b"<svg/>").decode()])
def test_inline_data_that_is_no_picture(server, reference):
    data = run(server, reference)
    assert data["processing_status"] == "fail" and data["error"]["code"] == "BAD_INPUT"


class Bad(http.server.BaseHTTPRequestHandler):
    """Answers each path badly in its way."""

    def do_GET(self):
        name = self.path.strip("/")
        if name.isdigit():
            self.send_response(int(name))
            self.end_headers()
        elif name == "good":
            self.answer(200, CHELSEA, [("Content-Type", "text/html")])
        elif name == "loop":
            self.answer(302, b"", [("Location", "/loop")])
        elif name == "moved":
            self.answer(302, b"", [("Location", "/good")])
        elif name == "file":
            self.answer(302, b"", [("Location", "file:///etc/passwd")])
        elif name == "user":
            self.answer(302, b"", [("Location", "http://me:pw@127.0.0.1/")])
        elif name == "page":
            self.answer(200, b"<html>hello</html>", [("Content-Type", "image/png")])
        elif name == "empty":
            self.answer(200, b"", [])
        elif name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CHELSEA)))
            self.end_headers()
            self.wfile.write(CHELSEA[:5000])
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(CHELSEA)
            except OSError:
                pass
        elif name == "silent":
            time.sleep(8)

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def bad_host():
    with serving(Bad) as base:
        yield base


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    from conftest import Server
    running = Server(tmp_path_factory.mktemp("quick") / "data", "--fetch-timeout", "3", "--input-bytes", "1M").start()
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("name,code,part", [
    ("404", "FETCH_FAILED", "404"), ("500", "FETCH_FAILED", "500"), ("401", "FETCH_FAILED", "401"), ("204", "BAD_INPUT", "empty"),
    ("loop", "FETCH_REFUSED", "redirects more than"), ("file", "FETCH_REFUSED", "Only http and https"), ("user", "FETCH_REFUSED", "user name"),
    ("page", "BAD_INPUT", ""), ("empty", "BAD_INPUT", "empty"), ("cut", "FETCH_FAILED", ""), ("endless", "PAYLOAD_TOO_LARGE", "1048576 bytes"),
    ("silent", "TIMEOUT", "in time")])
def test_servers_that_answer_badly(quick, bad_host, name, code, part):
    data = run(quick, f"{bad_host}/{name}")
    assert data["processing_status"] == "fail" and data["error"]["code"] == code, data["error"]
    assert part in data["error"]["message"], data["error"]


def test_content_type_and_redirects_do_not_matter(quick, bad_host):
    for name in ("good", "moved"):
        assert run(quick, f"{bad_host}/{name}")["processing_status"] == "success"


def test_addresses_that_may_not_be_reached(new_server, bad_host):
    """The guard at work in the server: every form fails the workflow with a sentence, none is reached."""
    guarded = new_server(private=False)
    port = bad_host.rsplit(":", 1)[1]
    references = [
        f"http://127.0.0.1:{port}/good", f"http://localhost:{port}/good", f"http://127.1:{port}/good", f"http://2130706433:{port}/good",
        f"http://0x7f.1:{port}/good", f"http://0.0.0.0:{port}/good", f"http://[::1]:{port}/good", f"http://[::ffff:127.0.0.1]:{port}/good",
        f"http://[::ffff:7f00:1]:{port}/good", f"http://[::]:{port}/good", "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[64:ff9b::7f00:1]/"]
    created = [guarded.create("vim_grid2images", {"image_url": reference}).json()["data"]["id"] for reference in references]
    for reference, workflow_id in zip(references, created):
        data = guarded.finish(workflow_id)
        assert data["processing_status"] == "fail", reference
        assert data["error"]["code"] == "FETCH_REFUSED" and "not public" in data["error"]["message"], (reference, data["error"])
