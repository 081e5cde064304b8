"""Deep space: a moon's surface under a huge planet.

DESIGN: somebody stands on a small moon; behind, a planet fills half the sky, its limb sweeping from the upper left to the right,
day side towards the sun at the right, night side with city lights at the left, atmosphere glowing at the edge. Nebula and stars
of very different brightness behind. Rock spires left and right and a lit outpost in the middle distance give scale. One hard,
slightly warm sun from the right, blue planetshine from behind left. The planet, its air and the stars are pure light: no noise.
"""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plate import *  # noqa: E402,F403

PLANET_AT = (-2100.0, 8000.0, 620.0)
PLANET_RADIUS = 5150.0
PLANET_SUN = (0.82, 0.36, 0.31)         # what lights the planet; a little behind it, for a narrower day side
SUN = (0.87, -0.24, 0.29)

SCENE = {
    "id": "space", "label": "Deep space",
    "description": "The surface of a small moon under a huge planet with city lights, a nebula and stars.",
    "keywords": ["space", "deep space", "astronaut", "cosmos", "galaxy", "planet", "moon", "orbit", "nebula", "stars",
                 "universe", "nasa", "cosmonaut", "mars", "alien", "sci-fi", "science fiction", "spaceship"],
    "camera": {"height_m": 1.35, "focal_mm": 28, "sensor_mm": 36, "horizon": 0.63},
    "depth": {"near_m": 1.0, "far_m": 3000.0},
    "ground": {"near": 0.99, "far": 0.66, "receives_shadow": True, "reflects": 0.0},
    "subject": {
        "half": {"box": [0.16, 0.2, 0.68, 0.8], "distance_m": 1.2},
        "full": {"box": [0.26, 0.513, 0.48, 0.432], "distance_m": 3.33, "feet_y": 0.945},
        "crops": {
            "9:16": {"centre_x": 0.5, "half": {"box": [0.22, 0.22, 0.56, 0.78], "distance_m": 1.3}},
            "16:9": {"centre_y": 0.6,
                     "half": {"box": [0.28, 0.369, 0.44, 0.513], "distance_m": 1.8},
                     "full": {"box": [0.3, 0.544, 0.4, 0.319], "distance_m": 4.51, "feet_y": 0.863}}}},
    "default_variant": "orbit",
}

VARIANTS = {
    "orbit": {
        "keywords": ["night", "dark", "blue planet"],
        "key_light": {"direction": [0.87, 0.32, 0.36], "colour": [1.0, 0.955, 0.89], "strength": 1.15},
        "rim_light": {"direction": [-0.55, 0.45, -0.70], "colour": [0.45, 0.68, 1.0], "strength": 0.9},
        "ambient": {"colour": [0.30, 0.42, 0.65], "strength": 0.22},
        "haze": {"colour": [0.04, 0.07, 0.14], "amount": 0.0, "start_m": 50, "end_m": 3000},
        "grade": {"exposure": 0.0, "contrast": 1.08, "saturation": 1.04, "shadows": [0.94, 0.99, 1.08],
                  "highlights": [1.02, 1.0, 0.98]},
        "particles": [{"kind": "dust", "amount": 0.35}, {"kind": "stars", "amount": 0.2}],
        "sounds": ["hum"],
    },
}

FINISH = {
    "orbit": {"exposure": 0.3, "contrast": 1.25, "saturation": 1.1, "denoise": 1.0, "radius": 4,
              "glow": 0.28, "glow_threshold": 0.7, "glow_reach": 8,
              "shadows": [0.94, 0.99, 1.08], "highlights": [1.02, 1.0, 0.98]},
}


# ---------------------------------------------------------------------------------------------- sky

def nebula():
    """Clouds of gas along a band across the sky, with dark lanes."""
    graph = Graph(bpy.context.scene.world)
    direction = graph.node("TexCoord", "Generated")
    warp = graph.node("TexNoise", "Color", {"Vector": direction, "Scale": 2.2, "Detail": 5})
    bent = graph.vector("ADD", direction, graph.vector("MULTIPLY", graph.vector("SUBTRACT", warp, (0.5, 0.5, 0.5)), (0.55, 0.55, 0.55)))
    gas = graph.noise(bent, 2.6, 12, 0.62)
    wisps = graph.noise(bent, 6.5, 12, 0.66)
    lanes = graph.noise(bent, 4.2, 10, 0.62, 0.8)
    # the band rises from the lower left to the upper right
    side = graph.vector("DOT_PRODUCT", direction, (-0.50, 0.32, 0.80))
    band = graph.math("EXPONENT", graph.math("MULTIPLY", graph.math("POWER", graph.math("SUBTRACT", side, 0.52), 2.0), -14.0))
    body = graph.math("MULTIPLY", graph.between(gas, 0.40, 0.72), graph.math("MULTIPLY_ADD", band, 1.0, 0.12))
    body = graph.math("MULTIPLY", body, graph.between(wisps, 0.25, 0.70, 0.35, 1.15))
    body = graph.math("MULTIPLY", body, graph.between(lanes, 0.40, 0.56, 0.18, 1.0))
    hue = graph.noise(direction, 1.7, 3)
    tone = graph.ramp(hue, (0.38, (0.04, 0.24, 0.46)), (0.47, (0.14, 0.12, 0.50)), (0.55, (0.46, 0.12, 0.34)), (0.64, (0.56, 0.28, 0.16)))
    hot = graph.mix(graph.between(gas, 0.60, 0.80), tone, (0.80, 0.55, 0.55))
    deep = (0.0022, 0.0030, 0.0075)
    lit = graph.mix(body, (0, 0, 0), hot)
    dust = graph.mix(graph.math("MULTIPLY", band, 0.5), (0, 0, 0), (0.020, 0.022, 0.045))
    background = graph.tree.nodes["Background"]
    graph.set(background.inputs[0], graph.mix(1.0, graph.mix(1.0, lit, dust, "ADD"), deep, "ADD"))
    graph.set(background.inputs[1], 0.8)


def stars():
    """Quads facing the camera: many faint, few bright, denser along the band, a few colours."""
    rnd = np.random.default_rng(5)
    distance = 60000.0
    batch = Batch()
    tints = np.array([(0.70, 0.82, 1.0), (1, 1, 1), (1, 0.93, 0.82), (1.0, 0.74, 0.52)])
    made = 0
    while made < 5200:
        x, z = rnd.uniform(-0.70, 0.70), rnd.uniform(-0.06, 0.85)
        direction = np.array([x, 1, z]) / math.sqrt(x * x + 1 + z * z)
        near_band = math.exp(-12 * (direction @ (-0.50, 0.32, 0.80) - 0.52) ** 2)
        if rnd.random() > 0.25 + 0.75 * near_band:
            continue
        made += 1
        bright = min(40.0, 0.22 * (rnd.pareto(1.1) + 0.6))
        size = distance * (0.00030 if bright < 0.6 else 0.00038 if bright < 4 else 0.00055)
        tint = tints[rnd.choice(4, p=(0.35, 0.35, 0.2, 0.1))] * bright
        c = np.array([x, 1, z]) * distance
        batch.quad(c + [-size, 0, 0], c + [0, 0, -size], c + [size, 0, 0], c + [0, 0, size], tint)
    light = glow_material("stars", (1, 1, 1), 1.0)
    graph = Graph(light)
    graph.set(light.node_tree.nodes["Emission"].inputs[0], graph.attribute("tint"))
    item = batch.build("stars", light)
    item.visible_diffuse = item.visible_glossy = item.visible_shadow = False


def unit(vector):
    return tuple(c / math.dist(vector, (0, 0, 0)) for c in vector)


def planet():
    """The ball: oceans, land, clouds, city lights where it is night, air towards the edge. All computed as light."""
    made = bpy.data.materials.new("planet")
    made.use_nodes = True
    made.node_tree.nodes.clear()
    graph = Graph(made)
    outward = graph.vector("NORMALIZE", graph.vector("SUBTRACT", graph.position(), PLANET_AT))
    sun_height = graph.vector("DOT_PRODUCT", outward, unit(PLANET_SUN))
    facing = graph.vector("DOT_PRODUCT", outward, graph.node("NewGeometry", "Incoming"))
    edge = graph.math("POWER", graph.math("SUBTRACT", 1.0, graph.math("MAXIMUM", facing, 0.0)), 3.0)

    warp = graph.node("TexNoise", "Color", {"Vector": outward, "Scale": 3.0, "Detail": 6})
    shift = graph.vector("MULTIPLY", graph.vector("SUBTRACT", warp, (0.5, 0.5, 0.5)), (0.28, 0.28, 0.28))
    bent = graph.vector("ADD", outward, shift)
    land_height = graph.noise(graph.vector("ADD", bent, (3.7, 1.2, 0.4)), 1.9, 14, 0.60)
    land = graph.between(land_height, 0.475, 0.51)
    dry = graph.noise(bent, 5.5, 10, 0.6)
    soil = graph.ramp(dry, (0.36, (0.030, 0.065, 0.030)), (0.50, (0.120, 0.105, 0.060)), (0.66, (0.26, 0.19, 0.12)))
    sea = graph.mix(graph.between(land_height, 0.40, 0.50), (0.004, 0.022, 0.070), (0.010, 0.060, 0.110))
    ground = graph.mix(land, sea, soil)

    # clouds: twice bent noise in belts
    swirl = graph.node("TexNoise", "Color", {"Vector": graph.scaled(outward, (1, 1, 1.8)), "Scale": 4.0, "Detail": 5})
    curl = graph.vector("MULTIPLY", graph.vector("SUBTRACT", swirl, (0.5, 0.5, 0.5)), (0.42, 0.42, 0.26))
    flow = graph.vector("ADD", graph.scaled(outward, (1, 1, 1.5)), curl)
    weather = graph.noise(flow, 2.6, 4, 0.5)
    fibres = graph.noise(flow, 8.0, 15, 0.68, 0.3)
    clouds = graph.math("MULTIPLY", graph.between(fibres, 0.44, 0.68), graph.between(weather, 0.38, 0.60))
    cells = graph.math("MULTIPLY", graph.between(graph.noise(flow, 42, 8, 0.7), 0.50, 0.70), graph.between(weather, 0.46, 0.62))
    clouds = graph.math("MAXIMUM", clouds, graph.math("MULTIPLY", cells, 0.55))

    lit = graph.mix(clouds, ground, (0.84, 0.87, 0.92))
    day = graph.math("MULTIPLY", graph.between(sun_height, -0.08, 0.30), graph.math("MULTIPLY_ADD", graph.math("MAXIMUM", sun_height, 0.0), 0.80, 0.22))
    dusk = graph.between(sun_height, -0.04, 0.16)
    sunlight = graph.mix(dusk, (1.5, 0.50, 0.20), (1.12, 1.06, 1.0))
    surface_light = graph.mix(1.0, graph.mix(day, (0, 0, 0), lit), sunlight, "MULTIPLY")

    # city lights: fine cells where people would live, nets of light between
    night = graph.between(sun_height, 0.02, -0.12)
    towns = graph.node("TexVoronoi", "Distance", {"Vector": outward, "Scale": 290.0})
    sparks = graph.between(towns, 0.30, 0.06)
    crowded = graph.between(graph.noise(bent, 8.0, 9, 0.66), 0.45, 0.66)
    fine = graph.between(graph.noise(outward, 190, 4, 0.7), 0.54, 0.72)
    cities = graph.math("MULTIPLY", graph.math("MULTIPLY", graph.math("ADD", graph.math("MULTIPLY", sparks, 1.6), graph.math("MULTIPLY", fine, 0.8)), crowded), land)
    cities = graph.math("MULTIPLY", graph.math("MULTIPLY", cities, night), graph.math("SUBTRACT", 1.0, graph.math("MULTIPLY", clouds, 0.85)))
    city_light = graph.mix(graph.math("MINIMUM", cities, 1.0), (0, 0, 0), (2.4, 1.30, 0.55))

    air = graph.math("MULTIPLY", edge, graph.between(sun_height, -0.25, 0.45))
    air_tone = graph.mix(graph.between(sun_height, -0.18, 0.22), (0.55, 0.20, 0.16), (0.22, 0.52, 1.15))
    air_light = graph.mix(graph.math("MULTIPLY", air, 0.95), (0, 0, 0), air_tone)
    night_air = graph.mix(graph.math("MULTIPLY", graph.math("MULTIPLY", edge, night), 0.5), (0, 0, 0), (0.02, 0.05, 0.10))
    moonlit = graph.mix(graph.math("MULTIPLY", night, 0.016), (0, 0, 0), graph.mix(clouds, (0.10, 0.18, 0.42), (0.75, 0.90, 1.30)))
    total = graph.mix(1.0, surface_light, moonlit, "ADD")
    for part in (city_light, air_light, night_air, (0.0012, 0.0022, 0.0050)):
        total = graph.mix(1.0, total, part, "ADD")
    light = graph.node("Emission", 0, {"Color": total, "Strength": 1.25})
    graph.set(made.node_tree.nodes.new("ShaderNodeOutputMaterial").inputs[0], light)
    verts, faces = sphere(8)
    item = mesh("planet", verts * PLANET_RADIUS + PLANET_AT, faces, made, smooth=True)
    item.visible_diffuse = item.visible_glossy = item.visible_shadow = False


def air():
    """The glow outside the limb: a shell whose light falls off from the ground upwards."""
    thickness = 1.045
    made = bpy.data.materials.new("air")
    made.use_nodes = True
    made.node_tree.nodes.clear()
    graph = Graph(made)
    outward = graph.vector("NORMALIZE", graph.vector("SUBTRACT", graph.position(), PLANET_AT))
    sun_height = graph.vector("DOT_PRODUCT", outward, unit(PLANET_SUN))
    facing = graph.vector("DOT_PRODUCT", outward, graph.node("NewGeometry", "Incoming"))
    height = graph.math("SQRT", graph.math("SUBTRACT", 1.0, graph.math("MULTIPLY", facing, facing)))
    above = graph.math("DIVIDE", graph.math("SUBTRACT", height, 1 / thickness), 1 - 1 / thickness)
    outside = graph.math("EXPONENT", graph.math("MULTIPLY", graph.math("MAXIMUM", above, 0.0), -5.5))
    fade = graph.between(above, 1.0, 0.6)
    inside = graph.math("EXPONENT", graph.math("MULTIPLY", graph.math("MINIMUM", above, 0.0), 2.2))
    strength = graph.math("MULTIPLY", graph.math("MULTIPLY", outside, fade), inside)
    strength = graph.math("MULTIPLY", strength, graph.between(sun_height, -0.32, 0.50))
    front = graph.math("GREATER_THAN", facing, 0.0)
    tone = graph.mix(graph.between(sun_height, -0.26, 0.12), (0.80, 0.26, 0.16), (0.25, 0.55, 1.25))
    light = graph.node("Emission", 0, {"Color": tone, "Strength": graph.math("MULTIPLY", graph.math("MULTIPLY", strength, front), 1.1)})
    shader = made.node_tree.nodes.new("ShaderNodeAddShader")
    graph.set(shader.inputs[0], light)
    graph.set(shader.inputs[1], graph.node("BsdfTransparent", 0))
    graph.set(made.node_tree.nodes.new("ShaderNodeOutputMaterial").inputs[0], shader.outputs[0])
    verts, faces = sphere(8)
    item = mesh("air", verts * PLANET_RADIUS * thickness + PLANET_AT, faces, made, smooth=True)
    item.visible_diffuse = item.visible_glossy = item.visible_shadow = False


# ---------------------------------------------------------------------------------------------- ground

def craters(rnd):
    """(x, y, radius, depth) of the dents in the ground, the large ones far."""
    found = []
    for _ in range(170):
        y = 4 * (260 / 4) ** rnd.random()
        x = rnd.uniform(-0.9, 0.9) * (y + 2)
        radius = rnd.uniform(0.25, 1.0) * (0.35 + 0.09 * y)
        if math.hypot(x, y - 3.5) < radius + 1.6:
            continue
        found.append((x, y, radius, radius * rnd.uniform(0.16, 0.30)))
    return found


CRATERS = craters(np.random.default_rng(31))


def regolith(x, y):
    """Height of the ground: dust with dents; rising to hills at both sides, flat where somebody stands."""
    distance = np.hypot(x, y)
    calm = smoothstep(1.2, 6.0, np.hypot(x * 1.1, y - 3.2))
    ground = 0.16 * fbm(x * 0.22, y * 0.22, 0.0, 5, seed=2) * calm + 0.020 * fbm(x * 1.6, y * 1.6, 1.0, 4, seed=7)
    for cx, cy, radius, depth in CRATERS:
        r = np.hypot(x - cx, y - cy) / radius
        bowl = np.where(r < 1, (r * r - 1) * depth, 0) + depth * 0.38 * np.exp(-((r - 1.02) / 0.20) ** 2)
        ground = ground + bowl * (r < 2)
    far = smoothstep(18, 160, distance)
    hills = ridged(x * 0.011, y * 0.011, 3.0, 7, seed=21, gain=0.48)
    open_way = smoothstep(0.06, 0.55, np.abs(x / (y + 6) - 0.02))
    rise = far * (2.0 + 0.10 * distance * open_way) * (hills - 0.40)
    return ground + rise + far * 1.5 * fbm(x * 0.03, y * 0.03, 5.0, 5, seed=25)


def rock_material(name, dark, light, bump=0.6):
    made = material(name, roughness=0.92, specular=0.15)
    graph = Graph(made)
    place = graph.node("TexCoord", "Object") if name == "rock" else graph.position()
    mottled = graph.noise(place, 0.8, 10, 0.65)
    fine = graph.noise(place, 14, 12, 0.70)
    grain = graph.noise(place, 110, 4, 0.7)
    height = graph.math("ADD", graph.math("MULTIPLY", fine, 0.5), graph.math("MULTIPLY_ADD", grain, 0.06, mottled))
    tone = graph.mix(graph.between(mottled, 0.3, 0.7), dark, light)
    tone = graph.mix(0.5, tone, graph.ramp(fine, (0.3, 0.5), (0.7, 1.3)), "MULTIPLY")
    surface(made, {"Base Color": tone, "Normal": graph.bump(height, bump, 0.12)})
    return made


def boulder(name, centre, size, seed, made, subdivisions=5, spire=0.0):
    """A rock: a ball cut by planes, drawn up to a spire where wanted, worn by ridges."""
    rnd = np.random.default_rng(seed)
    verts, faces = sphere(subdivisions)
    shape = verts.copy()
    for _ in range(34):
        normal = rnd.normal(size=3)
        normal /= np.linalg.norm(normal)
        beyond = (shape @ normal - rnd.uniform(0.42, 0.80)).clip(0)
        shape = shape - beyond[:, None] * normal
    if spire:
        up = shape[:, 2].clip(0)
        lean = rnd.normal(0, 0.16, 2)
        shape[:, :2] *= (1 - 0.55 * smoothstep(0, 0.9, up))[:, None]
        shape[:, :2] += (up ** 2)[:, None] * lean
        shape[:, 2] += up * spire * (0.7 + 0.5 * fbm(shape[:, 0] * 3, shape[:, 1] * 3, seed, 3, seed=seed))
    x, y, z = shape.T * 1.5 + seed * 0.37
    worn = 0.16 * (ridged(x * 1.7, y * 1.7, z * 1.1, 7, seed=seed, gain=0.55) - 0.7) + 0.09 * fbm(x * 5, y * 5, z * 3.0, 5, seed=seed + 4, gain=0.6)
    outward = shape / np.linalg.norm(shape, axis=1, keepdims=True).clip(1e-6)
    return mesh(name, (shape + outward * worn[:, None]) * np.asarray(size) + np.asarray(centre), faces, made, smooth=True)


def rocks(made):
    """Spires that frame the view, boulders at their feet, stones everywhere."""
    def on_ground(x, y):
        return float(regolith(np.array([x]), np.array([y]))[0])

    for number, (x, y, wide, tall, spire) in enumerate(((-13.5, 19, 3.4, 4.2, 1.1), (-17.5, 24, 4.5, 6.0, 1.4), (-9.6, 15.5, 1.6, 1.5, 0.4),
                                                        (12.2, 17.5, 2.7, 2.6, 0.7), (17.5, 24, 4.2, 4.4, 1.2), (24, 34, 6, 6.5, 1.3),
                                                        (-30, 44, 8, 9, 1.5), (44, 70, 12, 13, 1.4), (-58, 90, 16, 18, 1.3))):
        boulder(f"spire{number}", (x, y, on_ground(x, y) - 0.1 * tall), (wide, wide * 0.9, tall), 50 + number * 7, made, 6, spire)
    rnd = np.random.default_rng(77)
    shapes = []
    for number in range(6):
        item = boulder(f"stone{number}", (0, 0, 0), (1, 0.85, 0.7), 200 + number, made, 3)
        shapes.append(item.data)
        bpy.data.objects.remove(item)
    places, angles, scales = [], [], []
    for _ in range(1700):
        y = 1.9 * (90 / 1.9) ** rnd.random()
        x = rnd.uniform(-0.75, 0.75) * y
        size = min(1.2, 0.06 + 0.05 * y, 0.013 * (rnd.pareto(1.5) + 0.7) * (1 + 0.10 * y))
        if abs(x) < 0.9 + 0.12 * y and size > 0.05 + 0.006 * y:
            continue
        places.append((x, y, on_ground(x, y) + size * 0.15))
        angles.append((rnd.random() * 6, rnd.random() * 6, rnd.random() * 6))
        scales.append((size,) * 3)
    scatter("stone", shapes, places, angles, scales)


def front_rocks(made):
    """Front layer: rocks close to the lens in the lower corners."""
    for number, (place, size) in enumerate((((-0.66, 1.00, 0.84), (0.32, 0.26, 0.30)), ((-0.37, 0.92, 0.72), (0.16, 0.13, 0.16)),
                                            ((0.64, 1.05, 0.80), (0.22, 0.18, 0.20)))):
        to_front(boulder(f"near{number}", place, size, 310 + number * 9, made, 6))


def outpost():
    """A few domes and modules with lit windows, a mast: far enough to be only a promise."""
    hull = material("hull", (0.45, 0.46, 0.48), 0.45, 0.1)
    body, windows = Batch(), Batch()
    verts, faces = sphere(4)
    base = np.array([19.0, 62.0, float(regolith(np.array([19.0]), np.array([62.0]))[0]) - 0.4])
    for x, y, radius in ((0, 0, 3.6), (8.2, 2.5, 2.6), (-6.6, 4.5, 2.2)):
        keep = verts * np.array([1, 1, 0.82]) * radius
        body.add(keep + base + (x, y, 0), faces)
        for k in range(9):
            angle = math.pi + math.pi * (k + 0.5) / 9
            place = base + (x + math.cos(angle) * radius * 1.0, y + math.sin(angle) * radius * 1.0, 0.75)
            windows.box(place, (0.34, 0.34, 0.42))
    for x0, x1, y in ((-5, -2.5, 2.6), (3, 6.2, 1.4)):
        body.box(base + ((x0 + x1) / 2, y, 0.9), (x1 - x0, 1.7, 1.8))
        windows.box(base + ((x0 + x1) / 2, y - 0.86, 1.15), ((x1 - x0) * 0.8, 0.05, 0.22))
    body.box(base + (3.2, 3.5, 5.0), (0.14, 0.14, 10.0))
    body.box(base + (3.2, 3.5, 7.6), (2.2, 0.08, 0.08))
    windows.box(base + (3.2, 3.5, 10.1), (0.30, 0.30, 0.30))
    body.build("outpost", hull, smooth=False)
    windows.build("windows", glow_material("window", (1.0, 0.66, 0.32), 5.0))


def main():
    new_scene(clamp=2.0, bounces=3)
    nebula()
    stars()
    planet()
    air()
    fan("ground", 1.15, 900, 980, 900, 0.95, regolith, rock_material("dust", (0.075, 0.074, 0.077), (0.155, 0.147, 0.143), 0.8))
    rocks(rock_material("rock", (0.075, 0.072, 0.075), (0.17, 0.155, 0.145), 0.9))
    front_rocks(rock_material("rock", (0.075, 0.072, 0.075), (0.17, 0.155, 0.145), 0.5))
    outpost()
    sun(SUN, 5.2, (1.0, 0.95, 0.87), 0.009)
    sun((-0.45, 0.75, 0.45), 0.55, (0.40, 0.62, 1.0), 0.9)
    mist(50, 3000)
    lens = SCENE["camera"]
    camera(lens["height_m"], lens["focal_mm"], lens["horizon"])
    render()


main()
