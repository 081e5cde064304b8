"""Arctic, low sun over a frozen fjord.

DESIGN: snow in front (wind-shaped, long shadows), then a lagoon of dark water with floes, icebergs left and right, mountains
in pink light behind; the way through the middle is open. Warm low sun from the left rear, blue skylight in the shadows.
Ice is subsurface and gloss, never transmission: that was the noise. Variant `night`: the same place under an aurora and a moon.
"""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plate import *  # noqa: E402,F403

SHORE = 13.0            # where the snow meets the water, metres from the camera
WATER = -0.70           # height of the water

SCENE = {
    "id": "arctic", "label": "Arctic",
    "description": "A frozen fjord: wind-blown snow, blue icebergs in dark water, mountains in low light.",
    "keywords": ["arctic", "antarctic", "snow", "ice", "iceberg", "polar", "north pole", "south pole", "glacier", "winter",
                 "frozen", "cold", "expedition", "explorer", "greenland", "svalbard", "penguin", "polar bear"],
    "camera": {"height_m": 1.4, "focal_mm": 28, "sensor_mm": 36, "horizon": 0.575},
    "depth": {"near_m": 1.0, "far_m": 6000.0},
    "ground": {"near": 0.99, "far": 0.65, "receives_shadow": True, "reflects": 0.0},
    "subject": {
        "half": {"box": [0.16, 0.2, 0.68, 0.8], "distance_m": 1.2},
        "full": {"box": [0.26, 0.464, 0.48, 0.456], "distance_m": 3.16, "feet_y": 0.92},
        "crops": {
            "9:16": {"centre_x": 0.5, "half": {"box": [0.22, 0.22, 0.56, 0.78], "distance_m": 1.3}},
            "16:9": {"centre_y": 0.56,
                     "half": {"box": [0.28, 0.329, 0.44, 0.513], "distance_m": 1.8},
                     "full": {"box": [0.3, 0.495, 0.4, 0.328], "distance_m": 4.39, "feet_y": 0.823}}}},
    "default_variant": "day",
}

VARIANTS = {
    "day": {
        "keywords": ["day", "sunrise", "sunset", "morning"],
        "key_light": {"direction": [-0.93, 0.28, 0.22], "colour": [1.0, 0.78, 0.55], "strength": 1.0},
        "rim_light": {"direction": [-0.78, 0.30, -0.55], "colour": [1.0, 0.80, 0.60], "strength": 1.0},
        "ambient": {"colour": [0.55, 0.70, 0.95], "strength": 0.6},
        "haze": {"colour": [0.62, 0.66, 0.78], "amount": 0.25, "start_m": 60, "end_m": 4000},
        "grade": {"exposure": 0.0, "contrast": 1.04, "saturation": 1.04, "shadows": [0.96, 1.0, 1.06],
                  "highlights": [1.03, 1.0, 0.97]},
        "particles": [{"kind": "snow", "amount": 0.35}],
        "sounds": ["wind"],
    },
    "night": {
        "keywords": ["night", "aurora", "northern lights", "moon", "stars"],
        "key_light": {"direction": [-0.86, 0.40, 0.32], "colour": [0.66, 0.80, 1.0], "strength": 0.75},
        "rim_light": {"direction": [0.30, 0.72, -0.62], "colour": [0.45, 1.0, 0.72], "strength": 0.8},
        "ambient": {"colour": [0.25, 0.55, 0.55], "strength": 0.4},
        "haze": {"colour": [0.03, 0.08, 0.09], "amount": 0.2, "start_m": 60, "end_m": 4000},
        "grade": {"exposure": -0.1, "contrast": 1.06, "saturation": 1.04, "shadows": [0.92, 1.0, 1.08],
                  "highlights": [0.98, 1.01, 1.0]},
        "particles": [{"kind": "snow", "amount": 0.25}],
        "sounds": ["wind"],
    },
    "dawn": {
        "like": "day", "mood": True,
        "keywords": ["dawn", "golden hour", "first light", "pink sky"],
        "key_light": {"direction": [-0.93, 0.28, 0.22], "colour": [1.0, 0.64, 0.46], "strength": 0.95},
        "rim_light": {"direction": [-0.78, 0.30, -0.55], "colour": [1.0, 0.66, 0.52], "strength": 1.1},
        "ambient": {"colour": [0.62, 0.64, 0.92], "strength": 0.52},
        "haze": {"colour": [0.80, 0.62, 0.66], "amount": 0.3, "start_m": 60, "end_m": 4000},
        "air": {"colour": [0.84, 0.56, 0.50], "amount": 0.42, "metres": 900},
        "grade": {"exposure": -0.04, "contrast": 1.06, "saturation": 1.10, "shadows": [0.97, 0.96, 1.08],
                  "highlights": [1.06, 0.98, 0.93]},
        "particles": [{"kind": "snow", "amount": 0.2}],
        "sounds": ["wind"],
    },
    "blizzard": {
        "like": "day",
        "keywords": ["blizzard", "snowstorm", "snow storm", "whiteout", "storm"],
        "key_light": {"direction": [-0.70, 0.55, 0.40], "colour": [0.86, 0.92, 1.0], "strength": 0.4},
        "rim_light": {"direction": [-0.78, 0.30, -0.55], "colour": [0.85, 0.92, 1.0], "strength": 0.4},
        "ambient": {"colour": [0.72, 0.82, 0.95], "strength": 0.8},
        "haze": {"colour": [0.62, 0.70, 0.80], "amount": 0.5, "start_m": 0, "end_m": 30},
        "air": {"colour": [0.60, 0.68, 0.78], "amount": 0.94, "metres": 38},
        "grade": {"exposure": 0.0, "contrast": 1.02, "saturation": 0.82, "shadows": [0.95, 1.0, 1.05],
                  "highlights": [0.99, 1.0, 1.01]},
        "particles": [{"kind": "snow", "amount": 1.0}],
        "sounds": ["wind"],
    },
}

FINISH = {
    "day": {"exposure": 0.30, "contrast": 1.28, "saturation": 1.1, "denoise": 1.0, "radius": 5,
            "haze": {"colour": [0.62, 0.60, 0.70], "amount": 0.62},
            "glow": 0.10, "glow_threshold": 1.2, "glow_reach": 8,
            "shadows": [0.95, 1.0, 1.07], "highlights": [1.03, 1.0, 0.97]},
    "night": {"exposure": 0.0, "contrast": 1.2, "saturation": 1.06, "denoise": 1.0, "radius": 5,
              "haze": {"colour": [0.020, 0.055, 0.065], "amount": 0.7},
              "glow": 0.25, "glow_threshold": 0.35, "glow_reach": 8,
              "shadows": [0.92, 1.0, 1.08], "highlights": [0.99, 1.01, 1.0]},
}

SUN = (-0.86, 0.10, 0.24)       # towards the sun: x right, y away, z up
MOON = (-0.88, -0.16, 0.34)


# ---------------------------------------------------------------------------------------------- sky

def day_sky():
    graph = Graph(bpy.context.scene.world)
    direction = graph.node("TexCoord", "Generated")
    x, y, up = graph.split(direction)
    towards = graph.vector("DOT_PRODUCT", direction, tuple(c / math.dist(SUN, (0, 0, 0)) for c in SUN))
    base = graph.ramp(up, (0.0, (0.92, 0.70, 0.58)), (0.06, (0.78, 0.66, 0.66)), (0.18, (0.38, 0.52, 0.74)),
                      (0.45, (0.13, 0.28, 0.58)), (1.0, (0.05, 0.12, 0.36)))
    warm = graph.between(towards, 0.35, 1.0)
    base = graph.mix(graph.math("MULTIPLY", warm, 0.65), base, (1.30, 0.86, 0.52))
    # clouds: noise on a plane overhead, so they flatten towards the horizon
    reach = graph.math("DIVIDE", 1.0, graph.math("MAXIMUM", graph.math("ADD", up, 0.06), 0.02))
    flat = graph.node("CombineXYZ", 0, {0: graph.math("MULTIPLY", x, reach), 1: graph.math("MULTIPLY", y, reach), 2: 0.0})
    streaks = graph.noise(graph.scaled(flat, (0.34, 0.80, 1.0)), 1.0, 9, 0.60, 0.6)
    veil = graph.noise(flat, 0.35, 3, 0.5)
    cover = graph.math("MULTIPLY", graph.between(streaks, 0.44, 0.70), graph.between(veil, 0.30, 0.52))
    cover = graph.math("MULTIPLY", cover, graph.between(up, 0.0, 0.10))
    lit = graph.mix(graph.between(towards, -0.4, 0.9), (0.86, 0.74, 0.78), (1.5, 1.10, 0.78))
    background = graph.tree.nodes["Background"]
    graph.set(background.inputs[0], graph.mix(graph.math("MULTIPLY", cover, 0.85), base, lit))
    graph.set(background.inputs[1], 0.85)
    sun(SUN, 6.0, (1.0, 0.64, 0.36), 0.012)


def night_sky():
    graph = Graph(bpy.context.scene.world)
    direction = graph.node("TexCoord", "Generated")
    x, y, up = graph.split(direction)
    base = graph.ramp(up, (0.0, (0.030, 0.075, 0.085)), (0.15, (0.012, 0.030, 0.050)), (0.6, (0.004, 0.010, 0.026)))
    # aurora: curtains are lines on a plane overhead, drawn out upwards
    light = None
    for seed, side, colour, strength in ((0.0, 0.0, (0.10, 1.0, 0.45), 0.85), (5.3, 0.8, (0.12, 0.9, 0.62), 0.5),
                                         (9.1, -0.9, (0.45, 0.28, 0.95), 0.35)):
        ratio = graph.math("DIVIDE", x, graph.math("MAXIMUM", graph.math("ADD", y, 0.25), 0.05))
        place = graph.node("CombineXYZ", 0, {0: graph.math("MULTIPLY", ratio, 1.1), 1: graph.math("MULTIPLY", up, 0.9), 2: seed})
        wander = graph.math("MULTIPLY_ADD", graph.noise(place, 1.5, 3, 0.5), 0.75, -0.02 + 0.06 * side)
        above = graph.math("SUBTRACT", up, wander)
        lower = graph.between(above, -0.035, 0.02)
        upper = graph.math("EXPONENT", graph.math("MULTIPLY", graph.math("MAXIMUM", above, 0.0), -6.5))
        rays = graph.noise(graph.scaled(place, (26.0, 0.5, 1.0)), 1.0, 4, 0.6)
        shine = graph.math("MULTIPLY", graph.math("MULTIPLY", lower, upper), graph.between(rays, 0.22, 0.72, 0.25, 1.0))
        gaps = graph.between(graph.noise(place, 1.1, 2), 0.36, 0.56)
        shine = graph.math("MULTIPLY", graph.math("MULTIPLY", shine, gaps), strength)
        tone = graph.mix(graph.between(above, 0.05, 0.45), colour, (0.30, 0.25, 0.75))
        added = graph.mix(shine, (0, 0, 0), tone)
        light = added if light is None else graph.mix(1.0, light, added, "ADD")
    background = graph.tree.nodes["Background"]
    graph.set(background.inputs[0], graph.mix(1.0, base, light, "ADD"))
    sun(MOON, 1.25, (0.70, 0.82, 1.0), 0.01)


def stars():
    """Small quads facing the camera, far away."""
    rnd = np.random.default_rng(23)
    batch = Batch()
    for _ in range(2200):
        x, z = rnd.uniform(-0.75, 0.75), rnd.uniform(0.02, 0.95) ** 0.9
        bright = min(6.0, 0.22 * rnd.pareto(1.4) + 0.12) * (0.35 + 0.65 * min(1.0, z * 4))
        size = 5.2 if bright > 1.5 else 3.6
        centre = np.array([x * 9000, 9000, z * 9000])
        tint = np.array([1, 1, 1]) * bright + rnd.uniform(-0.1, 0.1) * np.array([1, 0, -1]) * bright
        batch.quad(centre + [-size, 0, -size], centre + [size, 0, -size], centre + [size, 0, size], centre + [-size, 0, size],
                   tint.clip(0))
    made = glow_material("stars", (1, 1, 1), 1.0)
    graph = Graph(made)
    graph.set(made.node_tree.nodes["Emission"].inputs[0], graph.attribute("tint"))
    item = batch.build("stars", made)
    item.visible_diffuse = item.visible_glossy = item.visible_shadow = False


# ---------------------------------------------------------------------------------------------- ground

def snow_material():
    snow = material("snow", roughness=0.5, specular=0.35)
    graph = Graph(snow)
    place = graph.position()
    ripples = graph.noise(graph.scaled(place, (0.8, 3.2, 1)), 1.4, 10, 0.62, 0.4)
    crust = graph.noise(graph.scaled(place, (1.0, 2.2, 1)), 9.0, 8, 0.65)
    grain = graph.noise(place, 140, 4, 0.7)
    height = graph.math("ADD", graph.math("MULTIPLY", ripples, 1.0), graph.math("MULTIPLY", crust, 0.22))
    height = graph.math("ADD", height, graph.math("MULTIPLY", grain, 0.016))
    glint = graph.node("TexWhiteNoise", 0, {"Vector": graph.vector("FLOOR", graph.vector("MULTIPLY", place, (260, 260, 260)))},
                       noise_dimensions="3D")
    surface(snow, {"Base Color": graph.mix(graph.between(ripples, 0.35, 0.65), (0.78, 0.84, 0.93), (0.90, 0.92, 0.95)),
                   "Roughness": graph.between(glint, 0.985, 0.99, 0.55, 0.12, False),
                   "Normal": graph.bump(height, 0.75, 0.16)})
    return snow


def drifts(x, y):
    """The snow: flat where somebody stands, wind-shaped around, falling to the water at the shore."""
    distance = np.hypot(x, y)
    calm = smoothstep(1.5, 7.0, np.hypot(x * 1.2, y - 3.0))
    waves = 0.50 * fbm(x * 0.10, y * 0.22, 1.3, 4, seed=3) + 0.15 * ridged(x * 0.24 + y * 0.07, y * 0.70, 0.4, 4, seed=8)
    fine = 0.045 * ridged(x * 0.9 + y * 0.3, y * 3.0, 1.0, 4, seed=12) + 0.02 * fbm(x * 2.4, y * 4.8, 0.0, 3, seed=5)
    shore = SHORE + 3.5 * fbm(x * 0.09, 0.0, 2.0, 4, seed=6) + 0.02 * x * x * 0.35
    edge = smoothstep(shore + 1.2, shore - 1.0, y)
    sides = 1.3 * smoothstep(5, 16, np.abs(x)) * smoothstep(26, 9, distance)
    ground = (waves - 0.12) * (0.15 + 0.85 * calm) + fine * (0.5 + 0.5 * calm) + sides * 0.5
    return (ground + 0.02) * edge + (1 - edge) * (WATER - 1.2)


def water():
    """Dark, almost still."""
    made = material("water", (0.004, 0.018, 0.026), 0.04, specular=0.55)
    graph = Graph(made)
    place = graph.position()
    swell = graph.noise(graph.scaled(place, (0.5, 1.2, 1)), 0.9, 5, 0.55)
    calm = graph.between(graph.noise(place, 0.04, 3), 0.40, 0.62)
    surface(made, {"Normal": graph.bump(swell, graph.math("MULTIPLY_ADD", calm, 0.10, 0.015), 0.12),
                   "Roughness": graph.math("MULTIPLY_ADD", calm, 0.10, 0.03)})
    mesh("water", [(-3000, 8, WATER), (3000, 8, WATER), (3000, 3400, WATER), (-3000, 3400, WATER)], [(0, 1, 2, 3)], made)


def ice_material(snow_above=0.62):
    """Snow on what looks up; below it blue where light stays inside, white where the surface is crazed."""
    made = material("ice", roughness=0.3, specular=0.5)
    graph = Graph(made)
    place = graph.position()
    up = graph.split(graph.node("NewGeometry", "Normal"))[2]
    bands = graph.noise(graph.scaled(place, (0.25, 0.25, 1.8)), 1.0, 8, 0.6, 0.8)
    cracks = graph.noise(place, 0.7, 12, 0.68, 0.5)
    hollow = graph.between(graph.attribute("hollow", "Fac"), 0.0, 1.0)
    blue = graph.mix(graph.between(bands, 0.35, 0.68), (0.26, 0.56, 0.72), (0.62, 0.80, 0.90))
    blue = graph.mix(graph.math("MULTIPLY", hollow, 0.8), blue, (0.06, 0.32, 0.54))
    white = graph.between(graph.math("MULTIPLY_ADD", cracks, 0.5, up), 0.78, 1.0)
    tone = graph.mix(white, blue, (0.86, 0.90, 0.95))
    height = graph.math("ADD", graph.math("MULTIPLY", cracks, 0.8), graph.math("MULTIPLY", graph.noise(place, 4.0, 8, 0.6), 0.22))
    surface(made, {"Base Color": tone, "Roughness": graph.math("MULTIPLY_ADD", white, 0.35, 0.22),
                   "Normal": graph.bump(height, 0.55, 0.5)})
    return made


def berg(name, centre, size, seed, made, towers=3, subdivisions=6):
    """An iceberg: a ball cut by planes, raised into towers, worn by noise, standing in the water."""
    rnd = np.random.default_rng(seed)
    verts, faces = sphere(subdivisions)
    shape = verts * np.array([1.0, 0.75, 1.0])
    for _ in range(16):
        normal = rnd.normal(size=3) * np.array([1, 1, 0.55])
        normal /= np.linalg.norm(normal)
        cut = rnd.uniform(0.48, 0.85)
        beyond = (shape @ normal - cut).clip(0)
        shape = shape - beyond[:, None] * normal * 0.97
    crown = np.full(len(shape), 0.0 if towers else 0.55)
    for _ in range(towers):
        px, py, width = rnd.uniform(-0.6, 0.6), rnd.uniform(-0.4, 0.4), rnd.uniform(0.22, 0.5)
        crown = np.maximum(crown, rnd.uniform(0.4, 1.0) * np.exp(-((shape[:, 0] - px) ** 2 + (shape[:, 1] - py) ** 2) / width ** 2))
    lifted = shape.copy()
    lifted[:, 2] = np.where(shape[:, 2] > 0, shape[:, 2] * (0.35 + crown * 1.15), shape[:, 2] * 0.5)
    x, y, z = lifted.T * 1.6
    ridges = ridged(x + seed, y, z * 0.6, 6, seed=seed)
    grooves = ridged(x * 2.3, y * 2.3, z * 0.35 + seed, 4, seed=seed + 3)
    outward = lifted / np.linalg.norm(lifted, axis=1, keepdims=True).clip(1e-6)
    lifted = lifted + outward * (0.16 * (ridges - 0.7) - 0.07 * (grooves - 0.5) + 0.05 * fbm(x * 5, y * 5, z * 5, 4, seed=seed))[:, None]
    waterline = np.exp(-((lifted[:, 2] - 0.03) / 0.05) ** 2)
    lifted[:, :2] *= (1 - 0.10 * waterline)[:, None]
    item = mesh(name, lifted * np.asarray(size) + np.array([*centre, WATER - 0.02]), faces, made, smooth=True)
    hollow = (smoothstep(0.75, 0.25, ridges) * 0.7 + waterline * 0.9).clip(0, 1)
    item.data.attributes.new("hollow", "FLOAT", "POINT").data.foreach_set("value", hollow.astype(np.float32))
    return item


def bergs(made):
    for number, (x, y, wide, deep, tall, towers) in enumerate((
            (-21, 40, 9.5, 8, 9.5, 3), (-33, 66, 14, 11, 17, 3), (22, 46, 9, 8, 7.5, 2), (36, 74, 17, 12, 18, 3),
            (-9.5, 96, 7, 6, 4.5, 1), (13, 128, 12, 9, 7, 2), (-62, 160, 34, 22, 30, 4), (78, 190, 40, 24, 34, 4),
            (-22, 230, 22, 14, 11, 2), (30, 300, 30, 18, 14, 3))):
        berg(f"berg{number}", (x, y), (wide, deep, tall), 40 + number * 3, made, towers)
    for number, (x, y, size, tall) in enumerate(((-4.6, 9.9, 0.75, 0.8), (-5.9, 10.8, 1.1, 1.3), (5.4, 10.6, 0.8, 0.8),
                                                 (6.9, 11.4, 1.3, 1.6), (-7.6, 9.4, 1.1, 1.0), (4.1, 9.8, 0.32, 0.3),
                                                 (-3.6, 9.2, 0.28, 0.25), (8.6, 10.4, 1.1, 1.2))):
        item = berg(f"block{number}", (x, y), (size, size * 0.8, tall), 90 + number * 5, made, 0, 5)
        item.location.z = float(drifts(np.array([x]), np.array([y]))[0]) - WATER - 0.05


def floes(snow):
    """Flat pieces of ice on the water, smaller and denser towards the shore's sides."""
    rnd = np.random.default_rng(12)
    verts, faces, count = [], [], 0
    placed = []
    for _ in range(420):
        y = SHORE + 4 + 300 * rnd.random() ** 1.6
        x = rnd.uniform(-0.75, 0.75) * y
        radius = rnd.uniform(0.35, 1.0) * (0.5 + y * 0.032) * (1 if rnd.random() < 0.8 else 2.2)
        if any(math.hypot(x - px, y - py) < (radius + pr) * 1.10 for px, py, pr in placed):
            continue
        placed.append((x, y, radius))
        corners = 26
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        facets = np.cos((angle[:, None] - np.sort(rnd.uniform(0, 2 * np.pi, 7))[None, :])).max(1)
        rim = radius * (0.70 / facets.clip(0.62) + 0.22 * fbm(np.cos(angle) * 2.2 + x, np.sin(angle) * 2.2 + y, 0.0, 3, seed=4))
        long = rnd.uniform(0.8, 1.5)
        plan = np.column_stack([np.cos(angle) * rim * long, np.sin(angle) * rim / long]) + (x, y)
        top = WATER + rnd.uniform(0.06, 0.16)
        inner = (plan - (x, y)) * 0.94 + (x, y)
        rings = [np.column_stack([plan, np.full(corners, WATER - 0.2)]), np.column_stack([plan, np.full(corners, top - 0.06)]),
                 np.column_stack([inner, np.full(corners, top)]), np.array([[x, y, top + 0.03]])]
        i = np.arange(corners)
        j = (i + 1) % corners
        sides = [np.column_stack([i, j, j + corners, i + corners]), np.column_stack([i, j, j + corners, i + corners]) + corners,
                 np.column_stack([i + 2 * corners, j + 2 * corners, np.full(corners, 3 * corners), np.full(corners, 3 * corners)])]
        verts.append(np.concatenate(rings))
        faces.append(np.concatenate(sides) + count)
        count += 3 * corners + 1
    mesh("floes", np.concatenate(verts), np.concatenate(faces), snow, smooth=False)


def mountains():
    """Three ranges with snow on what is not too steep."""
    rock = material("rock", roughness=0.85, specular=0.2)
    graph = Graph(rock)
    place = graph.position()
    up = graph.split(graph.node("NewGeometry", "Normal"))[2]
    broken = graph.noise(place, 0.02, 12, 0.68)
    fine = graph.noise(graph.scaled(place, (1, 1, 0.35)), 0.06, 10, 0.65)
    cover = graph.between(graph.math("ADD", graph.math("MULTIPLY_ADD", broken, 0.42, up), graph.math("MULTIPLY", fine, 0.16)), 0.64, 0.78)
    gullies = graph.noise(graph.scaled(place, (1, 1, 0.12)), 0.035, 8, 0.7, 0.6)
    cover = graph.math("MAXIMUM", cover, graph.math("MULTIPLY", graph.between(gullies, 0.53, 0.60), graph.between(up, 0.08, 0.25)))
    strata = graph.noise(graph.scaled(place, (0.2, 0.2, 1)), 0.09, 8, 0.7)
    stone = graph.mix(graph.math("MULTIPLY", graph.math("ADD", fine, strata), 0.5), (0.035, 0.040, 0.055), (0.24, 0.215, 0.21))
    surface(rock, {"Base Color": graph.mix(cover, stone, (0.86, 0.89, 0.94)),
                   "Normal": graph.bump(graph.math("ADD", broken, graph.math("MULTIPLY", fine, 0.5)), 0.6, 9.0)})
    for number, (near, far, tall, open_width, seed) in enumerate(((620, 1250, 330, 0.16, 3), (1350, 2300, 820, 0.05, 9),
                                                                   (2300, 3400, 1500, 0.0, 15))):
        span = far - near

        def height(x, y):
            along = ((y - near) / span).clip(0, 1)
            rise = np.sin(along * np.pi) ** 0.9
            valley = smoothstep(open_width * 0.6, open_width * 0.6 + 0.32, np.abs(x / y + 0.04 * (number - 1))) * 0.75 + 0.25
            shape = ridged(x / 620 + seed, y / 620, seed * 0.7, 9, seed=seed, gain=0.46)
            big = 0.55 + 0.9 * fbm(x / 900, y / 900, seed, 3, seed=seed + 50)
            return WATER - 6 + tall * rise * valley * (0.15 + 0.55 * shape) * big.clip(0.2, 1.25)

        side = np.linspace(-0.85, 0.85, 720)
        depth = np.linspace(near, far, 240)
        x = depth[:, None] * side[None, :]
        y = np.repeat(depth[:, None], len(side), 1)
        mesh(f"range{number}", np.column_stack([x.ravel(), y.ravel(), height(x, y).ravel()]),
             grid_faces(len(side), len(depth)), rock, smooth=True)


def mound(snow, ice):
    """Front layer: snow that rises to both lower corners, close to the lens, with a piece of ice."""
    side = np.linspace(-0.9, 0.9, 420)
    depth = np.linspace(0.62, 1.5, 260)
    x, y = depth[:, None] * side[None, :], np.repeat(depth[:, None], len(side), 1)
    reach = np.where(side < 0, -side * 1.0, side * 0.88)
    crest = 0.70 + 0.38 * smoothstep(0.10, 0.66, reach)[None, :] + 0.09 * fbm(x * 2.6, y * 3.5, 1.0, 5, seed=3)
    z = crest - 1.6 * (y - 0.95) ** 2 + 0.015 * fbm(x * 14, y * 14, 2.0, 4, seed=9)
    to_front(mesh("mound", np.column_stack([x.ravel(), y.ravel(), z.ravel()]), grid_faces(len(side), len(depth)), snow, smooth=True))
    piece = to_front(berg("piece", (-0.60, 1.02), (0.15, 0.13, 0.12), 131, ice, 0, 5))
    piece.location.z = 0.98 - WATER


def main():
    new_scene(clamp=2.5, bounces=4)
    if VARIANT == "night":
        night_sky()
        stars()
    else:
        day_sky()
    snow = snow_material()
    fan("snow", 1.2, 30, 900, 620, 0.95, drifts, snow)
    water()
    ice = ice_material()
    bergs(ice)
    floes(snow)
    mountains()
    mound(snow, ice)
    mist(40, 4200, "QUADRATIC")
    lens = SCENE["camera"]
    camera(lens["height_m"], lens["focal_mm"], lens["horizon"])
    render()


main()
