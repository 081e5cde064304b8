"""Ten thousand clients that wait for news of workflows: what they cost while nothing happens, and when something does."""
import contextlib
import http.server
import resource
import selectors
import socket
import threading
import time

from measure import pss_mib, tree_cpu
from servers import KEY, Reeld
from table import Line, row

CLIENTS, WORKFLOWS, QUIET_SECONDS = 10_000, 100, 10


class Silent(http.server.BaseHTTPRequestHandler):
    """A host of pictures that never answers, so that workflows stay where they are."""

    def do_GET(self):
        time.sleep(3600)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def silent_host():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as host:
        host.daemon_threads = True
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()


class Clients:
    """Connections that have asked and read what comes."""

    def __init__(self, base, targets):
        host, port = base.split("//")[1].split(":")
        self.selector = selectors.EpollSelector()
        self.read = {}
        for target in targets:
            client = socket.create_connection((host, int(port)))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\nX-Api-Key: {KEY}\r\n\r\n".encode())
            client.setblocking(False)
            self.selector.register(client, selectors.EVENT_READ)
            self.read[client] = b""

    def receive(self, is_done, seconds):
        """Reads until every client has what is_done() looks for; how many have."""
        until = time.monotonic() + seconds
        done = set()
        while len(done) < len(self.read) and time.monotonic() < until:
            for key, _ in self.selector.select(0.1):
                part = key.fileobj.recv(1 << 16)
                self.read[key.fileobj] += part
                if not part or is_done(self.read[key.fileobj]):
                    done.add(key.fileobj)
                if not part:
                    self.selector.unregister(key.fileobj)
        return len(done)

    def close(self):
        for client in self.read:
            client.close()
        self.selector.close()


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < CLIENTS + 1000:
        raise RuntimeError(f"only {hard} descriptors may be open; ulimit -Hn has to be {CLIENTS + 1000} or more")


def measure(context, suffix, what, first):
    """Rows for clients that ask for the workflows' paths with `suffix`; `first` is what all of them get at once, if anything."""
    raise_descriptors()
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(silent_host())
        reeld = stack.enter_context(contextlib.closing(Reeld(context.build, "--waits", "20000", "--waits-per-key", "20000",
                                                              "--allow-private-networks", "--fetch-timeout", "3000")))
        ids = [reeld.create("bench_hold", {"image_url": f"{host}/{number}.png"}) for number in range(WORKFLOWS)]
        time.sleep(1)
        alone = pss_mib(reeld.pid)
        targets = [f"/v2/workflow/{ids[number % WORKFLOWS]}{suffix}" for number in range(CLIENTS)]
        clients = stack.enter_context(contextlib.closing(Clients(reeld.base, targets)))
        if first and clients.receive(lambda text: first in text, 60) < CLIENTS:
            raise RuntimeError("not every client was let in")
        time.sleep(2)
        together = pss_mib(reeld.pid)
        before = tree_cpu(reeld.pid)
        time.sleep(QUIET_SECONDS)
        quiet = (tree_cpu(reeld.pid) - before) / QUIET_SECONDS
        began, before = time.monotonic(), tree_cpu(reeld.pid)
        for workflow in ids:
            answer = reeld.session.post(f"{reeld.base}/v2/workflow/{workflow}/cancel", timeout=60)
            if answer.status_code != 200:
                raise RuntimeError(answer.text)
        told = clients.receive(lambda text: b'"processing_status":"cancel"' in text, 60)
        if told < CLIENTS:
            raise RuntimeError(f"only {told} of {CLIENTS} heard of the end")
        news_seconds, news_cpu = time.monotonic() - began, tree_cpu(reeld.pid) - before
    return [
        Line(f"{CLIENTS:,} {what}", "PSS MiB more", together - alone, floor=100, reach=50),
        Line(f"{CLIENTS:,} {what}, nothing happens", "CPU s/s", quiet, floor=0.05, reach=0.01),
        Line(f"{WORKFLOWS} ends told to {CLIENTS:,} {what}", "s", news_seconds),
        Line(f"{WORKFLOWS} ends told to {CLIENTS:,} {what}", "CPU us each", news_cpu / CLIENTS * 1e6),
    ]


@row("listeners", "10,000 clients that listen to the events of 100 workflows")
def measure_listeners(context):
    return measure(context, "/events", "event streams", b"event: workflow")


@row("waits", "10,000 clients that wait for the end of 100 workflows")
def measure_waits(context):
    return measure(context, "?wait=60", "long waits", None)
