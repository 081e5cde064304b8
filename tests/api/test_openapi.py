"""The OpenAPI document, the page that shows it, and what every documented operation answers to bad requests.

tools/test records all answers of tests/api and holds them against the document (tools/traffic).
"""
import json
import re
import shutil
import uuid

import pytest
import requests

from conftest import BUILD, ROOT, Server

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = [(path, method, operation) for path, methods in DOCUMENT["paths"].items()
              for method, operation in methods.items()]
BODY_MAX = 2_000_000


def named(rows):
    return [pytest.param(*row, id=row[2]["operationId"]) for row in rows]


def needs_key(operation):
    return operation.get("security") != []


def takes(operation, kind):
    return kind in operation.get("requestBody", {}).get("content", {})


WITH_KEY = named(row for row in OPERATIONS if needs_key(row[2]))
WITH_JSON = named(row for row in OPERATIONS if takes(row[2], "application/json"))
WITH_UPLOAD = named(row for row in OPERATIONS if takes(row[2], "application/octet-stream"))
WITH_ID = named(row for row in OPERATIONS if "{" in row[0] and "404" in row[2]["responses"] and needs_key(row[2]))
WITH_QUERY = [pytest.param(path, method, parameter, id=f"{operation['operationId']}-{parameter['name']}")
              for path, method, operation in OPERATIONS if needs_key(operation)
              for parameter in operation.get("parameters", [])
              if parameter.get("in") == "query" and parameter["schema"] != {"type": "string"}]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server whose limits are reached soon."""
    running = Server(tmp_path_factory.mktemp("small") / "data", "--body-bytes", str(BODY_MAX), "--asset-bytes", "100000").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def real_ids(small):
    """An id that is there, by the tag of the operations that take it."""
    made = small.create("vim_grid2images", {}, ["data:image/png;base64,AAAA"]).json()["data"]["id"]
    return {"workflow": made, "lifecycle": made, "template": "vim_arctic"}


def without_ids(path):
    return re.sub(r"\{\w+\}", lambda _: str(uuid.uuid4()), path)


def detail_places(answer):
    assert answer.status_code == 422, answer.text
    return [fault["loc"] for fault in answer.json()["detail"]]


# --- the document ---


def test_the_document_is_the_one_in_the_repository(server):
    answer = server.request("GET", "/openapi.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    given = answer.json()
    given["servers"][0]["url"] = given["info"]["contact"]["url"] = DOCUMENT["servers"][0]["url"]
    assert given == DOCUMENT, "build/reeld openapi > docs/openapi.json"


def test_every_row_of_the_tables_is_about_an_endpoint():
    endpoints = set(re.findall(r"^ENDPOINT\((\w+), (\w+),", (ROOT / "src/api/endpoints.def").read_text(), re.M))
    rows = set(re.findall(r"^(?:PARAMETER|BODY|ANSWER)\((\w+), (\w+),", (ROOT / "src/api/operations.def").read_text(), re.M))
    assert rows <= endpoints
    assert {operation["operationId"] for _, _, operation in OPERATIONS} == {f"{noun}_{verb}" for noun, verb in endpoints}
    tags = set(re.findall(r"^TAG\((\w+),", (ROOT / "src/api/operations.def").read_text(), re.M))
    assert tags == {noun for noun, _ in endpoints}


def test_references_of_the_document_lead_somewhere():
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    used = set(walk(DOCUMENT))
    for reference in used:
        at = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert schemas <= used, f"nobody uses {schemas - used}"


def test_every_operation_says_what_it_answers():
    for path, _, operation in OPERATIONS:
        assert any(status[0] in "23" for status in operation["responses"]), path
        if operation["operationId"] in ("document_openapi", "template_schema"):
            continue
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            assert content is None or content["schema"] != {"type": "object"}, f"{path} {status} has no schema"


def test_step_types_are_described_with_their_parameters():
    flows = re.findall(r"^STEP\((\w+)\)", (ROOT / "src" / "step" / "steps.def").read_text(), re.M)
    schemas = DOCUMENT["components"]["schemas"]
    for flow in flows:
        assert schemas[f"step_{flow}"]["properties"]
        assert all(value["description"] for value in schemas[f"step_{flow}"]["properties"].values())


def test_the_page_brings_all_it_needs(server):
    page = server.request("GET", "/docs")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    parts = re.findall(r'(?:src|href)="(?!data:|openapi)([^"]+)"', page.text)
    assert len(parts) >= 4 and not any(part.startswith(("http", "//")) for part in parts)
    for part in parts:
        answer = server.request("GET", f"/{part}")
        assert answer.status_code == 200 and len(answer.content) > 20, part
        kind = "css" if part.endswith(".css") else "javascript"
        assert kind in answer.headers["Content-Type"] and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "SwaggerUIBundle" in requests.get(server.base + "/docs/swagger-ui-bundle.js", timeout=30).text
    for path in ("/docs/nothing.js", "/docs/..%2f..%2fscenes%2findex.json", "/docs/%2e%2e"):
        assert server.request("GET", path).status_code == 404, path


# --- what every operation answers ---


@pytest.mark.parametrize("path, method, operation", WITH_KEY)
def test_no_key_or_a_wrong_one(small, path, method, operation):
    for headers in ({}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        answer = requests.request(method, small.base + without_ids(path), headers=headers, timeout=30)
        assert answer.status_code == 401 and answer.json() == {"message": "UNAUTHORIZED"}


@pytest.mark.parametrize("path, method, operation", WITH_JSON)
def test_bodies_that_are_no_json_object(small, path, method, operation):
    def send(data, kind="application/json"):
        return small.request(method, without_ids(path), data=data, headers={"Content-Type": kind})

    for data in (b"", b"{", b"[]", b"\xff", b'{"a":1}}'):
        answer = send(data)
        assert answer.status_code == 400 and answer.json()["message"] == "BAD_REQUEST", data
    answer = send(b"{}", "text/plain")
    assert answer.status_code == 415 and answer.json()["message"] == "UNSUPPORTED_MEDIA_TYPE"
    answer = send(json.dumps({"title": "a" * BODY_MAX}))
    assert answer.status_code == 413 and answer.json()["message"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("path, method, operation", WITH_UPLOAD)
def test_uploads_that_are_not_taken(small, path, method, operation):
    headers = {"Content-Type": "application/octet-stream"}
    for data, status in ((b"", 400), (b"plain text", 415), (b"\x89PNG\r\n\x1a\n" + b"a" * 200_000, 413)):
        assert small.request(method, path, data=data, headers=headers).status_code == status


@pytest.mark.parametrize("path, method, operation", WITH_ID)
def test_ids_of_nothing(small, path, method, operation):
    body = {"json": {}} if takes(operation, "application/json") else {}
    for name in (str(uuid.uuid4()), "nothing", "a" * 300):
        answer = small.request(method, re.sub(r"\{\w+\}", name, path), **body)
        assert answer.status_code == 404 and answer.json()["message"] == "NOT_FOUND", name


@pytest.mark.parametrize("path, method, parameter", WITH_QUERY)
def test_query_values_out_of_their_schema(small, real_ids, path, method, parameter):
    schema = parameter["schema"]
    bad = ["", "x y", "maybe"]
    if schema.get("type") == "integer":
        bad += ["1.5", "0x10", "99999999999999999999"]
        bad += [str(schema["minimum"] - 1)] if "minimum" in schema else []
        bad += [str(schema["maximum"] + 1)] if "maximum" in schema else []
    tag = DOCUMENT["paths"][path][method]["tags"][0]
    target = re.sub(r"\{\w+\}", lambda _: real_ids[tag], path)
    for value in bad:
        answer = small.request(method, target, params={parameter["name"]: value})
        assert ["query", parameter["name"]] in detail_places(answer), value


def test_other_methods_and_paths(small):
    for path in DOCUMENT["paths"]:
        answer = small.request("PATCH", without_ids(path))
        assert answer.status_code == 405 and answer.json() == {"message": "METHOD_NOT_ALLOWED"}, path
        allowed = set(re.split(", ", answer.headers["Allow"]))
        assert allowed - {"HEAD"} == {method.upper() for method in DOCUMENT["paths"][path]}
    answer = small.request("GET", "/v2/nothing")
    assert answer.status_code == 404 and answer.json() == {"message": "NOT_FOUND"}


def test_not_ready_without_workers(tmp_path):
    """A program beside which the worker never says that it is ready."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("reeld", "reeld.pack"):
        shutil.copy(BUILD / name, home / name)
    (home / "catalog").symlink_to(ROOT / "catalog")
    (home / "reeld-worker").write_text("#!/bin/sh\nexec sleep 60\n")
    (home / "reeld-worker").chmod(0o755)
    running = Server(tmp_path / "data", "--grace", "0")
    running.program = home / "reeld"
    running.start(wait_ready=False)
    answer = running.request("GET", "/ready")
    running.kill()
    assert answer.status_code == 503, answer.text
    told = answer.json()
    assert told["status"] == "unavailable" and told["workers"] is False and told["store"] is True and told["reason"]
