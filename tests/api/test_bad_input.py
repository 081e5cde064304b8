"""Bad input at every door of the API gives the documented answer, never a 500, a hang or a leak. Also run with sanitizers."""
import itertools
import json
import uuid

import pytest

from conftest import PHOTOS

IMAGE = "http://a.example/x.png"


@pytest.fixture(scope="module", autouse=True)
def server_survives(server):
    yield
    assert server.process.poll() is None
    assert server.request("GET", "/health").status_code == 200
    assert server.request("GET", "/ready").status_code == 200


def faults_of(answer):
    """The faults of a 422, whose shape is checked on the way."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert set(body) == {"detail"} and body["detail"], body
    for fault in body["detail"]:
        assert set(fault) == {"loc", "msg", "type"}, fault
        assert isinstance(fault["msg"], str) and fault["msg"].endswith("."), fault
        assert fault["loc"][0] in ("body", "query"), fault
    return {(tuple(fault["loc"]), fault["type"]) for fault in body["detail"]}


def error(answer, status, message, reason=None):
    """An error with `reason` (True: any) or without one (None)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Request-Id"]
    body = answer.json()
    assert body["message"] == message
    if reason is None:
        assert set(body) == {"message"}, body
    else:
        assert set(body) == {"message", "reason"} and (reason is True or reason in body["reason"]), body


# --- JSON ------------------------------------------------------------------------------------------------------------

BROKEN_JSON = {
    "nothing": b"", "cut": b"{", "cut string": b'{"a":"', "array": b"[]", "null": b"null", "text": b'"x"', "number": b"1",
    "trailing bytes": b'{"a":1}x', "two values": b"{}{}", "duplicate key": b'{"a":1,"a":2}',
    "duplicate key inside": b'{"options":{"b":1,"b":1}}', "comment": b"{/* */}", "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}", "byte order mark": b"\xef\xbb\xbf{}", "UTF-16": '{"a":1}'.encode("utf-16"),
    "bytes": b"\xff\xfe", "invalid UTF-8": b'{"template_id":"\xc3\x28"}', "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "surrogate as UTF-8": b'{"a":"\xed\xa0\x80"}', "half a surrogate": b'{"a":"\\ud800"}', "NUL": b'{"template_id":"a\\u0000b"}',
    "raw NUL": b'{"a":"\x00"}', "NUL behind": b"{}\x00", "line end in a string": b'{"a":"\n"}', "escape": b'{"a":"\\x"}',
    "deep arrays": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "deep objects": b'{"a":' * 70 + b"1" + b"}" * 70,
    "very deep": b"[" * 1000000, "NaN": b'{"a":NaN}', "infinity": b'{"a":1e999}', "integer": b'{"a":99999999999999999999}',
    "leading zero": b'{"a":01}', "plus": b'{"a":+1}', "key without quotes": b"{a:1}",
}


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_broken_json_is_400(server, name):
    answer = server.request("POST", "/v2/workflow", data=BROKEN_JSON[name], headers={"Content-Type": "application/json"})
    error(answer, 400, "BAD_REQUEST", True)


def test_large_but_good_json_is_read(server):
    body = {"template_id": "vim_arctic", "options": {f"unknown_{i}": "x" * 100 for i in range(5000)}, "more": [[]] * 100000}
    answer = server.request("POST", "/v2/workflow", json=body)
    found = faults_of(answer)
    assert 200 <= len(answer.json()["detail"]) <= 201, len(found)


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                  "application/jsonx", "json", "application/json-patch+json"])
def test_other_content_types_are_415(server, kind):
    answer = server.request("POST", "/v2/workflow", data=b"{}", headers={"Content-Type": kind})
    error(answer, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=y"])
def test_content_types_that_mean_json(server, kind):
    answer = server.request("POST", "/v2/workflow", data=b"{}", headers={"Content-Type": kind})
    assert faults_of(answer) == {(("body", "template_id"), "missing")}


# --- the members of a new workflow -----------------------------------------------------------------------------------

NOT_TEXTS = [0, 1.5, True, [], ["x"], {}, {"a": 1}]
TEXT_MEMBERS = ["template_id", "title", "description", "visibility_status", "event_id", "webhook_url"]


@pytest.mark.parametrize("member,value", itertools.product(TEXT_MEMBERS, NOT_TEXTS))
def test_a_member_that_is_no_text(server, member, value):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_arctic", "image_urls": [IMAGE], member: value})
    assert faults_of(answer) == {(("body", member), "type_error")}


MEMBERS = [
    ("template_id", None, "missing"),
    ("title", "x" * 201, "too_long"), ("title", "ä" * 201, "too_long"), ("description", "x" * 5001, "too_long"),
    ("event_id", "x" * 201, "too_long"), ("visibility_status", "", "value_error"), ("visibility_status", "3", "value_error"),
    ("visibility_status", "-1", "too_long"), ("visibility_status", "public", "too_long"),
    ("options", [], "type_error"), ("options", "x", "type_error"), ("options", 1, "type_error"), ("options", True, "type_error"),
    ("image_urls", {}, "type_error"), ("image_urls", "http://a.example/x.png", "type_error"), ("image_urls", 1, "type_error"),
    ("image_urls", [IMAGE] * 65, "too_long"),
    ("webhook_url", "", "value_error"), ("webhook_url", "a.example/hook", "value_error"), ("webhook_url", "ftp://a.example", "value_error"),
    ("webhook_url", "data:text/plain,x", "value_error"), ("webhook_url", "http://me:pw@a.example/", "value_error"),
    ("webhook_url", "http://a.example/" + "x" * 2000, "too_long"), ("webhook_url", "http://", "value_error"),
]


@pytest.mark.parametrize("member,value,kind", MEMBERS)
def test_a_member_out_of_its_rule(server, member, value, kind):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_arctic", "options": {"image_url": IMAGE}, member: value})
    assert ((("body", member), kind)) in faults_of(answer)


def test_members_at_their_limits_are_taken(server):
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    answer = server.request("POST", "/v2/workflow", json={
        "template_id": "vim_grid2images", "title": "ä" * 200, "description": "y" * 5000, "event_id": "z" * 200, "visibility_status": "2",
        "image_urls": [photo] * 64, "webhook_url": None, "options": None})
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["title"] == "ä" * 200 and data["event_id"] == "z" * 200 and data["visibility_status"] == "2"
    assert len(data["image_urls"]) == 64 and data["webhook_url"] is None
    server.finish(data["id"])


BAD_OPTIONS = [
    ({"nope": 1}, ("nope",), None), ({"": 1}, ("",), None), ({"a/b~c": 1}, ("a/b~c",), None), ({"x" * 3000: 1}, None, None),
    ({"aspect_ratio": "5:5"}, ("aspect_ratio",), "value_error"), ({"aspect_ratio": 1}, ("aspect_ratio",), "type_error"),
    ({"aspect_ratio": ["16:9"]}, ("aspect_ratio",), "type_error"), ({"aspect_ratio": {}}, ("aspect_ratio",), "type_error"),
    ({"pipeline_mode": "song"}, ("pipeline_mode",), "value_error"), ({"pipeline_mode": True}, ("pipeline_mode",), "type_error"),
    ({"team": 7}, ("team",), "type_error"), ({"team": "x" * 81}, ("team",), "too_long"), ({"team": ["brazil"]}, ("team",), "type_error"),
    ({"image_url": 7}, ("image_url",), "type_error"), ({"image_url": []}, ("image_url",), "type_error"),
    ({"image_url": "x"}, ("image_url",), "value_error"), ({"image_url": ""}, ("image_url",), None),
]


@pytest.mark.parametrize("options,place,kind", BAD_OPTIONS)
def test_bad_options(server, options, place, kind):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_wc26_team", "options": {"image_url": IMAGE, **options}})
    found = faults_of(answer)
    if place:
        assert any(loc == ("body", "options", *place) and kind in (None, code) for loc, code in found), found


@pytest.mark.parametrize("pattern", ["2", "2x", "x2", "0x2", "9x1", "2x2x2", "2X2 ", "-1x2", "2x2\n", "", 22, None, "８x８"])
def test_bad_grid_patterns(server, pattern):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_grid2images", "options": {
        "image_url": "http://127.0.0.1:1/x.png", "grid_pattern": pattern}})
    if pattern is None:  # not given
        assert answer.status_code == 200
    else:
        assert {loc for loc, _ in faults_of(answer)} == {("body", "options", "grid_pattern")}


# --- references ------------------------------------------------------------------------------------------------------

BAD_REFERENCES = [
    "", " ", "x", "/etc/passwd", "a.example/x.png", "//a.example/x", "ftp://a.example/x", "file:///etc/passwd", "gopher://a.example/",
    "javascript:alert(1)", "HTTP:/a.example", "http:a.example", "http://", "https://", "http:///x", "http://?x", "http://#x", "http://:80/",
    "http://me@a.example/x", "http://me:pw@a.example/x", "http://:pw@a.example/", "http://@a.example/", "http://a.example@b.example/",
    "http://a.example:0/", "http://a.example:65536/", "http://a.example:99999999999/", "http://a.example:8o/", "http://a.example:/",
    "http://a.example:-1/", "http://[::1/", "http://::1/", "http://[]/", "http://a b/", "http://a.example/a b", "http://a.example/\n",
    "http://a.example/\r\nHost: b", "http://a.example\\@b.example/", "http://a.example/<x>", 'http://a.example/"', "http://a.exa%6dple/",
    "http://a.example/" + "x" * 8200, "data:", "data:image/png", "data:image/png;base64", "data: image/png;base64,AAAA", "data",
]


@pytest.mark.parametrize("reference", BAD_REFERENCES)
def test_a_reference_that_is_none(server, reference):
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_arctic", "image_urls": [IMAGE, reference]})
    assert (("body", "image_urls", 1), "value_error") in faults_of(answer)
    answer = server.request("POST", "/v2/workflow", json={"template_id": "vim_arctic", "options": {"image_url": reference}})
    assert any(loc == ("body", "options", "image_url") for loc, _ in faults_of(answer))


# --- order of the checks ---------------------------------------------------------------------------------------------

def without_key(server, method, path, **arguments):
    return server.request(method, path, headers={**arguments.pop("headers", {}), "X-Api-Key": None}, **arguments)


def test_the_order_of_the_checks(server):
    error(without_key(server, "BREW", "/nope"), 404, "NOT_FOUND")
    error(without_key(server, "DELETE", "/v2/assets", data=b"x"), 405, "METHOD_NOT_ALLOWED")
    error(without_key(server, "POST", "/v2/workflow", data=b"x" * 100), 401, "UNAUTHORIZED")
    error(server.request("POST", "/v2/workflow", data=b"["), 415, "UNSUPPORTED_MEDIA_TYPE", True)
    error(server.request("POST", "/v2/workflow", data=b"[", headers={"Content-Type": "application/json"}), 400, "BAD_REQUEST", True)
    error(server.create("nope", title=1), 404, "NOT_FOUND")
    assert faults_of(server.create("vim_arctic", title=1))
    error(server.request("GET", f"/v2/workflow/{uuid.uuid4()}?wait=x"), 404, "NOT_FOUND")


@pytest.mark.parametrize("method,path,allow", [
    ("DELETE", "/health", "GET, HEAD"), ("POST", "/ready", "GET, HEAD"), ("PATCH", "/v2/assets", "POST"),
    ("BREW", "/v2/workflow", None), ("PUT", "/v2/workflow/templates", None), ("OPTIONS", f"/v2/workflow/{uuid.uuid4()}", None),
    ("POST", "/media/a/b/c", "GET, HEAD"), ("TRACE", "/health", "GET, HEAD"),
])
def test_other_methods_are_405(server, method, path, allow):
    answer = without_key(server, method, path)
    if method == "POST" and answer.status_code in (401, 415):
        return  # the path takes it by now
    error(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == allow if allow else answer.headers["Allow"]
    assert method not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", [
    "/nope", "/v2", "/v2/", "//", "/v2/workflow/", "//v2/workflow", "/v2//workflow", "/v2/workflow/a/b/c/d", "/V2/workflow",
    "/v2/workflow/../workflow", "/v2/workflow/..", "/.", "/health/", "/media", "/media/", "/media/a/b", "/media/a/b/c/d",
    "/v2/workflow/%2e%2e", "/v2/assets/x", "/etc/passwd", "/media/../../etc/passwd"])
def test_other_paths_are_404(server, path):
    status, headers, body = server.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Api-Key: {server.key}\r\n\r\n".encode())
    assert (status, json.loads(body)) == (404, {"message": "NOT_FOUND"}) and headers["x-request-id"]


@pytest.mark.parametrize("workflow_id", ["x", "0", "-1", "null", "%00", "a" * 300, "%27%20OR%201=1", "{id}", "*", str(uuid.uuid4()),
                                         str(uuid.uuid4()).upper(), "00000000-0000-0000-0000-000000000000", "%F0%9F%98%80"])
def test_ids_that_are_none(server, workflow_id):
    answer = server.request("GET", f"/v2/workflow/{workflow_id}")
    if workflow_id == "%00":
        error(answer, 400, "BAD_REQUEST", True)
    else:
        error(answer, 404, "NOT_FOUND")


# --- headers ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("headers", [
    {}, {"X-Api-Key": ""}, {"X-Api-Key": "wrong"}, {"X-Api-Key": "x" * 5000}, {"X-Api-Key": "тест".encode()}, {"X-Api-Key": "' OR 1=1"},
    {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"},
    {"Authorization": "Basic dGVzdA=="}, {"Authorization": "{key}"}, {"Authorization": "Token {key}"},
    {"X-Api-Key": "wrong", "Authorization": "Bearer {key}"}, {"X-Api-Key": "{key}x"}, {"Api-Key": "{key}"}])
def test_without_a_valid_key_is_401(server, headers):
    given = {name: value.replace("{key}", server.key) if isinstance(value, str) else value for name, value in headers.items()}
    answer = without_key(server, "GET", "/v2/workflow/templates", headers=given) if "X-Api-Key" not in given else \
        server.request("GET", "/v2/workflow/templates", headers=given)
    error(answer, 401, "UNAUTHORIZED")
    assert without_key(server, "GET", "/v2/workflow/templates", params={"api_key": server.key}).status_code == 401


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer {key}"}, {"Authorization": "bearer   {key}"}, {"Authorization": "BEARER {key}"}])
def test_bearer_in_any_letters(server, headers):
    given = {name: value.replace("{key}", server.key) for name, value in headers.items()}
    assert without_key(server, "GET", "/v2/workflow/templates", headers=given).status_code == 200


@pytest.mark.parametrize("header", ["Username", "X-Client-Type"])
@pytest.mark.parametrize("value", [b"\xff", b"\xc3\x28", b"x" * 129, "ä".encode() * 65])
def test_a_text_header_that_is_none(server, header, value):
    answer = server.request("GET", "/v2/workflow/templates", headers={header: value})
    error(answer, 400, "BAD_REQUEST", f"The {header} header is UTF-8 text of at most 128 bytes.")


@pytest.mark.parametrize("value,kept", [("abc-1.2_3~", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ('a"b', False),
                                        ("a\\b", False), ("ä".encode(), False), ("", False)])
def test_request_ids(server, value, kept):
    for path in ("/health", "/nope", "/v2/workflow/x"):
        given = server.request("GET", path, headers={"X-Request-Id": value}).headers["X-Request-Id"]
        assert given == value if kept else uuid.UUID(given).version == 7


def head(server, line, *lines, body=b""):
    return b"\r\n".join([line.encode(), b"Host: a", b"Connection: close", f"X-Api-Key: {server.key}".encode(),
                         *(each.encode("latin1") for each in lines), b"", body])


JSON_POST = ("POST /v2/workflow HTTP/1.1", "Content-Type: application/json")
FRAMES = {
    "length and encoding": (400, "Content-Length: 2", "Transfer-Encoding: chunked", b"0\r\n\r\n"),
    "two lengths": (400, "Content-Length: 2", "Content-Length: 2", b"{}"), "unequal lengths": (400, "Content-Length: 2", "Content-Length: 3", b"{}"),
    "negative length": (400, "Content-Length: -1", b"{}"), "signed length": (400, "Content-Length: +2", b"{}"),
    "text as length": (400, "Content-Length: two", b"{}"), "no length": (400, "Content-Length: ", b"{}"),
    "length over 64 bits": (413, "Content-Length: 99999999999999999999999", b"{}"), "length over the limit": (413, "Content-Length: 17000000", b"{}"),
    "gzip": (400, "Transfer-Encoding: gzip", b"{}"), "gzip, chunked": (400, "Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
    "identity": (400, "Transfer-Encoding: identity", b"{}"), "hidden chunked": (400, "Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
    "chunk size": (400, "Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"), "chunk end": (400, "Transfer-Encoding: chunked", b"2\r\n{}xx0\r\n\r\n"),
    "chunk over 64 bits": (413, "Transfer-Encoding: chunked", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "fold": (400, "A: b", " c", "Content-Length: 2", b"{}"), "no colon": (400, "A", "Content-Length: 2", b"{}"),
    "blank before the colon": (400, "Content-Length : 2", b"{}"), "control character": (400, "A: \x01", "Content-Length: 2", b"{}"),
    "second host": (400, "Host: b", "Content-Length: 2", b"{}"), "many headers": (431, *["A: b"] * 5000, b""),
    "long header": (431, "A: " + "b" * 33000, b""), "longer header": (431, "A: " + "b" * 300000, b""),
}


@pytest.mark.parametrize("name", FRAMES)
def test_broken_framing(server, name):
    status, *lines, body = FRAMES[name]
    found, headers, text = server.raw(head(server, *JSON_POST, *lines, body=body) + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    assert found == status and headers["connection"] == "close"
    assert b'"status":"ok"' not in text  # nothing behind it is a request


@pytest.mark.parametrize("size,status", [(8000, 404), (8192, 414), (20000, 414), (200000, 414)])
def test_long_targets(server, size, status):
    for target in ("/" + "a" * size, "/v2/workflow/templates?category=" + "a" * size):
        found, _, text = server.raw(head(server, f"GET {target} HTTP/1.1"))
        assert found == (200 if status == 404 and "?" in target else status), text[:300]


def test_many_query_values(server):
    for count in (100, 1000, 2000):
        status, _, text = server.raw(head(server, f"GET /v2/workflow/templates?{'a=1&' * count} HTTP/1.1"))
        assert status == 200, text


@pytest.mark.parametrize("query", ["%", "%4", "%zz", "a=%g1", "a=%00", "a=%0a", "a%0d=b"])
def test_broken_escapes_are_400(server, query):
    status, _, text = server.raw(head(server, f"GET /v2/workflow/templates?{query} HTTP/1.1"))
    assert status == 400 and json.loads(text)["message"] == "BAD_REQUEST"


def test_requests_that_take_no_body(server):
    for method, path in (("GET", "/health"), ("GET", "/v2/workflow/templates"), ("GET", f"/v2/workflow/{uuid.uuid4()}")):
        error(server.request(method, path, data=b"{}"), 413, "PAYLOAD_TOO_LARGE", "takes no body")


def test_bytes_that_are_no_http(server):
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30 + b"\r\n\r\n", b"hello\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"GET /health\r\n\r\n"):
        status, _, _ = server.raw(data)
        assert status in (0, 400, 505)


def test_clients_that_leave(server):
    """Half a head, half a body, half a chunk, an answer that nobody reads."""
    import socket
    host, port = server.base.split("//")[1].split(":")
    for data in (b"GET /hea", b"GET /health HTTP/1.1\r\nHo", head(server, *JSON_POST, "Content-Length: 100", body=b"{"),
                 head(server, *JSON_POST, "Transfer-Encoding: chunked", body=b"5\r\n{"), head(server, "GET /v2/workflow/templates?detail=1 HTTP/1.1"),
                 head(server, "POST /v2/assets HTTP/1.1", "Content-Type: multipart/form-data; boundary=xx", "Content-Length: 100", body=b"--xx\r\n")):
        for _ in range(5):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(data)


# --- uploads ---------------------------------------------------------------------------------------------------------

PNG = (PHOTOS / "chelsea.png").read_bytes()
FORM = "multipart/form-data; boundary=xxyyzz"


def part(name, data, more=b""):
    return b'--xxyyzz\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + data + b"\r\n"


END = b"--xxyyzz--\r\n"
BAD_FORMS = {
    "nothing": (FORM, b""), "only the end": (FORM, END), "no file": (FORM, part(b"a", b"1") + END), "no boundary": ("multipart/form-data", part(b"file", PNG) + END),
    "other boundary": ("multipart/form-data; boundary=other", part(b"file", PNG) + END), "no end": (FORM, part(b"file", PNG)),
    "cut in the data": (FORM, part(b"file", PNG)[:5000]), "cut in the head": (FORM, part(b"file", PNG)[:30]), "JSON": (FORM, b'{"file":"x"}'),
    "two files": (FORM, part(b"file", PNG, b'; filename="a"') + part(b"file", PNG, b'; filename="b"') + END),
    "empty file": (FORM, part(b"file", b"") + END), "long part head": (FORM, part(b"x" * 100000, PNG) + END),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_broken_forms_are_400(server, name):
    kind, body = BAD_FORMS[name]
    error(server.request("POST", "/v2/assets", data=body, headers={"Content-Type": kind}), 400, "BAD_REQUEST", True)


@pytest.mark.parametrize("data", [b"hello", b"\x00" * 1000, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"%PDF-1.4\n", b"PK\x03\x04", b"#!/bin/sh\n",
                                  b"\x89PN", b"\x7fELF"])
def test_files_that_are_no_media_are_415(server, data):
    for kind in ("image/png", "application/octet-stream", None):
        error(server.request("POST", "/v2/assets", data=data, headers={"Content-Type": kind}), 415, "UNSUPPORTED_MEDIA_TYPE", True)


def test_an_empty_upload_is_400(server):
    error(server.request("POST", "/v2/assets", data=b"", headers={"Content-Type": "image/png"}), 400, "BAD_REQUEST", "empty")


# --- media URLs ------------------------------------------------------------------------------------------------------

def test_a_changed_media_url_is_404(server):
    url = server.upload(PHOTOS / "chelsea.png")["url"]
    path = url[len(server.base):]
    assert server.request("GET", path).status_code == 200
    name, query = path.split("?")
    expires, signature = (pair.split("=")[1] for pair in query.split("&"))
    owner, asset_id, file = name.split("/")[2:]
    changed = [
        name, name + "?", f"{name}?expires={expires}", f"{name}?signature={signature}", f"{name}?expires={int(expires) + 1}&signature={signature}",
        f"{name}?expires={expires}&signature={signature[:-1]}", f"{name}?expires={expires}&signature={signature}0",
        f"{name}?expires={expires}&signature={'0' * 64}", f"{name}?expires={expires}&signature={signature.upper() if signature.upper() != signature else '0'}",
        f"{name}?expires=&signature={signature}", f"{name}?expires=99999999999999999999&signature={signature}", f"{name}?signature={signature}&expires={expires}",
        f"/media/workflow/{asset_id}/{file}?{query}", f"/media/{owner}/{uuid.uuid4()}/{file}?{query}",
        f"/media/{owner}/{asset_id}/{'0' * 64}.png?{query}", f"/media/{owner}/{asset_id}/{file[:-5]}?{query}", f"/media/{owner}/{asset_id}/x.png?{query}",
        f"/media/{owner}/x/{file}?{query}", f"/media/{owner}/..%2f..%2fetc/passwd?{query}", f"/media/x/{asset_id}/{file}?{query}",
    ]
    for other in changed:
        error(server.request("GET", other), 404, "NOT_FOUND")


@pytest.mark.parametrize("value", ["0", "61", "-1", "1.5", "abc", "", " 5", "1e1", "99999999999999999999", "５"])
def test_wait_out_of_its_range(server, value):
    photo = server.upload(PHOTOS / "chelsea.png")["url"]
    workflow_id = server.create("vim_grid2images", {}, [photo]).json()["data"]["id"]
    answer = server.request("GET", f"/v2/workflow/{workflow_id}", params={"wait": value})
    assert faults_of(answer) == {(("query", "wait"), "value_error")}
    server.finish(workflow_id)


@pytest.mark.parametrize("value", ["maybe", "2", "", "TRUEE", "-1"])
def test_detail_that_is_no_boolean(server, value):
    assert faults_of(server.request("GET", "/v2/workflow/templates", params={"detail": value})) == {(("query", "detail"), "type_error")}
