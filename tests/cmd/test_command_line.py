"""The command line: help, wrong usage, settings, keys and credits, runs without a server."""
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

import pytest
import requests

from conftest import PHOTOS, REELD, ROOT, Server

CHAT = {
    "id": "talk", "label": "Talk", "description": "Writes a line.", "category": "test", "inputs": ["local"],
    "credits": {"image": 3, "video": None, "audio": None},
    "available_options": [
        {"key": "topic", "component": "text", "required": True, "max_length": 40},
        {"key": "count", "component": "number", "default": 1, "min": 1, "max": 5},
        {"key": "loud", "component": "toggle", "default": False}],
    "steps": [{"id": "say", "flow": "chat", "params": {"prompt": "{{options.topic}}"}}],
    "outputs": [{"step": "say"}],
}
COMMANDS = [name for name in re.findall(r"^CMD\((\w+),", (ROOT / "src/cmd/cmds.def").read_text(), re.M)
            if name != "worker"]


def clean(environment=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELD_")}
    return {**kept, **(environment or {})}


def reeld(*arguments, environment=None, cwd=None, seconds=120):
    return subprocess.run([str(REELD), *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
                          env=clean(environment), cwd=cwd, stdin=subprocess.DEVNULL)


@pytest.fixture
def talk(tmp_path):
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(CHAT))
    return path


# --- help and wrong usage ---


def test_help_lists_every_command_on_standard_output():
    for arguments in (["help"], ["--help"], ["-h"]):
        said = reeld(*arguments)
        assert said.returncode == 0 and said.stderr == ""
        assert all(re.search(rf"^  {name} ", said.stdout, re.M) for name in COMMANDS), said.stdout
        assert "worker" not in re.findall(r"^  (\w+)", said.stdout, re.M)


def test_nothing_at_all_is_wrong_usage():
    said = reeld()
    assert said.returncode == 2 and said.stdout == "" and "Commands:" in said.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    said = reeld(command, "--help")
    assert said.returncode == 0 and said.stderr == ""
    assert said.stdout.startswith(f"Usage: reeld {command} ")
    assert "--data DIR" in said.stdout and "--json" in said.stdout
    assert said.stdout == reeld("help", command).stdout == reeld(command, "-h").stdout


def test_every_command_has_an_example():
    having = set(re.findall(r"^EXAMPLE\((\w+),", (ROOT / "src/cmd/examples.def").read_text(), re.M))
    assert set(COMMANDS) - having <= {"version"}


def test_examples_of_the_help_are_commands_with_options_that_exist():
    rows = re.findall(r'^EXAMPLE\(\w+, "((?:[^"\\]|\\.)*)"', (ROOT / "src/cmd/examples.def").read_text(), re.M)
    assert len(rows) > 10
    for row in rows:
        words = re.sub(r"^(\w+=\S+ )*reeld ", "", row).split()
        flags = set(re.findall(r"--[a-z-]+", row))
        help_text = reeld(words[0], "--help").stdout
        assert flags <= set(re.findall(r"^  (--[a-z-]+)", help_text, re.M)), row


@pytest.mark.parametrize("arguments, sentence", [
    (["runn"], "There is no command runn; did you mean run?"),
    (["temlpates"], "There is no command temlpates; did you mean templates?"),
    (["frobnicate"], "There is no command frobnicate."),
    (["help", "kye"], "There is no command kye; did you mean key?"),
    (["serve", "--lisen", "x"], "There is no option --lisen here; did you mean --listen?"),
    (["serve", "--quantum"], "There is no option --quantum here."),
    (["run", "-o"], "There is no option -o here."),
    (["serve", "--workers"], "--workers needs a value."),
    (["serve", "--workers", "many"], "--workers takes a whole number from 0, not many."),
    (["serve", "--workers", "-1"], "--workers takes a whole number from 0, not -1."),
    (["serve", "--workers", "99999999999"], "--workers takes a whole number from 0, not 99999999999."),
    (["serve", "--http-threads=0"], "--http-threads takes a whole number from 1, not 0."),
    (["serve", "--body-bytes", "9T"], "--body-bytes takes a number of bytes, such as 65536, 64k, 16M or 2G, not 9T."),
    (["serve", "--allow-private-networks=perhaps"], "--allow-private-networks takes 1 or 0, not perhaps."),
    (["serve", "--log-level", "loud"], "--log-level takes error, warning, info or debug, not loud."),
    (["serve", "--public-url="], "--public-url takes a value that is not empty, not nothing."),
    (["serve", "--public-url", "media.example"], "--public-url takes an http(s) URL without a query, not media.example."),
    (["serve", "--public-url", "https://media.example/?a"], "--public-url takes an http(s) URL without a query"),
    (["serve", "--public-url", "ftp://media.example"], "--public-url takes an http(s) URL without a query"),
    (["serve", "--listen", "here"], "--listen takes ADDRESS:PORT, not here."),
    (["serve", "--listen", "127.0.0.1:70000"], "--listen takes ADDRESS:PORT, not 127.0.0.1:70000."),
    (["serve", "--tls-cert", "/nonexistent.pem"], "The PEM file /nonexistent.pem cannot be read."),
    (["serve", "extra"], "serve takes no arguments."),
    (["run"], "Which template? reeld templates lists them."),
    (["run", "vim_arctic", "team"], "An option is written key=value, not team."),
    (["templates", "a", "b"], "At most one template is shown."),
    (["validate"], "One definition file is checked."),
    (["key"], "A key is created, listed or revoked."),
    (["key", "create"], "--customer says whose key it is."),
    (["key", "create", "--customer", "a\tb"], "--customer takes a line of text of at most 200 bytes"),
    (["key", "revoke"], "One key id is revoked."),
    (["credits", "add", "5"], "--customer says whose credits they are."),
    (["credits", "add", "five", "--customer", "a"], "The amount is a whole number other than 0."),
    (["credits", "add", "0", "--customer", "a"], "The amount is a whole number other than 0."),
    (["worker"], "Workers are started by the server."),
])
def test_wrong_usage_says_what_is_wrong_and_touches_nothing(tmp_path, arguments, sentence):
    said = reeld(*arguments, cwd=tmp_path)
    assert said.returncode == 2, said
    assert said.stdout == "" and sentence in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_follows_two_dashes_is_no_option(tmp_path):
    said = reeld("run", "--", "--image", cwd=tmp_path)
    assert said.returncode == 1 and "There is no template --image" in said.stderr


def test_failures_are_json_too(tmp_path):
    said = reeld("validate", tmp_path / "none.json", "--json")
    assert said.returncode == 1
    assert json.loads(said.stdout)["error"]["code"] == "NOT_FOUND"
    said = reeld("key", "--json")
    assert said.returncode == 2 and json.loads(said.stdout)["error"]["message"] in said.stderr


# --- settings ---


def start_fails(tmp_path, *flags, environment=None):
    """Settings are read before anything is made, so a wrong one later shows which of them was taken."""
    return reeld("serve", "--data", tmp_path / "data", *flags, environment=environment)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path):
    conf = tmp_path / "my.conf"
    conf.write_text("; a comment\nlisten = file\ngrace = 5\nnote = for another command\n")
    said = start_fails(tmp_path, "--config", conf)
    assert said.returncode == 2 and "not file." in said.stderr
    said = start_fails(tmp_path, "--config", conf, environment={"REELD_LISTEN": "environment"})
    assert said.returncode == 2 and "not environment." in said.stderr
    said = start_fails(tmp_path, "--config", conf, "--listen", "flag", environment={"REELD_LISTEN": "environment"})
    assert said.returncode == 2 and "not flag." in said.stderr
    said = start_fails(tmp_path, environment={"REELD_CONFIG": str(conf)})
    assert said.returncode == 2 and "not file." in said.stderr
    said = start_fails(tmp_path, "--listen=flag", environment={"REELD_LISTEN": ""})
    assert said.returncode == 2 and "not flag." in said.stderr
    assert not (tmp_path / "data").exists()


def test_the_file_of_the_data_folder_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "reeld.conf").write_text("listen = here\n")
    said = start_fails(tmp_path)
    assert said.returncode == 2 and "--listen takes ADDRESS:PORT, not here." in said.stderr


@pytest.mark.parametrize("text, sentence", [
    ("lissen = x\n", "there is no setting lissen."),
    ("workers = many\n", "workers takes a whole number from 0, not many."),
    ("listen\n", "line 1 is no setting."),
])
def test_faults_of_the_file_name_it(tmp_path, text, sentence):
    conf = tmp_path / "bad.conf"
    conf.write_text(text)
    said = start_fails(tmp_path, "--config", conf)
    assert said.returncode == 2 and f"{conf}: {sentence}" in said.stderr


def test_faults_of_the_environment_name_the_variable(tmp_path):
    said = start_fails(tmp_path, environment={"REELD_HTTP_THREADS": "0"})
    assert said.returncode == 2 and "REELD_HTTP_THREADS takes a whole number from 1, not 0." in said.stderr
    said = start_fails(tmp_path, "--config", tmp_path / "none.conf")
    assert said.returncode == 2 and "none.conf cannot be read." in said.stderr


def test_config_says_what_is_in_force_and_from_where(tmp_path):
    conf = tmp_path / "my.conf"
    conf.write_text("grace = 5\nworkers = 3\nactive = 9\n")
    arguments = ["config", "--config", conf, "--active", "7", "--data", tmp_path / "none"]
    environment = {"REELD_WORKERS": "4"}
    told = json.loads(reeld(*arguments, "--json", environment=environment).stdout)
    assert told["grace"] == {"value": "5", "source": "file", "place": str(conf)}
    assert told["workers"] == {"value": "4", "source": "environment", "place": "REELD_WORKERS"}
    assert told["active"] == {"value": "7", "source": "flag", "place": "--active"}
    assert told["listen"] == {"value": "127.0.0.1:8080", "source": "default", "place": ""}
    assert told["public-url"]["value"] is None
    flags = set(re.findall(r"^  --([a-z-]+)", reeld("serve", "--help").stdout, re.M))
    assert set(told) == flags - {"help", "json"}
    assert not (tmp_path / "none").exists()


def test_config_can_be_the_settings_file(tmp_path):
    first = reeld("config", "--workers", "4", "--public-url", "https://example.com")
    assert re.search(r"^workers = 4 +; flag --workers$", first.stdout, re.M)
    assert "; tls-cert is not set" in first.stdout
    conf = tmp_path / "saved.conf"
    conf.write_text(first.stdout)
    again = json.loads(reeld("config", "--config", conf, "--json").stdout)
    assert again["workers"] == {"value": "4", "source": "file", "place": str(conf)}
    assert again["public-url"]["value"] == "https://example.com"


# --- first start, keys and credits ---


def first_line_that(process, start):
    for line in process.stdout:
        if line.startswith(start):
            return line.strip()
    raise AssertionError("the server ended")


def test_first_start_prints_a_key_once_that_works(tmp_path):
    command = [str(REELD), "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--workers", "1"]
    keys = []
    for start in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=clean()) as process:
            if start == 0:
                keys.append(first_line_that(process, "reeld_"))
            base = first_line_that(process, ("listening on ", "reeld_"))
            assert base.startswith("listening on http://127.0.0.1:"), "a second key"
            answer = requests.get(base.split()[-1] + "/v2/workflow/templates", headers={"X-Api-Key": keys[0]}, timeout=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0 and answer.status_code == 200
    shown = reeld("credits", "show", "--customer", "default", "--data", tmp_path / "data", "--json")
    assert json.loads(shown.stdout) == {"customer": "default", "balance": 100000, "reserved": 0}
    assert keys[0] not in reeld("key", "list", "--data", tmp_path / "data").stdout


def test_key_of_the_environment_is_the_first_key_and_is_not_printed(tmp_path):
    server = Server(tmp_path / "data", key="a-key-of-my-own")
    command = [str(REELD), "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env=clean({"REELD_API_KEY": "a-key-of-my-own"})) as process:
        first = process.stdout.readline()
        server.base = first.split()[-1]
        status = server.request("GET", "/v2/workflow/templates").status_code
        process.terminate()
        assert process.wait(60) == 0
    assert first.startswith("listening on ") and status == 200


def test_two_servers_do_not_share_a_folder(new_server, tmp_path):
    new_server()
    said = reeld("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data")
    assert said.returncode == 1 and "Another reeld is already running on the data folder" in said.stderr
    said = reeld("run", "vim_arctic", "--image", PHOTOS / "chelsea.png", "--data", tmp_path / "data")
    assert said.returncode == 1 and "Another reeld is already running on the data folder" in said.stderr


def test_a_taken_port_is_said(new_server, tmp_path):
    port = new_server().base.rsplit(":", 1)[1]
    said = reeld("serve", "--listen", f"127.0.0.1:{port}", "--data", tmp_path / "other")
    assert said.returncode == 1 and port in said.stderr


def status_with(server, key):
    return requests.get(server.base + "/v2/workflow/templates", headers={"X-Api-Key": key}, timeout=30).status_code


def test_keys_made_and_revoked_beside_a_server_are_honoured_within_a_second(new_server):
    server = new_server()
    made = json.loads(server.command("key", "create", "--customer", "acme", "--user", "jane", "--credits", "70",
                                     "--json").stdout)
    assert set(made) == {"id", "key", "customer", "user", "credits"} and made["user"] == "jane"
    assert status_with(server, made["key"]) == 200
    listed = json.loads(server.command("key", "list", "--json").stdout)
    row = next(row for row in listed if row["id"] == made["id"])
    assert row["customer"] == "acme" and row["user"] == "jane" and row["revoked"] is False
    assert made["key"].startswith(row["label"]) and made["key"] not in json.dumps(listed)
    assert server.command("key", "revoke", made["id"]).returncode == 0
    time.sleep(1)
    assert status_with(server, made["key"]) == 401
    assert "revoked" in next(line for line in server.command("key", "list").stdout.splitlines() if made["id"] in line)


def test_key_for_people_is_printed_once(tmp_path):
    made = reeld("key", "create", "--customer", "acme", "--data", tmp_path / "data")
    assert made.returncode == 0 and re.match(r"reeld_[0-9a-f]{64}\n\nThe key is shown only this once\.", made.stdout)
    key = made.stdout.split()[0]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert key.encode() not in stored, "keys are kept hashed"
    said = reeld("key", "revoke", "nobody", "--data", tmp_path / "data")
    assert said.returncode == 1 and "There is no key with the id nobody." in said.stderr


def test_credits_add_up_in_the_ledger(tmp_path):
    data = tmp_path / "data"
    reeld("key", "create", "--customer", "acme", "--data", data)
    added = reeld("credits", "add", "500", "--customer", "acme", "--note", "invoice 12", "--data", data, "--json")
    assert json.loads(added.stdout) == {"customer": "acme", "balance": 500, "reserved": 0}
    assert reeld("credits", "add", "-20", "--customer", "acme", "--data", data).returncode == 0
    shown = reeld("credits", "show", "--customer", "acme", "--data", data)
    assert "acme has 480 credits" in shown.stdout
    said = reeld("credits", "show", "--customer", "nobody", "--data", data)
    assert said.returncode == 1 and "There is no customer nobody." in said.stderr
    said = reeld("credits", "show", "--customer", "acme", "--data", tmp_path / "none")
    assert said.returncode == 1 and not (tmp_path / "none").exists()


# --- templates ---


def test_templates_are_those_of_the_catalog():
    ids = sorted(path.stem for path in (ROOT / "catalog").glob("*.json"))
    listed = json.loads(reeld("templates", "--json").stdout)
    assert [row["template_id"] for row in listed] == ids
    lines = reeld("templates").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ids
    one = json.loads(reeld("templates", "vim_wc26_team", "--json").stdout)
    assert one["credits"] == {"image": 20, "video": 100, "audio": None} and one["steps"]
    shown = reeld("templates", "vim_wc26_team").stdout
    assert all(option["key"] in shown for option in one["available_options"])
    said = reeld("templates", "vim_artic")
    assert said.returncode == 1 and "did you mean vim_arctic?" in said.stderr


def test_a_catalog_of_ones_own(tmp_path, talk):
    (tmp_path / "mine").mkdir()
    talk.rename(tmp_path / "mine" / "talk.json")
    assert [row["template_id"] for row in json.loads(reeld("templates", "--json", "--catalog", tmp_path / "mine").stdout)] \
        == ["talk"]
    said = reeld("templates", "--catalog", tmp_path / "none")
    assert said.returncode == 1 and said.stderr.startswith("reeld: ")


def test_validate_lists_every_fault(tmp_path, talk):
    said = reeld("validate", talk)
    assert said.returncode == 0 and said.stdout == f"{talk} is valid.\n"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**CHAT, "label": 3, "steps": [
        {"id": "say", "flow": "shout", "params": {}}, {"id": "two", "flow": "chat", "when": "options.nothing == 1"}]}))
    said = reeld("validate", bad)
    assert said.returncode == 1 and said.stderr == ""
    assert "error: /steps/0/flow: " in said.stdout and "error: /steps/1/when (column " in said.stdout
    told = json.loads(reeld("validate", bad, "--json").stdout)
    assert told["valid"] is False and len(told["errors"]) == said.stdout.count("error: ")
    assert all({"path", "code", "message"} <= set(fault) for fault in told["errors"])
    bad.write_text('{"id": ')
    said = reeld("validate", bad)
    assert said.returncode == 1 and "line 1" in said.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "catalog").glob("*.json")), ids=lambda path: path.stem)
def test_every_template_of_the_catalog_is_valid(path):
    said = reeld("validate", path)
    assert said.returncode == 0, said.stdout


# --- runs ---


def test_run_of_a_catalog_template_leaves_a_picture(tmp_path):
    said = reeld("run", "vim_sketch_me", "pipeline_mode=image", "--image", PHOTOS / "chelsea.png", "--out",
                 tmp_path / "out")
    assert said.returncode == 0, said.stderr
    path = tmp_path / "out" / "vim_sketch_me-1.png"
    assert said.stdout == f"{path}\n" and path.read_bytes().startswith(b"\x89PNG")
    lines = said.stderr.splitlines()
    assert re.fullmatch(r"  0% \w*", lines[0]) and lines[-1].startswith("100%"), "plain lines without a terminal"
    assert [int(line[:3]) for line in lines] == sorted(int(line[:3]) for line in lines)


def test_run_with_files_for_an_option(tmp_path):
    said = reeld("run", "vim_images2grid", "grid_pattern=1x2", f"image_urls=@{PHOTOS / 'chelsea.png'}",
                 f"image_urls=@{PHOTOS / 'coffee.png'}", "--json", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    assert told["status"] == "success" and len(told["results"]) == 1
    assert (tmp_path / told["results"][0]).stat().st_size > 10000


def test_run_of_a_definition_file(tmp_path, talk):
    said = reeld("run", talk, "topic=@home", "count=2", "loud=true", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "./talk-1.txt\n" and (tmp_path / "talk-1.txt").read_text()


def test_run_leaves_nothing_in_the_temporary_folder(tmp_path, talk):
    (tmp_path / "tmp").mkdir()
    said = reeld("run", talk, "topic=a", "--out", tmp_path / "out", environment={"TMPDIR": str(tmp_path / "tmp")})
    assert said.returncode == 0 and list((tmp_path / "tmp").iterdir()) == []
    said = reeld("run", talk, "topic=a", "--data", tmp_path / "kept", "--out", tmp_path / "out")
    assert said.returncode == 0 and (tmp_path / "kept" / "reeld.db").exists()


@pytest.mark.parametrize("arguments, status, sentence", [
    (["topic=a", "colour=red"], 2, "/options/colour: "),
    ([], 2, "/options/topic: "),
    (["topic=a", "count=9"], 2, "/options/count: "),
    (["topic=a", "count=many"], 2, "/options/count: "),
    (["topic=" + "a" * 41], 2, "/options/topic: "),
    (["topic=a", "--image", "none.png"], 1, "The file none.png cannot be read."),
    (["topic=a", "--image", "."], 1, "The file . cannot be read."),
    (["topic=a", "--out", "talk.json/x"], 1, "cannot be made"),
])
def test_faults_of_a_run(tmp_path, talk, arguments, status, sentence):
    said = reeld("run", talk, *arguments, cwd=tmp_path)
    assert said.returncode == status, said
    assert sentence in said.stderr and said.stdout == ""


def test_run_of_an_invalid_definition_fails(tmp_path, talk):
    talk.write_text(json.dumps({**CHAT, "outputs": [{"step": "nobody"}]}))
    said = reeld("run", talk, "topic=a", cwd=tmp_path)
    assert said.returncode == 1 and "/outputs/0" in said.stderr and "is not a valid template." in said.stderr


def test_run_that_fails_says_why(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"this is no picture")
    said = reeld("run", "vim_sketch_me", "--image", bad, "--json", cwd=tmp_path)
    assert said.returncode == 1
    error = json.loads(said.stdout)["error"]
    assert error["code"] == "BAD_INPUT" and error["message"] in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.png"]


def test_run_draws_a_bar_on_a_terminal(tmp_path, talk):
    ours, theirs = pty.openpty()
    with subprocess.Popen([str(REELD), "run", str(talk), "topic=a"], stdout=subprocess.PIPE, stderr=theirs,
                          env=clean(), cwd=tmp_path) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
        assert process.stdout.read() == b"./talk-1.txt\n" and process.wait(60) == 0
    os.close(ours)
    assert b"\r[" + b"#" * 30 + b"] 100%" in shown and shown.endswith(b"\r\n")


def test_interrupt_cancels_a_run(tmp_path):
    command = [str(REELD), "run", "vim_arctic", "--image", str(PHOTOS / "astronaut.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean(),
                          cwd=tmp_path) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
        assert "cancel" in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_version():
    said = reeld("version")
    assert re.fullmatch(r"reeld \d+\.\d+\.\d+\n", said.stdout)
    assert reeld("--version").stdout == said.stdout
    assert json.loads(reeld("version", "--json").stdout) == {"version": said.stdout.split()[1]}


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        said = subprocess.run([str(REELD), "templates"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert said.returncode == 1 and "could not be written" in said.stderr


def test_folder_names_are_taken_as_they_are(tmp_path):
    odd = tmp_path / "a folder ünd 'more'"
    assert reeld("key", "create", "--customer", "acme", "--data", odd).returncode == 0
    assert pathlib.Path(odd, "reeld.db").exists()
