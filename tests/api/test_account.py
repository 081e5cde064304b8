"""The customer's account, and the limits of keys and customers."""
import concurrent.futures
import time

import pytest
import requests

from conftest import PHOTOS
from test_bad_input import error, faults_of
from test_lifecycle import Customer, Gate, customer, gate, until_processing  # noqa: F401

CHELSEA = (PHOTOS / "chelsea.png").read_bytes()


def account(customer):
    answer = customer.request("GET", "/v2/account")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_an_account(server, gate):
    customer = Customer(server, credits=500)
    data = account(customer)
    assert set(data) == {"customer_id", "user_id", "balance", "reserved", "storage_bytes", "limits", "providers"}
    assert data["customer_id"] == data["user_id"] == customer.name and data["providers"] == []
    assert (data["balance"], data["reserved"], data["storage_bytes"]) == (500, 0, 0)
    assert data["limits"] == {"requests_per_second": 100000, "burst": 100000, "waits": 1000, "workflows_in_flight": 10000,
                              "body_bytes": 16 << 20, "asset_bytes": 512 << 20, "storage_bytes": None}
    assert customer.request("GET", "/v2/account", headers={"Username": "basel"}).json()["data"]["user_id"] == "basel"
    created = customer.create(image_urls=[f"{gate}/x.png"])
    assert (account(customer)["balance"], account(customer)["reserved"]) == (498, 2)
    Gate.opened.set()
    done = customer.read(created["id"], wait=60)
    data = account(customer)
    assert (data["balance"], data["reserved"]) == (498, 0)
    assert data["storage_bytes"] == len(CHELSEA) + sum(item["size"] for item in done["result"])
    assert customer.request("POST", "/v2/assets", data=CHELSEA).status_code == 200
    assert account(customer)["storage_bytes"] == data["storage_bytes"] + len(CHELSEA)
    assert customer.request("DELETE", f"/v2/workflow/{created['id']}").status_code == 200
    assert account(customer)["storage_bytes"] == len(CHELSEA)


def test_every_movement_is_in_the_ledger(server):
    customer = Customer(server, credits=0)
    assert customer.page("/v2/account/ledger") == {"data": [], "next_cursor": None}
    server.command("credits", "add", "--customer", customer.name, "100", "--note", "welcome")
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    done = customer.create(image_urls=[photo], headers={"Prefer": "wait=60"})
    failed = customer.create(image_urls=["data:,x"], headers={"Prefer": "wait=60"})
    assert customer.act(failed["id"], "retry").status_code == 200
    customer.read(failed["id"], wait=60)
    rows = customer.page("/v2/account/ledger")["data"]
    assert [(row["kind"], row["amount"], row["workflow_id"]) for row in reversed(rows)] == [
        ("grant", 100, None), ("reserve", -2, done["id"]), ("settle", 0, done["id"]), ("reserve", -2, failed["id"]),
        ("release", 2, failed["id"]), ("reserve", -2, failed["id"]), ("release", 2, failed["id"])]
    balance = 0
    for row in reversed(rows):
        assert set(row) == {"id", "created_at", "kind", "amount", "balance", "workflow_id", "note"}
        balance += row["amount"]
        assert row["balance"] == balance
    assert rows[-1]["note"] == "welcome" and balance == account(customer)["balance"] == 98
    assert customer.walk("/v2/account/ledger", limit=3) == [rows[:3], rows[3:6], rows[6:]]
    for name, values in (("limit", ["0", "101", "x", ""]), ("cursor", ["", "x", "0", "-1", "99999999999999999999"])):
        for value in values:
            answer = customer.request("GET", "/v2/account/ledger", params={name: value})
            assert faults_of(answer) == {(("query", name), "value_error")}, value


# --- limits ------------------------------------------------------------------------------------------------------------

def limited(answer):
    error(answer, 429, "RATE_LIMITED", True)
    assert int(answer.headers["Retry-After"]) >= 1
    assert set(answer.headers) >= {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    return answer


def test_requests_of_a_key(new_server):
    server = new_server("--rate", "2", "--rate-burst", "20")
    one, other = Customer(server), Customer(server)
    answers = [one.request("GET", "/v2/account") for _ in range(30)]
    codes = [answer.status_code for answer in answers]
    assert codes[:20] == [200] * 20 and codes.count(429) >= 5
    refused = limited(next(answer for answer in answers if answer.status_code == 429))
    assert refused.headers["RateLimit-Limit"] == "20" and refused.headers["RateLimit-Remaining"] == "0"
    assert "2 requests a second" in refused.json()["reason"]
    assert other.request("GET", "/v2/account").status_code == 200  # every key has its own
    assert server.request("GET", "/health").status_code == 200  # and what needs no key is not counted
    assert one.request("GET", "/v2/account", headers={"X-Api-Key": "wrong"}).status_code == 401
    time.sleep(int(refused.headers["Retry-After"]) + 0.1)
    assert one.request("GET", "/v2/account").status_code == 200


def wait_when_there_is_room(customer, workflow_id):
    while (answer := customer.request("GET", f"/v2/workflow/{workflow_id}?wait=60")).status_code == 429:
        time.sleep(0.02)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_waits_of_a_key(new_server, gate):
    server = new_server("--waits-per-key", "3")
    one, other = Customer(server), Customer(server)
    created = one.create(image_urls=[f"{gate}/x.png"])
    theirs = other.create(image_urls=[f"{gate}/y.png"])
    until_processing(one, created["id"])
    stream = requests.get(f"{server.base}/v2/workflow/{created['id']}/events", headers={"X-Api-Key": one.key}, stream=True, timeout=60)
    lines = stream.iter_lines()
    assert next(lines).startswith(b"id: ")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(wait_when_there_is_room, one, created["id"]) for _ in range(2)]
        until = time.monotonic() + 30
        while one.request("GET", f"/v2/workflow/{created['id']}?wait=1").status_code != 429:
            assert time.monotonic() < until
            time.sleep(0.2)
        answer = limited(one.request("GET", f"/v2/workflow/{created['id']}?wait=1"))
        assert "3 requests" in answer.json()["reason"]
        limited(one.request("GET", f"/v2/workflow/{created['id']}/events"))
        assert one.request("GET", f"/v2/workflow/{created['id']}").status_code == 200  # what does not wait is answered
        theirs_waiting = pool.submit(other.read, theirs["id"], 60)
        held = one.request("POST", "/v2/workflow", headers={"Prefer": "wait=60"},
                           json={"template_id": "vim_grid2images", "image_urls": [f"{gate}/z.png"]})
        assert held.status_code == 200 and held.json()["data"]["processing_status"] == "queue"  # accepted, but not held
        Gate.opened.set()
        assert {wait.result()["processing_status"] for wait in waits} == {"success"}
        assert theirs_waiting.result()["processing_status"] == "success"
    assert b'"success"' in b"".join(lines)
    assert one.request("GET", f"/v2/workflow/{created['id']}?wait=1").status_code == 200


def test_a_listener_that_leaves_makes_room(new_server, gate):
    server = new_server("--waits-per-key", "1")
    customer = Customer(server)
    created = customer.create(image_urls=[f"{gate}/x.png"])
    for _ in range(5):
        until = time.monotonic() + 10
        while (stream := requests.get(f"{server.base}/v2/workflow/{created['id']}/events", headers={"X-Api-Key": customer.key},
                                      stream=True, timeout=60)).status_code != 200:
            assert stream.status_code == 429 and time.monotonic() < until
            time.sleep(0.02)
        lines = stream.iter_lines()
        assert next(lines).startswith(b"id: ")
        stream.close()


def test_workflows_in_flight(new_server, gate):
    server = new_server("--in-flight", "3")
    one, other = Customer(server), Customer(server)
    body = {"template_id": "vim_grid2images", "image_urls": [f"{gate}/x.png"]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: one.request("POST", "/v2/workflow", json=body), range(8)))
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 3 and codes.count(429) == 5
    assert "3 workflows" in limited(next(answer for answer in answers if answer.status_code == 429)).json()["reason"]
    assert one.money() == (994, 6)
    assert other.request("POST", "/v2/workflow", json=body).status_code == 200
    created = next(answer for answer in answers if answer.status_code == 200).json()["data"]
    assert one.act(created["id"], "cancel").status_code == 200
    soon_200(lambda: one.request("POST", "/v2/workflow", json=body))


def soon_200(act):
    """What is counted is looked up a few times a second."""
    until = time.monotonic() + 10
    while (answer := act()).status_code != 200:
        assert answer.status_code == 429 and time.monotonic() < until, answer.text
        time.sleep(0.1)


def test_each_key_of_a_customer_has_workflows_in_flight_of_its_own(new_server, gate):
    server = new_server("--in-flight", "2")
    first, second = Customer(server), Customer(server)
    second.name, second.key = first.name, server.key_for(first.name, 0)
    body = {"template_id": "vim_grid2images", "image_urls": [f"{gate}/x.png"]}
    created = [first.create(**body)["id"] for _ in range(2)]
    limited(first.request("POST", "/v2/workflow", json=body))
    for _ in range(2):
        second.create(**body)
    limited(second.request("POST", "/v2/workflow", json=body))
    # A workflow that is tried again is in flight again, for the key that does it.
    assert first.act(created[0], "cancel").status_code == 200
    limited(second.act(created[0], "retry"))
    soon_200(lambda: first.act(created[0], "retry"))
    limited(first.request("POST", "/v2/workflow", json=body))
    server.kill()
    server.start()
    limited(first.request("POST", "/v2/workflow", json=body))
    limited(second.request("POST", "/v2/workflow", json=body))


def test_child_runs_are_not_in_flight_of_their_own(new_server, gate):
    server = new_server("--in-flight", "2")
    customer = Customer(server)
    outer = {"id": "outer", "credits": {"image": 1}, "available_options": [{"key": "image_url", "component": "image"}],
             "steps": [{"id": f"s{i}", "flow": "each_workflow",
                        "params": {"template_id": "vim_grid2images", "options": {"image_url": "{{options.image_url}}"}}} for i in range(3)],
             "outputs": [{"step": "s0"}]}
    assert customer.request("POST", "/v2/workflow/templates", json=outer).status_code == 200
    created = customer.create("outer", image_urls=[f"{gate}/x.png"])
    until_processing(customer, created["id"])
    time.sleep(0.5)  # until what is kept has been looked up again, with the children
    customer.create("outer", image_urls=[f"{gate}/x.png"])
    limited(customer.request("POST", "/v2/workflow", json={"template_id": "outer", "image_urls": [f"{gate}/x.png"]}))


def test_storage_of_a_customer(new_server):
    server = new_server("--storage-bytes", str(2 * len(CHELSEA) + 1000))
    one, other = Customer(server), Customer(server)
    upload = {"data": CHELSEA, "headers": {"Content-Type": "image/png"}}
    kept = [one.request("POST", "/v2/assets", **upload) for _ in range(2)]
    assert [answer.status_code for answer in kept] == [200, 200]
    error(one.request("POST", "/v2/assets", **upload), 413, "PAYLOAD_TOO_LARGE", "may keep")
    assert other.request("POST", "/v2/assets", **upload).status_code == 200
    assert account(one)["limits"]["storage_bytes"] == 2 * len(CHELSEA) + 1000
    done = one.create(image_urls=[kept[0].json()["data"]["url"]], headers={"Prefer": "wait=60"})
    assert done["processing_status"] == "success"
    body = {"template_id": "vim_grid2images", "image_urls": [kept[0].json()["data"]["url"]]}
    error(one.request("POST", "/v2/workflow", json=body), 413, "PAYLOAD_TOO_LARGE", "delete workflows")
    assert one.request("DELETE", f"/v2/workflow/{done['id']}").status_code == 200
    assert one.request("POST", "/v2/workflow", json=body).status_code == 200


def test_what_is_kept_survives_a_restart(new_server):
    server = new_server()
    customer = Customer(server)
    assert customer.request("POST", "/v2/assets", data=CHELSEA).status_code == 200
    before = account(customer)
    server.kill()
    server.start()
    assert account(customer) == before and before["storage_bytes"] == len(CHELSEA)


@pytest.mark.parametrize("flags", [("--rate", "0"), ("--waits-per-key", "x"), ("--storage-bytes", "-1"), ("--in-flight", "0")])
def test_limits_that_are_none(server, flags):
    done = server.command("serve", "--listen", "127.0.0.1:0", *flags)
    assert done.returncode == 2 and flags[0] in done.stderr, done.stderr
