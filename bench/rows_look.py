"""The look: nets, mattes, scenes, cartoons and frames, against fixed limits of processor time."""
import subprocess

from measure import ROOT, median
from table import Line, row

PHOTO = ROOT / "tests" / "data" / "astronaut.png"
ROUNDS = 3


def times(command, rounds=ROUNDS):
    """What a helper program prints, NAME MS a line: the median of several runs."""
    found = {}
    for _ in range(rounds):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, timeout=200)
        for line in done.stdout.splitlines():
            name, value = line.split()
            found.setdefault(name, []).append(float(value))
    return {name: median(values) for name, values in found.items()}


@row("nets", "the person matte: its net, and refined, at one megapixel")
def measure_nets(context):
    found = times([context.build / "bench" / "nets_bench", ROOT, PHOTO], 1)
    return [Line("person matte, the net", "CPU ms", found["selfie_run"], floor=6, reach=2.5),
            Line("person matte, refined, 1 MP", "CPU ms", found["matte"], floor=100, reach=40)]


@row("look", "a person in a scene, a cartoon, the frames of a clip")
def measure_look(context):
    found = times([context.build / "bench" / "look_bench", context.build / "reeld.pack", PHOTO])
    return [Line("person in a scene, 1080p, plate cached", "CPU ms", found["compose"], floor=400, reach=150),
            Line("cartoon by the painter nets, 1 MP", "CPU ms", found["cartoon"], floor=6000, reach=1500),
            Line("frame of a clip before encoding, 1080p, slowest move", "CPU ms", found["frame"], floor=8, reach=5)]
