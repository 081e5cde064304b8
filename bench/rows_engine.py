"""The engine: workflows of three steps that cost next to nothing, from the request to the last result."""
import contextlib

from measure import Load, median, median_ratio, rounds, tree_cpu, wrk
from rows_store import POST
from servers import KEY, Postgres, Redis, Reeld, Resident, peers_folder
from table import Line, row

ROUNDS, SECONDS, IN_FLIGHT = 3, 3, 64


def load_peer(peer, server, in_flight):
    """The peer's own program keeps the workflows in flight; its processor time and its server's count."""
    cpu = tree_cpu(peer.pid) + tree_cpu(server.pid)
    rate, median_ms, count = peer.ask(f"{SECONDS} {in_flight}")
    cpu = tree_cpu(peer.pid) + tree_cpu(server.pid) - cpu
    return Load(rate, cpu / count * 1e6, count, median_ms)


def check_all_succeeded(reeld):
    for status in ("fail", "cancel"):
        answer = reeld.session.get(f"{reeld.base}/v2/workflow?status={status}&limit=1", timeout=60)
        answer.raise_for_status()
        if answer.json()["data"]:
            raise RuntimeError(f"a workflow ended with {status}")


@row("engine", "three-step chat workflows a second and their latency, against BullMQ and DBOS")
def measure_engine(context):
    script = context.folder / "engine.lua"
    script.write_text(POST % KEY + 'wrk.headers["Prefer"] = "wait=30"\n')
    with contextlib.ExitStack() as stack:
        reeld = stack.enter_context(contextlib.closing(Reeld(context.build)))
        redis = stack.enter_context(contextlib.closing(Redis()))
        postgres = stack.enter_context(contextlib.closing(Postgres()))
        bullmq = stack.enter_context(contextlib.closing(
            Resident(["node", peers_folder() / "bullmq.mjs", redis.port])))
        dbos = stack.enter_context(contextlib.closing(
            Resident(["node", peers_folder() / "dbos.mjs", postgres.port])))
        url = reeld.base + "/v2/workflow"

        def runners(in_flight):
            return {
                "reeld": lambda: wrk(url, reeld.pid, SECONDS, in_flight, script=script),
                "BullMQ": lambda: load_peer(bullmq, redis, in_flight),
                "DBOS": lambda: load_peer(dbos, postgres, in_flight),
            }

        rounds(1, runners(IN_FLIGHT))  # warm
        many, single = (rounds(ROUNDS, runners(in_flight)) for in_flight in (IN_FLIGHT, 1))
        check_all_succeeded(reeld)
    many, single = ({name: Load(*zip(*loads)) for name, loads in results.items()} for results in (many, single))
    lines = []
    for peer, limits in (("BullMQ", (3, 10)), ("DBOS", (15, 50))):
        for what, unit, field, results, better, floor, reach in (
                ("three-step workflows, 64 in flight", "a second", "rate", many, "higher", *limits),
                ("three-step workflows, 64 in flight", "CPU us each", "cpu_us", many, "lower", None, None),
                ("three-step workflow, alone", "median ms", "median_ms", single, "lower", 0.6, 0.35)):
            mine, theirs = getattr(results["reeld"], field), getattr(results[peer], field)
            lines.append(Line(what, unit, median(mine), peer, median(theirs), median_ratio(mine, theirs), floor, reach,
                              better))
    return lines
