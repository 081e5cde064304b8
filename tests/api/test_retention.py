"""What is older than it may become is deleted with its files; what others use, and what is young, stays."""
import sqlite3
import time

from conftest import PHOTOS

DAY_US = 24 * 3600 * 1000000


def age(server, table, column, ids, days):
    with sqlite3.connect(server.folder / "reeld.db") as database:
        for name in ids:
            changed = database.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE id = ?", (days * DAY_US, name))
            assert changed.rowcount == 1
    database.close()


def blobs(server):
    return {path.name for path in (server.folder / "blobs").glob("??/*") if len(path.parent.name) == 2}


def status(server, name):
    return server.request("GET", f"/v2/workflow/{name}").status_code


def wait_gone(server, names):
    until = time.monotonic() + 60
    while any(status(server, name) == 200 for name in names):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_old_objects_go_and_young_ones_stay(new_server):
    server = new_server("--workers", "1")
    cat, coffee = (server.upload(PHOTOS / name) for name in ("chelsea.png", "coffee.png"))
    runs = [server.run("vim_grid2images", {"image_url": asset["url"]}, webhook_url="http://127.0.0.1:1/hook")
            for asset in (cat, cat, coffee)]
    assert all(data["processing_status"] == "success" for data in runs)
    shared_old, shared_young, alone_old = (data["id"] for data in runs)
    result = {data["id"]: {piece["sha256"] for piece in data["result"]} for data in runs}
    assert result[shared_old] == result[shared_young]
    server.stop()
    age(server, "workflows", "finished_at", [shared_old, alone_old], 8)
    age(server, "workflows", "finished_at", [shared_young], 6)
    age(server, "assets", "created_at", [coffee["id"]], 4)
    server.start()
    time.sleep(2)  # nothing is deleted unless it is asked for
    assert all(status(server, name) == 200 for name in result)
    server.stop()
    server.flags += ["--keep-workflows", "7", "--keep-assets", "3"]
    server.start()
    wait_gone(server, [shared_old, alone_old])
    assert status(server, shared_young) == 200
    until = time.monotonic() + 60
    while blobs(server) != result[shared_young] | {cat["sha256"]}:
        assert time.monotonic() < until
        time.sleep(0.05)
    path = "/" + cat["url"].split("/", 3)[3]
    assert server.request("GET", path).status_code == 200
    assert server.run("vim_grid2images", {"image_url": coffee["url"]})["error"]["code"] == "BAD_INPUT"
    assert len(server.request("GET", "/v2/webhooks/deliveries").json()["data"]) == 1
    server.stop()
    assert server.command("fsck").returncode == 0


def test_many_old_workflows_go_in_batches(new_server):
    server = new_server("--workers", "2")
    picture = server.upload(PHOTOS / "chelsea.png")["url"]
    names = [server.create("vim_grid2images", {"image_url": picture}).json()["data"]["id"] for _ in range(120)]
    for name in names:
        server.finish(name)
    server.stop()
    age(server, "workflows", "finished_at", names, 2)
    server.flags += ["--keep-workflows", "1"]
    server.start()
    wait_gone(server, names)
    server.stop()
    assert "all is as it should be" in server.command("fsck").stdout
