"""What README.md and docs/ promise: the tour runs as it is printed, the links lead somewhere, the tables tell the truth."""
import json
import re
import subprocess

import pytest

from conftest import REELD, ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_tour_runs_as_it_is_printed(new_server, tmp_path):
    text = (ROOT / "README.md").read_text()
    tour = re.search(r"## The tour.*?```sh\n(.*?)```", text, re.S).group(1)
    assert len(tour.splitlines()) == 10
    server = new_server(key="demo")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    script = tour.replace("http://127.0.0.1:8080", server.base)
    assert server.base in script
    said = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120)
    assert said.returncode == 0, said
    assert '"status":"ready"' in said.stdout and '"vim_arctic"' in said.stdout
    assert (tmp_path / "arctic.png").read_bytes().startswith(b"\x89PNG"), said.stdout[-500:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(document):
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    for target in targets:
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name}: {target}"
        if heading:
            headings = [re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                        for line in file.read_text().splitlines() if line.startswith("#")]
            assert heading in headings, f"{document.name}: {target}"


def test_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    helped = subprocess.run([str(REELD), "help"], capture_output=True, text=True, timeout=60).stdout
    for command in set(re.findall(r"\breeld (help|run|templates|validate|key|credits|serve|config)\b", text)):
        assert command == "help" or re.search(rf"^  {command} ", helped, re.M), command
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.M)) <= set(targets)


def test_paths_in_the_documents_exist():
    """X and NOUN stand for a name."""
    for document in DOCUMENTS:
        for path in re.findall(r"`((?:src|tests|tools|catalog|assets|docs|providers|web)/[\w./-]+)`", document.read_text()):
            pattern = re.sub(r"(?<![A-Za-z])(X|NOUN)(?![A-Za-z])", "*", path.rstrip("/"))
            assert list(ROOT.glob(pattern)), f"{document.name}: {path}"


def test_folders_of_the_architecture_are_those_of_the_include_matrix():
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    told = {name: set(re.findall(r"`([\w/.]+)`", rest)) for name, rest in re.findall(
        r"^\| `src/(\w+)` \|[^|]*\|([^|]*)\|$", text, re.M)}
    matrix = {}
    exec(re.search(r"^ALLOWED = \{.*?^\}", (ROOT / "tools" / "layers").read_text(), re.S | re.M).group(), matrix)
    folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    assert set(told) - {"provider"} == folders - {"provider"}
    for name in folders & set(told) - {"cmd"}:
        assert told[name] == {other for other in matrix["ALLOWED"][name] if other.split("/")[0] in folders}, name


def test_what_is_linked_or_fetched_has_its_line():
    """Libraries that meson.build asks for, and packages of npm, in the first column of a table that tells their licence."""
    spelled = {"sqlite3": "SQLite", "vips": "libvips", "libturbojpeg": "libjpeg-turbo", "@stoplight/spectral-cli": "Spectral"}
    spelled |= {name: "FFmpeg (libav*)" for name in ("libavformat", "libavcodec", "libavfilter", "libavutil", "libswscale", "libswresample")}
    text = (ROOT / "docs" / "dependencies.md").read_text()
    told = " ".join(line.split("|")[1] for line in text.splitlines() if re.match(r"\| .*\|.*\| [^|]+ \|$", line))
    wanted = set()
    for folder in ("src", "tests", "."):
        for file in (ROOT / folder).glob("meson.build" if folder == "." else "**/meson.build"):
            wanted |= set(re.findall(r"(?:dependency|find_library)\('([^']+)'", file.read_text())) - {"threads", "m"}
    for folder in ("web", "bench", "tools/spectral"):
        wanted |= set(json.loads((ROOT / folder / "package.json").read_text())["dependencies"])
    assert len(wanted) > 20
    for name in wanted:
        assert spelled.get(name, name) in told, name
