"""Creating and reading workflows: the whole way, the rules of the request, the shape of the answer."""
import base64
import concurrent.futures
import re
import time
import uuid

import pytest

from conftest import PHOTOS

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00"
MEMBERS = {"id", "title", "description", "visibility_status", "model", "template_version", "options", "image_urls",
           "primary_user_id", "customer_id", "processing_status", "progress_percentage", "used_credits",
           "total_duration", "event_id", "webhook_url", "rating", "delivered_at", "completions", "running_steps", "result", "error",
           "created_at", "updated_at"}


@pytest.fixture(scope="module")
def photo(server):
    return server.upload(PHOTOS / "chelsea.png")["url"]


def detail(answer, status=422):
    assert answer.status_code == status, answer.text
    return {(tuple(fault["loc"]), fault["type"]) for fault in answer.json()["detail"]}


def test_created_object_has_all_members(server, photo):
    answer = server.create("vim_grid2images", {"grid_pattern": "2x2"}, [photo], title="Ünïcode", event_id="e1")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    data = answer.json()["data"]
    assert set(data) == MEMBERS
    assert uuid.UUID(data["id"]).version == 7
    assert data["title"] == "Ünïcode" and data["event_id"] == "e1" and data["description"] == ""
    assert data["visibility_status"] == "1" and data["model"] == "vim_grid2images"
    assert data["options"]["grid_pattern"] == "2x2" and data["options"]["image_url"] == photo
    assert data["image_urls"] == [photo]
    assert data["customer_id"] == data["primary_user_id"] == "default"
    assert data["processing_status"] == "queue" and data["progress_percentage"] == 0
    assert data["used_credits"] == 0 and data["completions"] == [] and data["result"] == []
    assert data["error"] is None and data["webhook_url"] is None and data["rating"] is None
    assert re.fullmatch(TIME, data["created_at"]) and re.fullmatch(TIME, data["updated_at"])
    server.finish(data["id"])


def test_finished_object(server, photo):
    data = server.run("vim_grid2images", {"grid_pattern": "2x2", "image_url": photo})
    assert data["processing_status"] == "success" and data["progress_percentage"] == 100
    assert data["used_credits"] == 2 and data["total_duration"] > 0
    assert len(data["completions"]) == 1
    step = data["completions"][0]
    assert step["flow"] == "split_grid_images" and step["status"] == "success" and step["duration"] > 0
    assert step["error"] is None and step["used_credits"] == 2
    assert len(data["result"]) == 4
    for item in data["result"]:
        assert item["content_type"].startswith("image/")
        assert item["url"].startswith(server.base + "/media/")
        assert item["width"] > 0 and item["height"] > 0 and item["size"] > 0 and len(item["sha256"]) == 64
        assert "blob" not in item


def test_polling_sees_progress_that_never_goes_down(server, file_host):
    answer = server.create("vim_arctic", {"pipeline_mode": "video", "aspect_ratio": "16:9"},
                           [f"{file_host}/astronaut.png"])
    workflow_id = answer.json()["data"]["id"]
    seen = []
    until = time.monotonic() + 300
    while time.monotonic() < until:
        data = server.request("GET", f"/v2/workflow/{workflow_id}").json()["data"]
        seen.append(data["progress_percentage"])
        assert (data["progress_percentage"] == 100) == (data["processing_status"] == "success")
        if data["processing_status"] in ("success", "fail"):
            break
        time.sleep(0.1)
    assert data["processing_status"] == "success", data["error"]
    assert seen == sorted(seen)
    assert len(set(seen)) >= 5, seen  # it moves inside a long step
    assert sum(step["used_credits"] for step in data["completions"]) == data["used_credits"] == 100


def test_same_input_gives_the_same_bytes(server, photo):
    first, second = (server.run("vim_sticker_me", {"image_url": photo, "aspect_ratio": "1:1"}) for _ in range(2))
    assert [item["sha256"] for item in first["result"]] == [item["sha256"] for item in second["result"]]


def test_wait_holds_the_answer_until_the_end(server, photo):
    workflow_id = server.create("vim_grid2images", {}, [photo]).json()["data"]["id"]
    data = server.request("GET", f"/v2/workflow/{workflow_id}?wait=60").json()["data"]
    assert data["processing_status"] == "success"
    created = server.request("POST", "/v2/workflow", headers={"Prefer": "wait=60"},
                             json={"template_id": "vim_grid2images", "image_urls": [photo]}).json()["data"]
    assert created["processing_status"] == "success"


def test_wait_ends_after_its_time(server, file_host):
    workflow_id = server.create("vim_arctic", {}, [f"{file_host}/astronaut.png"]).json()["data"]["id"]
    begun = time.monotonic()
    data = server.request("GET", f"/v2/workflow/{workflow_id}?wait=1").json()["data"]
    assert data["processing_status"] in ("queue", "processing")
    assert 0.9 < time.monotonic() - begun < 5
    server.finish(workflow_id)


@pytest.mark.parametrize("value", ["0", "61", "abc", "-1", "1.5", ""])
def test_wait_out_of_range_is_422(server, photo, value):
    workflow_id = server.create("vim_grid2images", {}, [photo]).json()["data"]["id"]
    answer = server.request("GET", f"/v2/workflow/{workflow_id}", params={"wait": value})
    assert detail(answer) == {(("query", "wait"), "value_error")}
    server.finish(workflow_id)


def test_data_uri_input(server):
    encoded = base64.b64encode((PHOTOS / "chelsea.png").read_bytes()).decode()
    data = server.run("vim_grid2images", {"image_url": "data:image/png;base64," + encoded})
    assert data["processing_status"] == "success", data["error"]


def test_url_input_is_fetched(server, file_host):
    data = server.run("vim_grid2images", {}, [f"{file_host}/coffee.png"])
    assert data["processing_status"] == "success", data["error"]


def test_result_of_one_workflow_is_input_of_the_next(server, photo):
    first = server.run("vim_grid2images", {"image_url": photo})
    data = server.run("vim_images2grid", {"grid_pattern": "2x2"}, [item["url"] for item in first["result"]])
    assert data["processing_status"] == "success", data["error"]
    assert data["options"]["image_urls"] == [item["url"] for item in first["result"]]


def test_image_urls_fill_options_in_order(server, photo, file_host):
    urls = [photo, f"{file_host}/coffee.png", f"{file_host}/astronaut.png"]
    data = server.create("vim_images2grid", {"grid_pattern": "3x1"}, urls).json()["data"]
    assert data["options"]["image_urls"] == urls
    extra = server.create("vim_grid2images", {}, urls).json()["data"]
    assert extra["options"]["image_url"] == photo and extra["image_urls"] == urls
    server.finish(data["id"])
    server.finish(extra["id"])


BAD_BODIES = [
    ({}, {(("body", "template_id"), "missing")}),
    ({"template_id": 7}, {(("body", "template_id"), "type_error")}),
    ({"template_id": "vim_arctic", "options": []}, {(("body", "options"), "type_error")}),
    ({"template_id": "vim_arctic", "options": {"nope": 1}, "image_urls": ["http://a.example/x.png"]},
     {(("body", "options", "nope"), None)}),
    ({"template_id": "vim_arctic"}, {(("body", "options", "image_url"), "missing")}),
    ({"template_id": "vim_arctic", "image_urls": "x"}, {(("body", "image_urls"), "type_error")}),
    ({"template_id": "vim_arctic", "image_urls": [7]}, {(("body", "image_urls", 0), "type_error")}),
    ({"template_id": "vim_arctic", "image_urls": ["ftp://a.example/x"]}, {(("body", "image_urls", 0), "value_error")}),
    ({"template_id": "vim_arctic", "image_urls": ["http://me:pw@a.example/x"]},
     {(("body", "image_urls", 0), "value_error")}),
    ({"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"], "options": {"aspect_ratio": "5:5"}},
     {(("body", "options", "aspect_ratio"), None)}),
    ({"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"], "visibility_status": "3"},
     {(("body", "visibility_status"), "value_error")}),
    ({"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"], "visibility_status": 1},
     {(("body", "visibility_status"), "type_error")}),
    ({"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"], "title": "x" * 201},
     {(("body", "title"), "too_long")}),
    ({"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"], "webhook_url": "file:///etc/passwd"},
     {(("body", "webhook_url"), "value_error")}),
]


@pytest.mark.parametrize("body,faults", BAD_BODIES)
def test_bad_content_is_422_with_its_place(server, body, faults):
    found = detail(server.request("POST", "/v2/workflow", json=body))
    for place, kind in faults:
        assert any(loc == place and (kind is None or kind == code) for loc, code in found), found


def test_every_fault_is_listed(server):
    found = detail(server.request("POST", "/v2/workflow", json={
        "template_id": "vim_arctic", "title": 1, "visibility_status": "9",
        "options": {"nope": 1, "aspect_ratio": "7:7", "pipeline_mode": "song"}}))
    places = {loc for loc, _ in found}
    assert {("body", "title"), ("body", "visibility_status"), ("body", "options", "nope"),
            ("body", "options", "aspect_ratio"), ("body", "options", "pipeline_mode"),
            ("body", "options", "image_url")} <= places


def test_unknown_members_are_ignored(server, photo):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_grid2images", "image_urls": [photo],
                                                          "something_else": {"a": 1}})
    assert answer.status_code == 200
    server.finish(answer.json()["data"]["id"])


@pytest.mark.parametrize("template_id", ["nope", "", "../../etc/passwd", "x" * 500])
def test_unknown_template_is_404(server, template_id):
    answer = server.create(template_id)
    assert answer.status_code == 404 and answer.json()["message"] == "NOT_FOUND"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"a":1}x', b'{"a":1,"a":2}', b"\xff\xfe",
                                  b"[" * 100, b'{"template_id":"a\\u0000b"}', b'{"a":' * 70 + b"1" + b"}" * 70])
def test_broken_json_is_400(server, body):
    answer = server.request("POST", "/v2/workflow", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"] == "BAD_REQUEST" and answer.json()["reason"]


def test_wrong_content_type_is_415(server):
    answer = server.request("POST", "/v2/workflow", data=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415 and answer.json()["message"] == "UNSUPPORTED_MEDIA_TYPE"


def test_body_over_the_limit_is_413(new_server):
    small = new_server("--body-bytes", "10k")
    answer = small.request("POST", "/v2/workflow", json={"template_id": "vim_arctic", "title": "x" * 20000})
    assert answer.status_code == 413 and answer.json()["message"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("key", [None, "", "wrong", "x" * 5000, "тест".encode()])
def test_without_a_valid_key_is_401(server, key):
    headers = {} if key is None else {"X-Api-Key": key}
    server_key, server.key = server.key, None
    try:
        answer = server.request("GET", "/v2/workflow/templates", headers=headers)
    finally:
        server.key = server_key
    assert answer.status_code in (401, 400, 431)
    if answer.status_code == 401:
        assert answer.json() == {"message": "UNAUTHORIZED"}


def test_bearer_works_and_username_names_the_user(server, photo):
    server_key, server.key = server.key, None
    try:
        answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_grid2images", "image_urls": [photo]},
                                headers={"Authorization": f"Bearer {server_key}", "Username": "basel"})
    finally:
        server.key = server_key
    assert answer.status_code == 200
    assert answer.json()["data"]["primary_user_id"] == "basel"
    server.finish(answer.json()["data"]["id"])


def test_unknown_ids_and_routes(server):
    for path in ("/v2/workflow/nope", f"/v2/workflow/{uuid.uuid4()}", "/nope", "/v2", "/v2/workflow/",
                 "/v2/workflow/a/b/c/d"):
        answer = server.request("GET", path)
        assert answer.status_code == 404 and answer.json() == {"message": "NOT_FOUND"}, path


def test_wrong_method_is_405_before_the_key_is_asked_for(server):
    server_key, server.key = server.key, None
    try:
        answer = server.request("DELETE", "/v2/workflow")
    finally:
        server.key = server_key
    assert answer.status_code == 405 and answer.json() == {"message": "METHOD_NOT_ALLOWED"}
    assert "POST" in answer.headers["Allow"]


def test_customers_do_not_see_each_other(new_server):
    server = new_server()
    made = server.command("key", "create", "--customer", "other", "--credits", "50", "--json")
    assert made.returncode == 0, made.stderr
    import json
    other = json.loads(made.stdout)["key"]
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    workflow_id = server.create("vim_grid2images", {}, [photo]).json()["data"]["id"]
    server.finish(workflow_id)
    answer = server.request("GET", f"/v2/workflow/{workflow_id}", headers={"X-Api-Key": other})
    assert answer.status_code == 404 and answer.json() == {"message": "NOT_FOUND"}


def test_too_little_credit_is_402_and_creates_nothing(new_server):
    import json
    server = new_server()
    poor = json.loads(server.command("key", "create", "--customer", "poor", "--credits", "7", "--json").stdout)["key"]
    answer = server.request("POST", "/v2/workflow", headers={"X-Api-Key": poor},
                            json={"template_id": "vim_arctic", "image_urls": ["http://a.example/x.png"]})
    assert answer.status_code == 402
    assert answer.json() == {"message": "INSUFFICIENT_CREDIT", "required": 100, "balance": 7}
    shown = server.command("credits", "show", "--customer", "poor", "--json")
    assert json.loads(shown.stdout) == {"customer": "poor", "balance": 7, "reserved": 0}


def test_credits_are_never_overdrawn_by_concurrent_requests(new_server):
    import json
    server = new_server()
    key = json.loads(server.command("key", "create", "--customer", "tight", "--credits", "20", "--json").stdout)["key"]
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.request(
            "POST", "/v2/workflow", headers={"X-Api-Key": key},
            json={"template_id": "vim_grid2images", "image_urls": [photo]}), range(40)))
    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 10 and codes.count(402) == 30
    for answer in answers:
        if answer.status_code == 200:
            workflow_id = answer.json()["data"]["id"]
            ended = server.request("GET", f"/v2/workflow/{workflow_id}?wait=60", headers={"X-Api-Key": key})
            assert ended.json()["data"]["processing_status"] == "success"


def test_failed_workflow_says_why_and_gives_credits_back(new_server, file_host):
    import json
    server = new_server()
    key = json.loads(server.command("key", "create", "--customer", "c", "--credits", "10", "--json").stdout)["key"]
    created = server.request("POST", "/v2/workflow", headers={"X-Api-Key": key},
                             json={"template_id": "vim_grid2images", "image_urls": [f"{file_host}/missing.png"]})
    ended = server.request("GET", f"/v2/workflow/{created.json()['data']['id']}?wait=60",
                           headers={"X-Api-Key": key}).json()["data"]
    assert ended["processing_status"] == "fail"
    assert ended["error"]["code"] == "FETCH_FAILED" and "404" in ended["error"]["message"]
    assert ended["error"]["step_id"] and ended["used_credits"] == 0
    assert json.loads(server.command("credits", "show", "--customer", "c", "--json").stdout)["balance"] == 10


def test_revoked_key_is_honoured_within_a_second(new_server):
    import json
    server = new_server()
    made = json.loads(server.command("key", "create", "--customer", "leaver", "--json").stdout)
    headers = {"X-Api-Key": made["key"]}
    assert server.request("GET", "/v2/workflow/templates", headers=headers).status_code == 200
    assert server.command("key", "revoke", made["id"]).returncode == 0
    time.sleep(1)
    assert server.request("GET", "/v2/workflow/templates", headers=headers).status_code == 401
