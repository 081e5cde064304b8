"""Webhooks with a real receiver: what is sent, how it is signed, when it is sent again, and what a bad receiver can not do."""
import base64
import collections
import contextlib
import datetime
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
import time

import pytest
import requests

from conftest import QuietFiles, serving

STEP = {"id": "shout", "label": "Shout", "description": "One step of text.", "category": "utility", "credits": {"image": 1},
        "available_options": [{"key": "topic", "label": "Topic", "component": "text", "required": True}],
        "steps": [{"id": "write", "flow": "chat", "params": {"prompt": "{{options.topic}}"}}],
        "outputs": [{"step": "write"}]}
WEEK = {"id": "pause", "label": "Pause", "description": "Fails and waits.", "category": "utility", "credits": {"image": 1},
        "available_options": [], "outputs": [{"step": "write"}],
        "steps": [{"id": "write", "flow": "split_grid_images", "params": {"image_url": "http://127.0.0.1:1/none.png"},
                   "retry": {"max_attempts": 3, "delay_s": 3000}}]}

News = collections.namedtuple("News", "path headers body at")


class Receiver:
    """Answers each path by the list of its answers, the last one for ever; 200 where nothing is said."""

    def __init__(self):
        self.news = []
        self.answers = {}
        self.url = None

    def answer(self, path, *answers):
        self.answers[path] = list(answers)
        return self.url + path

    def of(self, path):
        return [news for news in self.news if news.path == path]

    def wait(self, path, count=1, seconds=40):
        until = time.monotonic() + seconds
        while len(self.of(path)) < count:
            assert time.monotonic() < until, f"{path} was asked {len(self.of(path))} times"
            time.sleep(0.02)
        return self.of(path)


@pytest.fixture(scope="module")
def receiver():
    record = Receiver()

    class Handler(QuietFiles):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            record.news.append(News(self.path, dict(self.headers), body, time.time()))
            answers = record.answers.get(self.path, [])
            answer = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else {}
            if callable(answer):
                with contextlib.suppress(OSError):
                    answer(self)
                self.close_connection = True
                return
            self.send_response(answer.get("status", 200))
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

    with serving(Handler) as host:
        record.url = host
        yield record


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog")
    for template in (STEP, WEEK):
        (folder / f"{template['id']}.json").write_text(json.dumps(template))
    return str(folder)


@pytest.fixture
def hooked(new_server, catalog):
    return new_server("--workers", "1", "--catalog", catalog)


def run(server, url, **more):
    answer = server.create("shout", {"topic": "news"}, webhook_url=url, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["id"]


def deliveries(server, query=""):
    answer = server.request("GET", f"/v2/webhooks/deliveries{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def delivery_of(server, workflow, attempts=1, seconds=40):
    """The delivery when it has that many attempts."""
    until = time.monotonic() + seconds
    while True:
        found = deliveries(server, f"?workflow_id={workflow}")["data"]
        if found and len(found[0]["attempts"]) >= attempts:
            return found[0]
        assert time.monotonic() < until, found
        time.sleep(0.02)


def signed_by(secret, news):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{news.headers['webhook-id']}.{news.headers['webhook-timestamp']}.".encode() + news.body
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in news.headers["webhook-signature"].split(" "))


def wall(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def secrets_of(server):
    answer = server.request("GET", "/v2/webhooks/secret")
    assert answer.status_code == 200, answer.text
    return answer.json()["secrets"]


def test_the_news_and_its_signature(hooked, receiver):
    workflow = run(hooked, receiver.answer("/plain?token=1", {"status": 204}), title="A title")
    data = hooked.finish(workflow)
    (news,) = receiver.wait("/plain?token=1")
    body = json.loads(news.body)
    assert set(body) == {"type", "timestamp", "customer_id", "batch_id", "status", "data"}
    assert (body["type"], body["status"], body["batch_id"]) == ("workflow.success", "success", workflow)
    assert body["customer_id"] == data["customer_id"] == "default"
    assert abs(wall(body["timestamp"]) - news.at) < 60
    assert {key: value for key, value in body["data"].items() if key != "updated_at"} == \
        {key: value for key, value in data.items() if key != "updated_at"}
    assert news.headers["Content-Type"] == "application/json"
    assert abs(int(news.headers["webhook-timestamp"]) - news.at) < 60
    (secret,) = secrets_of(hooked)
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:])) >= 24
    assert signed_by(secret, news)
    assert not signed_by("whsec_" + base64.b64encode(bytes(32)).decode(), news)
    delivery = delivery_of(hooked, workflow)
    assert delivery["id"] == news.headers["webhook-id"]
    assert (delivery["status"], delivery["type"], delivery["next_attempt_at"]) == ("delivered", "workflow.success", None)
    assert [(attempt["status_code"], attempt["error"]) for attempt in delivery["attempts"]] == [(204, None)]
    assert wall(delivery["attempts"][0]["at"]) >= wall(delivery["created_at"]) - 1


def test_failure_and_cancel_are_news_too(hooked, receiver):
    url = receiver.answer("/ends")
    answer = hooked.create("pause", webhook_url=url)
    cancelled = answer.json()["data"]["id"]
    time.sleep(0.3)
    assert hooked.request("POST", f"/v2/workflow/{cancelled}/cancel").status_code == 200
    body = json.loads(receiver.wait("/ends")[0].body)
    assert (body["type"], body["batch_id"]) == ("workflow.cancel", cancelled)
    assert body["data"]["processing_status"] == "cancel"


def test_an_object_without_receiver_has_no_delivery(hooked):
    workflow = hooked.run("shout", {"topic": "quiet"})["id"]
    assert deliveries(hooked, f"?workflow_id={workflow}") == {"data": [], "next_cursor": None}


def test_a_failure_is_sent_again_with_the_same_id(hooked, receiver):
    workflow = run(hooked, receiver.answer("/flaky", {"status": 500}, {"status": 200}))
    delivery = delivery_of(hooked, workflow)
    assert delivery["status"] == "pending"
    assert delivery["attempts"][0]["status_code"] == 500 and "500" in delivery["attempts"][0]["error"]
    pause = wall(delivery["next_attempt_at"]) - wall(delivery["attempts"][0]["at"])
    assert 5 <= pause < 8
    first, second = receiver.wait("/flaky", 2)
    assert second.at - first.at >= 5
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["id"]
    assert signed_by(secrets_of(hooked)[0], second)
    delivery = delivery_of(hooked, workflow, 2)
    assert delivery["status"] == "delivered"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 200]


def test_retry_after_is_honoured(hooked, receiver):
    url = receiver.answer("/busy", {"status": 503, "headers": {"Retry-After": "1234"}})
    delivery = delivery_of(hooked, run(hooked, url))
    assert delivery["status"] == "pending"
    assert 1230 <= wall(delivery["next_attempt_at"]) - wall(delivery["attempts"][0]["at"]) <= 1300


def test_deliveries_survive_the_server(hooked, receiver):
    workflow = run(hooked, receiver.answer("/restart", {"status": 500}, {"status": 200}))
    receiver.wait("/restart")
    delivery_of(hooked, workflow)
    hooked.kill()
    hooked.start()
    first, second = receiver.wait("/restart", 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert delivery_of(hooked, workflow, 2)["status"] == "delivered"
    assert len(receiver.of("/restart")) == 2


def test_attempts_come_to_an_end(hooked, receiver):
    workflow = run(hooked, receiver.answer("/never", {"status": 500}))
    delivery_of(hooked, workflow)
    hooked.stop()
    with sqlite3.connect(hooked.folder / "reeld.db") as database:
        database.execute("UPDATE webhooks SET try_count = 10, next_attempt_at = 0 WHERE workflow_id = ?", (workflow,))
    database.close()
    hooked.start()
    delivery = delivery_of(hooked, workflow, 2)
    assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)
    assert len(receiver.of("/never")) == 2


def test_gone_is_gone_until_asked_for_again(hooked, receiver):
    url = receiver.answer("/gone", {"status": 410}, {"status": 200})
    first = delivery_of(hooked, run(hooked, url))
    assert first["status"] == "failed" and first["attempts"][0]["status_code"] == 410
    second = delivery_of(hooked, run(hooked, url))
    assert second["status"] == "failed" and second["attempts"][0]["status_code"] is None
    assert "410" in second["attempts"][0]["error"]
    assert len(receiver.of("/gone")) == 1
    answer = hooked.request("POST", f"/v2/webhooks/deliveries/{second['id']}/redeliver")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["data"]["id"], answer.json()["data"]["status"]) == (second["id"], "pending")
    assert receiver.wait("/gone", 2)[1].headers["webhook-id"] == second["id"]
    assert delivery_of(hooked, second["workflow_id"], 2)["status"] == "delivered"
    assert delivery_of(hooked, run(hooked, url))["status"] == "delivered"


def test_what_was_delivered_can_be_sent_again(hooked, receiver):
    workflow = run(hooked, receiver.answer("/twice"))
    delivery = delivery_of(hooked, workflow)
    assert hooked.request("POST", f"/v2/webhooks/deliveries/{delivery['id']}/redeliver").status_code == 202
    first, second = receiver.wait("/twice", 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert json.loads(first.body)["batch_id"] == json.loads(second.body)["batch_id"] == workflow
    assert delivery_of(hooked, workflow, 2)["status"] == "delivered"


def test_redirects_are_not_followed(hooked, receiver):
    url = receiver.answer("/moved", {"status": 307, "headers": {"Location": receiver.url + "/elsewhere"}})
    delivery = delivery_of(hooked, run(hooked, url))
    assert delivery["status"] == "pending" and delivery["attempts"][0]["status_code"] == 307
    assert receiver.of("/elsewhere") == []


def test_private_addresses_are_not_reached(new_server, catalog, receiver):
    server = new_server("--workers", "1", "--catalog", catalog, private=False)
    delivery = delivery_of(server, run(server, receiver.answer("/private")))
    assert delivery["status"] == "failed"
    assert delivery["attempts"][0]["status_code"] is None and "not public" in delivery["attempts"][0]["error"]
    assert receiver.of("/private") == []


def test_nobody_listens(hooked):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        delivery = delivery_of(hooked, run(hooked, f"http://127.0.0.1:{port}/x"))
    assert delivery["status"] == "pending" and delivery["attempts"][0]["status_code"] is None
    assert delivery["attempts"][0]["error"]


def endless(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def slow_words(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(300):
        handler.wfile.write(b"x")
        time.sleep(0.1)


def garbage(handler):
    handler.wfile.write(b"\x00\xff\x00 no HTTP at all \r\n\r\n" * 100)


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000000):
        handler.wfile.write(b"X-%d: " % number + b"y" * 1000 + b"\r\n")


def test_bad_receivers_harm_nobody(hooked, receiver):
    release = threading.Event()
    silent = [run(hooked, receiver.answer("/silent", lambda handler: release.wait(60))) for _ in range(20)]
    receiver.wait("/silent", 8)
    talkative = run(hooked, receiver.answer("/endless", endless))
    slow = run(hooked, receiver.answer("/slow", slow_words))
    broken = run(hooked, receiver.answer("/garbage", garbage))
    heads = run(hooked, receiver.answer("/heads", endless_headers))
    # All of these are one host, which has few places; another host is not held up.
    with serving(type("Other", (QuietFiles,), {"do_POST": lambda handler: (handler.send_response(200),
                                                                          handler.send_header("Content-Length", "0"),
                                                                          handler.end_headers())})) as other:
        began = time.monotonic()
        good = run(hooked, other + "/good")
        assert delivery_of(hooked, good)["status"] == "delivered"
        assert time.monotonic() - began < 8
    assert len(receiver.of("/silent")) == 8
    assert hooked.run("shout", {"topic": "still here"})["processing_status"] == "success"
    delivery = delivery_of(hooked, silent[0], seconds=60)
    assert delivery["status"] == "pending" and "time" in delivery["attempts"][0]["error"]
    release.set()
    assert delivery_of(hooked, talkative, seconds=60)["status"] == "delivered"
    assert delivery_of(hooked, slow, seconds=60)["status"] == "delivered"
    for workflow in (broken, heads):
        delivery = delivery_of(hooked, workflow, seconds=60)
        assert delivery["status"] == "pending" and delivery["attempts"][0]["error"]


def test_secrets_rotate(hooked, receiver):
    (old,) = secrets_of(hooked)
    answer = hooked.request("POST", "/v2/webhooks/secret/rotate")
    assert answer.status_code == 200
    assert answer.json()["secrets"] == secrets_of(hooked)
    new, kept = answer.json()["secrets"]
    assert kept == old and new != old
    run(hooked, receiver.answer("/rotated"))
    (news,) = receiver.wait("/rotated")
    assert len(news.headers["webhook-signature"].split(" ")) == 2
    assert signed_by(old, news) and signed_by(new, news)
    hooked.stop()
    with sqlite3.connect(hooked.folder / "reeld.db") as database:
        kept_s = database.execute("SELECT expires_at - created_at FROM webhook_secrets WHERE secret = ?", (old,))
        assert kept_s.fetchone()[0] >= 24 * 3600 * 1000000
        database.execute("UPDATE webhook_secrets SET expires_at = 1 WHERE secret = ?", (old,))
    database.close()
    hooked.start()
    assert secrets_of(hooked) == [new]
    run(hooked, receiver.answer("/later"))
    (news,) = receiver.wait("/later")
    assert signed_by(new, news) and not signed_by(old, news)
    for _ in range(15):
        rotated = hooked.request("POST", "/v2/webhooks/secret/rotate").json()["secrets"]
    assert len(rotated) == 10 and new not in rotated


def test_the_list(hooked, receiver):
    url = receiver.answer("/many")
    workflows = [run(hooked, url) for _ in range(5)]
    for workflow in workflows:
        delivery_of(hooked, workflow)
    found, cursor = [], ""
    while cursor is not None:
        page = deliveries(hooked, f"?limit=2{'&cursor=' + cursor if cursor else ''}")
        assert len(page["data"]) <= 2
        found += [delivery["workflow_id"] for delivery in page["data"]]
        cursor = page["next_cursor"]
    assert sorted(found) == sorted(workflows)
    assert len(deliveries(hooked, "?status=delivered")["data"]) == 5
    assert deliveries(hooked, "?status=failed")["data"] == []
    for query in ("limit=0", "limit=101", "limit=x", "status=lost", "cursor=1"):
        answer = hooked.request("GET", f"/v2/webhooks/deliveries?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


def test_deliveries_belong_to_their_customer(hooked, receiver):
    delivery = delivery_of(hooked, run(hooked, receiver.answer("/mine")))
    made = json.loads(hooked.command("key", "create", "--customer", "stranger", "--json").stdout)
    headers = {"X-Api-Key": made["key"]}
    assert hooked.request("GET", "/v2/webhooks/deliveries", headers=headers).json()["data"] == []
    path = f"/v2/webhooks/deliveries/{delivery['id']}/redeliver"
    assert hooked.request("POST", path, headers=headers).status_code == 404
    answer = hooked.request("POST", "/v2/webhooks/deliveries/none/redeliver")
    assert (answer.status_code, answer.json()) == (404, {"message": "NOT_FOUND"})
    stranger = hooked.request("GET", "/v2/webhooks/secret", headers=headers).json()["secrets"]
    assert stranger != secrets_of(hooked)
    for method, path in (("GET", "/v2/webhooks/secret"), ("POST", "/v2/webhooks/secret/rotate"),
                         ("GET", "/v2/webhooks/deliveries"), ("POST", path)):
        assert requests.request(method, hooked.base + path, timeout=30).status_code == 401
