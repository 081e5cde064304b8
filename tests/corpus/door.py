"""The worker's own door: a real, jailed reeld-worker that is spoken to over its wire as the engine does it (src/wire/wire.h)."""
import json
import os
import pathlib
import signal
import socket
import struct
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEMORY, OUTPUT = 4 << 30, 4 << 30  # the server's defaults
WIRE_FD, PACK_FD = 3, 4


def step_params():
    """By step type: what the document of the API says of its parameters."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    return {name[5:]: schema["properties"] for name, schema in schemas.items() if name.startswith("step_")}


PARAMS = step_params()
# parameters that are one file or a list of files
MEDIA = {"image_url", "video_url", "audio_url", "overlay_url", "logo_url", "background_url", "background_video_url", "mask_url", "last_frame_url"}
MEDIA_LISTS = {"image_urls", "video_urls"}


class Answer:
    """What became of one step. `kind`: done, failed, died (the process), late (it was killed for time)."""

    def __init__(self):
        self.kind, self.message, self.outputs, self.notes, self.progress = None, {}, [], [], []
        self.seconds, self.status = 0.0, None

    @property
    def code(self):
        return self.message.get("code")

    @property
    def sentence(self):
        return self.message.get("message", "")

    def results(self):
        """(record, bytes) of every file."""
        for record in self.message["results"]:
            yield record, self.outputs[record["output"]] if "output" in record else record["text"].encode()

    def __str__(self):
        return f"{self.kind} {self.code or ''} {self.sentence} {self.message.get('path', '')} {self.status if self.status is not None else ''}".strip()


class Worker:
    """One process and its wire. `run` starts another one when this one is gone, as the server does."""

    def __init__(self, build, memory=MEMORY, output=OUTPUT, cpu_seconds=3600, log=None):
        self.program, self.pack = pathlib.Path(build) / "reeld-worker", pathlib.Path(build) / "reeld.pack"
        self.arguments = [str(self.program), "0", str(memory), str(output), str(cpu_seconds)]
        self.log = log or os.devnull
        self.wire, self.pid, self.job, self.starts = None, None, 0, 0

    def start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        nothing = os.open(os.devnull, os.O_RDWR)
        pack = os.open(self.pack if self.pack.exists() else os.devnull, os.O_RDONLY)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # high numbers first, so that none is overwritten before it has been copied
        high = [os.dup2(fd, 200 + i, False) for i, fd in enumerate((theirs.fileno(), pack, nothing, log))]
        actions = [(os.POSIX_SPAWN_DUP2, high[0], WIRE_FD), (os.POSIX_SPAWN_DUP2, high[1], PACK_FD), (os.POSIX_SPAWN_DUP2, high[2], 0),
                   (os.POSIX_SPAWN_DUP2, high[2], 1), (os.POSIX_SPAWN_DUP2, high[3], 2)]
        try:
            self.pid = os.posix_spawn(self.arguments[0], self.arguments, os.environ, file_actions=actions)
        finally:
            theirs.close()
            for fd in (nothing, pack, log, *high):
                os.close(fd)
        self.wire, self.starts = ours, self.starts + 1
        message, _ = self.receive(time.monotonic() + 60)
        assert message == {"type": "ready"}, message

    def send(self, message, fds=()):
        payload = json.dumps(message).encode()
        data = struct.pack("<II", len(payload), len(fds)) + payload
        sent = socket.send_fds(self.wire, [data], list(fds)) if fds else 0
        self.wire.sendall(data[sent:])

    def receive(self, until):
        """A message and its descriptors; EOFError at the end, TimeoutError."""
        data, fds = b"", []
        wanted = 8
        while len(data) < wanted:
            self.wire.settimeout(max(0.001, until - time.monotonic()))
            try:
                part, more, _, _ = socket.recv_fds(self.wire, wanted - len(data), 8)
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError
            data, fds = data + part, fds + list(more)
            if len(data) == 8 == wanted:
                size, _ = struct.unpack("<II", data)
                assert size <= 8 << 20, size
                wanted += size
        message = json.loads(data[8:])
        assert isinstance(message, dict) and isinstance(message["type"], str), message
        return message, fds

    def stop(self):
        """Closes the wire; the status that the process ended with."""
        status = self.end(None)
        assert status in (None, 0), status
        return status

    def end(self, kill):
        if self.pid is None:
            return None
        self.wire.close()
        if kill:
            os.kill(self.pid, kill)
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def peak_kib(self):
        """The most memory that it had at once, in KiB."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        return 0

    def run(self, flow, params, seconds=60, local=None):
        """Runs a step. A media parameter is bytes, or a list of them. Bytes may also stand as descriptors (int)."""
        if self.pid is None:
            self.start()
        files, paths, opened = [], [], []

        def give(data, path):
            if isinstance(data, int):
                files.append(data)
            else:
                fd = os.memfd_create("input")
                os.write(fd, data) if len(data) < 1 << 20 else [os.pwrite(fd, data[i:i + (1 << 20)], i) for i in range(0, len(data), 1 << 20)]
                os.lseek(fd, 0, os.SEEK_SET)
                files.append(fd)
                opened.append(fd)
            paths.append(path)
            return {"input": len(files) - 1}

        whole = {name: row.get("default") for name, row in PARAMS[flow].items()}
        for name, value in params.items():
            assert name in whole, (flow, name)
            if name in MEDIA:
                value = give(value, f"/{name}")
            elif name in MEDIA_LISTS:
                value = [give(item, f"/{name}/{i}") for i, item in enumerate(value)]
            whole[name] = value
        self.job += 1
        message = {"type": "run", "job": self.job, "flow": flow, "params": whole, "local": local or {}, "seed": "1", "paths": paths, "then": []}
        try:
            return self.answer(message, files, seconds)
        finally:
            for fd in opened:
                os.close(fd)

    def answer(self, message, files, seconds):
        answer, outputs, began = Answer(), [], time.monotonic()
        try:
            self.send(message, files)
            while True:
                got, fds = self.receive(began + seconds)
                assert not fds, "a worker sends no descriptors"
                assert got.get("job") == self.job, got
                if got["type"] == "output":
                    outputs.append(os.memfd_create("output"))
                    self.send({"type": "output", "job": self.job}, outputs[-1:])
                elif got["type"] == "progress":
                    answer.progress.append(got["fraction"])
                elif got["type"] == "note":
                    answer.notes.append(got["text"])
                else:
                    assert got["type"] in ("done", "failed"), got
                    answer.kind, answer.message = got["type"], got
                    break
        except (EOFError, BrokenPipeError):
            answer.kind, answer.status = "died", self.end(None)
        except TimeoutError:
            answer.kind, answer.status = "late", self.end(signal.SIGKILL)
        finally:
            answer.seconds = time.monotonic() - began
            for fd in outputs:
                answer.outputs.append(os.pread(fd, 1 << 30, 0))
                os.close(fd)
        return answer
