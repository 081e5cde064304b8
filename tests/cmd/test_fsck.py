"""The proof of a data folder: silent on what the server wrote, precise on what was changed behind its back."""
import json
import os
import shutil
import sqlite3

import pytest

from conftest import PHOTOS, Server


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with workflows of every end, a file in use, an asset, a delivery."""
    server = Server(tmp_path_factory.mktemp("fsck") / "data", "--workers", "1").start()
    try:
        picture = server.upload(PHOTOS / "coffee.png")["url"]
        good = [server.run("vim_grid2images", {"image_url": picture}, webhook_url="http://127.0.0.1:1/hook") for _ in range(2)]
        assert all(data["processing_status"] == "success" for data in good)
        bad = server.run("vim_grid2images", {"image_url": "http://127.0.0.1:1/none.png"})
        assert bad["processing_status"] == "fail"
        assert server.request("POST", f"/v2/workflow/{bad['id']}/retry").status_code == 200
        assert server.finish(bad["id"])["processing_status"] == "fail"
        hanging = server.create("vim_grid2images", {"image_url": "http://127.0.0.1:1/none.png"}).json()["data"]["id"]
        assert server.request("POST", f"/v2/workflow/{hanging}/cancel").status_code == 200
        server.finish(hanging)
    finally:
        server.stop()
    return server


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to tamper with."""
    copy = Server(tmp_path / "data")
    shutil.copytree(whole.folder, copy.folder)
    return copy


def prove(server):
    done = server.command("fsck", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1), done
    assert report["ok"] == (report["faults"] == [])
    return report


def test_what_the_server_wrote_is_whole(whole):
    report = prove(whole)
    assert report["ok"], report["faults"]
    assert (report["customers"], report["workflows"]) == (1, 4)
    assert report["ledger_rows"] == 1 + 2 * 2 + 4 + 2
    assert report["files"] == 5 and report["unused_files"] == 0
    text = whole.command("fsck")
    assert text.returncode == 0 and "all is as it should be" in text.stdout


TAMPERINGS = [
    ("UPDATE customers SET balance = balance + 1", "customer", "sum of the ledger"),
    ("UPDATE ledger SET amount = amount + 1 WHERE kind = 'grant'", "customer", "sum of the ledger"),
    ("DELETE FROM ledger WHERE sequence = 3", "customer", "Rows of the ledger are missing"),
    ("UPDATE ledger SET balance = balance - 5 WHERE sequence = 2", "ledger row", "row before plus its amount"),
    ("UPDATE ledger SET kind = 'gift' WHERE sequence = 2", "ledger row", "No movement of this kind"),
    ("UPDATE workflows SET used_credits = 1 WHERE status = 2", "workflow", "do not sum to what it has cost"),
    ("UPDATE ledger SET workflow_id = 'x' WHERE kind = 'settle'", "workflow", "settled exactly when"),
    ("UPDATE workflows SET price = price + 1 WHERE status = 2", "workflow", "not what was reserved"),
    ("UPDATE workflows SET key_id = 'x' WHERE status = 2", "workflow", "a key that its customer does not have"),
    ("DELETE FROM tasks", "workflow", "a result that no step of it gave"),
    ("UPDATE customers SET storage_bytes = storage_bytes - 1", "customer", "not the sum of its files"),
    ("UPDATE workflow_blobs SET size = size + 1 WHERE size > 0", "file owner", "another size"),
    ("UPDATE workflows SET progress = 50 WHERE status = 2", "workflow", "contradict each other"),
    ("UPDATE workflows SET status = 9 WHERE status = 4", "workflow", "contradict each other"),
    ("UPDATE workflows SET status = 1 WHERE status = 2", "workflow", "contradict each other"),
    ("UPDATE workflows SET result_json = NULL WHERE status = 2", "workflow", "without its result"),
    ("UPDATE workflows SET options_json = '{' WHERE status = 2", "workflow", "cannot be read"),
    ("UPDATE tasks SET state = 0, result_json = NULL", "workflow", "a step of it has not"),
    ("UPDATE tasks SET result_json = NULL WHERE state = 1", "step", "contradict each other"),
    ("UPDATE tasks SET result_json = 'x' WHERE state = 1", "step", "cannot be read"),
    ("UPDATE tasks SET used_credits = used_credits + 1 WHERE state = 1", "workflow", "shares of its steps"),
    ("UPDATE definitions SET json = json || ' '", "definition", "not the one that was stored"),
    ("UPDATE webhooks SET attempt_count = 7", "delivery", "contradict each other"),
    ("DELETE FROM workflow_blobs", "step", "not kept for the workflow"),
    ("UPDATE assets SET size = 5", "file owner", "another size"),
    ("DELETE FROM workflows WHERE status = 4", "database", "belongs to something that is not there"),
]


@pytest.mark.parametrize("statement, thing, sentence", TAMPERINGS)
def test_tampering_is_told(folder, statement, thing, sentence):
    database = sqlite3.connect(folder.folder / "reeld.db")
    with database:
        assert database.execute(statement).rowcount > 0
    database.close()
    faults = prove(folder)["faults"]
    assert any(fault["object"] == thing and sentence in fault["message"] for fault in faults), faults
    text = folder.command("fsck")
    assert text.returncode == 1 and sentence in text.stdout and "faults." in text.stdout


def blobs(folder):
    return sorted(path for path in (folder.folder / "blobs").glob("??/*") if len(path.parent.name) == 2)


def test_a_missing_file_is_told(folder):
    path = blobs(folder)[0]
    path.unlink()
    faults = prove(folder)["faults"]
    assert {"object": "file", "id": path.name, "message": "It is missing, and something refers to it."} in faults


def test_a_changed_file_is_told(folder):
    path = blobs(folder)[0]
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    faults = prove(folder)["faults"]
    assert faults == [{"object": "file", "id": path.name, "message": "Its bytes are not those that were stored."}]


def test_a_file_that_nothing_uses_is_no_fault(folder):
    stray = folder.folder / "blobs" / "e3" / "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    report = prove(folder)
    assert report["ok"] and (report["unused_files"], report["removed_files"]) == (1, 0)
    before = len(blobs(folder))
    done = folder.command("fsck", "--remove-unused")
    assert done.returncode == 0 and "removed" in done.stdout
    assert not stray.exists() and len(blobs(folder)) == before - 1
    assert prove(folder)["unused_files"] == 0


def test_a_damaged_database_is_told(folder):
    path = folder.folder / "reeld.db"
    with open(path, "r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(8 * 4096))
    done = folder.command("fsck")
    assert done.returncode == 1
    assert "damaged" in done.stdout + done.stderr or "malformed" in done.stdout + done.stderr, done


def test_fsck_wants_the_folder_for_itself(new_server, tmp_path):
    server = new_server("--workers", "1")
    done = server.command("fsck")
    assert done.returncode == 1 and "already running" in done.stderr
    empty = Server(tmp_path / "empty")
    empty.folder.mkdir()
    done = empty.command("fsck")
    assert done.returncode == 1 and "no data" in done.stderr
    assert list(empty.folder.iterdir()) == []
