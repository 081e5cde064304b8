"""The server under test, and the peers that run as servers."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import requests

from measure import ROOT, free_port, tree_pids, wait_for_port

KEY = "bench-key-0123456789"
TEMPLATES = pathlib.Path(__file__).resolve().parent / "templates"


class Reeld:
    """A reeld process tree on a data folder of its own, with bench's templates."""

    def __init__(self, build, *flags, catalog=TEMPLATES, credits=10**9):
        self.build = pathlib.Path(build).resolve()
        self.catalog = catalog
        self.flags = list(flags)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reeld-bench-"))
        self.process = None
        self.base = None
        self.session = requests.Session()
        self.session.headers["X-Api-Key"] = KEY
        try:
            self.start()
            self.command("credits", "add", "--customer", "default", str(credits))
        except BaseException:
            if self.process:
                self.close()
            raise

    def start(self):
        """Starts on the folder; returns the seconds until it was ready for work."""
        began = time.monotonic()
        known = subprocess.run([self.build / "reeld", "serve", "--help"], capture_output=True, text=True).stdout
        # One key stands for all clients here, so the limits of one client are not what is measured.
        limits = [word for flag in ("--rate", "--rate-burst", "--in-flight") if f"{flag} " in known
                  for word in (flag, "1000000000")]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.build / "reeld", "serve", "--listen", "127.0.0.1:0", "--data", self.folder / "data",
                 "--catalog", self.catalog, *limits, *self.flags],
                stdout=subprocess.PIPE, stderr=log, env=dict(os.environ, REELD_API_KEY=KEY))
        for line in self.process.stdout:
            if line.startswith(b"listening on "):
                self.base = line.decode().split()[-1]
                break
        else:
            raise RuntimeError(f"reeld did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        while self.session.get(self.base + "/ready", timeout=30).status_code != 200:
            time.sleep(0.005)
        return time.monotonic() - began

    @property
    def pid(self):
        return self.process.pid

    def command(self, *words):
        subprocess.run([self.build / "reeld", *words, "--data", self.folder / "data"], check=True,
                       capture_output=True, timeout=60)

    def create(self, template, options=None):
        answer = self.session.post(self.base + "/v2/workflow", timeout=60,
                                   json={"template_id": template, "options": options or {}})
        if answer.status_code != 200:
            raise RuntimeError(f"{template}: {answer.status_code} {answer.text}")
        return answer.json()["data"]["id"]

    def finish(self, workflow_id):
        while True:
            answer = self.session.get(f"{self.base}/v2/workflow/{workflow_id}?wait=30", timeout=60)
            answer.raise_for_status()
            data = answer.json()["data"]
            if data["processing_status"] not in ("queue", "processing"):
                break
        if data["processing_status"] != "success":
            raise RuntimeError(f"{data['model']} ended with {data['processing_status']}: {data['error']}")
        return data

    def run(self, template, options=None):
        return self.finish(self.create(template, options))

    def upload(self, path, content_type):
        answer = self.session.post(self.base + "/v2/assets", data=pathlib.Path(path).read_bytes(), timeout=120,
                                   headers={"Content-Type": content_type})
        answer.raise_for_status()
        return answer.json()["data"]["url"]

    def download(self, url, path):
        answer = self.session.get(url, timeout=120)
        answer.raise_for_status()
        pathlib.Path(path).write_bytes(answer.content)
        return path

    def kill(self):
        """At once, as when the results no longer matter."""
        for pid in tree_pids(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Peer:
    """A child process that listens on a port."""

    def __init__(self, command, port, **more):
        self.port = port
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **more)
        wait_for_port(port, self.process)

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        self.process.terminate()
        self.process.wait(20)


class Resident:
    """A peer that does one job for each line it is given and answers each with one line."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=dict(os.environ, NODE_NO_WARNINGS="1"))
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command} did not get ready")

    @property
    def pid(self):
        return self.process.pid

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "done":
            raise RuntimeError(f"{self.process.args}: {' '.join(answer)}")
        return [float(word) for word in answer[1:]]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


NGINX = """
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    open_file_cache_valid 60s;
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""


class Nginx(Peer):
    """Serves one file, as /object.json, with as many workers as reeld has HTTP threads."""

    def __init__(self, content):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reeld-bench-nginx-"))
        self.folder.chmod(0o755)
        (self.folder / "files").mkdir()
        (self.folder / "files" / "object.json").write_bytes(content)
        port = free_port()
        (self.folder / "conf").write_text(NGINX.format(folder=self.folder, port=port))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        super().__init__([program, "-c", self.folder / "conf", "-p", self.folder], port)
        self.url = f"http://127.0.0.1:{port}/object.json"

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def peers_folder():
    return ROOT / "bench" / "peers"


class Redis(Peer):
    """With every write synced to disk before it is acknowledged."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="reeld-bench-redis-")
        port = free_port()
        super().__init__(["redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", self.folder, "--save", "",
                          "--appendonly", "yes", "--appendfsync", "always"], port)

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Peer):
    """A cluster of its own, with fsync; root starts it as the user that Debian's package made."""

    def __init__(self):
        programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reeld-bench-postgres-"))
        as_user = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run([*as_user, programs / "initdb", "-D", self.folder / "data", "-U", "postgres", "--auth=trust",
                        "--no-sync", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        port = free_port()
        super().__init__([*as_user, programs / "postgres", "-D", self.folder / "data", "-p", port, "-k", self.folder,
                          "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=256MB", "-c", "jit=off"], port,
                         cwd="/")

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
