"""Many clients, a server that is killed again and again, and everything that must hold afterwards. For test_kill.py and tools/soak."""
import collections
import concurrent.futures
import contextlib
import json
import sqlite3
import threading
import time

import requests

from conftest import PHOTOS, QuietFiles, Server, serving

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
REFILL = 40  # workflows


class Clients:
    """Creates workflows, tries again when the connection breaks, and remembers every answer to hold it against later ones."""

    def __init__(self, server, image_url, chance, webhook_url):
        self.server = server
        self.webhook_url = webhook_url
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
        data = self.again(lambda: self.server.create("mixed", options, title=f"workflow {number}",
                                                    webhook_url=self.webhook_url))
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


class Receiver:
    """Takes the news of workflows that have ended: workflow -> the webhook-ids that it was told with."""

    def __init__(self):
        self.told = collections.defaultdict(list)
        self.url = None

    @contextlib.contextmanager
    def listening(self):
        record = self

        class Handler(QuietFiles):
            def do_POST(self):
                news = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert news["status"] == "success" and news["data"]["processing_status"] == "success"
                record.told[news["batch_id"]].append(self.headers["webhook-id"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        with serving(Handler) as self.url:
            yield self


class Siege:
    """A server on one folder, killed in rounds; each round ends with the whole of it held against the rules."""

    def __init__(self, folder, receiver, chance):
        folder.mkdir(exist_ok=True)
        catalog = folder / "catalog"
        catalog.mkdir()
        (catalog / "mixed.json").write_text(json.dumps(MIXED))
        self.server = Server(folder / "data", "--catalog", str(catalog), "--log-json")
        self.receiver = receiver
        self.chance = chance
        self.finished_rows = {}  # of steps, as they stood at the last kill
        self.log_at = 0
        self.kills = self.starts = self.half_done = self.broken = self.answers = self.workflows = 0
        self.in_flight = []

    def start(self):
        """The first start; what clients ask for refers to the photo for as long as its URL is good."""
        self.server.start()
        path = self.server.upload(PHOTOS / "chelsea.png")["url"].split("/", 3)[3]
        self.image_url = "http://127.0.0.1/" + path

    def again(self):
        """The next round: a folder that was proven, a log of its own."""
        self.server.log.unlink()
        self.log_at = 0
        self.server.start()

    def look(self):
        """The server is dead, or has nothing to do: what was finished before is as it was and did not run again."""
        rows, unfinished = read_tasks(self.server.folder)
        text = self.server.log.read_text()
        self.starts += starts_not_repeated(text[self.log_at:], self.finished_rows)
        self.log_at = len(text)
        for key, row in self.finished_rows.items():
            assert rows[key] == row
        self.finished_rows = {key: row for key, row in rows.items() if row[0] == SUCCESS}
        return rows, unfinished

    def kill(self):
        self.server.kill()
        rows, unfinished = self.look()
        self.kills += 1
        self.in_flight.append(unfinished)
        self.half_done += sum(row[0] == READY for row in rows.values())
        self.server.start(wait_ready=False)

    def round(self, kills, workflows):
        clients = Clients(self.server, self.image_url, self.chance, self.receiver.url)
        with concurrent.futures.ThreadPoolExecutor(16) as pool, clients.ending():
            watchers = [pool.submit(clients.watch) for _ in range(3)]
            created = [pool.submit(clients.create, number) for number in range(workflows)]
            for _ in range(kills):
                time.sleep(self.chance.uniform(0.1, 1.6))
                self.kill()
                if self.in_flight[-1] < REFILL:  # however quick the machine is, the next kill finds work
                    created += [pool.submit(clients.create, len(created) + more) for more in range(REFILL)]
            finished = list(pool.map(clients.finish, [job.result() for job in created]))
            clients.done.set()
            for watcher in watchers:
                watcher.result()
        wait_all_over(self.server)
        rows, _ = self.look()
        for data in finished:
            is_whole(data)
        stored = stored_facts_are_whole(self.server, finished, rows)
        self.everybody_was_told(stored)
        self.broken += clients.broken
        self.answers += clients.answers
        self.workflows = len(stored)

    def everybody_was_told(self, stored):
        """Of every workflow, maybe more than once, but always with the same id."""
        until = time.monotonic() + 120
        while not stored <= set(self.receiver.told):
            assert time.monotonic() < until, len(stored - set(self.receiver.told))
            time.sleep(0.1)
        assert set(self.receiver.told) == stored
        for workflow, names in list(self.receiver.told.items()):
            assert len(set(names)) == 1, (workflow, names)

    def prove(self):
        """Stops the server; the folder is whole."""
        assert self.server.stop() == 0
        proof = json.loads(self.server.command("fsck", "--json").stdout)
        assert proof["ok"], proof["faults"]
        return proof

    def report(self):
        repeated = sum(len(names) - 1 for names in self.receiver.told.values())
        return (f"{self.kills} kills, {self.workflows} workflows, unfinished at a kill: {min(self.in_flight)} to"
                f" {max(self.in_flight)}, steps under way at a kill: {self.half_done}, {self.answers} answers, {self.broken} broken"
                f" connections, {repeated} webhooks told again")


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


def is_whole(data):
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
    assert len(names) == len(finished) and names <= stored and len(stored) == count
    assert sum(amount for _, amount, _ in ledger) == balance == 100000 - 7 * count
    for kind in ("reserve", "settle"):
        assert sorted(workflow for row_kind, _, workflow in ledger if row_kind == kind) == sorted(stored)
    assert {kind for kind, _, _ in ledger} == {"grant", "reserve", "settle"}
    assert sorted((workflow, step) for workflow, step, _ in tasks) == sorted(
        (workflow, step) for workflow in stored for step in STEPS)
    assert all(row[0] == SUCCESS and row[1] == 1 for row in tasks.values())
    return stored
