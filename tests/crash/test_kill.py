"""The server dies by SIGKILL at random moments under load and is started again: nothing is lost, doubled or charged twice."""
import concurrent.futures
import random
import sqlite3
import threading
import time

import requests

from conftest import PHOTOS, Server

WORKFLOWS = 100
KILLS = 12


def create_until_accepted(server, image_url, number, accepted, lock, deadline):
    """A client that tries again when the connection breaks; only what was acknowledged counts."""
    while time.monotonic() < deadline:
        try:
            answer = server.create("vim_grid2images", {"image_url": image_url, "grid_pattern": "2x2"},
                                   title=f"workflow {number}")
        except requests.RequestException:
            time.sleep(0.05)
            continue
        assert answer.status_code == 200, answer.text
        with lock:
            accepted.append(answer.json()["data"]["id"])
        return
    raise AssertionError("the server did not come back")


def test_nothing_is_lost_doubled_or_charged_twice(tmp_path):
    chance = random.Random(20261124)
    server = Server(tmp_path / "data").start()
    asset = server.upload(PHOTOS / "chelsea.png")
    media_path = asset["url"].split("/", 3)[3]
    accepted, lock = [], threading.Lock()
    deadline = time.monotonic() + 300
    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(create_until_accepted, server, "http://127.0.0.1/" + media_path, number, accepted, lock,
                                deadline) for number in range(WORKFLOWS)]
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 1.2))
                server.kill()
                server.start(wait_ready=False)
            for job in jobs:
                job.result()
        finished = [server.finish(workflow_id) for workflow_id in accepted]
        ledger_is_whole(server, finished)
    finally:
        server.stop()


def ledger_is_whole(server, finished):
    assert len({data["id"] for data in finished}) == len(finished) >= WORKFLOWS
    for data in finished:
        assert data["processing_status"] == "success", data["error"]
        assert [step["flow"] for step in data["completions"]] == ["split_grid_images"]
        assert len(data["completions"][0]["result"]) == 4
        assert len(data["result"]) == 4
        assert data["used_credits"] == sum(step["used_credits"] for step in data["completions"]) == 2
    database = sqlite3.connect(f"file:{server.folder}/reeld.db?mode=ro", uri=True)
    rows = database.execute("SELECT kind, amount, workflow_id FROM ledger").fetchall()
    balance = database.execute("SELECT balance FROM customer WHERE id = 'default'").fetchone()[0]
    stored = database.execute("SELECT id FROM workflow").fetchall()
    database.close()
    assert sum(amount for _, amount, _ in rows) == balance
    # A request whose answer was lost with the connection may have been accepted as well: every stored one is charged once.
    assert {data["id"] for data in finished} <= {row[0] for row in stored}
    for kind in ("reserve", "settle"):
        charged = [workflow for row_kind, _, workflow in rows if row_kind == kind]
        assert len(charged) == len(set(charged))
    reserved = {workflow for kind, _, workflow in rows if kind == "reserve"}
    assert reserved == {row[0] for row in stored}
