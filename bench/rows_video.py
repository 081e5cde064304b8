"""Video: the logo, the grid and the chain, against the ffmpeg program."""
import contextlib
import re
import subprocess

import pictures
from measure import Cost, in_tree, median, median_ratio, rounds, run_command
from PIL import Image, ImageDraw
from servers import Reeld
from table import Line, row

ROUNDS = 3
# The product's own encoder settings for a finished video.
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-profile:v", "high", "-pix_fmt", "yuv420p"]
FAST_START = ["-movflags", "+faststart"]
# Where overlay_logo puts a logo of 2:1 into 1920x1080 at the top left.
LOGO = "[1:v]scale=346:173[logo];[0:v][logo]overlay=38:38"


def ffmpeg(*arguments):
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]


def make_video(folder, name, seed):
    """Five seconds of 1080p30 with sound: a window that moves over a photo, as soft as what a lens shows."""
    still = folder / f"{name}.png"
    pictures.pixels(1280, 720, seed).resize((2560, 1440), Image.BICUBIC).save(still)
    run_command(ffmpeg("-loop", 1, "-framerate", 30, "-t", 5, "-i", still, "-f", "lavfi", "-i", "sine=330:r=48000:d=5",
                       "-vf", "crop=1920:1080:n*4:n*2", *H264, "-crf", 17, "-c:a", "aac", "-ac", 2,
                       folder / f"{name}.mp4"))
    return folder / f"{name}.mp4"


def make_logo(folder):
    logo = Image.new("RGBA", (400, 200))
    draw = ImageDraw.Draw(logo)
    draw.rounded_rectangle((0, 0, 399, 199), 60, (230, 40, 30, 255))
    draw.ellipse((60, 40, 180, 160), (255, 255, 255, 200))
    logo.save(folder / "logo.png")
    return folder / "logo.png"


def ssim(result, reference):
    """Decibels of structural similarity: higher is nearer to the reference."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-i", str(result), "-i", str(reference), "-lavfi", "ssim", "-f", "null",
                           "-"], capture_output=True, text=True, check=True, timeout=120)
    return float(re.search(r"SSIM .*All:[\d.]+ \(([\d.]+)\)", done.stderr)[1])


def cpu_line(what, results, **limits):
    ours, theirs = (Cost(*zip(*results[name])).cpu for name in ("reeld", "ffmpeg"))
    return Line(what, "CPU ms", 1000 * median(ours), "ffmpeg", 1000 * median(theirs), median_ratio(ours, theirs),
                **limits)


@row("logo", "a logo on 5 s of 1080p video, against the ffmpeg program, with SSIM")
def measure_logo(context):
    folder = context.folder
    video, logo = make_video(folder, "logo-in", 1), make_logo(folder)
    theirs, exact, mine = folder / "logo-theirs.mp4", folder / "logo-exact.mkv", folder / "logo-mine.mp4"
    with contextlib.closing(Reeld(context.build)) as reeld:
        options = {"video_url": reeld.upload(video, "video/mp4"), "logo_url": reeld.upload(logo, "image/png")}
        last = {}
        results = rounds(ROUNDS, {
            "reeld": lambda: in_tree(reeld.pid, lambda: last.update(reeld.run("bench_logo", options))),
            "ffmpeg": lambda: run_command(ffmpeg("-i", video, "-i", logo, "-filter_complex", LOGO, *H264, "-c:a",
                                                 "copy", *FAST_START, theirs)),
        })
        reeld.download(last["result"][0]["url"], mine)
    run_command(ffmpeg("-i", video, "-i", logo, "-filter_complex", LOGO, "-c:v", "ffv1", "-pix_fmt", "yuv420p", "-an",
                       exact))
    ours_db, theirs_db = ssim(mine, exact), ssim(theirs, exact)
    return [cpu_line("logo on 1080p video", results, floor=1.0, reach=0.9),
            Line("logo on 1080p video", "SSIM dB", ours_db, "ffmpeg", theirs_db, ours_db / theirs_db, floor=0.99,
                 better="higher")]


@row("videogrid", "two 1080p videos side by side, against the ffmpeg program")
def measure_video_grid(context):
    folder = context.folder
    videos = [make_video(folder, f"grid-{index}", index + 1) for index in range(2)]
    tile = "[0:v]scale=960:540[a];[1:v]scale=960:540[b];[a][b]hstack"
    with contextlib.closing(Reeld(context.build)) as reeld:
        options = {"video_urls": [reeld.upload(video, "video/mp4") for video in videos]}
        results = rounds(ROUNDS, {
            "reeld": lambda: in_tree(reeld.pid, lambda: reeld.run("bench_video_grid", options)),
            "ffmpeg": lambda: run_command(ffmpeg("-i", videos[0], "-i", videos[1], "-filter_complex", tile, *H264, "-an",
                                                 *FAST_START, folder / "grid-theirs.mp4")),
        })
    return [cpu_line("1x2 video grid", results, floor=1.0, reach=0.9)]


@row("merge", "sound for a video without encoding anything, wall time in a resident worker, against the ffmpeg program")
def measure_merge(context):
    folder = context.folder
    video, sound = make_video(folder, "merge-in", 1), folder / "merge.m4a"
    run_command(ffmpeg("-f", "lavfi", "-i", "sine=550:r=48000:d=5", "-c:a", "aac", "-ac", 2, sound))
    with contextlib.closing(Reeld(context.build)) as reeld:
        options = {"video_url": reeld.upload(video, "video/mp4"), "audio_url": reeld.upload(sound, "audio/mp4")}
        reeld.run("bench_merge", options)
        results = rounds(4 * ROUNDS, {
            "reeld": lambda: in_tree(reeld.pid, lambda: reeld.run("bench_merge", options)),
            "ffmpeg": lambda: run_command(ffmpeg("-i", video, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy",
                                                 "-shortest", *FAST_START, folder / "merge-theirs.mp4")),
        })
    ours, theirs = (Cost(*zip(*results[name])).wall for name in ("reeld", "ffmpeg"))
    return [Line("audio merge, streams copied", "wall ms", 1000 * median(ours), "ffmpeg", 1000 * median(theirs),
                 median_ratio(ours, theirs), floor=0.1, reach=0.03),
            cpu_line("audio merge, streams copied", results)]


def chain_of_calls(still, logo, folder):
    """A zoom over the still, the logo, the published file: each its own call, as a script would."""
    clip, marked = folder / "chain-clip.mp4", folder / "chain-marked.mp4"
    costs = [
        run_command(ffmpeg("-i", still, "-vf", "zoompan=z='1+0.0012*on':x='iw/2-iw/zoom/2':y='ih/2-ih/zoom/2'"
                           ":d=150:s=1920x1080:fps=30", *H264, clip)),
        run_command(ffmpeg("-i", clip, "-i", logo, "-filter_complex", LOGO, *H264, marked)),
        run_command(ffmpeg("-i", marked, "-c", "copy", "-metadata", "title=bench", *FAST_START,
                           folder / "chain-published.mp4")),
    ]
    return Cost(*map(sum, zip(*costs)))


@row("chain", "still, clip, logo, publish: three steps against three ffmpeg calls")
def measure_chain(context):
    folder = context.folder
    still, logo = folder / "chain.jpg", make_logo(folder)
    pictures.pixels(2880, 1620, 5).save(still, quality=92)
    with contextlib.closing(Reeld(context.build)) as reeld:
        options = {"image_url": reeld.upload(still, "image/jpeg"), "logo_url": reeld.upload(logo, "image/png")}
        results = rounds(ROUNDS, {
            "reeld": lambda: in_tree(reeld.pid, lambda: reeld.run("bench_chain", options)),
            "ffmpeg": lambda: chain_of_calls(still, logo, folder),
        })
    return [cpu_line("still, clip, logo, publish", results, floor=0.5, reach=0.45)]
