"""The server dies by SIGKILL at random moments under load and is started again: nothing is lost, doubled or charged twice, no
finished step runs again, and nothing that a client was told turns out untrue."""
import collections
import concurrent.futures
import contextlib
import json
import os
import random
import sqlite3
import threading
import time

import requests

from conftest import PHOTOS, Server

WORKFLOWS = 100
KILLS = 14
FINAL = ("success", "fail", "cancel")
ORDER = {"queue": 0, "processing": 1, "success": 2, "fail": 2, "cancel": 2}
READY, SUCCESS = 0, 1  # enum store_task_state

# Text and pictures, side by side and one after the other: 7 steps, 4 of them on pictures.
MIXED = {
    "id": "mixed",
    "label": "Mixed",
    "description": "Text and pictures.",
    "category": "utility",
    "credits": {"image": 7},
    "available_options": [
        {"key": "image_url", "label": "Picture", "component": "image", "required": True},
        {"key": "topic", "label": "Topic", "component": "text", "required": True},
    ],
    "steps": [
        {"id": "plan", "flow": "chat", "params": {"prompt": "{{options.topic}}"}},
        {"id": "cut", "flow": "split_grid_images",
         "params": {"image_url": "{{options.image_url}}", "grid_pattern": "2x2"}},
        {"id": "polish", "flow": "chat", "params": {"prompt": "{{steps.plan.text}}", "option": "RefinePrompt"}},
        {"id": "tile", "flow": "tile_grid_images",
         "params": {"image_urls": "{{steps.cut.urls}}", "grid_pattern": "2x2"}},
        {"id": "cut_again", "flow": "split_grid_images", "needs": ["polish"],
         "params": {"image_url": "{{steps.tile.url}}", "grid_pattern": "1x2"}},
        {"id": "tile_again", "flow": "tile_grid_images",
         "params": {"image_urls": "{{steps.cut_again.urls}}", "grid_pattern": "1x2"}},
        {"id": "title", "flow": "chat", "needs": ["tile_again"], "params": {"prompt": "{{steps.polish.text}}"}},
    ],
    "outputs": [{"step": "tile_again"}, {"step": "title"}],
}
STEPS = [step["id"] for step in MIXED["steps"]]


class Clients:
    """Creates workflows, tries again when the connection breaks, and remembers every answer to hold it against later ones."""

    def __init__(self, server, image_url, chance):
        self.server = server
        self.image_url = image_url
        self.chance = chance
        self.lock = threading.Lock()
        self.seen = {}  # the newest answer for each acknowledged workflow
        self.done = threading.Event()
        self.deadline = time.monotonic() + 240
        self.broken = 0
        self.answers = 0

    @contextlib.contextmanager
    def ending(self):
        """When the test fails its clients give up as well."""
        try:
            yield
        except BaseException:
            self.deadline = 0
            raise
        finally:
            self.done.set()

    def again(self, ask):
        while True:
            assert time.monotonic() < self.deadline, "the server did not come back"
            try:
                answer = ask()
            except requests.RequestException:
                with self.lock:
                    self.broken += 1
                time.sleep(0.02)
                continue
            assert answer.status_code == 200, answer.text
            with self.lock:
                self.answers += 1
            return answer.json()["data"]

    def create(self, number):
        options = {"image_url": self.image_url, "topic": f"subject {number % 7}."}
        data = self.again(lambda: self.server.create("mixed", options, title=f"workflow {number}"))
        with self.lock:
            self.seen[data["id"]] = data
        return data["id"]

    def watch(self):
        """Reads workflows at random until all is over."""
        while not self.done.is_set():
            with self.lock:
                names = list(self.seen)
            if not names:
                time.sleep(0.01)
                continue
            self.read(self.chance.choice(names), "")

    def read(self, name, query):
        with self.lock:
            before = self.seen[name]
        after = self.again(lambda: self.server.request("GET", f"/v2/workflow/{name}{query}"))
        never_less(before, after)
        with self.lock:
            if ORDER[after["processing_status"]] >= ORDER[self.seen[name]["processing_status"]] and \
                    after["progress_percentage"] >= self.seen[name]["progress_percentage"]:
                self.seen[name] = after
        return after

    def finish(self, name):
        while True:
            data = self.read(name, "?wait=5")
            if data["processing_status"] in FINAL:
                return data


def completion_facts(completion):
    """What may not change once it was said; URLs are signed anew on every read."""
    return {"status": completion["status"], "duration": completion["duration"], "flow": completion["flow"],
            "results": [{key: value for key, value in result.items() if key != "url"} for result in completion["result"]]}


def never_less(before, after):
    """Both answers were given by the server, the first earlier than the second was asked for."""
    assert ORDER[after["processing_status"]] >= ORDER[before["processing_status"]], (before, after)
    if before["processing_status"] in FINAL:
        assert after["processing_status"] == before["processing_status"]
    assert after["progress_percentage"] >= before["progress_percentage"], (before, after)
    said = {step["id"]: completion_facts(step) for step in after["completions"]}
    for step in before["completions"]:
        if step["status"] == "success":
            assert said[step["id"]] == completion_facts(step)


def read_tasks(folder):
    """Every row of a step, by workflow and step; the server is dead."""
    database = sqlite3.connect(f"file:{folder}/reeld.db?mode=ro", uri=True)
    rows = database.execute("SELECT workflow_id, step_id, item, state, attempt, result_json, duration_ms, started_at,"
                            " finished_at FROM tasks").fetchall()
    unfinished = database.execute("SELECT COUNT(*) FROM workflows WHERE status < 2").fetchone()[0]
    database.close()
    return {row[:3]: row[3:] for row in rows}, unfinished


def steps_started(log):
    """(workflow, step) -> how often a worker was given it, out of lines of the server's log."""
    return collections.Counter((line["workflow_id"], line["step_id"]) for line in map(json.loads, log.splitlines())
                               if line["message"] == "a step starts")


def test_nothing_is_lost_doubled_or_charged_twice(tmp_path):
    seed = int(os.environ.get("REELD_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    print("seed", seed)
    chance = random.Random(seed)
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "mixed.json").write_text(json.dumps(MIXED))
    server = Server(tmp_path / "data", "--catalog", str(catalog), "--log-json").start()
    path = server.upload(PHOTOS / "chelsea.png")["url"].split("/", 3)[3]
    clients = Clients(server, "http://127.0.0.1/" + path, chance)
    finished_rows, in_flight, half_done, log_at, starts = {}, [], 0, 0, 0
    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool, clients.ending():
            watchers = [pool.submit(clients.watch) for _ in range(3)]
            created = [pool.submit(clients.create, number) for number in range(WORKFLOWS)]
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.1, 1.6))
                server.kill()
                rows, unfinished = read_tasks(server.folder)
                text = server.log.read_text()
                starts += starts_not_repeated(text[log_at:], finished_rows)
                log_at = len(text)
                for key, row in finished_rows.items():
                    assert rows[key] == row
                finished_rows = {key: row for key, row in rows.items() if row[0] == SUCCESS}
                in_flight.append(unfinished)
                half_done += sum(row[0] == READY for row in rows.values())
                server.start(wait_ready=False)
            names = [job.result() for job in created]
            finished = list(pool.map(clients.finish, names))
            clients.done.set()
            for watcher in watchers:
                watcher.result()
        rows = wait_all_over(server)
        starts += starts_not_repeated(server.log.read_text()[log_at:], finished_rows)
        for key, row in finished_rows.items():
            assert rows[key] == row
        for data in finished:
            is_whole(server, data)
        stored_facts_are_whole(server, finished, rows)
    finally:
        clients.done.set()
        server.stop()
    proof = json.loads(server.command("fsck", "--json").stdout)
    assert proof["ok"], proof["faults"]
    print(f"{KILLS} kills; unfinished workflows at each: {in_flight}; steps under way at a kill: {half_done};"
          f" {clients.answers} answers, {clients.broken} broken connections")
    assert starts >= WORKFLOWS * len(STEPS)
    assert sum(count > 0 for count in in_flight) >= KILLS // 2 and half_done > 0 and clients.broken > 0


def starts_not_repeated(log, finished_rows):
    """In the life of the server that wrote this part of the log no step began that had been finished before, and none began
    twice."""
    starts = steps_started(log)
    for workflow, step, _ in finished_rows:
        assert (workflow, step) not in starts, (workflow, step)
    assert all(count == 1 for count in starts.values()), starts.most_common(3)
    return len(starts)


def wait_all_over(server):
    """Also the workflows whose acknowledgement was lost with the connection end."""
    until = time.monotonic() + 120
    while True:
        rows, unfinished = read_tasks(server.folder)
        if unfinished == 0:
            return rows
        assert time.monotonic() < until
        time.sleep(0.1)


def is_whole(server, data):
    assert data["processing_status"] == "success", data["error"]
    assert data["progress_percentage"] == 100
    assert [step["id"] for step in data["completions"]] == STEPS
    assert all(step["status"] == "success" for step in data["completions"])
    assert [len(step["result"]) for step in data["completions"]] == [1, 4, 1, 1, 2, 1, 1]
    assert data["used_credits"] == sum(step["used_credits"] for step in data["completions"]) == 7
    picture, text = data["result"]
    assert text["text"]
    answer = requests.get(picture["url"], timeout=30)
    assert answer.status_code == 200 and len(answer.content) == picture["size"]


def stored_facts_are_whole(server, finished, tasks):
    database = sqlite3.connect(f"file:{server.folder}/reeld.db?mode=ro", uri=True)
    ledger = database.execute("SELECT kind, amount, workflow_id FROM ledger WHERE customer = 'default'").fetchall()
    balance = database.execute("SELECT balance FROM customers WHERE id = 'default'").fetchone()[0]
    stored = {row[0] for row in database.execute("SELECT id FROM workflows WHERE status = 2")}
    count = database.execute("SELECT COUNT(*) FROM workflows").fetchone()[0]
    database.close()
    # A request whose answer was lost with the connection may have been accepted as well: every stored one succeeds and is
    # charged once.
    names = {data["id"] for data in finished}
    assert len(names) == WORKFLOWS and names <= stored and len(stored) == count
    assert sum(amount for _, amount, _ in ledger) == balance == 100000 - 7 * count
    for kind in ("reserve", "settle"):
        assert sorted(workflow for row_kind, _, workflow in ledger if row_kind == kind) == sorted(stored)
    assert {kind for kind, _, _ in ledger} == {"grant", "reserve", "settle"}
    assert sorted((workflow, step) for workflow, step, _ in tasks) == sorted(
        (workflow, step) for workflow in stored for step in STEPS)
    assert all(row[0] == SUCCESS and row[1] == 1 for row in tasks.values())
