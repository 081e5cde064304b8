"""The older API of the same vendor: a form creates a workflow, the object has its old members, everything else is as below /v2."""
import uuid

import pytest
import requests

from conftest import PHOTOS
from test_bad_input import error, faults_of
from test_lifecycle import Customer, customer  # noqa: F401

CHELSEA = (PHOTOS / "chelsea.png").read_bytes()
OLD_MEMBERS = {"id", "title", "description", "visibility_status", "model", "options", "images", "primary_user_id", "customer_id",
               "processing_status", "progress_percentage", "completions", "result", "media_result", "created_at", "updated_at"}


def post(customer, fields, files=()):
    """A form as browsers and `requests` send it; fields may repeat."""
    parts = [(name, (None, value)) for name, value in fields] + [(name, (file, data, "application/octet-stream")) for name, file, data in files]
    return customer.request("POST", "/workflow", files=parts)


def created(answer):
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert set(data) >= OLD_MEMBERS
    return data


def test_a_form_with_files(server, customer):
    data = created(post(customer, [("template_id", "vim_images2grid"), ("title", "Fünf"), ("description", "d"), ("visibility_status", "2"),
                                   ("event_id", "e"), ("options", '{"grid_pattern": "2x1"}'), ("image_urls", "http://ignored.example/x.png")],
                        [("image_files", "one.png", CHELSEA), ("image_files", "two.png", (PHOTOS / "coffee.png").read_bytes())]))
    assert (data["title"], data["description"], data["visibility_status"], data["event_id"]) == ("Fünf", "d", "2", "e")
    assert data["model"] == "vim_images2grid" and data["options"]["grid_pattern"] == "2x1"
    assert len(data["images"]) == 2 and data["images"] == data["image_urls"] == data["options"]["image_urls"]
    for url in data["images"]:
        assert url.startswith(server.base + "/media/asset/")
    assert requests.get(data["images"][0], timeout=30).content == CHELSEA
    assert customer.read(data["id"], wait=60)["processing_status"] == "success"
    done = created(customer.request("GET", f"/workflow/{data['id']}"))
    assert done["processing_status"] == "success" and done["result"][0]["url"] == done["media_result"][0]["url"]
    assert done["media_result"] == [{"updated_at": done["updated_at"], "size": done["result"][0]["size"], "url": done["result"][0]["url"]}]
    plain = customer.read(data["id"])
    assert {"images", "media_result"} & set(plain) == set() and set(done) == set(plain) | {"images", "media_result"}


def test_a_form_with_urls(server, customer):
    urls = [server.upload(PHOTOS / name)["url"] for name in ("chelsea.png", "coffee.png")]
    data = created(post(customer, [("template_id", "vim_images2grid"), ("image_urls", urls[0]), ("image_urls", urls[1]), ("options", "")]))
    assert data["images"] == urls and data["title"] == "" and data["visibility_status"] == "1" and data["event_id"] == "no_event"
    answer = customer.request("GET", f"/workflow/{data['id']}?wait=60")
    assert created(answer)["processing_status"] == "success"
    # An empty file field, as browsers send it, is none.
    data = created(post(customer, [("template_id", "vim_grid2images"), ("image_urls", urls[0]), ("unknown", "x")], [("image_files", "", b"")]))
    assert data["images"] == [urls[0]]


def test_a_form_and_a_key_for_it(server, customer):
    fields = [("template_id", "vim_grid2images"), ("image_urls", server.upload(PHOTOS / "chelsea.png")["url"])]
    prepared = requests.Request("POST", server.base + "/workflow", files=[(name, (None, value)) for name, value in fields]).prepare()
    headers = {"Content-Type": prepared.headers["Content-Type"]}
    plain = customer.request("POST", "/workflow", data=prepared.body, headers=headers)
    assert created(plain)


BAD_FORMS = [
    ([], [(("body", "template_id"), "missing")]),
    ([("template_id", "vim_grid2images")], [(("body", "options", "image_url"), "missing")]),
    ([("template_id", "vim_grid2images"), ("options", "{")], [(("body", "options"), "value_error")]),
    ([("template_id", "vim_grid2images"), ("options", "[]")], [(("body", "options"), "type_error")]),
    ([("template_id", "vim_grid2images"), ("options", '{"nope":1}'), ("image_urls", "http://a.example/x")], [(("body", "options", "nope"), None)]),
    ([("template_id", "vim_grid2images"), ("options", '{"a":1,"a":2}')], [(("body", "options"), "value_error")]),
    ([("template_id", "vim_grid2images"), ("image_urls", "ftp://a.example/x")], [(("body", "image_urls", 0), "value_error")]),
    ([("template_id", "vim_grid2images"), ("image_urls", "http://a.example/x"), ("visibility_status", "9")], [(("body", "visibility_status"), "value_error")]),
    ([("template_id", "vim_grid2images"), ("image_urls", "http://a.example/x"), ("title", "x" * 201)], [(("body", "title"), "too_long")]),
    ([("template_id", "vim_grid2images"), ("image_urls", "http://a.example/x"), ("title", b"\xff")], [(("body", "title"), "value_error")]),
    ([("template_id", "vim_grid2images"), ("image_urls", "http://a.example/x"), ("title", b"a\x00b")], [(("body", "title"), "value_error")]),
]


@pytest.mark.parametrize("fields,faults", BAD_FORMS)
def test_bad_fields_are_422(customer, fields, faults):
    found = faults_of(post(customer, fields or [("x", "y")]))
    for place, kind in faults:
        assert any(loc == place and kind in (None, code) for loc, code in found), found


def test_bad_forms(server, customer):
    error(customer.request("POST", "/workflow", json={"template_id": "vim_grid2images"}), 415, "UNSUPPORTED_MEDIA_TYPE", "multipart/form-data")
    error(customer.request("POST", "/workflow", data=b"--x\r\n", headers={"Content-Type": "multipart/form-data; boundary=xyz"}), 400, "BAD_REQUEST", True)
    error(customer.request("POST", "/workflow", data=b"", headers={"Content-Type": "multipart/form-data"}), 400, "BAD_REQUEST", True)
    error(post(customer, [("template_id", "nope")]), 404, "NOT_FOUND")
    error(post(customer, [("template_id", "vim_grid2images")], [("image_files", "x.png", b"hello")]), 415, "UNSUPPORTED_MEDIA_TYPE", True)
    error(post(customer, [(f"field{i}", "x") for i in range(200)]), 413, "PAYLOAD_TOO_LARGE", "too many parts")
    error(customer.request("POST", "/workflow", files={"x": "y"}, headers={"X-Api-Key": "wrong"}), 401, "UNAUTHORIZED")
    poor = Customer(server, credits=1)
    answer = post(poor, [("template_id", "vim_grid2images")], [("image_files", "x.png", CHELSEA)])
    assert answer.status_code == 402 and answer.json() == {"message": "INSUFFICIENT_CREDIT", "required": 2, "balance": 1}


def test_sizes_of_a_form(new_server):
    server = new_server("--body-bytes", "10k", "--asset-bytes", "300k")
    customer = Customer(server)
    fields = [("template_id", "vim_grid2images")]
    assert created(post(customer, fields, [("image_files", "x.png", CHELSEA)]))
    for more in ([("title", "x" * 20000)], []):
        answer = post(customer, fields + more, [] if more else [("image_files", "x.png", CHELSEA), ("image_files", "y.png", CHELSEA)])
        assert answer.status_code == 413 and answer.json()["message"] == "PAYLOAD_TOO_LARGE"


def test_changes_and_deletion(server, customer):
    data = customer.create(image_urls=[server.upload(PHOTOS / "chelsea.png")["url"]], headers={"Prefer": "wait=60"})
    path = f"/workflow/{data['id']}"
    changed = created(customer.request("PUT", path, json={"title": "new", "rating": "5", "whatever": 1, "delivered_at": None}))
    assert changed["title"] == "new" and changed["rating"] == "5" and changed["delivered_at"] and changed["media_result"]
    assert faults_of(customer.request("PUT", path, json={"rating": 5})) == {(("body", "rating"), "type_error")}
    gone = created(customer.request("DELETE", path))
    assert gone["title"] == "new" and len(gone["media_result"]) == 4
    for method in ("GET", "DELETE"):
        error(customer.request(method, path), 404, "NOT_FOUND")
    error(customer.request("PUT", path, json={}), 404, "NOT_FOUND")
    error(customer.request("GET", f"/workflow/{uuid.uuid4()}"), 404, "NOT_FOUND")
    error(customer.request("PATCH", path), 405, "METHOD_NOT_ALLOWED")
