"""Templates of customers: schema, validation, preview, versions, deletion, and who sees what."""
import copy
import json
import time

import pytest
import requests

from conftest import ROOT
from test_bad_input import error, faults_of

STEP = {"id": "write", "flow": "chat", "params": {"prompt": "About {{options.topic}}."}}
CARD = {"id": "card", "label": "Card", "description": "Words on a card.", "category": "words", "inputs": ["local"],
        "credits": {"image": 3}, "available_options": [{"key": "topic", "component": "text", "default": "rain"}],
        "steps": [STEP], "outputs": [{"step": "write"}]}


def card(**changes):
    made = copy.deepcopy(CARD)
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


class Customer:
    """A customer of the shared server with templates of its own."""
    def __init__(self, server, name, credits=1000):
        self.server = server
        self.name = name
        self.key = server.key_for(name, credits)

    def request(self, method, path, **arguments):
        headers = {"X-Api-Key": self.key, **arguments.pop("headers", {})}
        return requests.request(method, self.server.base + path, headers=headers, timeout=120, **arguments)

    def templates(self, method, path="", **arguments):
        return self.request(method, "/v2/workflow/templates" + path, **arguments)

    def save(self, definition):
        return self.templates("POST", json=definition)

    def ids(self, **query):
        return [row["template_id"] for row in self.templates("GET", params=query).json()["workflow_templates"]]


@pytest.fixture
def customer(server, request):
    return Customer(server, request.node.name)


# --- schema ----------------------------------------------------------------------------------------------------------

def test_schema_tells_what_an_editor_needs(customer):
    schema = customer.templates("GET", "/schema")
    assert schema.status_code == 200
    body = schema.json()
    assert set(body) == {"step_types", "components", "substitution", "when", "functions", "limits"}
    assert body["components"] == ["text", "textarea", "list", "number", "toggle", "select", "multiselect", "color", "image",
                                  "images", "video", "videos", "audio", "grid"]
    assert body["functions"] == [] and all(value > 0 for value in body["limits"].values())
    types = {row["flow"]: row for row in body["step_types"]}
    names = {line.split("(")[1].split(")")[0] for line in (ROOT / "src/step/steps.def").read_text().splitlines() if line.startswith("STEP(")}
    assert set(types) == names
    prompt = next(param for param in types["chat"]["params"] if param["name"] == "prompt")
    assert prompt["type"] == "text" and prompt["required"] is False and prompt["description"]


# --- validate --------------------------------------------------------------------------------------------------------

def validate(customer, body):
    answer = customer.templates("POST", "/validate", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert set(found) == {"valid", "errors", "warnings"} and found["valid"] is (found["errors"] == [])
    for row in found["errors"] + found["warnings"]:
        assert {"path", "code", "message"} <= set(row) <= {"path", "code", "message", "column"}, row
        assert row["message"].endswith(".")
    return found


def test_valid_definitions_bare_and_wrapped(customer):
    assert validate(customer, CARD) == {"valid": True, "errors": [], "warnings": []}
    assert validate(customer, {"template": CARD})["valid"]
    assert validate(customer, {"template": None})["errors"][0]["path"] == ""
    assert customer.ids(template_ids="card") == []  # nothing was saved


def test_every_fault_has_its_place(customer):
    wrong = card(label=5, steps=[{**STEP, "when": "options.nope == 1", "params": {"prompt": "{{options.topic", "x": 1}}],
                 outputs=[{"step": "other"}], extra=1)
    found = {(row["path"], row["code"], row.get("column")) for row in validate(customer, wrong)["errors"]}
    assert found == {("/label", "type_error", None), ("/extra", "extra_forbidden", None), ("/steps/0/when", "unknown_option", 1),
                     ("/steps/0/params/prompt", "syntax", 1), ("/steps/0/params/x", "extra_forbidden", None),
                     ("/outputs/0/step", "unknown_step", None)}


def test_warnings_leave_it_valid(customer):
    found = validate(customer, card(steps=[{**STEP, "when": "options.topic != 5"}]))
    assert found["valid"] and [(row["path"], row["column"]) for row in found["warnings"]] == [("/steps/0/when", 15)]


def test_definitions_extend_others(customer):
    flat = {"id": "mine", "extends": "vim_arctic", "label": "Mine", "available_options": {"pipeline_mode": None},
            "steps": {"animate_video": None}, "outputs": [{"step": "generate_image"}]}
    assert validate(customer, flat)["valid"]
    assert customer.save(flat).status_code == 200
    saved = customer.templates("GET", "/mine").json()
    assert "extends" not in saved and [step["id"] for step in saved["steps"]] == ["generate_image"]
    assert saved["steps"][0]["local"]["scene"] == "arctic" and saved["label"] == "Mine"
    assert validate(customer, {"id": "next", "extends": "mine", "label": None})["valid"]
    assert validate(customer, {"id": "next", "extends": "photo_to_clip"})["valid"]
    faults = validate(customer, {"id": "next", "extends": "nothing"})["errors"]
    assert [(row["path"], row["code"]) for row in faults] == [("/extends", "unknown_base")]


def test_somebody_elses_template_is_no_base(customer, server):
    other = Customer(server, "the-owner-of-a-base")
    assert other.save(card(id="secret_base")).status_code == 200
    assert validate(customer, {"id": "mine", "extends": "secret_base"})["errors"][0]["code"] == "unknown_base"


def test_a_definition_too_large_is_told(customer):
    large = card(thumbnails=["x" * 1000] * 300)
    assert validate(customer, large)["errors"] == [
        {"path": "", "code": "too_long", "message": "A definition has at most 262144 bytes."}]
    assert faults_of(customer.save(large)) == {(("body",), "too_long")}


# --- preview ---------------------------------------------------------------------------------------------------------

def preview(customer, **body):
    answer = customer.templates("POST", "/preview", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert set(found) == {"valid", "errors", "warnings", "layers", "skipped_steps", "undetermined_steps", "outputs", "credits"}
    return found


def test_preview_of_a_built_in_template(customer):
    found = preview(customer, template_id="vim_wc26_team", options={"pipeline_mode": "image"}, image_urls=["https://a.example/me.jpg"])
    assert found["valid"] and found["layers"] == [["generate_team_image"]]
    assert found["skipped_steps"] == [{"id": "animate_team_video", "reason": "Its condition is not met: options.pipeline_mode == 'video'."}]
    assert found["outputs"] == [{"step": "generate_team_image"}] and found["undetermined_steps"] == []
    assert found["credits"] == {"total": 20, "min": 20, "max": 20,
                                "steps": [{"id": "generate_team_image", "flow": "image_2_image", "credits": 4}]}


def test_preview_of_a_definition(customer):
    found = preview(customer, template=card(credits=None), options={"topic": "snow"})
    assert found["valid"] and found["layers"] == [["write"]] and found["credits"]["total"] == 1
    wrong = preview(customer, template=card(steps=[]), options={})
    assert not wrong["valid"] and wrong["layers"] == [] and wrong["errors"][0]["path"] == "/steps"
    options = preview(customer, template=CARD, options={"topic": 5, "x": 1}, image_urls=["nope"])
    assert {row["path"] for row in options["errors"]} == {"/options/topic", "/options/x", "/image_urls/0"}
    assert not preview(customer, template=CARD, options=[], image_urls={})["valid"]


def test_preview_of_ones_own(customer):
    customer.save(card(credits={"image": 7}))
    assert preview(customer, template_id="card")["credits"]["total"] == 7


def test_preview_without_a_template(customer):
    assert faults_of(customer.templates("POST", "/preview", json={})) == {(("body", "template_id"), "missing")}
    assert faults_of(customer.templates("POST", "/preview", json={"template_id": 5})) == {(("body", "template_id"), "type_error")}
    error(customer.templates("POST", "/preview", json={"template_id": "nope"}), 404, "NOT_FOUND")


# --- saving, reading, deleting ---------------------------------------------------------------------------------------

def test_every_save_is_a_version(customer):
    first = customer.save(CARD)
    assert first.status_code == 200 and first.json() == {"id": "card", "version": 1, "active": 1, "user_designed": 1}
    assert customer.save({"template": card(label="Second")}).json()["version"] == 2
    newest = customer.templates("GET", "/card").json()
    assert newest == {**CARD, "label": "Second", "version": 2, "active": 1, "user_designed": 1}
    assert customer.templates("GET", "/card?version=1").json() == {**CARD, "version": 1, "active": 1, "user_designed": 1}
    assert customer.templates("GET", "/card?version=2").json() == newest
    error(customer.templates("GET", "/card?version=3"), 404, "NOT_FOUND")
    for version in ("0", "-1", "x", "", "1.0", "99999999999"):
        assert faults_of(customer.templates("GET", "/card", params={"version": version})) == {(("query", "version"), "value_error")}


def test_the_list_shows_ones_own_among_the_others(customer):
    customer.save(card(id="a_first"))
    customer.save(card(id="vim_b_middle", category="sport"))
    customer.save(card(id="zz_last"))
    found = customer.ids()
    built_in = sorted(path.stem for path in (ROOT / "catalog").glob("*.json"))
    assert found == sorted([*built_in, "a_first", "vim_b_middle", "zz_last"])
    assert "vim_b_middle" in customer.ids(category="sport") and "a_first" not in customer.ids(category="sport")
    assert customer.ids(template_ids="zz_last,vim_arctic,other") == ["vim_arctic", "zz_last"]
    row = customer.templates("GET", params={"template_ids": "zz_last", "detail": "true"}).json()["workflow_templates"][0]
    assert row["version"] == 1 and row["user_designed"] == 1 and row["options"] == {"topic": "rain"}
    assert row["credits"] == {"image": 3, "video": None, "audio": None} and row["steps"] == CARD["steps"]


def test_deletion_is_soft(customer):
    customer.save(CARD)
    customer.save(CARD)
    gone = customer.templates("DELETE", "/card")
    assert gone.status_code == 200 and gone.json() == {"id": "card", "version": 2, "active": 0, "user_designed": 1}
    for path in ("/card", "/card?version=1"):
        error(customer.templates("GET", path), 404, "NOT_FOUND")
    error(customer.templates("DELETE", "/card"), 404, "NOT_FOUND")
    assert "card" not in customer.ids()
    error(customer.request("POST", "/v2/workflow", json={"template_id": "card"}), 404, "NOT_FOUND")
    assert customer.save(CARD).json() == {"id": "card", "version": 3, "active": 1, "user_designed": 1}
    assert customer.templates("GET", "/card?version=1").status_code == 200


def test_an_invalid_one_is_not_saved(customer):
    wrong = card(steps=[{**STEP, "when": "options.nope == 1"}], outputs=[{"step": "x"}])
    assert faults_of(customer.save(wrong)) == {(("body", "steps", 0, "when"), "unknown_option"), (("body", "outputs", 0, "step"), "unknown_step")}
    assert faults_of(customer.save({})) >= {(("body", "id"), "missing"), (("body", "steps"), "missing")}
    assert faults_of(customer.save(card(id="Not An Id"))) == {(("body", "id"), "value_error")}
    assert customer.ids(template_ids="card") == []


def test_built_in_templates_are_not_written_to(customer):
    error(customer.save(card(id="vim_arctic")), 403, "FORBIDDEN", True)
    error(customer.save({"template": {"id": "vim_arctic"}}), 403, "FORBIDDEN", True)  # the right comes before the content
    error(customer.templates("DELETE", "/vim_arctic"), 403, "FORBIDDEN", True)
    assert faults_of(customer.save({"extends": "vim_arctic"})) == {(("body", "id"), "missing")}
    read = customer.templates("GET", "/vim_arctic").json()
    assert read["version"] == 1 and read["active"] == 1 and read["user_designed"] == 0 and "extends" not in read
    assert read["steps"] and customer.templates("GET", "/vim_arctic?version=1").json() == read
    error(customer.templates("GET", "/vim_arctic?version=2"), 404, "NOT_FOUND")
    error(customer.templates("GET", "/photo_to_clip"), 404, "NOT_FOUND")  # a base is no template


def test_other_customers_see_nothing(customer, server):
    customer.save(CARD)
    other = Customer(server, "another customer")
    for method, path in (("GET", "/card"), ("GET", "/card?version=1"), ("DELETE", "/card")):
        error(other.templates(method, path), 404, "NOT_FOUND")
    assert "card" not in other.ids()
    error(other.templates("POST", "/preview", json={"template_id": "card"}), 404, "NOT_FOUND")
    error(other.request("POST", "/v2/workflow", json={"template_id": "card"}), 404, "NOT_FOUND")
    assert faults_of(other.request("POST", "/v2/workflow/credits", json={"template_id": "card"})) == {(("body", "template_id"), "value_error")}
    assert other.save(card(label="Theirs")).json()["version"] == 1
    assert customer.templates("GET", "/card").json()["label"] == "Card"
    assert customer.templates("DELETE", "/card").status_code == 200 and other.templates("GET", "/card").status_code == 200


@pytest.mark.parametrize("method,path", [
    ("GET", "/schema"), ("POST", "/validate"), ("POST", "/preview"), ("POST", ""), ("GET", "/card"), ("DELETE", "/card")])
def test_a_key_is_needed(server, method, path):
    for headers in ({}, {"X-Api-Key": "rk_wrong"}):
        answer = requests.request(method, f"{server.base}/v2/workflow/templates{path}", headers=headers, timeout=60)
        error(answer, 401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["", "/validate", "/preview"])
def test_bodies_that_are_none(customer, path):
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b'{"a":1,"a":2}'):
        error(customer.templates("POST", path, data=body, headers=headers), 400, "BAD_REQUEST", True)
    error(customer.templates("POST", path, data=b"{}", headers={"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE", True)
    error(customer.templates("POST", path, data=b'{"a":"' + b"x" * (16 << 20) + b'"}', headers=headers), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("method,path", [("PUT", ""), ("GET", "/validate"), ("GET", "/preview"), ("POST", "/schema"), ("DELETE", "/schema"), ("PUT", "/card")])
def test_other_methods(customer, method, path):
    error(customer.templates(method, path), 405, "METHOD_NOT_ALLOWED")


def test_there_is_an_end_to_templates(new_server):
    server = new_server("--workers", "1")
    for number in range(500):
        assert server.request("POST", "/v2/workflow/templates", json=card(id=f"t{number}")).status_code == 200
    error(server.request("POST", "/v2/workflow/templates", json=card(id="more")), 409, "CONFLICT", True)
    assert server.request("POST", "/v2/workflow/templates", json=card(id="t0")).json()["version"] == 2


# --- running ---------------------------------------------------------------------------------------------------------

def finished(customer, workflow_id):
    until = time.monotonic() + 120
    while True:
        data = customer.request("GET", f"/v2/workflow/{workflow_id}?wait=30").json()["data"]
        if data["processing_status"] in ("success", "fail", "cancel"):
            return data
        assert time.monotonic() < until


def test_ones_own_runs(customer):
    customer.save(CARD)
    customer.save(card(steps=[{**STEP, "params": {"prompt": "Second {{options.topic}}"}}]))
    created = customer.request("POST", "/v2/workflow", json={"template_id": "card", "options": {"topic": "hail"}}).json()["data"]
    assert created["model"] == "card" and created["template_version"] == 2
    data = finished(customer, created["id"])
    assert data["processing_status"] == "success" and data["used_credits"] == 3
    assert "Second hail" in data["result"][0]["text"]


def test_a_workflow_keeps_its_version(new_server):
    """Saved anew and deleted while workflows of the first version wait, over a restart."""
    server = new_server("--workers", "1")
    chain = card(steps=[{**STEP, "params": {"prompt": "Old {{options.topic}}"}},
                        {"id": "more", "flow": "chat", "params": {"prompt": "{{steps.write.text}}"}}], outputs=[{"step": "more"}])
    assert server.request("POST", "/v2/workflow/templates", json=chain).status_code == 200
    made = [server.create("card").json()["data"] for _ in range(50)]
    assert server.request("POST", "/v2/workflow/templates", json=card(steps=[{**STEP, "params": {"prompt": "New"}}])).json()["version"] == 2
    later = server.create("card").json()["data"]
    assert server.request("DELETE", "/v2/workflow/templates/card").status_code == 200
    server.kill()
    server.start()
    for data in map(server.finish, [row["id"] for row in made]):
        assert data["processing_status"] == "success" and data["template_version"] == 1
        assert [step["id"] for step in data["completions"]] == ["write", "more"]
        assert "Old rain" in data["completions"][0]["result"][0]["text"]
    data = server.finish(later["id"])
    assert data["template_version"] == 2 and [step["id"] for step in data["completions"]] == ["write"]


# --- credits ---------------------------------------------------------------------------------------------------------

def estimate(server, **body):
    answer = requests.post(server.base + "/v2/workflow/credits", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_estimate_needs_no_key(server):
    found = estimate(server, template_id="vim_wc26_team", options={"pipeline_mode": "video"})
    assert found == {"total_credits": 100, "breakdown": {
        "list_price": {"image": 20, "video": 100}, "applied": "video",
        "steps": [{"id": "generate_team_image", "flow": "image_2_image", "credits": 4},
                  {"id": "animate_team_video", "flow": "create_video", "credits": 80}]}}
    found = estimate(server, template_id="vim_wc26_team", options={"pipeline_mode": "image"})
    assert found["total_credits"] == 20 and found["breakdown"]["applied"] == "image"
    assert [step["id"] for step in found["breakdown"]["steps"]] == ["generate_team_image"]
    assert estimate(server, template_id="vim_wc26_team")["total_credits"] == 100  # the default
    assert estimate(server, template_id="vim_grid2images", options={})["total_credits"] == 2


def test_estimates_of_what_is_wrong(server):
    url = server.base + "/v2/workflow/credits"
    for body, faults in (
            ({}, {(("body", "template_id"), "missing")}), ({"template_id": 5}, {(("body", "template_id"), "type_error")}),
            ({"template_id": "nope"}, {(("body", "template_id"), "value_error")}),
            ({"template_id": "vim_arctic", "options": []}, {(("body", "options"), "type_error")}),
            ({"template_id": "vim_arctic", "options": {"pipeline_mode": "film", "x": 1}},
             {(("body", "options", "pipeline_mode"), "value_error"), (("body", "options", "x"), "extra_forbidden")})):
        assert faults_of(requests.post(url, json=body, timeout=60)) == faults, body
    error(requests.post(url, data=b"{", headers={"Content-Type": "application/json"}, timeout=60), 400, "BAD_REQUEST", True)
    error(requests.post(url, data=b"{}", timeout=60), 415, "UNSUPPORTED_MEDIA_TYPE", True)
    error(requests.get(url, timeout=60), 405, "METHOD_NOT_ALLOWED")


def test_the_estimate_is_what_creation_reserves(customer):
    """Also of a template of one's own, for which the key is sent."""
    priced = card(credits=None, steps=[{**STEP, "credits": 5}, {**STEP, "id": "more", "credits": 30, "when": "options.topic == 'snow'"}])
    customer.save(priced)
    for topic, total in (("rain", 5), ("snow", 35)):
        answer = customer.request("POST", "/v2/workflow/credits", json={"template_id": "card", "options": {"topic": topic}})
        assert answer.status_code == 200 and answer.json()["total_credits"] == total
        assert answer.json()["breakdown"]["list_price"] is None and answer.json()["breakdown"]["applied"] == "steps"
        data = finished(customer, customer.request("POST", "/v2/workflow", json={"template_id": "card", "options": {"topic": topic}}).json()["data"]["id"])
        assert data["used_credits"] == total
    assert faults_of(requests.post(customer.server.base + "/v2/workflow/credits", json={"template_id": "card"}, timeout=60))


# --- the command -----------------------------------------------------------------------------------------------------

def test_preview_command(server, tmp_path):
    file = tmp_path / "card.json"
    file.write_text(json.dumps(card(steps=[STEP, {"id": "more", "flow": "chat", "when": "options.topic == 'snow'"}])))
    plain = server.command("preview", str(file), "topic=hail")
    assert plain.returncode == 0 and plain.stdout == "1. write\nskipped: more: Its condition is not met: options.topic == 'snow'.\noutputs: write\ncredits: 3\n"
    as_json = server.command("preview", str(file), "topic=snow", "--json")
    assert as_json.returncode == 0 and json.loads(as_json.stdout)["layers"] == [["write", "more"]]
    wrong = server.command("preview", str(file), "colour=red")
    assert wrong.returncode == 1 and "error: /options/colour:" in wrong.stdout
    assert server.command("preview", str(file), "topic").returncode == 2
    assert server.command("preview").returncode == 2 and server.command("preview", "nope").returncode == 1
    photo = ROOT / "tests/data/coffee.png"
    assert server.command("preview", "vim_arctic", "--image", str(photo)).returncode == 0
    assert server.command("preview", "vim_arctic", f"image_url=@{photo}").returncode == 0
    assert server.command("preview", "vim_arctic", "image_url=@/nope.png").returncode == 1
    assert "missing" not in plain.stdout and server.command("preview", "vim_arctic").returncode == 1
