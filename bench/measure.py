"""How bench measures: processor time of process trees, interleaved rounds, loads on loopback."""
import collections
import os
import pathlib
import re
import socket
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")

Cost = collections.namedtuple("Cost", "cpu wall")  # seconds


def _stat(pid):
    """(parent, own seconds, seconds of its ended children), or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    own = (int(fields[11]) + int(fields[12])) / TICKS
    ended = (int(fields[13]) + int(fields[14])) / TICKS
    return int(fields[1]), own, ended


def tree_pids(root):
    """The process and all its descendants that live."""
    children = collections.defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(entry)
            if stat:
                children[stat[0]].append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children[pid]
    return found


def tree_cpu(root):
    """User and system seconds of a process tree so far, its ended members included."""
    total = 0.0
    for pid in tree_pids(root):
        stat = _stat(pid)
        if stat:
            total += stat[1] + stat[2]
    return total


def pss_mib(pid):
    """Proportional set size of one process."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"no Pss of process {pid}")


def run_command(command, **more):
    """Runs a command to its end; its processor time with that of all it started, and its wall time."""
    before = os.times()
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    wall = time.monotonic() - start
    after = os.times()
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Cost(cpu, wall)


def in_tree(pid, work):
    """What `work` cost the processes under `pid`, which go on living."""
    cpu, start = tree_cpu(pid), time.monotonic()
    work()
    return Cost(tree_cpu(pid) - cpu, time.monotonic() - start)


def rounds(count, runners):
    """Runs every runner once a round, in turn and in changing order; {name: [result of each round]}."""
    results = {name: [] for name in runners}
    names = list(runners)
    for index in range(count):
        for name in names if index % 2 == 0 else reversed(names):
            results[name].append(runners[name]())
    return results


def median(values):
    return statistics.median(values)


def median_ratio(ours, theirs):
    """The median of the ratios taken inside each round: neighbours on the machine weigh on both sides of one."""
    return statistics.median(a / b for a, b in zip(ours, theirs) if b > 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended at once")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen")


# requests a second, server's CPU a request, requests, median latency
Load = collections.namedtuple("Load", "rate cpu_us count median_ms", defaults=(0,))


def wrk(url, server_pid, seconds=2, connections=64, headers=(), script=None):
    """Loads a server with wrk; every answer must be a 2xx."""
    command = ["wrk", "-t1", "--latency", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", str(script)]
    cpu = tree_cpu(server_pid)
    done = subprocess.run(command + [url], capture_output=True, text=True, timeout=seconds + 60, check=True)
    cpu = tree_cpu(server_pid) - cpu
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"wrk met errors at {url}:\n{done.stdout}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
    median_ms = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return Load(rate, cpu / max(count, 1) * 1e6, count, median_ms)
