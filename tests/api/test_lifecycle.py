"""What happens to workflows after their creation: lists, changes, cancellation, retries, deletion; requests that come twice."""
import concurrent.futures
import datetime
import http.server
import json
import threading
import time
import urllib.parse
import uuid

import pytest
import requests

from conftest import PHOTOS, serving
from test_bad_input import error, faults_of

CHELSEA = (PHOTOS / "chelsea.png").read_bytes()
TWO_STEPS = {"id": "two_steps", "label": "Two steps", "description": "Words, then pieces.", "category": "utility", "inputs": ["local"],
             "credits": {"image": 10},
             "available_options": [{"key": "image_url", "component": "image", "required": True},
                                   {"key": "topic", "component": "text", "default": "rain"}],
             "steps": [{"id": "write", "flow": "chat", "params": {"prompt": "About {{options.topic}}."}},
                       {"id": "split", "flow": "split_grid_images", "needs": ["write"],
                        "params": {"image_url": "{{options.image_url}}", "grid_pattern": "2x2"}}],
             "outputs": [{"step": "split"}]}


class Gate(http.server.BaseHTTPRequestHandler):
    """A host of pictures that answers when it is told to, and 404 while it is told so."""
    opened = threading.Event()
    status = 200

    def do_GET(self):
        Gate.opened.wait(60)
        status = Gate.status
        self.send_response(status)
        self.send_header("Content-Length", str(len(CHELSEA) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            try:
                self.wfile.write(CHELSEA)
            except OSError:
                pass

    def log_message(self, *arguments):
        pass


@pytest.fixture
def gate():
    Gate.opened.clear()
    Gate.status = 200
    with serving(Gate) as base:
        yield base
        Gate.opened.set()


@pytest.fixture
def photo(server):
    return server.upload(PHOTOS / "chelsea.png")["url"]


class Customer:
    """A customer with a key, so that lists and balances are its own."""

    def __init__(self, server, credits=1000):
        self.server = server
        self.name = "customer-" + uuid.uuid4().hex[:12]
        self.key = server.key_for(self.name, credits)

    def request(self, method, path, headers=None, **arguments):
        return self.server.request(method, path, headers={"X-Api-Key": self.key, **(headers or {})}, **arguments)

    def create(self, template_id="vim_grid2images", headers=None, **body):
        answer = self.request("POST", "/v2/workflow", json={"template_id": template_id, **body}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def read(self, workflow_id, wait=None):
        answer = self.request("GET", f"/v2/workflow/{workflow_id}" + (f"?wait={wait}" if wait else ""))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def page(self, path, **query):
        answer = self.request("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"data", "next_cursor"}
        return answer.json()

    def walk(self, path, **query):
        """All pages of a list."""
        pages = [self.page(path, **query)]
        while pages[-1]["next_cursor"]:
            pages.append(self.page(path, cursor=pages[-1]["next_cursor"], **query))
        return [page["data"] for page in pages]

    def act(self, workflow_id, action):
        return self.request("POST", f"/v2/workflow/{workflow_id}/{action}")

    def money(self):
        shown = json.loads(self.server.command("credits", "show", "--customer", self.name, "--json").stdout)
        return shown["balance"], shown["reserved"]


@pytest.fixture
def customer(server):
    return Customer(server)


def until_processing(customer, workflow_id):
    until = time.monotonic() + 30
    while customer.read(workflow_id)["processing_status"] == "queue":
        assert time.monotonic() < until
        time.sleep(0.02)


# --- lists -----------------------------------------------------------------------------------------------------------

def listed(customer, **query):
    return customer.page("/v2/workflow", **query)


def test_lists_are_paged_and_filtered(server, customer, photo):
    assert listed(customer) == {"data": [], "next_cursor": None}
    made = [customer.create(["vim_grid2images", "vim_images2grid"][i % 2], image_urls=[photo, photo, photo, photo], event_id=f"event-{i % 3}")
            for i in range(7)]
    for data in made:
        server_data = customer.read(data["id"], wait=60)
        assert server_data["processing_status"] == "success", server_data["error"]
    ids = [data["id"] for data in reversed(made)]
    body = listed(customer)
    assert [row["id"] for row in body["data"]] == ids and body["next_cursor"] is None
    for row in body["data"]:
        assert set(row) == set(made[0]) and row["completions"] and row["result"][0]["url"].startswith(server.base)
    assert [[row["id"] for row in page] for page in customer.walk("/v2/workflow", limit=3)] == [ids[:3], ids[3:6], ids[6:]]
    assert [row["id"] for row in listed(customer, template_id="vim_images2grid")["data"]] == [ids[i] for i in (1, 3, 5)]
    assert [row["id"] for row in listed(customer, event_id="event-1")["data"]] == [ids[i] for i in (2, 5)]
    assert listed(customer, event_id="event-1", template_id="vim_images2grid", status="success")["data"][0]["id"] == ids[5]
    assert listed(customer, status="fail")["data"] == [] and len(listed(customer, status="success")["data"]) == 7
    middle = made[3]["created_at"]
    assert [row["id"] for row in listed(customer, created_after=middle)["data"]] == ids[:3]
    assert [row["id"] for row in listed(customer, created_before=middle.replace(" ", "T"))["data"]] == ids[4:]
    assert listed(customer, unknown="x")["data"]
    assert listed(Customer(server))["data"] == []


@pytest.mark.parametrize("name,values", [
    ("limit", ["0", "101", "-1", "x", "", "1.5", "99999999999"]), ("status", ["", "done", "SUCCESS", "0"]), ("cursor", ["", "x", "1"]),
    ("created_after", ["", "x", "2026", "2026-13-01T00:00:00Z", "1"]), ("created_before", ["yesterday"])])
def test_bad_values_of_a_list_are_422(server, name, values):
    for value in values:
        assert faults_of(server.request("GET", "/v2/workflow", params={name: value})) == {(("query", name), "value_error")}
    everything = {"limit": "x", "status": "x", "cursor": "x", "created_after": "x", "created_before": "x"}
    assert len(faults_of(server.request("GET", "/v2/workflow", params=everything))) == 5


# --- changes ---------------------------------------------------------------------------------------------------------

def test_a_change_stays(server, customer, photo):
    data = customer.create(image_urls=[photo], title="old", description="stays")
    path = f"/v2/workflow/{data['id']}"
    answer = customer.request("PUT", path, json={"title": "nëw", "visibility_status": "2", "rating": "5 stars"})
    assert answer.status_code == 200
    changed = answer.json()["data"]
    assert (changed["title"], changed["visibility_status"], changed["rating"], changed["description"]) == ("nëw", "2", "5 stars", "stays")
    assert changed["updated_at"] > data["updated_at"] and changed["delivered_at"] is None
    done = customer.read(data["id"], wait=60)
    assert done["processing_status"] == "success" and done["title"] == "nëw"  # the engine goes on over it
    changed = customer.request("PUT", path, json={"delivered_at": "2026-05-16T16:34:59.5+02:00", "rating": None}).json()["data"]
    assert changed["delivered_at"] == "2026-05-16 14:34:59.500000+00:00" and changed["rating"] is None
    changed = customer.request("PUT", path, json={"delivered_at": None, "title": None}).json()["data"]
    at = datetime.datetime.fromisoformat(changed["delivered_at"])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) < 60 and changed["title"] == "nëw"
    assert customer.request("PUT", path, json={}).json()["data"]["title"] == "nëw"
    assert customer.read(data["id"])["delivered_at"] == changed["delivered_at"]


CHANGES = [({"titel": "x"}, "titel", "unknown_field"), ({"options": {}}, "options", "unknown_field"), ({"processing_status": "success"}, "processing_status", "unknown_field"),
           ({"title": 1}, "title", "type_error"), ({"title": "x" * 201}, "title", "too_long"), ({"description": []}, "description", "type_error"),
           ({"description": "x" * 5001}, "description", "too_long"), ({"visibility_status": "3"}, "visibility_status", "value_error"),
           ({"visibility_status": 1}, "visibility_status", "type_error"), ({"rating": 5}, "rating", "type_error"), ({"rating": "x" * 21}, "rating", "too_long"),
           ({"delivered_at": "soon"}, "delivered_at", "value_error"), ({"delivered_at": 1}, "delivered_at", "type_error")]


def test_bad_changes_are_422_and_change_nothing(server, photo):
    data = server.create("vim_grid2images", {}, [photo]).json()["data"]
    path = f"/v2/workflow/{data['id']}"
    for body, name, kind in CHANGES:
        assert (("body", name), kind) in faults_of(server.request("PUT", path, json={"title": "never", **body}))
    assert server.finish(data["id"])["title"] == ""
    error(server.request("PUT", path, data=b"{", headers={"Content-Type": "application/json"}), 400, "BAD_REQUEST", True)
    error(server.request("PUT", path, data=b"{}"), 415, "UNSUPPORTED_MEDIA_TYPE", True)
    error(server.request("PUT", f"/v2/workflow/{uuid.uuid4()}", json={"nope": 1}), 404, "NOT_FOUND")
    error(server.request("PUT", path, json={}, headers={"X-Api-Key": Customer(server).key}), 404, "NOT_FOUND")


# --- cancel ----------------------------------------------------------------------------------------------------------

def test_a_running_workflow_is_cancelled(customer, gate):
    data = customer.create(image_urls=[f"{gate}/x.png"])
    until_processing(customer, data["id"])
    assert customer.money() == (998, 2)
    answer = customer.act(data["id"], "cancel")
    assert answer.status_code == 200
    ended = answer.json()["data"]
    assert ended["processing_status"] == "cancel" and ended["error"]["code"] == "CANCELLED" and ended["used_credits"] == 0
    assert ended["completions"] == [] and ended["result"] == []
    assert customer.money() == (1000, 0)
    Gate.opened.set()
    error(customer.act(data["id"], "cancel"), 409, "CONFLICT", "has ended already")
    assert customer.read(data["id"], wait=60) == ended


def test_what_has_ended_is_not_cancelled(server, customer, photo):
    done = customer.create(image_urls=[photo], headers={"Prefer": "wait=60"})
    assert done["processing_status"] == "success"
    error(customer.act(done["id"], "cancel"), 409, "CONFLICT", "has ended already")
    error(customer.act(uuid.uuid4(), "cancel"), 404, "NOT_FOUND")
    error(customer.act("x", "cancel"), 404, "NOT_FOUND")
    error(Customer(server).act(done["id"], "cancel"), 404, "NOT_FOUND")


def test_a_waiter_hears_of_the_cancellation(customer, gate):
    data = customer.create(image_urls=[f"{gate}/x.png"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(customer.read, data["id"], 60) for _ in range(4)]
        until_processing(customer, data["id"])
        customer.request("POST", f"/v2/workflow/{data['id']}/cancel", json={"any": "body"})
        assert {each.result()["processing_status"] for each in waiting} == {"cancel"}


# --- retry -----------------------------------------------------------------------------------------------------------

def test_a_retry_goes_on_from_what_is_missing(customer, gate):
    assert customer.request("POST", "/v2/workflow/templates", json=TWO_STEPS).status_code == 200
    Gate.opened.set()
    Gate.status = 404
    failed = customer.create("two_steps", options={"image_url": f"{gate}/x.png"}, headers={"Prefer": "wait=60"})
    assert failed["processing_status"] == "fail" and failed["error"]["step_id"] == "split"
    assert [step["status"] for step in failed["completions"]] == ["success", "fail"]
    assert customer.money() == (1000, 0)
    Gate.status = 200
    answer = customer.act(failed["id"], "retry")
    assert answer.status_code == 200, answer.text
    again = answer.json()["data"]
    assert again["id"] == failed["id"] and again["processing_status"] in ("queue", "processing", "success")
    assert again["error"] is None
    done = customer.read(failed["id"], wait=60)
    assert done["processing_status"] == "success" and done["progress_percentage"] == 100 and done["error"] is None
    assert done["completions"][0] | {"used_credits": 0} == failed["completions"][0]  # kept as it was
    assert [step["status"] for step in done["completions"]] == ["success", "success"] and len(done["result"]) == 4
    assert done["used_credits"] == sum(step["used_credits"] for step in done["completions"]) == 10
    assert customer.money() == (990, 0)
    error(customer.act(done["id"], "retry"), 409, "CONFLICT", "has succeeded")


def test_a_cancelled_workflow_is_retried_at_once(customer, gate):
    """Again and again: also while the run that was cancelled is still on its way out."""
    data = customer.create(image_urls=[f"{gate}/x.png"])
    for _ in range(5):
        until_processing(customer, data["id"])
        error(customer.act(data["id"], "retry"), 409, "CONFLICT", "has not ended")
        assert customer.act(data["id"], "cancel").status_code == 200
        assert customer.act(data["id"], "retry").status_code == 200
    Gate.opened.set()
    done = customer.read(data["id"], wait=60)
    assert done["processing_status"] == "success", done["error"]
    assert customer.money() == (998, 0)


def test_a_retry_needs_credits(server):
    customer = Customer(server, credits=3)
    failed = customer.create(options={"image_url": "data:,x"}, headers={"Prefer": "wait=60"})
    assert failed["processing_status"] == "fail"
    other = customer.create(options={"image_url": server.upload(PHOTOS / "chelsea.png")["url"]}, headers={"Prefer": "wait=60"})
    assert other["processing_status"] == "success" and customer.money() == (1, 0)
    answer = customer.act(failed["id"], "retry")
    assert answer.status_code == 402 and answer.json() == {"message": "INSUFFICIENT_CREDIT", "required": 2, "balance": 1}
    assert customer.read(failed["id"]) == failed
    error(customer.act(uuid.uuid4(), "retry"), 404, "NOT_FOUND")
    error(Customer(server).act(failed["id"], "retry"), 404, "NOT_FOUND")


def test_bad_input_fails_again(customer):
    failed = customer.create(options={"image_url": "data:,x"}, headers={"Prefer": "wait=60"})
    assert customer.act(failed["id"], "retry").status_code == 200
    again = customer.read(failed["id"], wait=60)
    assert again["processing_status"] == "fail" and again["error"] == failed["error"]
    assert customer.money() == (1000, 0)


# --- delete ----------------------------------------------------------------------------------------------------------

def blobs_of(server):
    return {path.name for path in (server.folder / "blobs").glob("??/*")}


def until_gone(server, names, seconds=10):
    until = time.monotonic() + seconds
    while blobs_of(server) & names and time.monotonic() < until:
        time.sleep(0.05)
    return not blobs_of(server) & names


def test_a_deletion_takes_the_files_that_nobody_else_uses(new_server):
    server = new_server()
    photo = server.upload(PHOTOS / "chelsea.png")
    shared, alone = (server.run("vim_grid2images", {"image_url": photo["url"], "grid_pattern": pattern}) for pattern in ("2x2", "3x1"))
    twin = server.run("vim_grid2images", {"image_url": photo["url"], "grid_pattern": "2x2"})
    kept, gone = ({item["sha256"] for item in data["result"]} for data in (shared, alone))
    assert blobs_of(server) >= kept | gone | {photo["sha256"]}
    for data in (shared, alone):
        answer = server.request("DELETE", f"/v2/workflow/{data['id']}")
        assert answer.status_code == 200
        assert {key: value for key, value in answer.json()["data"].items() if key not in ("result", "completions")} == \
            {key: value for key, value in data.items() if key not in ("result", "completions")}
        error(server.request("GET", f"/v2/workflow/{data['id']}"), 404, "NOT_FOUND")
        error(server.request("DELETE", f"/v2/workflow/{data['id']}"), 404, "NOT_FOUND")
        for item in data["result"]:
            assert requests.get(item["url"], timeout=30).status_code == 404  # its URLs die at once
    assert until_gone(server, gone)
    assert blobs_of(server) == kept | {photo["sha256"]}
    for item in twin["result"]:
        assert requests.get(item["url"], timeout=30).status_code == 200
    assert requests.get(photo["url"], timeout=30).status_code == 200
    assert [row["id"] for row in server.request("GET", "/v2/workflow").json()["data"]] == [twin["id"]]
    again = server.run("vim_grid2images", {"image_url": photo["url"], "grid_pattern": "3x1"})
    assert {item["sha256"] for item in again["result"]} == gone and blobs_of(server) >= gone


def test_a_running_workflow_is_stopped_and_deleted(customer, gate):
    data = customer.create(image_urls=[f"{gate}/x.png"])
    until_processing(customer, data["id"])
    answer = customer.request("DELETE", f"/v2/workflow/{data['id']}")
    assert answer.status_code == 200 and answer.json()["data"]["processing_status"] == "cancel"
    error(customer.request("GET", f"/v2/workflow/{data['id']}"), 404, "NOT_FOUND")
    assert customer.money() == (1000, 0)


def test_others_do_not_delete(server, customer, photo):
    data = customer.create(image_urls=[photo], headers={"Prefer": "wait=60"})
    error(server.request("DELETE", f"/v2/workflow/{data['id']}"), 404, "NOT_FOUND")
    error(server.request("DELETE", f"/v2/workflow/{uuid.uuid4()}"), 404, "NOT_FOUND")
    assert customer.read(data["id"]) == data


def test_deletions_meet_runs_that_make_the_same_files(new_server):
    """Whatever is deleted meanwhile, a finished workflow has its files."""
    server = new_server()
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    stop = threading.Event()

    def make_and_delete():
        while not stop.is_set():
            data = server.run("vim_grid2images", {"image_url": photo})
            assert server.request("DELETE", f"/v2/workflow/{data['id']}").status_code == 200

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        deleting = [pool.submit(make_and_delete) for _ in range(3)]
        try:
            kept = [server.run("vim_grid2images", {"image_url": photo}) for _ in range(15)]
        finally:
            stop.set()
        for each in deleting:
            each.result()
    for data in kept:
        assert data["processing_status"] == "success", data["error"]
        for item in data["result"]:
            assert requests.get(item["url"], timeout=30).status_code == 200


# --- the client's own limit of credits ---------------------------------------------------------------------------------

def test_max_credits(customer, photo):
    for value, kind in ((1, "value_error"), (0, "value_error"), (-1, "value_error"), ("2", "type_error"), (2.0, "type_error"), (True, "type_error"), ([], "type_error")):
        answer = customer.request("POST", "/v2/workflow", json={"template_id": "vim_grid2images", "image_urls": [photo], "max_credits": value})
        assert faults_of(answer) == {(("body", "max_credits"), kind)}
        told = {float: "not a fraction.", bool: "not a boolean.", str: "not a string.", list: "not an array."}.get(type(value), ".")
        assert answer.json()["detail"][0]["msg"].endswith(told)
    assert "2 credits" in customer.request("POST", "/v2/workflow", json={
        "template_id": "vim_grid2images", "image_urls": [photo], "max_credits": 1}).json()["detail"][0]["msg"]
    assert customer.money() == (1000, 0) and listed(customer)["data"] == []
    for value in (2, 3, None):
        assert customer.create(image_urls=[photo], max_credits=value, headers={"Prefer": "wait=60"})["used_credits"] == 2


# --- requests that come twice ------------------------------------------------------------------------------------------

def post(customer, key, body, **headers):
    return customer.request("POST", "/v2/workflow", data=json.dumps(body), headers={
        "Content-Type": "application/json", "Idempotency-Key": key, **{name.replace("_", "-"): value for name, value in headers.items()}})


def test_the_same_request_again_gets_the_first_answer(server, customer, photo):
    body = {"template_id": "vim_grid2images", "image_urls": [photo]}
    first = post(customer, "k1", body)
    assert first.status_code == 200 and "Idempotent-Replayed" not in first.headers
    customer.read(first.json()["data"]["id"], wait=60)
    again = post(customer, "k1", body)
    assert (again.status_code, again.content) == (200, first.content) and again.headers["Idempotent-Replayed"] == "true"
    error(post(customer, "k1", {**body, "title": "x"}), 409, "CONFLICT", "another body")
    error(customer.request("POST", "/v2/workflow", data=json.dumps(body) + " ", headers={
        "Content-Type": "application/json", "Idempotency-Key": "k1"}), 409, "CONFLICT", True)  # the same body is the same bytes
    other = post(customer, "K1", body)
    assert other.json()["data"]["id"] != first.json()["data"]["id"]
    stranger = post(Customer(server), "k1", body)
    assert stranger.status_code == 200 and "Idempotent-Replayed" not in stranger.headers
    assert len(listed(customer)["data"]) == 2


def test_only_accepted_requests_are_kept(server, photo):
    customer = Customer(server, credits=1)
    body = {"template_id": "vim_grid2images", "image_urls": [photo]}
    assert post(customer, "k", {**body, "title": 1}).status_code == 422
    assert post(customer, "k", {**body, "template_id": "nope"}).status_code == 404
    assert post(customer, "k", body).status_code == 402
    assert server.command("credits", "add", "--customer", customer.name, "10").returncode == 0
    created = post(customer, "k", body)
    assert created.status_code == 200 and "Idempotent-Replayed" not in created.headers
    assert post(customer, "k", {**body, "title": 1}).status_code == 409


@pytest.mark.parametrize("key,good", [("x" * 255, True), ("a b~!", True), ("x" * 256, False), ("", False), ("ä".encode(), False), ("a\tb", False)])
def test_keys(customer, photo, key, good):
    answer = post(customer, key, {"template_id": "vim_grid2images", "image_urls": [photo]})
    if good:
        assert answer.status_code == 200
    else:
        error(answer, 400, "BAD_REQUEST", "Idempotency-Key")


def test_a_kept_answer_survives_the_server(new_server):
    server = new_server()
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    path = urllib.parse.urlsplit(photo)
    customer = Customer(server)
    body = {"template_id": "vim_grid2images", "image_urls": [f"http://127.0.0.1{path.path}?{path.query}"]}
    first = post(customer, "k", body)
    server.kill()
    server.start()
    again = post(customer, "k", body)
    assert (again.status_code, again.content) == (200, first.content) and again.headers["Idempotent-Replayed"] == "true"
    assert len(listed(customer)["data"]) == 1


def test_the_second_of_two_at_once_waits_for_the_first(customer, gate):
    body = {"template_id": "vim_grid2images", "image_urls": [f"{gate}/x.png"]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(post, customer, "k", body, Prefer="wait=60") for _ in range(8)]
        until = time.monotonic() + 30
        while not listed(customer)["data"]:
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)
        assert not any(answer.done() for answer in answers)
        Gate.opened.set()
        answers = [answer.result() for answer in answers]
    assert {answer.status_code for answer in answers} == {200} and len({answer.content for answer in answers}) == 1
    assert answers[0].json()["data"]["processing_status"] == "success"
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 7
    assert len(listed(customer)["data"]) == 1
    again = post(customer, "k", body)
    assert again.content == answers[0].content


def test_those_behind_a_refused_request_have_their_turn(server, photo):
    customer = Customer(server, credits=0)
    body = {"template_id": "vim_grid2images", "image_urls": [photo]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(customer, "k", body), range(16)))
    assert {answer.status_code for answer in answers} == {402}


def test_a_stop_answers_those_who_wait(new_server, tmp_path):
    server = new_server()
    customer = Customer(server)
    Gate.opened.clear()
    with serving(Gate) as gate, concurrent.futures.ThreadPoolExecutor(8) as pool:
        body = {"template_id": "vim_grid2images", "image_urls": [f"{gate}/x.png"]}
        answers = [pool.submit(post, customer, "k", body, Prefer="wait=60") for _ in range(4)]
        until = time.monotonic() + 30
        while not listed(customer)["data"]:
            assert time.monotonic() < until
            time.sleep(0.02)
        workflow_id = listed(customer)["data"][0]["id"]
        until_processing(customer, workflow_id)
        waits = [pool.submit(customer.read, workflow_id, 60) for _ in range(2)]
        time.sleep(0.3)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 40
        codes = sorted(answer.result().status_code for answer in answers)
        assert codes[0] == 200 and set(codes) <= {200, 503}
        assert {wait.result()["processing_status"] for wait in waits} == {"processing"}
        Gate.opened.set()
