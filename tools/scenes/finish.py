#!/usr/bin/python3
"""Makes the files of a scene's variant from the linear passes that Blender left.

    finish.py PASSES NAME VARIANT ASSETS [SIZE] [--preview PNG]

Steps, all in linear light: join the two half-sampled renders by a cross-filtered non-local mean guided by albedo, normal
and their own noise; haze; glow; film curve and grade; then the depth picture, the front layer and scene.json.
"""
import os
import sys

import numpy as np
from PIL import Image

from describe import constants, describe, write_index

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
STRIP = 96


# ---------------------------------------------------------------------------------------------- noise

def box_mean(values, radius):
    """Mean over a square window, edges repeated."""
    for axis in (0, 1):
        pad = [(radius + 1, radius) if a == axis else (0, 0) for a in range(values.ndim)]
        total = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float32)
        size = 2 * radius + 1
        high = np.take(total, range(size, total.shape[axis]), axis=axis)
        low = np.take(total, range(0, total.shape[axis] - size), axis=axis)
        values = (high - low) / size
    return values


def shifted(image, dy, dx, pad, rows):
    return image[pad + dy:pad + dy + rows, pad + dx:image.shape[1] - pad + dx]


def denoise(a, b, guides, radius=5, strength=1.0):
    """Cross-filtered non-local means of two independent renders.

    Weights for `a` come from `b` and the other way round, so noise never decides over itself. Colours are compared in
    a root-like scale in which noise is about even; guides (albedo, normal) stop the filter at edges of things.
    """
    scale_a, scale_b = np.sqrt(a.clip(0)), np.sqrt(b.clip(0))
    variance = box_mean(((scale_a - scale_b) ** 2).mean(2) * 0.5, 2)
    variance = np.maximum(variance, 1e-6) * strength
    pad = radius + 1
    frame = [(pad, pad), (pad, pad)]
    padded = [np.pad(v, frame + [(0, 0)] * (v.ndim - 2), mode="edge").astype(np.float32)
              for v in (a, b, scale_a, scale_b, guides, variance)]
    height = a.shape[0]
    out_a, out_b = np.empty_like(a), np.empty_like(b)
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        strip = [v[top:top + rows + 2 * pad] for v in padded]
        out_a[top:top + rows], out_b[top:top + rows] = denoise_strip(strip, radius, pad, rows)
    return out_a, out_b


def denoise_strip(strip, radius, pad, rows):
    a, b, scale_a, scale_b, guides, variance = strip
    here = [shifted(v, 0, 0, pad, rows) for v in strip]
    sums = [np.zeros_like(here[0]), np.zeros_like(here[1])]
    weights = [np.zeros(here[0].shape[:2], np.float32) for _ in range(2)]
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx > radius * radius + 1:
                continue
            there = [shifted(v, dy, dx, pad, rows) for v in strip]
            edge = ((here[4] - there[4]) ** 2).sum(2) * 60
            spread = here[5] + np.minimum(here[5], there[5])
            space = (dy * dy + dx * dx) / (radius * radius) * 1.2
            for own, other in ((0, 3), (1, 2)):
                distance = ((here[other] - there[other]) ** 2).mean(2) - spread
                distance = box_mean(distance, 1).clip(0) / (spread * 0.55)
                weight = np.exp(-(distance + edge + space))
                weights[own] += weight
                sums[own] += weight[..., None] * there[own]
    return [total / weight[..., None] for total, weight in zip(sums, weights)]


def drop_fireflies(image, other):
    """A pixel much brighter than its neighbours in one render and not in the other is an accident."""
    luma, second = image @ LUMA, other @ LUMA
    limit = np.maximum(box_mean(second, 2) * 3.5, second * 2.5) + 0.03
    return image * np.minimum(1, limit / np.maximum(luma, 1e-6))[..., None]


def clean(passes, recipe):
    a, b = passes["a"], passes["b"]
    a, b = drop_fireflies(a, b), drop_fireflies(b, a)
    if recipe.get("denoise", 1.0) <= 0:
        return (a + b) / 2
    guides = np.concatenate([passes["albedo"] * 1.5, passes["normal"] * 0.7], 2)
    a, b = denoise(a, b, guides, recipe.get("radius", 5), recipe.get("denoise", 1.0))
    return (a + b) / 2


# ---------------------------------------------------------------------------------------------- light

def resize(image, width, height, method=Image.BICUBIC):
    planes = [np.asarray(Image.fromarray(np.ascontiguousarray(image[..., c], dtype=np.float32)).resize((width, height), method))
              for c in range(image.shape[2])]
    return np.stack(planes, 2)


def glow(image, amount, threshold, reach):
    """Light scattered in air and lens: ever wider blurs of what is brighter than the threshold."""
    if amount <= 0:
        return image
    size = image.shape[0]
    luma = image @ LUMA
    bright = image * ((luma - threshold).clip(0) / np.maximum(luma, 1e-6))[..., None]
    bright = np.minimum(bright, 60)
    total = np.zeros_like(image)
    level, step = bright, 0
    share = 1.0
    norm = 0.0
    while level.shape[0] > 12 and step < reach:
        half = level.shape[0] // 2
        level = resize(level, half, half, Image.BOX)
        level = np.stack([box_mean(box_mean(level[..., c], 1), 1) for c in range(3)], 2)
        total += resize(level, size, size) * share
        norm += share
        share *= 0.72
        step += 1
    return image + amount * total / norm


def haze(image, mist, depth, recipe):
    """Air over everything but the sky, which has its own in it."""
    if not recipe:
        return image
    solid = 1 - box_mean((depth > 1e9).astype(np.float32), 1)
    cover = (mist * solid * recipe["amount"])[..., None]
    return image * (1 - cover) + np.array(recipe["colour"], np.float32) * cover


def film(image, recipe):
    """Exposure, contrast around middle grey, a soft shoulder, white for what is very bright; gives sRGB 0..1."""
    image = (image * 2.0 ** recipe.get("exposure", 0.0)).clip(0)
    luma = (image @ LUMA)[..., None]
    image = luma + (image - luma) * recipe.get("saturation", 1.0)
    image = image.clip(0)
    bleach = 0.10 + 0.55 * (luma / (luma + 6.0))
    image = image + (luma - image) * bleach * 0.6
    contrast = recipe.get("contrast", 1.25)
    grey = 0.18
    powered = (image / grey) ** contrast
    shoulder = recipe.get("white", 5.2)
    display = powered * grey * (1 + powered * grey / shoulder ** 2) / (1 + powered * grey)
    display = display.clip(0, 1)
    shadows = np.array(recipe.get("shadows", (1, 1, 1)), np.float32)
    highlights = np.array(recipe.get("highlights", (1, 1, 1)), np.float32)
    weight = np.sqrt(display @ LUMA)[..., None]
    display = (display * (shadows * (1 - weight) + highlights * weight) + recipe.get("lift", 0.0)).clip(0, 1)
    return np.where(display <= 0.0031308, display * 12.92, 1.055 * display ** (1 / 2.4) - 0.055)


def to_bytes(picture):
    """Rounded with a fixed half-step dither, so that smooth skies do not band."""
    noise = np.random.default_rng(1).random(picture.shape, dtype=np.float32)
    return (picture * 255 + 0.5 + (noise - 0.5) * 0.9).clip(0, 255).astype(np.uint8)


# ---------------------------------------------------------------------------------------------- depth

def depth_picture(depth, scale):
    near, far = scale["near_m"], scale["far_m"]
    value = 255 * np.log(np.maximum(depth, near) / near) / np.log(far / near)
    return np.where(depth > far * 1.3, 255, np.minimum(np.round(value), 254)).astype(np.uint8)


def front_picture(front, recipe):
    front = box_mean(box_mean(front, 1), max(1, front.shape[0] // 1200))     # out of focus anyway: no noise
    alpha = front[..., 3:].clip(0, 1)
    colour = film(front[..., :3] / np.maximum(alpha, 1e-3), recipe)
    return to_bytes(np.concatenate([colour, alpha], 2))


# ---------------------------------------------------------------------------------------------- files

def load(folder):
    names = ("a", "b", "albedo", "normal", "mist", "depth", "front")
    return {n: np.load(f"{folder}/{n}.npy").astype(np.float32) for n in names if os.path.exists(f"{folder}/{n}.npy")}


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    preview = None
    if "--preview" in sys.argv:
        preview = sys.argv[sys.argv.index("--preview") + 1]
        arguments.remove(preview)
    folder, name, variant, assets = arguments[:4]
    size = int(arguments[4]) if len(arguments) > 4 else 2304
    known = constants(name)
    recipe = known["FINISH"][variant]
    passes = load(folder)
    cached = f"{folder}/clean.npy"
    if os.path.exists(cached) and os.path.getmtime(cached) > os.path.getmtime(f"{folder}/depth.npy"):
        linear = np.load(cached)
    else:
        linear = clean(passes, recipe)
        np.save(cached, linear)
    linear = haze(linear, passes["mist"], passes["depth"], recipe.get("haze"))
    linear = glow(linear, recipe.get("glow", 0.15), recipe.get("glow_threshold", 1.0), recipe.get("glow_reach", 7))
    picture = Image.fromarray(to_bytes(film(linear, recipe)))
    depth = Image.fromarray(depth_picture(passes["depth"], known["SCENE"]["depth"]))
    if preview:
        picture.save(preview)
        depth.save(preview.replace(".png", "-depth.png"))
        if "front" in passes:
            Image.fromarray(front_picture(passes["front"], recipe)).save(preview.replace(".png", "-front.png"))
        return
    os.makedirs(assets, exist_ok=True)
    entry = dict(known["VARIANTS"][variant])
    entry.update(plate=f"{variant}.webp", depth=f"{variant}.depth.webp", front=None)
    if picture.size[0] != size:
        picture = picture.resize((size, size), Image.LANCZOS)
        depth = depth.resize((size, size), Image.NEAREST)
    picture.save(f"{assets}/{variant}.webp", quality=82, method=6)
    depth.save(f"{assets}/{variant}.depth.webp", lossless=True, quality=100, method=6)
    if "front" in passes:
        entry["front"] = f"{variant}.front.webp"
        front = Image.fromarray(front_picture(passes["front"], recipe))
        if front.size[0] != size:
            front = front.resize((size, size), Image.LANCZOS)
        front.save(f"{assets}/{variant}.front.webp", quality=82, alpha_quality=90, method=6)
    describe(f"{assets}/scene.json", known["SCENE"], variant, entry, size)
    write_index()


if __name__ == "__main__":
    main()
