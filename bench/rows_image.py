"""Stills: the grid of four photos of 12 megapixels, and the split of one."""
import contextlib
import json

import pictures
from measure import Cost, in_tree, median, median_ratio, rounds, run_command
from servers import Reeld, Resident, peers_folder
from table import Line, row

ROUNDS, TIMES = 4, 4
WIDTH, HEIGHT = 4096, 3072
# What the product writes; the peers are asked for the same.
GRID_QUALITY, SPLIT_QUALITY = 90, 92


def workflow_cost(reeld, template, options, times=1):
    """The whole product: engine, storing, hashing, the step in its jailed worker."""
    return repeated(reeld.pid, lambda: reeld.run(template, options), times)


def repeated(pid, work, times):
    """One of several times, since the kernel counts in hundredths of a second."""
    cost = in_tree(pid, lambda: [work() for _ in range(times)])
    return Cost(cost.cpu / times, cost.wall / times)


def lines(what, results, limits, ours="reeld"):
    columns = {name: Cost(*zip(*costs)) for name, costs in results.items()}
    mine = columns[ours].cpu
    return [Line(what, "CPU ms", 1000 * median(mine), peer, 1000 * median(columns[peer].cpu),
                 median_ratio(mine, columns[peer].cpu), **more)
            for peer, more in limits.items()]


def vips_grid(photos, folder):
    """The vips command line: a thumbnail of each, then their join."""
    cells = [folder / f"vips-{index}.v" for index in range(4)]
    costs = [run_command(["vipsthumbnail", photo, "--size", f"{WIDTH // 2}x{HEIGHT // 2}!", "-o", cell])
             for photo, cell in zip(photos, cells)]
    costs.append(run_command(["vips", "arrayjoin", " ".join(map(str, cells)),
                              f"{folder / 'vips.jpg'}[Q={GRID_QUALITY}]", "--across", "2"]))
    return Cost(*map(sum, zip(*costs)))


@row("grid", "2x2 grid of four 12-megapixel JPEG against sharp, ImageMagick and the vips command line")
def measure_grid(context):
    photos = [pictures.photo(context.folder / f"photo-{index}.jpg", seed=index + 1) for index in range(4)]
    with contextlib.ExitStack() as stack:
        reeld = stack.enter_context(contextlib.closing(Reeld(context.build)))
        sharp = stack.enter_context(contextlib.closing(Resident(["node", peers_folder() / "sharp.mjs"])))
        options = {"image_urls": [reeld.upload(photo, "image/jpeg") for photo in photos]}
        job = json.dumps({"grid": [str(photo) for photo in photos], "out": str(context.folder / "sharp.jpg"),
                          "width": WIDTH, "height": HEIGHT, "quality": GRID_QUALITY})
        montage = ["montage", *photos, "-tile", "2x2", "-geometry", f"{WIDTH // 2}x{HEIGHT // 2}+0+0", "-quality",
                   GRID_QUALITY, context.folder / "montage.jpg"]
        reeld.run("bench_grid", options)
        sharp.ask(job)
        results = rounds(ROUNDS, {
            "reeld": lambda: workflow_cost(reeld, "bench_grid", options),
            "sharp": lambda: in_tree(sharp.pid, lambda: sharp.ask(job)),
            "ImageMagick": lambda: run_command(montage),
            "vips CLI": lambda: vips_grid(photos, context.folder),
        })
    return lines("2x2 grid of 12 MP JPEG", results, {
        "sharp": {"floor": 0.70, "reach": 0.5},
        "ImageMagick": {"floor": 0.32},
        "vips CLI": {"floor": 1.0},
    })


@row("split", "split of a 12-megapixel grid against sharp, lossless and encoded anew")
def measure_split(context):
    grid = pictures.photo(context.folder / "grid.jpg", WIDTH, HEIGHT, quality=SPLIT_QUALITY)
    with contextlib.ExitStack() as stack:
        reeld = stack.enter_context(contextlib.closing(Reeld(context.build)))
        sharp = stack.enter_context(contextlib.closing(Resident(["node", peers_folder() / "sharp.mjs"])))
        url = reeld.upload(grid, "image/jpeg")

        def job(trim):
            return json.dumps({"split": str(grid), "out": str(context.folder / "split"), "width": WIDTH,
                               "height": HEIGHT, "quality": SPLIT_QUALITY, "trim": trim})

        for trim in (0, 4):
            reeld.run("bench_split", {"image_url": url, "trim": trim})
            sharp.ask(job(trim))
        results = rounds(ROUNDS, {
            "reeld": lambda: workflow_cost(reeld, "bench_split", {"image_url": url}, TIMES),
            "sharp": lambda: repeated(sharp.pid, lambda: sharp.ask(job(0)), TIMES),
            "trimmed": lambda: workflow_cost(reeld, "bench_split", {"image_url": url, "trim": 4}, TIMES),
            "sharp, trimmed": lambda: repeated(sharp.pid, lambda: sharp.ask(job(4)), TIMES),
        })
    return (lines("split of a 12 MP grid, lossless", results, {"sharp": {"floor": 0.35, "reach": 0.3}})
            + lines("split of a 12 MP grid, encoded anew", results, {"sharp, trimmed": {"floor": 0.5}}, "trimmed"))
