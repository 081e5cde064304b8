"""What the tests against the real binary share: a server per test session or per test, clients, photos, a file host."""
import contextlib
import faulthandler
import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

import pytest
import requests

import corpus
import traffic
from corpus import recipes
from corpus.door import Worker

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("REELD_BUILD", ROOT / "build")).resolve()
REELD = BUILD / "reeld"
PHOTOS = ROOT / "tests" / "data"
KEY = "test-key-0123456789"
# A test that takes longer hangs; by folder, many times what it takes on a busy machine.
SECONDS_MAX = {"api": 120, "worker": 300, "e2e": 300, "crash": 900}


class Hang(Exception):
    pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    seconds = SECONDS_MAX.get(item.path.parent.name, 120)

    def ring(*_):
        faulthandler.dump_traceback()
        raise Hang(f"the test took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Server:
    """A reeld process on a data folder of its own."""

    def __init__(self, folder, *flags, key=KEY, environment=None, private=True):
        self.folder = pathlib.Path(folder)
        self.flags = [*flags, *(["--allow-private-networks"] if private else [])]
        self.key = key
        self.environment = dict(os.environ, REELD_API_KEY=key, **(environment or {}))
        self.program = REELD
        self.prefix = []  # what the command is started by
        self.process = None
        self.base = None
        self.log = self.folder.parent / (self.folder.name + ".log")

    def start(self, wait_ready=True):
        command = [*self.prefix, str(self.program), "serve", "--listen", "127.0.0.1:0", "--data", str(self.folder),
                   "--log-level", "debug", "--rate", "100000", "--rate-burst", "100000", *self.flags]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.environment)
        for line in self.process.stdout:
            if line.startswith(b"listening on "):
                self.base = line.decode().split()[-1]
                traffic.bases.add(self.base)
                break
        else:
            raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        if wait_ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        until = time.monotonic() + seconds
        while requests.get(self.base + "/ready", timeout=30, verify=False).status_code != 200:
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the server did not stop on SIGTERM") from None
            report = re.search(r"(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*", self.log.read_text(errors="replace"), re.S)
            assert not report, report[0][:5000]
        return self.process.returncode if self.process else None

    def prove(self):
        """Whatever a test did, what is left in the folder adds up."""
        if (self.folder / "reeld.db").exists():
            proof = json.loads(self.command("fsck", "--json").stdout)
            assert proof.get("ok"), proof

    def request(self, method, path, **arguments):
        headers = {"X-Api-Key": self.key, **arguments.pop("headers", {})}
        return requests.request(method, self.base + path, headers=headers, timeout=arguments.pop("timeout", 120),
                                **arguments)

    def raw(self, data, seconds=20):
        """Sends bytes as they are and reads until the server closes: status, headers in small letters, body."""
        host, port = self.base.split("//")[1].split(":")
        answer = b""
        with socket.create_connection((host, int(port)), timeout=seconds) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    answer += part
        if not answer:
            return 0, {}, b""
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin1").split("\r\n")
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body

    def key_for(self, customer, credits=1000):
        """A key of a customer of its own."""
        made = self.command("key", "create", "--customer", customer, "--credits", str(credits), "--json")
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)["key"]

    def create(self, template_id, options=None, image_urls=None, **more):
        body = {"template_id": template_id, "options": options or {}, "image_urls": image_urls or [], **more}
        return self.request("POST", "/v2/workflow", json=body)

    def finish(self, workflow_id, seconds=300):
        """Waits like a client; the final object."""
        until = time.monotonic() + seconds
        while True:
            answer = self.request("GET", f"/v2/workflow/{workflow_id}?wait=30")
            assert answer.status_code == 200, answer.text
            data = answer.json()["data"]
            if data["processing_status"] in ("success", "fail", "cancel"):
                return data
            assert time.monotonic() < until, json.dumps(data)[:2000]

    def run(self, template_id, options=None, image_urls=None, **more):
        answer = self.create(template_id, options, image_urls, **more)
        assert answer.status_code == 200, answer.text
        return self.finish(answer.json()["data"]["id"])

    def upload(self, path):
        with open(path, "rb") as file:
            answer = self.request("POST", "/v2/assets", files={"file": file})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def command(self, *arguments):
        return subprocess.run([str(REELD), *arguments, "--data", str(self.folder)], capture_output=True, text=True,
                              timeout=120)


@pytest.fixture(scope="session")
def scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="reeld-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(scratch):
    """One server for all tests that leave nothing behind which others could trip over."""
    running = Server(scratch / "shared-data").start()
    yield running
    status = running.stop()
    assert status == 0, running.log.read_text()[-3000:]
    running.prove()


@pytest.fixture
def new_server(tmp_path):
    """Starts servers with flags of the test's own; stops them afterwards."""
    started = []

    def start(*flags, name="data", wait_ready=True, **settings):
        running = Server(tmp_path / name, *flags, **settings).start(wait_ready)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()
        running.prove()


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def file_host():
    """The photos over HTTP on loopback; yields the base URL."""
    handler = functools.partial(QuietFiles, directory=str(PHOTOS))
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as host:
        host.daemon_threads = True
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_address[1]}"
        host.shutdown()


@contextlib.contextmanager
def serving(handler_class):
    """A small HTTP server with a handler of the test's own; yields its base URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler_class) as host:
        host.daemon_threads = True
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_address[1]}"
        host.shutdown()


@pytest.fixture(scope="session")
def files(scratch):
    """The good files of tests/corpus, by name; what the build has made is taken."""
    made = BUILD / "tests" / "step" / "corpus"
    return corpus.make(made if (made / "stamp").exists() else scratch / "corpus")


@pytest.fixture(scope="session")
def others(files):
    return recipes.helpers(files)


@pytest.fixture(scope="session")
def worker(scratch):
    """A jailed worker behind its own door, without a server. One for all; it is the same process at the end."""
    running = Worker(BUILD, log=scratch / "worker.log")
    running.start()
    yield running
    running.stop()
    assert running.starts == 1, (scratch / "worker.log").read_text()
