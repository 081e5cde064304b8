"""Accepting work: durable POST of a workflow."""
import contextlib
import socket
import subprocess

from measure import Load, median, median_ratio, rounds, wrk
from servers import KEY, Reeld
from table import Line, row

ROUNDS, SECONDS = 4, 2

POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Api-Key"] = "%s"
wrk.body = '{"template_id":"bench_chat","options":{"prompt":"A paper boat"}}'
"""


def group_commit(context, clients):
    """The store alone, on a fresh database."""
    for old in context.folder.glob("limit.db*"):
        old.unlink()
    done = subprocess.run([context.build / "bench" / "group_commit", context.folder / "limit.db", str(clients),
                           str(SECONDS)], capture_output=True, text=True, timeout=60, check=True)
    rate, cpu_us = map(float, done.stdout.split())
    return Load(rate, cpu_us, 0)


def post(context, clients, script):
    """A fresh server each time: what was posted before would be executed meanwhile."""
    with contextlib.closing(Reeld(context.build)) as reeld:
        reeld.run("bench_chat")
        return wrk(reeld.base + "/v2/workflow", reeld.pid, SECONDS, clients, script=script)


def accept(context, clients, script):
    """Accepting alone: the engine may hold one workflow at a time, and that one waits for a picture that never comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent, \
            contextlib.closing(Reeld(context.build, "--active", "1", "--allow-private-networks")) as reeld:
        reeld.run("bench_chat")
        reeld.create("bench_hold", {"image_url": f"http://127.0.0.1:{silent.getsockname()[1]}/never.jpg"})
        silent.settimeout(20)
        with silent.accept()[0]:
            return wrk(reeld.base + "/v2/workflow", reeld.pid, SECONDS, clients, script=script)


def measure_post(context, clients, limits, single_limits):
    script = context.folder / "post.lua"
    script.write_text(POST % KEY)
    results = rounds(ROUNDS, {
        "reeld": lambda: accept(context, clients, script),
        "executing": lambda: post(context, clients, script),
        "group commit": lambda: group_commit(context, clients),
        "txn per insert": lambda: group_commit(context, 1),
    })
    columns = {name: Load(*zip(*loads)) for name, loads in results.items()}

    def line(what, unit, field, ours, peer, **more):
        mine, theirs = getattr(columns[ours], field), getattr(columns[peer], field)
        return Line(f"{what}, {clients} clients", unit, median(mine), peer, median(theirs), median_ratio(mine, theirs),
                    **more)

    return [
        line("durable POST", "req/s", "rate", "reeld", "group commit", better="higher", **limits),
        line("durable POST", "CPU us/req", "cpu_us", "reeld", "group commit"),
        line("durable POST", "req/s", "rate", "reeld", "txn per insert", better="higher", **single_limits),
        line("durable POST while executing", "req/s", "rate", "executing", "group commit"),
    ]


@row("post", "durable POST /v2/workflow, 64 clients, against the bare group commit of the same rows")
def measure_post_64(context):
    return measure_post(context, 64, {"floor": 0.5, "reach": 0.8}, {"floor": 8, "reach": 15})


@row("post256", "the same with 256 clients")
def measure_post_256(context):
    return measure_post(context, 256, {"floor": 0.5, "reach": 0.8}, {"floor": 8, "reach": 15})
