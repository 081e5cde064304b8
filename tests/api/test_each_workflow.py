"""Templates that run other templates: results, credits, progress, ends, and what is refused."""
import hashlib
import time

import pytest

from conftest import PHOTOS, serving
from test_bad_input import error, faults_of
from test_templates import Customer, finished


def words(identifier, prompt, **more):
    """A template of one chat step."""
    return {"id": identifier, "credits": {"image": 5}, "available_options": [{"key": "topic", "component": "text", "default": "rain"}],
            "steps": [{"id": "write", "flow": "chat", "params": {"prompt": prompt}}], "outputs": [{"step": "write"}], **more}


def broken(identifier):
    """A template that fails: its step has nothing to write about."""
    return words(identifier, "", steps=[{"id": "write", "flow": "chat"}])


def outer(identifier, *steps, **more):
    return {"id": identifier, "credits": {"image": 2}, "available_options": [{"key": "topic", "component": "text", "default": "rain"}],
            "steps": list(steps), "outputs": [{"step": steps[-1]["id"]}], **more}


def each(identifier, template, **options):
    return {"id": identifier, "flow": "each_workflow", "params": {"template_id": template, "options": options}}


@pytest.fixture
def customer(server, request):
    return Customer(server, request.node.name)


def saved(customer, *definitions):
    for definition in definitions:
        answer = customer.save(definition)
        assert answer.status_code == 200, answer.text


def run(customer, template, **body):
    created = customer.request("POST", "/v2/workflow", json={"template_id": template, **body})
    assert created.status_code == 200, created.text
    return finished(customer, created.json()["data"]["id"])


def ledger(server, customer):
    return int(server.command("credits", "show", "--customer", customer, "--json").stdout.split('"balance":')[1].split(",")[0].split("}")[0])


def child_id(parent, step, item=0, attempt=1):
    digits = hashlib.sha256(f"{parent}/{step}/{item}/{attempt}".encode()).hexdigest()
    return f"{parent[:13]}-7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"


def test_results_pass_to_the_parent(customer, server):
    saved(customer, words("inner", "Inside {{options.topic}}"),
          outer("top", each("sub", "inner", topic="{{options.topic}}"),
                {"id": "after", "flow": "chat", "params": {"prompt": "Then {{steps.sub.text}}"}}))
    data = run(customer, "top", options={"topic": "hail"})
    assert data["processing_status"] == "success" and data["progress_percentage"] == 100, data["error"]
    assert [step["id"] for step in data["completions"]] == ["sub", "after"]
    sub = data["completions"][0]
    assert sub["flow"] == "each_workflow" and sub["status"] == "success" and "Inside hail" in sub["result"][0]["text"]
    assert "Then Inside hail" in data["result"][0]["text"]
    # its own price, and what the child costs
    assert data["used_credits"] == 7 and sum(step["used_credits"] for step in data["completions"]) == 7
    assert sub["used_credits"] >= 5 and ledger(server, customer.name) == 1000 - 7


def test_files_pass_to_the_parent(customer, server):
    photo = customer.request("POST", "/v2/assets", files={"file": open(PHOTOS / "coffee.png", "rb")}).json()["data"]["url"]
    step = {"id": "cut", "flow": "each_workflow", "params": {"template_id": "vim_grid2images", "options": {"grid_pattern": "2x1"}, "image_urls": ["{{inputs.image_urls[0]}}"]}}
    saved(customer, {"id": "top", "steps": [step, {"id": "back", "flow": "tile_grid_images", "params": {"image_urls": "{{steps.cut.urls}}", "grid_pattern": "1x2"}}],
                     "outputs": [{"step": "cut"}, {"step": "back"}]})
    data = run(customer, "top", image_urls=[photo])
    assert data["processing_status"] == "success", data["error"]
    assert len(data["completions"][0]["result"]) == 2 and len(data["result"]) == 3
    for result in data["result"]:
        assert data["id"] in result["url"] and customer.request("GET", result["url"].removeprefix(server.base)).status_code == 200


def test_a_fan_out_of_templates(customer):
    step = {**each("sub", "inner", topic="{{item}}"), "for_each": "{{options.places}}"}
    saved(customer, words("inner", "In {{options.topic}}"),
          outer("top", step, available_options=[{"key": "places", "component": "list"}]))
    data = run(customer, "top", options={"places": ["Rome", "Oslo", "Bern"]})
    assert data["processing_status"] == "success", data["error"]
    assert [text["text"].split(".")[0] for text in data["result"]] == ["In Rome", "In Oslo", "In Bern"]
    assert data["used_credits"] == 2 + 3 * 5


def test_templates_in_templates(customer, server):
    saved(customer, words("c", "Deep {{options.topic}}"), outer("b", each("down", "c", topic="{{options.topic}}")),
          outer("a", each("down", "b", topic="{{options.topic}}")))
    data = run(customer, "a", options={"topic": "sea"})
    assert data["processing_status"] == "success" and "Deep sea" in data["result"][0]["text"], data["error"]
    assert data["used_credits"] == 2 + 2 + 5 and ledger(server, customer.name) == 1000 - 9


@pytest.mark.parametrize("step,part", [
    (each("sub", "nothing"), "There is no template nothing."),
    (each("sub", "{{options.topic}}"), "There is no template rain."),
    (each("sub", "inner", colour="red"), "The options do not fit the template inner: The template has no option colour."),
    (each("sub", "vim_arctic"), "The options do not fit the template vim_arctic: image_url is required."),
    (each("sub", "broken"), "broken, step write: chat needs"),
])
def test_errors_pass_to_the_parent(customer, server, step, part):
    saved(customer, words("inner", "x"), broken("broken"), outer("top", step))
    data = run(customer, "top")
    assert data["processing_status"] == "fail" and part in data["error"]["message"], data["error"]
    assert data["error"]["step_id"] == "sub" and data["used_credits"] == 0 and ledger(server, customer.name) == 1000


def test_errors_that_are_passed_over(customer):
    saved(customer, broken("broken"),
          outer("top", {**each("sub", "broken"), "on_error": "continue"}, {"id": "last", "flow": "chat", "params": {"prompt": "{{steps.sub.text ?? 'without'}}"}}))
    data = run(customer, "top")
    assert data["processing_status"] == "success" and "without" in data["result"][0]["text"]
    assert data["completions"][0]["status"] == "fail" and data["used_credits"] == 2


def test_cycles_are_refused(customer):
    assert faults_of(customer.save(outer("self", each("sub", "self")))) == {(("body", "steps", 0, "params", "template_id"), "cycle")}
    saved(customer, outer("a", each("sub", "b")), outer("b", each("sub", "c")))
    answer = customer.save(outer("c", each("sub", "a")))
    assert faults_of(answer) == {(("body", "steps", 0, "params", "template_id"), "cycle")}
    assert "c -> a -> b -> c" in answer.json()["detail"][0]["msg"]
    # one that only shows when it runs
    saved(customer, outer("c", each("sub", "{{options.topic}}")))
    data = run(customer, "a")
    assert data["processing_status"] == "fail"
    saved(customer, outer("b", each("sub", "c", topic="a")))
    data = run(customer, "a")
    assert data["processing_status"] == "fail" and "The template a would run inside itself: a -> b -> c -> a." in data["error"]["message"]


def test_depth_is_refused(customer):
    saved(customer, words("t4", "x"), outer("t3", each("sub", "t4")), outer("t2", each("sub", "t3")), outer("t1", each("sub", "t2")))
    assert run(customer, "t1")["processing_status"] == "success"
    assert "at most 4 deep" in customer.save(outer("t0", each("sub", "t1"))).json()["detail"][0]["msg"]
    saved(customer, outer("t0", each("sub", "{{options.topic}}")))
    data = run(customer, "t0", options={"topic": "t1"})
    assert data["processing_status"] == "fail" and "at most 4 deep" in data["error"]["message"]


def test_a_template_that_is_not_there_yet_is_a_warning(customer):
    found = customer.templates("POST", "/validate", json=outer("top", each("sub", "later"))).json()
    assert found["valid"] and found["warnings"][0]["path"] == "/steps/0/params/template_id"


def test_the_customers_money_and_limit_hold(server):
    poor = Customer(server, "poor-parent", 10)
    saved(poor, words("dear", "x", credits={"image": 50}), outer("top", each("sub", "dear")), outer("two", each("one", "cheap"), each("sub", "cheap")), words("cheap", "x"))
    data = run(poor, "top")
    assert data["processing_status"] == "fail" and data["error"]["code"] == "INSUFFICIENT_CREDIT" and "50 credits" in data["error"]["message"]
    assert ledger(server, "poor-parent") == 10
    limited = poor.request("POST", "/v2/workflow", json={"template_id": "two", "max_credits": 6}).json()["data"]
    data = finished(poor, limited["id"])
    assert data["processing_status"] == "fail" and "max_credits" in data["error"]["message"] and ledger(server, "poor-parent") == 10


def test_children_are_not_listed_and_follow_their_parent(customer):
    saved(customer, words("inner", "x"), outer("top", each("sub", "inner")))
    data = run(customer, "top")
    child = child_id(data["id"], "sub")
    assert [row["id"] for row in customer.request("GET", "/v2/workflow").json()["data"]] == [data["id"]]
    inside = customer.request("GET", f"/v2/workflow/{child}").json()["data"]
    assert inside["model"] == "inner" and inside["processing_status"] == "success" and inside["used_credits"] == 5
    for method, path in (("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")):
        error(customer.request(method, f"/v2/workflow/{child}{path}"), 409, "CONFLICT", data["id"])
    assert customer.request("DELETE", f"/v2/workflow/{data['id']}").status_code == 200
    error(customer.request("GET", f"/v2/workflow/{child}"), 404, "NOT_FOUND")


def slow_parent(customer, file_host):
    """A child that takes seconds."""
    step = {"id": "clip", "flow": "each_workflow", "params": {"template_id": "vim_arctic", "options": {"image_url": f"{file_host}/astronaut.png", "aspect_ratio": "16:9"}}}
    saved(customer, {"id": "top", "credits": {"video": 1}, "steps": [step], "outputs": [{"step": "clip"}]})
    return customer.request("POST", "/v2/workflow", json={"template_id": "top"}).json()["data"]["id"]


def test_progress_and_cancel_pass_through(customer, server, file_host):
    workflow = slow_parent(customer, file_host)
    until = time.monotonic() + 60
    while customer.request("GET", f"/v2/workflow/{workflow}").json()["data"]["progress_percentage"] == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert customer.request("POST", f"/v2/workflow/{workflow}/cancel").status_code == 200
    data = finished(customer, workflow)
    assert data["processing_status"] == "cancel" and data["used_credits"] == 0
    inside = finished(customer, child_id(workflow, "clip"))
    assert inside["processing_status"] == "cancel" and ledger(server, customer.name) == 1000


def test_a_time_limit_stops_the_child(customer, file_host):
    step = {"id": "clip", "flow": "each_workflow", "timeout_s": 1, "params": {"template_id": "vim_arctic", "options": {"image_url": f"{file_host}/astronaut.png"}}}
    saved(customer, {"id": "top", "steps": [step], "outputs": [{"step": "clip"}]})
    data = run(customer, "top")
    assert data["processing_status"] == "fail" and data["error"]["code"] == "TIMEOUT", data
    assert finished(customer, child_id(data["id"], "clip"))["processing_status"] == "cancel"


@pytest.fixture
def gate():
    """A picture on loopback that is there, or not."""
    from test_lifecycle import Gate
    Gate.opened.set()
    Gate.status = 200
    with serving(Gate) as address:
        yield Gate, address


def test_a_retry_goes_on_inside_the_child(customer, server, gate):
    gate, address = gate
    inner = {"id": "inner", "credits": {"image": 5}, "available_options": [{"key": "image_url", "component": "image"}],
             "steps": [{"id": "write", "flow": "chat", "params": {"prompt": "x"}},
                       {"id": "cut", "flow": "split_grid_images", "needs": ["write"], "params": {"image_url": "{{options.image_url}}", "grid_pattern": "2x1"}}],
             "outputs": [{"step": "cut"}]}
    saved(customer, inner, {"id": "top", "credits": {"image": 2}, "available_options": inner["available_options"],
                            "steps": [each("sub", "inner", image_url="{{options.image_url}}")], "outputs": [{"step": "sub"}]})
    gate.status = 404
    data = run(customer, "top", options={"image_url": f"{address}/x.png"})
    assert data["processing_status"] == "fail" and "inner, step cut" in data["error"]["message"]
    child = child_id(data["id"], "sub")
    first = customer.request("GET", f"/v2/workflow/{child}").json()["data"]["completions"][0]
    gate.status = 200
    assert customer.request("POST", f"/v2/workflow/{data['id']}/retry").status_code == 200
    data = finished(customer, data["id"])
    assert data["processing_status"] == "success" and len(data["result"]) == 2 and data["used_credits"] == 7
    inside = customer.request("GET", f"/v2/workflow/{child}").json()["data"]
    assert inside["completions"][0] | {"used_credits": 0} == first and len(inside["completions"]) == 2  # what was finished is kept
    assert ledger(server, customer.name) == 1000 - 7


def test_a_cancelled_one_is_retried_at_once(customer, server, gate):
    gate, address = gate
    saved(customer, {"id": "top", "credits": {"image": 2}, "available_options": [{"key": "image_url", "component": "image"}],
                     "steps": [each("sub", "vim_grid2images", image_url="{{options.image_url}}", grid_pattern="2x1")], "outputs": [{"step": "sub"}]})
    gate.opened.clear()
    workflow = customer.request("POST", "/v2/workflow", json={"template_id": "top", "options": {"image_url": f"{address}/x.png"}}).json()["data"]["id"]
    for _ in range(8):
        until = time.monotonic() + 30
        while customer.request("GET", f"/v2/workflow/{workflow}").json()["data"]["processing_status"] != "processing":
            assert time.monotonic() < until
        assert customer.request("POST", f"/v2/workflow/{workflow}/cancel").status_code == 200
        assert customer.request("POST", f"/v2/workflow/{workflow}/retry").status_code == 200
    gate.opened.set()
    data = finished(customer, workflow)
    assert data["processing_status"] == "success" and len(data["result"]) == 2, data["error"]
    assert data["used_credits"] == 4 and ledger(server, customer.name) == 1000 - 4


def test_a_kill_in_the_middle(new_server, file_host):
    server = new_server("--workers", "1")
    customer = Customer(server, "killed", 100000)
    saved(customer, words("c", "Deep {{options.topic}}"), outer("b", each("down", "c", topic="{{options.topic}}"), {"id": "two", "flow": "chat", "params": {"prompt": "{{steps.down.text}}"}}),
          outer("a", {**each("down", "b", topic="{{item}}"), "for_each": "{{options.places}}"}, available_options=[{"key": "places", "component": "list"}]))
    ids = [customer.request("POST", "/v2/workflow", json={"template_id": "a", "options": {"places": ["x", "y"]}}).json()["data"]["id"] for _ in range(20)]
    for _ in range(3):
        time.sleep(0.15)
        server.kill()
        server.start()
    for data in (finished(customer, workflow) for workflow in ids):
        assert data["processing_status"] == "success", data["error"]
        assert len(data["result"]) == 2 and data["used_credits"] == 2 + 2 * (2 + 5)
    assert ledger(server, "killed") == 100000 - 20 * 16
    assert len(customer.request("GET", "/v2/workflow?limit=100").json()["data"]) == 20
    server.stop()
    proof = server.command("fsck")
    assert proof.returncode == 0, proof.stdout
