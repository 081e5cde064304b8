"""Server-sent events: what comes, in which order, from which id on, and when it ends."""
import json
import threading
import time
import uuid

import requests

from conftest import PHOTOS
from test_bad_input import error
from test_lifecycle import Customer, Gate, TWO_STEPS, customer, gate, until_processing  # noqa: F401


class Stream:
    """Reads events on a thread of its own."""

    def __init__(self, customer, workflow_id, last_id=None):
        headers = {"X-Api-Key": customer.key, **({} if last_id is None else {"Last-Event-ID": str(last_id)})}
        self.answer = requests.get(f"{customer.server.base}/v2/workflow/{workflow_id}/events", headers=headers, stream=True, timeout=90)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"] == "text/event-stream" and self.answer.headers["X-Request-Id"]
        assert "no-store" in self.answer.headers["Cache-Control"]
        self.events = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        event = {}
        for line in self.answer.iter_lines(chunk_size=1):
            line = line.decode()
            if line.startswith(":"):
                continue
            if line:
                name, value = line.split(": ", 1)
                event[name] = value
            elif event:
                assert set(event) == {"id", "event", "data"}
                self.events.append((int(event["id"]), event["event"], json.loads(event["data"])))
                event = {}
        assert not event

    def end(self, seconds=60):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the stream did not end"
        return self.events

    def wait_for(self, count, seconds=30):
        until = time.monotonic() + seconds
        while len(self.events) < count:
            assert time.monotonic() < until, self.events
            time.sleep(0.01)
        return self.events[:count]


def check_order(events):
    ids = [event[0] for event in events]
    assert ids == sorted(set(ids)) and ids[0] > 0
    assert {event[1] for event in events} <= {"workflow", "step", "progress"}
    progress = [data["progress_percentage"] for _, name, data in events if name != "step"]
    assert progress == sorted(progress)


def test_a_workflow_from_the_start_to_the_end(customer, gate):
    assert customer.request("POST", "/v2/workflow/templates", json=TWO_STEPS).status_code == 200
    created = customer.create("two_steps", options={"image_url": f"{gate}/x.png"})
    stream = Stream(customer, created["id"])
    stream.wait_for(1)
    until_processing(customer, created["id"])
    Gate.opened.set()
    events = stream.end()
    check_order(events)
    assert events[0][1] == events[-1][1] == "workflow"
    assert events[0][2]["id"] == created["id"] and set(events[0][2]) == set(created)
    assert events[-1][2] | {"result": 0, "completions": 0} == customer.read(created["id"]) | {"result": 0, "completions": 0}
    assert events[-1][2]["processing_status"] == "success" and len(events[-1][2]["result"]) == 4
    steps = [(data["id"], data["status"]) for _, name, data in events if name == "step"]
    assert steps.index(("write", "success")) < steps.index(("split", "success"))
    split = next(data for _, name, data in events if name == "step" and data["status"] == "success" and data["id"] == "split")
    assert set(split) == {"id", "flow", "item", "item_count", "status", "attempt", "used_credits", "duration", "result", "error", "reason"}
    assert split["flow"] == "split_grid_images" and split["item"] == 0 and split["item_count"] == 1 and split["attempt"] == 1
    assert [item["sha256"] for item in split["result"]] == [item["sha256"] for item in events[-1][2]["result"]]
    assert requests.get(split["result"][0]["url"], timeout=30).status_code == 200


def test_progress_comes_inside_a_long_step(server, file_host):
    customer = Customer(server)
    created = customer.create("vim_arctic", image_urls=[f"{file_host}/astronaut.png"], options={"pipeline_mode": "video"})
    events = Stream(customer, created["id"]).end(100)
    check_order(events)
    progress = [data for _, name, data in events if name == "progress"]
    assert len(progress) >= 3
    for data in progress:
        assert data.keys() == {"id", "processing_status", "progress_percentage", "running_steps"} and data["id"] == created["id"]
        assert 0 < data["progress_percentage"] < 100 and data["processing_status"] == "processing"
    assert events[-1][2]["progress_percentage"] == 100


def test_a_finished_one_is_told_and_that_is_the_end(server, customer):
    done = customer.create(image_urls=[server.upload(PHOTOS / "chelsea.png")["url"]], headers={"Prefer": "wait=60"})
    events = Stream(customer, done["id"]).end()
    assert [(name, data["id"], data["updated_at"]) for _, name, data in events] == [("workflow", done["id"], done["updated_at"])]
    assert Stream(customer, done["id"], events[0][0]).end() == []
    for last_id in ("x", "-1", "", "1.5", "99999999999999999999", events[0][0] + 1, 0):
        assert [event[:2] for event in Stream(customer, done["id"], last_id).end()] == [event[:2] for event in events]
    changed = customer.request("PUT", f"/v2/workflow/{done['id']}", json={"title": "later"}).json()["data"]
    later = Stream(customer, done["id"], events[0][0]).end()
    assert [(name, data["title"]) for _, name, data in later] == [("workflow", changed["title"])] and later[0][0] > events[0][0]


def test_coming_back_gives_what_came_after(customer, gate):
    assert customer.request("POST", "/v2/workflow/templates", json=TWO_STEPS).status_code == 200
    created = customer.create("two_steps", options={"image_url": f"{gate}/x.png"})
    until_processing(customer, created["id"])
    first = Stream(customer, created["id"])
    second = Stream(customer, created["id"], first.wait_for(1)[0][0])  # nothing to say until something comes
    Gate.opened.set()
    events = first.end()
    assert [event[:2] for event in events[1:]] == [event[:2] for event in second.end()]
    check_order(events)
    for seen in range(len(events)):
        later = Stream(customer, created["id"], events[seen][0]).end()
        ids = [event[0] for event in later]
        assert ids == sorted(set(ids)) and all(each > events[seen][0] for each in ids)
        missed = {event[2]["id"] for event in events[seen + 1:] if event[1] == "step"}
        assert {data["id"] for _, name, data in later if name == "step"} >= missed
        assert later[-1][:2] == events[-1][:2] if seen < len(events) - 1 else later == []


def test_changes_and_ends_of_other_kinds(customer, gate):
    created = customer.create(image_urls=[f"{gate}/x.png"])
    until_processing(customer, created["id"])
    stream = Stream(customer, created["id"])
    stream.wait_for(1)
    customer.request("PUT", f"/v2/workflow/{created['id']}", json={"title": "new"})
    assert stream.wait_for(2)[-1][2]["title"] == "new"
    assert customer.act(created["id"], "cancel").status_code == 200
    events = stream.end()
    check_order(events)
    assert events[-1][1] == "workflow" and events[-1][2]["processing_status"] == "cancel"
    assert customer.act(created["id"], "retry").status_code == 200
    again = Stream(customer, created["id"], events[-1][0])
    later = again.wait_for(1)
    assert later[0][0] > events[-1][0]
    assert customer.request("DELETE", f"/v2/workflow/{created['id']}").status_code == 200
    assert again.end()[-1][2]["processing_status"] == "cancel"


def test_events_of_what_is_not_there(server, customer, gate):
    created = customer.create(image_urls=[f"{gate}/x.png"])
    for workflow_id in (uuid.uuid4(), "x"):
        error(customer.request("GET", f"/v2/workflow/{workflow_id}/events"), 404, "NOT_FOUND")
    error(server.request("GET", f"/v2/workflow/{created['id']}/events"), 404, "NOT_FOUND")
    error(server.request("GET", f"/v2/workflow/{created['id']}/events", headers={"X-Api-Key": "wrong"}), 401, "UNAUTHORIZED")
    head = customer.request("HEAD", f"/v2/workflow/{created['id']}/events")
    assert head.status_code == 200 and head.content == b"" and head.headers["Content-Type"] == "text/event-stream"


def test_listeners_that_leave_and_a_server_that_stops(new_server):
    server = new_server()
    customer = Customer(server)
    Gate.opened.clear()
    from conftest import serving
    with serving(Gate) as base:
        created = customer.create(image_urls=[f"{base}/x.png"])
        until_processing(customer, created["id"])
        leavers = [Stream(customer, created["id"]) for _ in range(20)]
        stayers = [Stream(customer, created["id"]) for _ in range(5)]
        for stream in leavers + stayers:
            stream.wait_for(1)
        for stream in leavers:
            stream.answer.raw._fp.fp.raw._sock.close()
        for number in range(5):
            assert customer.request("PUT", f"/v2/workflow/{created['id']}", json={"title": str(number)}).status_code == 200
        for stream in stayers:
            assert stream.wait_for(6)[-1][2]["title"] == "4"
        assert server.stop() == 0
        for stream in stayers:
            stream.end()
        Gate.opened.set()
