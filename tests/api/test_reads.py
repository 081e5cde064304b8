"""The list of templates, liveness, readiness."""
import json

import pytest
import requests

from conftest import ROOT
from test_lifecycle import Customer

CATALOG = sorted(path.stem for path in (ROOT / "catalog").glob("*.json"))
SUMMARY = {"template_id", "label", "description", "category", "inputs", "credits", "options", "thumbnails", "version", "user_designed"}


@pytest.fixture(scope="module")
def reader(server):
    """A customer who has saved no templates."""
    return Customer(server)


def templates(reader, **query):
    answer = reader.request("GET", "/v2/workflow/templates", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"detail", "workflow_templates", "count"} and body["count"] == len(body["workflow_templates"])
    return body


def ids(reader, **query):
    return [row["template_id"] for row in templates(reader, **query)["workflow_templates"]]


def test_all_templates_ordered_by_id(reader):
    body = templates(reader)
    assert body["detail"] is False
    assert [row["template_id"] for row in body["workflow_templates"]] == CATALOG
    for row in body["workflow_templates"]:
        assert set(row) == SUMMARY, row
        assert set(row["credits"]) == {"image", "video", "audio"}
        assert row["version"] == 1 and row["user_designed"] == 0
        assert isinstance(row["options"], dict) and isinstance(row["inputs"], list) and isinstance(row["thumbnails"], list)


@pytest.mark.parametrize("value,detail", [("true", True), ("1", True), ("TRUE", True), ("yes", True), ("false", False), ("0", False), ("no", False)])
def test_detail_adds_options_steps_and_outputs(reader, value, detail):
    body = templates(reader, detail=value)
    assert body["detail"] is detail
    for row in body["workflow_templates"]:
        assert set(row) == SUMMARY | ({"available_options", "steps", "outputs"} if detail else set())


def test_category_selects(reader):
    categories = {row["category"] for row in templates(reader)["workflow_templates"]}
    assert len(categories) > 1
    found = []
    for category in categories:
        found += ids(reader, category=category)
    assert sorted(found) == CATALOG
    assert ids(reader, category="nope") == [] and ids(reader, category="") == CATALOG


def test_template_ids_select(reader):
    assert ids(reader, template_ids="vim_arctic,vim_wc26_team") == ["vim_arctic", "vim_wc26_team"]
    assert ids(reader, template_ids=["vim_wc26_team", "vim_arctic"]) == ["vim_arctic", "vim_wc26_team"]
    assert ids(reader, template_ids=["vim_arctic,vim_wc26_team", "vim_sketch_me"]) == ["vim_arctic", "vim_sketch_me", "vim_wc26_team"]
    assert ids(reader, template_ids="vim_arctic,,nope,") == ["vim_arctic"] and ids(reader, template_ids="nope") == []
    assert ids(reader, template_ids="vim_arctic", category="sport") == []


def test_health_and_ready(server):
    health = requests.get(server.base + "/health", timeout=30)
    assert health.status_code == 200 and health.json()["status"] == "ok" and health.json()["version"]
    ready = requests.get(server.base + "/ready", timeout=30)
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready" and ready.json()["store"] is True and ready.json()["workers"] is True
    head = requests.head(server.base + "/health", timeout=30)
    assert head.status_code == 200 and head.content == b"" and int(head.headers["Content-Length"]) > 0


def test_ready_is_503_without_workers(new_server):
    server = new_server("--worker-memory", "16M", wait_ready=False)
    answer = requests.get(server.base + "/ready", timeout=30)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert answer.json()["message"] == "UNAVAILABLE" and answer.json()["workers"] is False and answer.json()["store"] is True
    assert requests.get(server.base + "/health", timeout=30).status_code == 200


def test_a_key_reads_only_what_is_its_customers(new_server):
    server = new_server()
    other = server.key_for("other")
    workflow_id = server.create("vim_grid2images", {"image_url": "http://127.0.0.1:1/x.png"}).json()["data"]["id"]
    for path in (f"/v2/workflow/{workflow_id}", f"/v2/workflow/{workflow_id}?wait=1"):
        answer = server.request("GET", path, headers={"X-Api-Key": other})
        assert answer.status_code == 404 and answer.json() == {"message": "NOT_FOUND"}
    assert json.loads(server.command("key", "list", "--json").stdout)
