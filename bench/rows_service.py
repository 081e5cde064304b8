"""The server by itself: its memory when idle, and its start on a large database."""
import contextlib
import sqlite3
import time

from measure import median, pss_mib
from servers import Reeld
from table import Line, row

WORKFLOWS = 100_000
STARTS = 5


@row("idle", "memory of the idle server process")
def measure_idle(context):
    sizes = []
    for _ in range(3):
        with contextlib.closing(Reeld(context.build)) as reeld:
            time.sleep(0.5)
            sizes.append(pss_mib(reeld.pid))
    return [Line("idle server process", "PSS MiB", median(sizes), floor=16, reach=8)]


def multiply(path, workflow_id):
    """Copies a finished workflow with its steps until there are many; what the columns are does not matter."""
    database = sqlite3.connect(path)
    for table, key in (("workflows", "id"), ("tasks", "workflow_id")):
        columns = [column[1] for column in database.execute(f"PRAGMA table_info({table})")]
        copied = ", ".join("printf('%s-%06d', substr(?, 1, 29), n)" if column == key else column for column in columns)
        database.execute(f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
                         f" INSERT INTO {table} ({', '.join(columns)}) SELECT {copied} FROM numbers"
                         f" JOIN {table} ON {key} = ?", (WORKFLOWS - 1, workflow_id, workflow_id))
    database.commit()
    count = database.execute("SELECT COUNT(*) FROM workflows").fetchone()[0]
    database.close()
    if count != WORKFLOWS:
        raise RuntimeError(f"{count} workflows instead of {WORKFLOWS}")


@row("start", "start to ready on a database of 100,000 workflows")
def measure_start(context):
    with contextlib.closing(Reeld(context.build)) as reeld:
        workflow = reeld.run("bench_chat")["id"]
        reeld.kill()
        multiply(reeld.folder / "data" / "reeld.db", workflow)
        seconds = []
        for _ in range(STARTS):
            seconds.append(reeld.start())
            reeld.kill()
    return [Line("start to ready, 100,000 workflows", "s", median(seconds), floor=1, reach=0.3)]
