"""The server dies by SIGKILL at random moments under load and is started again: nothing is lost, doubled or charged twice, no
finished step runs again, nothing that a client was told turns out untrue, and receivers hear of every workflow."""
import os
import random

from siege import STEPS, Receiver, Siege

WORKFLOWS = 100
KILLS = 14


def test_nothing_is_lost_doubled_or_charged_twice(tmp_path):
    seed = int(os.environ.get("REELD_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    print("seed", seed)
    receiver = Receiver()
    siege = Siege(tmp_path, receiver, random.Random(seed))
    try:
        with receiver.listening():
            siege.start()
            siege.round(KILLS, WORKFLOWS)
            siege.prove()
    finally:
        siege.server.stop()
    print(siege.report())
    assert siege.starts >= WORKFLOWS * len(STEPS)
    assert sum(count > 0 for count in siege.in_flight) >= KILLS // 2 and siege.half_done > 0 and siege.broken > 0
