"""What an operator relies on: metrics, logs, a graceful stop, HTTPS, first answers after a start."""
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
import requests

from conftest import PHOTOS, REELD, Server

CHAT = {"id": "talk", "label": "Talk", "description": "d", "category": "c", "inputs": [], "credits": {"image": 1},
        "available_options": [{"key": "topic", "component": "text", "default": "rain"}],
        "steps": [{"id": "first", "flow": "chat", "params": {"prompt": "{{options.topic}}"}},
                  {"id": "second", "flow": "chat", "when": "options.topic == 'snow'", "params": {"prompt": "{{steps.first.text}}"}}],
        "outputs": [{"step": "first"}]}
SLOW = {"id": "slow", "label": "Slow", "description": "d", "category": "c", "inputs": [], "credits": {"image": 1},
        "available_options": [{"key": "photo", "component": "image", "required": True}],
        "steps": [{"id": "move", "flow": "create_video", "params": {"image_url": "{{options.photo}}", "duration": 3}}],
        "outputs": [{"step": "move"}]}


def figures(server, **arguments):
    """{name{labels}: value} of /metrics, after checking its form line by line."""
    answer = requests.get(server.base + "/metrics", timeout=30, **arguments)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    told, types = {}, {}
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(r'([a-z_]+)((?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})?) (\S+)', line)
            assert match, line
            family = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert match[1] in types or types.get(family) == "histogram", line
            assert match[1] + match[2] not in told, line
            told[match[1] + match[2]] = float(match[3])
    return told


def figures_with(server, name, value):
    """A workflow is counted just after its clients can know."""
    until = time.monotonic() + 20
    while (told := figures(server)).get(name) != value:
        assert time.monotonic() < until, told
        time.sleep(0.05)
    return told


def save(server, template):
    answer = server.request("POST", "/v2/workflow/templates", json=template)
    assert answer.status_code == 200, answer.text


def lines_of(server, workflow_id):
    answer = server.request("GET", f"/v2/workflow/{workflow_id}/logs")
    assert answer.status_code == 200, answer.text
    lines = answer.json()["data"]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    return [(line["level"], line["step_id"], line["text"]) for line in lines]


# --- metrics ---


def test_metrics_count_what_happens(new_server):
    server = new_server()
    before = figures(server)
    assert before['reeld_info{version="0.1.0"}'] == 1 and before["process_resident_memory_bytes"] > 1e6
    save(server, CHAT)
    assert server.run("talk")["processing_status"] == "success"
    assert server.request("GET", "/v2/nothing").status_code == 404
    after = figures_with(server, 'reeld_workflows_total{status="success"}', 1)
    assert after['reeld_steps_total{flow="chat",outcome="success"}'] == 1
    assert after['reeld_step_seconds_count{flow="chat"}'] == 1
    assert after['reeld_http_requests_total{operation="workflow_create",status="200"}'] == 1
    assert after['reeld_http_requests_total{operation="none",status="404"}'] == 1
    assert after['reeld_http_request_seconds_bucket{operation="workflow_create",le="+Inf"}'] == 1
    assert after["reeld_store_writes_total"] > before["reeld_store_writes_total"]
    assert after['reeld_store_commits_total{outcome="done"}'] == after["reeld_store_commit_seconds_count"]
    assert after["reeld_webhooks_pending"] == after["reeld_workflows_active"] == after["reeld_steps_queued"] == 0
    assert after['reeld_workers{state="idle"}'] >= 1 and after["reeld_worker_crashes_total"] == 0


def test_metrics_count_failures(new_server):
    server = new_server()
    told = server.run("vim_grid2images", {}, ["data:image/png;base64,AAAA"])
    assert told["processing_status"] == "fail"
    after = figures_with(server, 'reeld_workflows_total{status="fail"}', 1)
    assert after['reeld_steps_total{flow="split_grid_images",outcome="fail"}'] == 1


def test_metrics_with_a_key_of_their_own(new_server):
    server = new_server("--metrics-key", "sesame")
    for headers in ({}, {"X-Api-Key": server.key}, {"Authorization": "Bearer open"}):
        answer = requests.get(server.base + "/metrics", headers=headers, timeout=30)
        assert answer.status_code == 401 and answer.json() == {"message": "UNAUTHORIZED"}
    assert figures(server, headers={"X-Api-Key": "sesame"})
    assert figures(server, headers={"Authorization": "Bearer sesame"})
    shown = server.command("config", "--metrics-key", "sesame", "--json").stdout
    assert "sesame" not in shown and json.loads(shown)["metrics-key"]["value"] == "********"


# --- logs ---


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """With templates of its own, which the lists of the shared one are not to show."""
    running = Server(tmp_path_factory.mktemp("mine") / "data").start()
    yield running
    assert running.stop() == 0


def test_log_of_a_workflow_says_what_its_steps_did(mine):
    save(mine, CHAT)
    done = mine.run("talk")
    lines = lines_of(mine, done["id"])
    assert lines[0] == ("info", None, "The workflow was accepted.") and lines[1] == ("info", None, "The workflow began.")
    assert ("info", "first", "The step began.") in lines
    assert any(level == "info" and step == "first" and re.match(r"The step is done after [\d.]+ s\.", text)
               for level, step, text in lines)
    assert [line for line in lines if line[1] == "second"] == [
        ("info", "second", "The step was skipped: Its condition is not met: options.topic == 'snow'.")]
    assert lines[-1] == ("info", None, "The workflow ended with success.")


def test_log_says_why_each_step_was_skipped(mine):
    """Also one that needs a skipped step, and one that may fail and whose parameters turn out to be wrong."""
    save(mine, {"id": "skipper", "available_options": [{"key": "n", "component": "text", "default": "3x"}], "steps": [
        {"id": "never", "flow": "chat", "when": "options.n == 'x'", "params": {"prompt": "a"}},
        {"id": "after", "flow": "chat", "params": {"prompt": "{{steps.never.text}}"}},
        {"id": "wrong", "flow": "split_grid_images", "params": {"image_url": "data:image/png;base64,AAAA", "grid_pattern": "{{options.n}}"},
         "on_error": "continue"},
        {"id": "done", "flow": "chat", "params": {"prompt": "b"}}], "outputs": [{"step": "done"}]})
    done = mine.run("skipper")
    assert done["processing_status"] == "success", done
    told = {step: (level, text) for level, step, text in lines_of(mine, done["id"]) if "skipped" in text}
    assert told["never"] == ("info", "The step was skipped: Its condition is not met: options.n == 'x'.")
    assert told["after"] == ("info", "The step was skipped: It needs the output of the step never, which was skipped.")
    assert told["wrong"][0] == "warning" and told["wrong"][1].startswith("The step was skipped: ") and len(told) == 3, told


def test_log_says_what_a_cancel_dropped(mine):
    save(mine, SLOW)
    photo = mine.upload(PHOTOS / "coffee.png")["url"]
    created = mine.create("slow", {"photo": photo}).json()["data"]
    until = time.monotonic() + 30
    while mine.request("GET", f"/v2/workflow/{created['id']}").json()["data"]["processing_status"] == "queue":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert mine.request("POST", f"/v2/workflow/{created['id']}/cancel").status_code == 200
    told = [text for _, step, text in lines_of(mine, created["id"]) if step == "move"]
    assert re.fullmatch("The step was (skipped|stopped): The workflow was cancelled before this step was done.", told[-1]), told


def test_log_of_a_failure_says_why(mine):
    done = mine.run("vim_grid2images", {}, ["data:image/png;base64,AAAA"])
    lines = lines_of(mine, done["id"])
    assert ("error", done["error"]["step_id"], done["error"]["message"]) in lines
    assert lines[-1] == ("error", None, f"The workflow failed: {done['error']['message']}")


def test_log_tells_of_attempts_that_failed(mine):
    save(mine, {**SLOW, "id": "stubborn", "steps": [
        {"id": "cut", "flow": "split_grid_images", "params": {"image_url": "{{options.photo}}", "grid_pattern": "1x1"},
         "retry": {"max_attempts": 2, "delay_s": 0.1}}], "outputs": [{"step": "cut"}]})
    done = mine.run("stubborn", {"photo": "http://127.0.0.1:9/none.png"})
    assert done["processing_status"] == "fail" and done["error"]["code"] == "FETCH_FAILED"
    warnings = [text for level, step, text in lines_of(mine, done["id"]) if level == "warning" and step == "cut"]
    assert len(warnings) == 2 and "Attempt 2 follows" in warnings[0] and "Attempt 3 follows" in warnings[1]


def test_log_has_what_a_step_said(mine):
    """A picture in which nobody is to be found is told to whoever asks why it looks as it does."""
    photo = mine.upload(PHOTOS / "coffee.png")["url"]
    done = mine.run("vim_arctic", {"pipeline_mode": "image"}, [photo])
    lines = lines_of(mine, done["id"])
    began = [index for index, line in enumerate(lines) if line[2] == "The step began."]
    ended = [index for index, line in enumerate(lines) if line[2].startswith("The step is done")]
    assert ended and any(level == "info" and step for level, step, _ in lines[began[0] + 1:ended[-1]]), lines


def test_log_is_the_customers_own(mine):
    save(mine, CHAT)
    done = mine.run("talk")
    other = json.loads(mine.command("key", "create", "--customer", "curious", "--json").stdout)["key"]
    answer = requests.get(f"{mine.base}/v2/workflow/{done['id']}/logs", headers={"X-Api-Key": other}, timeout=30)
    assert answer.status_code == 404 and answer.json() == {"message": "NOT_FOUND"}


def test_server_log_is_json_with_request_and_workflow(new_server):
    server = new_server("--log-json")
    save(server, CHAT)
    answer = server.request("POST", "/v2/workflow", json={"template_id": "talk"}, headers={"X-Request-Id": "my-request-1"})
    workflow = server.finish(answer.json()["data"]["id"])["id"]
    server.request("GET", "/health", headers={"X-Request-Id": 'forged"\\u000a'})
    assert server.stop() == 0
    rows = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert all({"time", "level", "process", "message"} <= set(row) for row in rows)
    accepted = [row for row in rows if row["message"] == "workflow accepted"]
    assert [(row["workflow_id"], row["request_id"]) for row in accepted] == [(workflow, "my-request-1")]
    assert any(row.get("request_id") == "my-request-1" and row["message"] == "request" for row in rows)
    assert any(row["message"] == "workflow ended" and row["workflow_id"] == workflow for row in rows)
    assert server.key not in server.log.read_text(), "keys are never logged"


# --- stopping ---


def test_graceful_stop_finishes_running_steps(new_server):
    server = new_server("--grace", "60")
    save(server, SLOW)
    photo = server.upload(PHOTOS / "astronaut.png")["url"]
    workflow = server.create("slow", {"photo": photo}).json()["data"]["id"]
    until = time.monotonic() + 60
    while server.request("GET", f"/v2/workflow/{workflow}").json()["data"]["progress_percentage"] < 5:
        assert time.monotonic() < until
        time.sleep(0.05)
    held = {}

    def hold():
        held["answer"] = server.request("GET", f"/v2/workflow/{workflow}?wait=60")

    waiting = threading.Thread(target=hold)
    waiting.start()
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    waiting.join(60)
    assert held["answer"].status_code == 200, "who waited is answered"
    with pytest.raises(requests.ConnectionError):
        requests.get(server.base + "/health", timeout=10)
    assert server.process.wait(90) == 0
    server.start()
    done = server.finish(workflow)
    assert done["processing_status"] == "success"
    starts = [text for _, step, text in lines_of(server, workflow) if step == "move" and text.startswith("The step began")]
    assert starts == ["The step began."], "the step ran once"


def test_stop_without_grace_goes_on_after_the_next_start(new_server):
    server = new_server("--grace", "0")
    save(server, SLOW)
    photo = server.upload(PHOTOS / "astronaut.png")["url"]
    workflow = server.create("slow", {"photo": photo}).json()["data"]["id"]
    time.sleep(0.5)
    assert server.stop(30) == 0
    server.start()
    assert server.finish(workflow)["processing_status"] == "success"


@pytest.mark.parametrize("pause", [0.1, 0.4, 0.8])
def test_stop_in_the_middle_of_requests(new_server, pause):
    """Clients with open connections go on asking while the parts that answer them are taken down."""
    server = new_server("--grace", "0")
    save(server, CHAT)
    accepted = []

    def ask():
        with requests.Session() as session:
            session.headers["X-Api-Key"] = server.key
            try:
                for _ in range(2000):
                    answer = session.post(server.base + "/v2/workflow", json={"template_id": "talk"}, timeout=30)
                    if answer.status_code == 200:
                        accepted.append(answer.json()["data"]["id"])
                    session.put(f"{server.base}/v2/workflow/{accepted[-1]}/cancel", timeout=30)
                    session.get(server.base + "/v2/workflow", timeout=30)
            except requests.RequestException:
                pass  # the connection was closed

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(pause)
    assert server.stop() == 0
    for client in clients:
        client.join(60)
    assert accepted
    server.start()
    assert {server.finish(workflow)["processing_status"] for workflow in accepted} <= {"success", "cancelled"}


# --- HTTPS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
    return folder


def test_https_from_certificate_files(new_server, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    server = new_server("--tls-cert", str(certificate / "cert.pem"), "--tls-key", str(certificate / "key.pem"))
    assert server.base.startswith("https://127.0.0.1:")
    save(server, CHAT)
    assert server.run("talk")["processing_status"] == "success"
    photo = server.upload(PHOTOS / "chelsea.png")
    assert photo["url"].startswith(server.base)
    assert requests.get(photo["url"], timeout=30).content == (PHOTOS / "chelsea.png").read_bytes()
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    host, port = server.base.removeprefix("https://").split(":")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with context.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=host):
            pass
    with pytest.raises(requests.RequestException):
        requests.get("http://" + server.base.removeprefix("https://") + "/health", timeout=10)


@pytest.mark.parametrize("spoil, sentence", [
    (lambda folder: (folder / "key.pem").write_text("no key"), ""),
    (lambda folder: (folder / "cert.pem").write_text("no certificate"), ""),
    (lambda folder: (folder / "key.pem").unlink(), "cannot be read"),
])
def test_certificates_that_cannot_be_used_end_the_start(certificate, tmp_path, spoil, sentence):
    for name in ("key.pem", "cert.pem"):
        (tmp_path / name).write_bytes((certificate / name).read_bytes())
    spoil(tmp_path)
    said = subprocess.run([str(REELD), "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--tls-cert",
                           str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")], capture_output=True,
                          text=True, timeout=30)
    assert said.returncode in (1, 2) and said.stderr.startswith("reeld: ") and sentence in said.stderr
    assert "listening" not in said.stdout


def test_one_file_of_two_is_wrong_usage(certificate, tmp_path):
    said = subprocess.run([str(REELD), "serve", "--data", str(tmp_path / "data"), "--tls-cert", str(certificate / "cert.pem")],
                          capture_output=True, text=True, timeout=30)
    assert said.returncode == 2 and "--tls-cert and --tls-key go together." in said.stderr
