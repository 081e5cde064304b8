"""Step types against their own tables, as the schema endpoint gives them: what a table allows runs, what it forbids is refused, and
the same input gives the same bytes, in every worker and outside of its jail. Drawn at random, REELD_PROPERTY_ROUNDS times per
type, from REELD_PROPERTY_SEED on; a new step type is drawn like the others."""
import hashlib
import io
import json
import os
import pathlib
import random
import re
import subprocess

import pytest
import requests
from PIL import Image, ImageDraw

from conftest import BUILD, ROOT, Server

ROUNDS = int(os.environ.get("REELD_PROPERTY_ROUNDS", 1))
SEED = int(os.environ.get("REELD_PROPERTY_SEED", 1))
DRAWS = 24  # parameters may exclude each other in ways that a table does not say
TRY_STEP = BUILD / "tests" / "step" / "try_step"
FLOWS = re.findall(r"^STEP\((\w+)\)", (ROOT / "src" / "step" / "steps.def").read_text(), re.M)

# What makes work long is drawn from the low end of its range, twice as far when there is time for more than a round.
SHORT = {"duration": 1, "loop": 1, "fps": 24, "quantity": 1, "width": 640, "padding": 40, "gap": 24, "trim": 6, "count": 5, "start_time": 0.3}
# What only means something when it names something.
MEANT = {"template_id": ["child"], "options": [{}, {"words": "A lighthouse"}]}
WORDS = ["A beach at sunset", "", "é ∑ 漢字 🎈", "\"quoted\" \\ and\n\ttabs", "Zoom in slowly", "stadium, confetti", "x" * 80, "<b>&amp;</b>"]
MEDIA = {"image": ["image"], "images": ["image"], "video": ["video"], "videos": ["video"], "audio": ["audio", "clip"], "media": ["image", "video"],
         "media_list": ["image", "video"]}


# --- inputs -----------------------------------------------------------------------------------------------------------

def draw_picture(mode, size):
    picture = Image.new(mode, size, (0, 0, 0, 0) if mode == "RGBA" else "white" if mode != "L" else 255)
    ImageDraw.Draw(picture).ellipse((size[0] // 5, size[1] // 6, size[0] * 4 // 5, size[1] * 5 // 6), fill={"L": 60, "RGBA": (200, 30, 60, 255)}.get(mode, (40, 90, 200)))
    return picture


def make_files(folder):
    for name, mode, size in (("a.jpg", "RGB", (96, 64)), ("b.png", "RGBA", (70, 90)), ("c.webp", "RGB", (80, 80)), ("d.png", "L", (64, 40)), ("e.gif", "P", (50, 50))):
        draw_picture("RGB" if mode == "P" else mode, size).convert(mode).save(folder / name)
    for name, size, rate, more in (("a.mp4", "96x64", "12", ["-an"]), ("b.mp4", "64x112", "25", ["-c:a", "aac"]), ("c.webm", "128x72", "30000/1001", ["-c:v", "libvpx", "-c:a", "libopus"])):
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d=0.8", "-f", "lavfi", "-i", "sine=500:d=0.8",
                        "-pix_fmt", "yuv420p", *more, str(folder / name)], check=True, timeout=60)
    for name in ("a.wav", "b.mp3", "c.ogg"):
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=700:d=0.6", str(folder / name)], check=True, timeout=60)
    return {"image": sorted([*folder.glob("*.jpg"), *folder.glob("*.png"), *folder.glob("*.webp"), *folder.glob("*.gif")]),
            "video": [folder / "a.mp4", folder / "b.mp4", folder / "c.webm"], "clip": [folder / "b.mp4", folder / "c.webm"],
            "audio": [folder / "a.wav", folder / "b.mp3", folder / "c.ogg"]}


class Bench:
    """A server of two workers, the tables it tells, and the files that are drawn from: the same bytes as paths and as URLs."""

    def __init__(self, server, folder):
        self.server = server
        self.files = make_files(folder)
        self.urls = {path: server.upload(path)["url"] for paths in self.files.values() for path in paths}
        self.tables = {row["flow"]: row for row in server.request("GET", "/v2/workflow/templates/schema").json()["step_types"]}
        self.save({"id": "child", "label": "Child", "available_options": [{"key": "words", "component": "text", "default": "A quiet street"}],
                   "steps": [{"id": "text", "flow": "chat", "params": {"prompt": "{{options.words}}"}}], "outputs": [{"step": "text"}]})

    def save(self, template):
        answer = self.server.request("POST", "/v2/workflow/templates", json=template)
        assert answer.status_code == 200, answer.text

    def template(self, flow, params):
        return {"id": "drawn", "label": "Drawn", "steps": [{"id": "it", "flow": flow, "params": params}], "outputs": [{"step": "it"}]}

    def faults(self, flow, params):
        """The places that the validator complains of."""
        answer = self.server.request("POST", "/v2/workflow/templates/validate", json=self.template(flow, params))
        assert answer.status_code == 200, answer.text
        for fault in answer.json()["errors"]:
            assert fault["message"].endswith("."), fault
        return [fault["path"] for fault in answer.json()["errors"]]

    def with_urls(self, value):
        if isinstance(value, list):
            return [self.with_urls(item) for item in value]
        return self.urls[value] if isinstance(value, pathlib.Path) else value


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("properties")
    running = Server(folder / "data", "--workers", "2").start()
    yield Bench(running, folder)
    assert running.stop() == 0
    running.prove()


# --- drawing ----------------------------------------------------------------------------------------------------------

def draw_number(param, rng):
    low, high = param.get("min", 0), param.get("max", 100)
    if param["name"] in SHORT:
        high = max(low, min(high, SHORT[param["name"]] * (1 if ROUNDS == 1 else 2)))
    value = rng.choice([low, high, rng.uniform(low, high)])
    return round(value) if param["type"] == "integer" else round(value, 3)


def draw_value(param, rng, bench):
    kind = param["type"]
    if param["name"] in MEANT:
        return rng.choice(MEANT[param["name"]])
    if kind in ("integer", "number"):
        return draw_number(param, rng)
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "choice":
        return rng.choice(param["values"])
    if kind == "color":
        return rng.choice(["#fff", "#1E90FF", "#20c04080", "transparent"])
    if kind == "grid":
        return rng.choice(["1x1", "2x1", "1x2", "2x2", "4x4", "3x5", "8x2"])
    if kind == "text":
        return rng.choice(WORDS)[:param["max_length"]]
    if kind == "texts":
        return [rng.choice(WORDS)[:param["max_length"]] for _ in range(rng.randint(1, 3))]
    if kind in MEDIA:
        pick = [rng.choice(bench.files[rng.choice(MEDIA[kind])]) for _ in range(rng.randint(1, min(4, param.get("max_items", 1))))]
        return pick if kind in ("images", "videos", "media_list") else pick[0]
    assert kind == "object", f"nothing is known of {kind}"
    return {}


def draw_params(table, rng, bench):
    return {param["name"]: draw_value(param, rng, bench) for param in table["params"] if param["required"] or rng.random() < 0.4}


def mend(params, message, table, rng, bench):
    """Does what a refusal says: gives or takes away one of the parameters that it names; draws anew when it names none."""
    named = [param for param in table["params"] if not param["required"] and re.search(rf"\b{param['name']}\b", message)]
    if not named:
        return draw_params(table, rng, bench)
    param = rng.choice(named)
    if param["name"] in params:
        return {name: value for name, value in params.items() if name != param["name"]}
    return {**params, param["name"]: draw_value(param, rng, bench)}


# --- judging ----------------------------------------------------------------------------------------------------------

def judge_video(result, path):
    said = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, text=True, timeout=60)
    streams = json.loads(said.stdout)["streams"]
    picture = next(stream for stream in streams if stream["codec_type"] == "video")
    assert (picture["codec_name"], picture["pix_fmt"]) == ("h264", "yuv420p")
    assert (picture["width"], picture["height"]) == (result["width"], result["height"])
    longest = max(float(stream["duration"]) for stream in streams)
    assert float(picture["duration"]) * 1000 - 2 <= result["duration_ms"] <= longest * 1000 + 2
    decoded = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True, timeout=60)
    assert decoded.returncode == 0 and not decoded.stderr, decoded.stderr
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")


def judge_results(table, results, folder):
    """Every result is what its record says; the digests."""
    kinds = [result["content_type"].split("/")[0] for result in results]
    assert kinds, "a success without results"
    assert {"text": kinds == ["text"], "image": kinds == ["image"], "images": set(kinds) == {"image"}, "video": kinds[0] == "video",
            "audio": kinds[0] == "audio", "any": True}[table["result"]], kinds
    digests = []
    for number, result in enumerate(results):
        if kinds[number] == "text":
            assert result["text"].strip()
            digests.append(result["text"])
            continue
        content = requests.get(result["url"], timeout=60).content
        digests.append(hashlib.sha256(content).hexdigest())
        assert digests[-1] == result["sha256"] and len(content) == result["size"]
        if kinds[number] == "image":
            picture = Image.open(io.BytesIO(content))
            picture.load()
            assert Image.MIME[picture.format] == result["content_type"] and picture.size == (result["width"], result["height"])
        elif kinds[number] == "video":
            path = folder / f"result-{number}.mp4"
            path.write_bytes(content)
            judge_video(result, path)
    return digests


def run_twice(bench):
    """The same workflow for two workers at once."""
    made = [bench.server.create("drawn") for _ in range(2)]
    assert all(answer.status_code == 200 for answer in made), made[0].text
    return [bench.server.finish(answer.json()["data"]["id"]) for answer in made]


def run_outside(flow, params, folder):
    """The digests of what the step makes in a process without a jail."""
    text = json.dumps(params, default=str).replace("'", "\\u0027")
    said = subprocess.run([str(TRY_STEP), flow, text, str(folder / "outside")], capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    paths = re.findall(r"^(\S+): \S+/\S+ \d+x\d+ ", said.stdout, re.M)
    return [hashlib.sha256(open(path, "rb").read()).hexdigest() for path in paths]


# --- what is allowed --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_table_allows_runs(bench, flow, number, tmp_path):
    table, rng = bench.tables[flow], random.Random(f"{SEED} {flow} {number}")
    params = draw_params(table, rng, bench)
    for _ in range(DRAWS):
        shown = json.dumps(params, default=str)
        given = {name: bench.with_urls(value) for name, value in params.items()}
        assert bench.faults(flow, given) == [], shown
        bench.save(bench.template(flow, given))
        first, second = run_twice(bench)
        assert first["processing_status"] == second["processing_status"], shown
        if first["processing_status"] == "success":
            break
        error = first["error"]
        assert error["step_id"] == "it" and error["message"].endswith(".") and error == second["error"], (shown, error)
        assert error["code"].upper() in ("INVALID", "BAD_INPUT", "TOO_LARGE"), (shown, error)
        params = mend(params, error["message"], table, rng, bench)
    else:
        pytest.fail(f"none of {DRAWS} draws ran; the last: {shown}: {error}")
    digests = judge_results(table, first["result"], tmp_path)
    assert digests == judge_results(table, second["result"], tmp_path), shown
    # what is drawn at random is drawn from the engine's own numbers
    if not table["generative"] and flow != "each_workflow":
        assert digests == run_outside(flow, params, tmp_path), shown


# --- what is not ------------------------------------------------------------------------------------------------------

def forbidden(param):
    """Values that the table does not allow."""
    kind = param["type"]
    many = "x" * (param.get("max_length", 0) + 1)
    url = "https://example.com/a"
    yield {"integer": 0.5, "number": "1", "boolean": "true", "choice": "no such choice", "color": "red", "grid": "3x", "text": 7, "texts": "one",
           "object": []}.get(kind, 7)
    yield from {"integer": ["1", True, [1]], "number": [True, {}], "boolean": [0, 1], "choice": [1, param.get("values", ["?"])[0] + " ", ""],
                "color": ["#12", "#12345g", "#12345", 255, ""], "grid": ["0x2", "9x1", "8x3", "2X2", "2x2x2", 4, ""], "text": [many, ["a"], True],
                "texts": [["a", 1], ["a"] * (param.get("max_items", 0) + 1), [many]], "object": ["{}", 1],
                "images": [[7], [url] * (param.get("max_items", 0) + 1), url], "videos": [[""], [url] * (param.get("max_items", 0) + 1)]}.get(kind, ["", [], {}])
    if "max" in param:
        step = 1 if kind == "integer" else 0.001
        yield from (param["min"] - step, param["max"] + step, -1e300, 1e300)
    if param["required"]:
        yield None


def plain_params(table, rng, bench):
    return {param["name"]: bench.with_urls(draw_value(param, rng, bench)) for param in table["params"] if param["required"]}


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_table_forbids_is_refused(bench, flow):
    table, rng = bench.tables[flow], random.Random(SEED)
    plain = plain_params(table, rng, bench)
    assert bench.faults(flow, plain) == []
    assert bench.faults(flow, {**plain, "no_such_parameter": 1}) == ["/steps/0/params/no_such_parameter"]
    for param in table["params"]:
        place = f"/steps/0/params/{param['name']}"
        for value in forbidden(param):
            found = bench.faults(flow, {**plain, param["name"]: value})
            assert found and all(path.startswith(place) for path in found), (param, value, found)


@pytest.mark.parametrize("flow", FLOWS)
def test_the_ends_of_what_is_allowed(bench, flow):
    """The table says all limits, its defaults keep them, and values at the limits are taken."""
    table, rng = bench.tables[flow], random.Random(SEED)
    plain = plain_params(table, rng, bench)
    for param in table["params"]:
        assert param["description"].endswith((".", "..."), ), param
        edges = [param["default"]] if "default" in param else []
        if "max" in param:
            assert param["min"] < param["max"], param
            edges += [param["min"], param["max"]]
        if param["type"] in ("text", "texts"):
            long = "é" * param["max_length"]
            edges.append(long if param["type"] == "text" else [long])
        if param["type"] in ("images", "videos", "media_list", "texts"):
            edges.append([bench.with_urls(bench.files["image"][0])] * param["max_items"])
        edges += param.get("values", [])
        assert len(set(param.get("values", []))) == len(param.get("values", []))
        for value in edges:
            if param["name"] not in MEANT:
                assert bench.faults(flow, {**plain, param["name"]: value}) == [], (param, value)


def test_the_document_says_the_same_limits(bench):
    """OpenAPI and the schema of the editor are two views of one table."""
    schemas = bench.server.request("GET", "/openapi.json").json()["components"]["schemas"]
    for flow, table in bench.tables.items():
        document = schemas[f"step_{flow}"]
        assert set(document["properties"]) == {param["name"] for param in table["params"]}
        assert set(document.get("required", [])) == {param["name"] for param in table["params"] if param["required"]}
        for param in table["params"]:
            shown = document["properties"][param["name"]]
            assert shown.get("default") == param.get("default") and shown["description"] == param["description"]
            assert shown.get("minimum") == param.get("min") and shown.get("maximum") == param.get("max")
            assert shown.get("enum") == param.get("values") and shown.get("maxItems") == param.get("max_items")
            lengths = shown.get("items", {}) if param["type"] == "texts" else shown
            assert lengths.get("maxLength") == param.get("max_length"), (flow, param)
            if param["type"] in ("color", "grid"):
                for good in ("#fff", "#1E90FF", "#20c04080", "transparent") if param["type"] == "color" else ("1x1", "8x2", "4x4", "3x5"):
                    assert re.search(shown["pattern"], good)
                for bad in [value for value in forbidden(param) if isinstance(value, str)]:
                    assert not re.search(shown["pattern"], bad), (param, bad)
