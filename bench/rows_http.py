"""Polling: GET of a workflow's status."""
import contextlib

from measure import Load, free_port, median, median_ratio, rounds, wrk
from servers import KEY, Nginx, Peer, Reeld, peers_folder
from table import Line, row

ROUNDS, SECONDS = 4, 2


@row("get", "GET status, 64 connections, against nginx serving the same bytes and against fastify")
def measure_get(context):
    with contextlib.ExitStack() as stack:
        reeld = stack.enter_context(contextlib.closing(Reeld(context.build)))
        workflow = reeld.run("bench_chat")["id"]
        url = f"{reeld.base}/v2/workflow/{workflow}"
        body = reeld.session.get(url, timeout=30).content
        nginx = stack.enter_context(contextlib.closing(Nginx(body)))
        file = context.folder / "object.json"
        file.write_bytes(body)
        port = free_port()
        fastify = stack.enter_context(contextlib.closing(
            Peer(["node", peers_folder() / "fastify.mjs", port, KEY, file], port)))
        path = f"http://127.0.0.1:{port}/v2/workflow/{workflow}"
        key = [f"X-Api-Key: {KEY}"]
        results = rounds(ROUNDS, {
            "reeld": lambda: wrk(url, reeld.pid, SECONDS, headers=key),
            "nginx": lambda: wrk(nginx.url, nginx.pid, SECONDS, headers=key),
            "fastify": lambda: wrk(path, fastify.pid, SECONDS, headers=key),
        })
    columns = {name: Load(*zip(*loads)) for name, loads in results.items()}
    ours = columns["reeld"]

    def line(what, unit, field, peer, **limits):
        mine, theirs = getattr(ours, field), getattr(columns[peer], field)
        return Line(what, unit, median(mine), peer, median(theirs), median_ratio(mine, theirs), **limits)

    what = f"GET status, {len(body)} bytes"
    return [
        line(what, "req/s", "rate", "nginx", floor=0.8, reach=1.2, better="higher"),
        line(what, "CPU us/req", "cpu_us", "nginx"),
        line(what, "req/s", "rate", "fastify", floor=1.5, reach=3, better="higher"),
        line(what, "CPU us/req", "cpu_us", "fastify", floor=0.5),
    ]
