"""What the preview says will run, runs: templates and options made at random (always the same ones), previewed and then run."""
import random

import pytest

from test_templates import Customer, finished

CASES = 120


class Maker:
    """A random template of chat steps, and options for it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.options = self.make_options()
        self.steps = []
        for number in range(self.random.randint(1, 7)):
            self.steps.append(self.make_step(f"s{number}"))
        self.random.shuffle(self.steps)

    def chance(self, part):
        return self.random.random() < part

    def make_options(self):
        options = [
            {"key": "mode", "component": "select", "values": ["a", "b", {"value": "c", "label": "C"}], "default": "a"},
            {"key": "flag", "component": "toggle", "default": self.chance(0.5)},
            {"key": "number", "component": "number", "min": 0, "max": 9},
            {"key": "places", "component": "list", "max_items": 4},
            {"key": "tags", "component": "multiselect", "values": ["x", "y"]},
            {"key": "format", "component": "text", "default": "text"},
            {"key": "word", "component": "text"}]
        if self.chance(0.5):
            options[2]["default"] = 5
        if self.chance(0.5):
            options[3]["default"] = ["Rome", "Oslo"]
        return options

    def make_values(self):
        makers = {
            "mode": lambda: self.random.choice(["a", "b", "c"]), "flag": lambda: self.chance(0.5), "number": lambda: self.random.randint(0, 9),
            "places": lambda: self.random.choice([[], ["Bern"], "- Rome - Oslo", "a\nb\nc", ["1", "2", "3", "4"]]),
            "tags": lambda: self.random.choice([[], ["x"], ["x", "y"]]), "format": lambda: self.random.choice(["text", "json", "text", "xml"]),
            "word": lambda: self.random.choice(["{{options.mode}}", "sea", ""])}
        return {key: make() for key, make in makers.items() if self.chance(0.6)}

    def condition(self, depth=0):
        earlier = [step["id"] for step in self.steps]
        makers = [lambda: f"options.mode == '{self.random.choice('abc')}'", lambda: "options.flag", lambda: "!options.flag",
                  lambda: f"options.mode in ['{self.random.choice('abc')}', 'b']", lambda: "'x' in options.tags",
                  lambda: "options.number == null || options.number >= 4", lambda: "options.places != null",
                  lambda: "inputs.image_urls[0] != null"]
        if self.chance(0.1):
            makers = [lambda: "workflow.title == 'known'"]
        if earlier and self.chance(0.25):
            step = self.random.choice(earlier)
            makers = [lambda: f"steps.{step}.status == 'success'", lambda: f"steps.{step}.text != ''", lambda: f"steps.{step}.status in ['skipped', 'fail']"]
        if depth < 2 and self.chance(0.4):
            word = self.random.choice([" && ", " || "])
            return f"({self.condition(depth + 1)}{word}{self.condition(depth + 1)})"
        return self.random.choice(makers)()

    def make_step(self, identifier):
        earlier = [step["id"] for step in self.steps]
        step = {"id": identifier, "flow": "chat", "credits": self.random.randint(0, 9)}
        prompt = "About {{options.mode}} and {{options.word}}"
        for other in self.random.sample(earlier, min(len(earlier), self.random.choice([0, 0, 1, 2]))):
            if self.chance(0.5):
                prompt += f" {{{{steps.{other}.text}}}}"
            else:
                more = self.random.choice(earlier)
                prompt += f" {{{{steps.{other}.text ?? steps.{more}.text ?? 'none'}}}}" if self.chance(0.5) else f" {{{{steps.{other}.url ?? 'none'}}}}"
        step["params"] = {"prompt": prompt}
        if self.chance(0.25):
            step["params"]["response_format"] = "{{options.format}}"
        if self.chance(0.08):
            step["params"] = {}  # nothing to write about: it fails
        if self.chance(0.4):
            step["when"] = self.condition()
        if self.chance(0.3):
            step["on_error"] = "continue"
        if earlier and self.chance(0.2):
            step["needs"] = [self.random.choice(earlier)]
        if self.chance(0.25):
            step["for_each"] = "{{options.places}}" if not earlier or self.chance(0.7) else f"{{{{steps.{self.random.choice(earlier)}.result}}}}"
            step["params"] = {"prompt": "{{index}} of {{options.mode}}"}
        return step

    def template(self, identifier):
        ids = [step["id"] for step in self.steps]
        outputs = []
        for step in self.random.sample(ids, self.random.randint(1, len(ids))):
            outputs.append({"step": step, "when": self.condition(1)} if self.chance(0.3) else {"step": step})
        definition = {"id": identifier, "available_options": self.options, "steps": self.steps, "outputs": outputs}
        if self.chance(0.3):
            definition["credits"] = {"image": self.random.randint(1, 50), "video": None}
        return definition


def check(definition, said, data):
    """`said` is the preview, `data` the finished workflow."""
    by_id = {step["id"]: step for step in definition["steps"]}
    active = [step for layer in said["layers"] for step in layer]
    skipped = {row["id"] for row in said["skipped_steps"]}
    undetermined = {row["id"] for row in said["undetermined_steps"]}
    assert sorted([*active, *skipped, *undetermined]) == sorted(by_id)
    layer_of = {step: number for number, layer in enumerate(said["layers"]) for step in layer}
    ran = {}
    for row in data["completions"]:
        ran.setdefault(row["id"], []).append(row["status"])
    assert not skipped & set(ran), (skipped, ran)
    for step in active:  # a step waits for what it needs
        for other in by_id[step].get("needs", []):
            assert other not in layer_of or layer_of[other] < layer_of[step]
    if not said["valid"]:
        assert data["processing_status"] == "fail", said["errors"]
        return "invalid"
    if data["processing_status"] == "fail":
        # Only what no preview can know: a step that failed by itself or might not have run, or an output that turned out to be skipped.
        failed = [step for step, statuses in ran.items() if "fail" in statuses]
        assert data["error"]["code"] == "NO_OUTPUT" or data["error"]["step_id"] in {*failed, *undetermined}, data["error"]
        return "failed"
    assert data["processing_status"] == "success"
    assert set(active) <= set(ran), (active, ran)
    assert set(ran) <= {*active, *undetermined}
    assert data["used_credits"] == said["credits"]["total"]
    fails = any("fail" in statuses for statuses in ran.values())
    if "credits" not in definition:
        cost = sum(by_id[step]["credits"] for step in ran)
        assert said["credits"]["min"] <= cost <= said["credits"]["max"]
    texts = [item["text"] for item in data["result"]]
    expected = []
    for row in said["outputs"]:
        expected += [item["text"] for done in data["completions"] if done["id"] == row["step"] for item in done["result"]]
    if not undetermined and not fails and not any("when" in output for output in definition["outputs"]):
        assert texts == expected
    elif not fails:
        assert all(text in texts for text in expected)
    return "open" if undetermined or fails else "exact"


@pytest.fixture(scope="module")
def customer(server):
    return Customer(server, "previews", 1000000)


def test_what_the_preview_says_happens(customer):
    started = []
    for seed in range(CASES):
        maker = Maker(seed)
        definition = maker.template(f"t{seed}")
        body = {"options": maker.make_values(), "image_urls": ["http://a.example/1.png"] if maker.chance(0.5) else []}
        saved = customer.save(definition)
        said = customer.templates("POST", "/preview", json={"template": definition, **body})
        assert said.status_code == 200, said.text
        said = said.json()
        if saved.status_code == 422:  # outputs that can all be off: the preview says the same of the definition
            assert not said["valid"] and {row["code"] for row in said["errors"]} == {"no_output"}, said["errors"]
            continue
        estimate = customer.request("POST", "/v2/workflow/credits", json={"template_id": f"t{seed}", "options": body["options"]}).json()
        assert said["credits"]["total"] == estimate["total_credits"] or not said["valid"]
        created = customer.request("POST", "/v2/workflow", json={"template_id": f"t{seed}", "title": "known", **body})
        assert created.status_code == 200, (created.text, said)
        started.append((seed, definition, said, created.json()["data"]["id"]))
    outcomes = {}
    for seed, definition, said, workflow_id in started:
        data = finished(customer, workflow_id)
        try:
            outcome = check(definition, said, data)
        except AssertionError as fault:
            raise AssertionError(f"case {seed}: {fault}\n{definition}\n{said}\n{data}") from fault
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert len(started) >= CASES // 2 and outcomes["exact"] >= 20 and outcomes["open"] >= 5 and outcomes["invalid"] >= 5, outcomes
