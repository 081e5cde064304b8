"""Every step type has an example in docs/examples that runs for real, on files of the kinds that its options ask for."""
import json
import re
import subprocess

import pytest

from conftest import PHOTOS, REELD, ROOT

EXAMPLES = ROOT / "docs" / "examples"
FLOWS = re.findall(r"^STEP\((\w+)\)", (ROOT / "src" / "step" / "steps.def").read_text(), re.M)
STARTS = {"png": b"\x89PNG", "jpg": b"\xff\xd8\xff", "webp": b"RIFF", "mp4": b"ftyp", "m4a": b"ftyp", "wav": b"RIFF", "txt": b"",
          "mp3": b"", "json": b"", "gif": b"GIF8"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file for each component, by its name; a list for those that take several."""
    folder = tmp_path_factory.mktemp("files")
    for name, rate in (("one", 440), ("two", 660)):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=12:duration=1", "-f", "lavfi",
                        "-i", f"sine=frequency={rate}:duration=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac",
                        str(folder / f"{name}.mp4")], check=True, timeout=60)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=2", str(folder / "sound.wav")],
                   check=True, timeout=60)
    pictures = [PHOTOS / "astronaut.png", PHOTOS / "coffee.png"]
    clips = [folder / "one.mp4", folder / "two.mp4"]
    return {"image": pictures[:1], "images": pictures, "video": clips[:1], "videos": clips, "audio": [folder / "sound.wav"]}


def test_every_example_is_of_a_step_type_and_every_step_type_has_one():
    assert sorted(path.stem for path in EXAMPLES.glob("*.json")) == FLOWS


WRITTEN = re.findall(r"^```json\n(.*?)^```", (ROOT / "docs" / "TEMPLATES.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("number", range(2))
def test_what_the_guide_shows_runs(number, files, tmp_path):
    assert len(WRITTEN) == 2
    path = tmp_path / "guide.json"
    path.write_text(WRITTEN[number])
    said = subprocess.run([str(REELD), "run", str(path), f"image_url=@{files['image'][0]}", "--out", str(tmp_path / "out"), "--json"],
                          capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["results"]


@pytest.mark.parametrize("flow", FLOWS)
def test_the_example_runs(flow, files, tmp_path):
    path = EXAMPLES / f"{flow}.json"
    template = json.loads(path.read_text())
    assert [step["flow"] for step in template["steps"]].count(flow) >= 1
    arguments = [f"{option['key']}=@{file}" for option in template["available_options"] if option.get("required")
                 for file in files[option["component"]]]
    said = subprocess.run([str(REELD), "run", str(path), *arguments, "--out", str(tmp_path), "--json"], capture_output=True,
                          text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    results = json.loads(said.stdout)["results"]
    assert results
    for result in results:
        content = open(result, "rb").read()
        assert len(content) > 20 and STARTS[result.rsplit(".", 1)[1]] in content[:12], result
