"""Stadium by night.

DESIGN: one strong perspective down the pitch from a player's height; the bowl closes the view on three sides, two tiers
full of people, a ribbon of boxes between them, a roof edge full of lamps above. Nothing stands in the middle of the pitch.
Light comes from the roof on both sides (white, slightly warm left, cool right), the sky is nearly black, haze and the beams
of the lamps give depth. The grass before the camera is real blades.
"""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plate import *  # noqa: E402,F403

CAMERA_Y = -14.5
HALF_WIDTH, HALF_LENGTH = 38.0, 59.0        # where the stands begin
rnd = np.random.default_rng(7)

SCENE = {
    "id": "stadium", "label": "Stadium",
    "description": "The pitch of a packed football stadium by night, under floodlights.",
    "keywords": ["stadium", "football", "soccer", "pitch", "arena", "sport", "match", "team", "crowd", "fans", "field",
                 "player", "goal", "world cup", "floodlights"],
    "camera": {"height_m": 1.35, "focal_mm": 26, "sensor_mm": 36, "horizon": 0.6},
    "depth": {"near_m": 1.0, "far_m": 400.0},
    "ground": {"near": 0.99, "far": 0.615, "receives_shadow": True, "reflects": 0.0},
    "subject": {
        "half": {"box": [0.16, 0.2, 0.68, 0.8], "distance_m": 1.2},
        "full": {"box": [0.26, 0.478, 0.48, 0.452], "distance_m": 2.95, "feet_y": 0.93},
        "crops": {
            "9:16": {"centre_x": 0.5, "half": {"box": [0.22, 0.22, 0.56, 0.78], "distance_m": 1.3}},
            "16:9": {"centre_y": 0.58,
                     "half": {"box": [0.28, 0.349, 0.44, 0.513], "distance_m": 1.8},
                     "full": {"box": [0.3, 0.510, 0.4, 0.333], "distance_m": 4.01, "feet_y": 0.843}}}},
    "default_variant": "night",
}

VARIANTS = {
    "night": {
        "keywords": ["night", "floodlit", "evening"],
        "key_light": {"direction": [-0.55, 0.68, 0.48], "colour": [1.0, 0.965, 0.91], "strength": 1.0},
        "rim_light": {"direction": [0.60, 0.55, -0.58], "colour": [0.86, 0.93, 1.0], "strength": 0.9},
        "ambient": {"colour": [0.55, 0.70, 0.78], "strength": 0.35},
        "haze": {"colour": [0.10, 0.13, 0.20], "amount": 0.3, "start_m": 18, "end_m": 278},
        "grade": {"exposure": 0.0, "contrast": 1.06, "saturation": 1.03, "shadows": [0.96, 0.99, 1.06],
                  "highlights": [1.02, 1.0, 0.98]},
        "particles": [{"kind": "dust", "amount": 0.3}, {"kind": "confetti", "amount": 0.25}],
        "sounds": ["crowd"],
    },
    "celebration": {
        "like": "night", "mood": True,
        "keywords": ["celebration", "champions", "victory", "final", "trophy", "winners"],
        "key_light": {"direction": [-0.55, 0.68, 0.48], "colour": [1.0, 0.93, 0.80], "strength": 1.05},
        "rim_light": {"direction": [0.60, 0.55, -0.58], "colour": [1.0, 0.86, 0.62], "strength": 1.2},
        "ambient": {"colour": [0.62, 0.66, 0.66], "strength": 0.38},
        "haze": {"colour": [0.16, 0.13, 0.12], "amount": 0.3, "start_m": 18, "end_m": 278},
        "air": {"colour": [0.13, 0.10, 0.09], "amount": 0.30, "metres": 150},
        "grade": {"exposure": 0.05, "contrast": 1.08, "saturation": 1.06, "shadows": [0.98, 0.98, 1.03],
                  "highlights": [1.05, 1.0, 0.93]},
        "particles": [{"kind": "confetti", "amount": 0.9}, {"kind": "bokeh", "amount": 0.25}],
        "sounds": ["crowd"],
    },
    "mist": {
        "like": "night",
        "keywords": ["mist", "misty", "fog", "smoke"],
        "key_light": {"direction": [-0.55, 0.68, 0.48], "colour": [0.92, 0.97, 1.0], "strength": 1.0},
        "rim_light": {"direction": [0.60, 0.55, -0.58], "colour": [0.80, 0.92, 1.0], "strength": 1.1},
        "ambient": {"colour": [0.50, 0.66, 0.82], "strength": 0.36},
        "haze": {"colour": [0.12, 0.18, 0.26], "amount": 0.35, "start_m": 12, "end_m": 200},
        "air": {"colour": [0.10, 0.16, 0.24], "amount": 0.62, "metres": 70},
        "grade": {"exposure": 0.0, "contrast": 1.10, "saturation": 0.96, "shadows": [0.93, 0.99, 1.08],
                  "highlights": [1.0, 1.0, 1.0]},
        "particles": [{"kind": "dust", "amount": 0.6}],
        "sounds": ["crowd"],
    },
}

FINISH = {
    "night": {"exposure": 0.2, "contrast": 1.28, "saturation": 1.05, "denoise": 1.0, "radius": 4,
              "haze": {"colour": [0.030, 0.042, 0.072], "amount": 0.85},
              "glow": 0.45, "glow_threshold": 1.0, "glow_reach": 8,
              "shadows": [0.95, 0.99, 1.07], "highlights": [1.02, 1.0, 0.98]},
}


def world():
    graph = Graph(bpy.context.scene.world)
    up = graph.split(graph.node("TexCoord", "Generated"))[2]
    colour = graph.ramp(up, (0.0, (0.030, 0.042, 0.075)), (0.35, (0.006, 0.010, 0.024)), (1.0, (0.002, 0.003, 0.009)))
    background = graph.tree.nodes["Background"]
    graph.set(background.inputs[0], colour)


def painted(graph, x, y):
    """1 where the pitch is painted white: the lines as distances, so that they stay sharp at any distance."""
    ax, ay = graph.math("ABSOLUTE", x), graph.math("ABSOLUTE", y)

    width = graph.math("MULTIPLY_ADD", graph.math("ADD", y, -CAMERA_Y), 0.0011, 0.058)

    def near(distance):
        return graph.math("LESS_THAN", graph.math("ABSOLUTE", distance), width)

    def rectangle(half_x, half_y, centre_y):
        dx = graph.math("SUBTRACT", ax, half_x)
        dy = graph.math("SUBTRACT", graph.math("ABSOLUTE", graph.math("SUBTRACT", ay, centre_y)), half_y)
        return near(graph.math("MAXIMUM", dx, dy))

    def circle(radius, centre_y):
        dy = graph.math("SUBTRACT", ay, centre_y)
        distance = graph.math("SQRT", graph.math("ADD", graph.math("MULTIPLY", x, x), graph.math("MULTIPLY", dy, dy)))
        return near(graph.math("SUBTRACT", distance, radius))

    half = graph.math("MULTIPLY", near(ay), graph.math("LESS_THAN", ax, 34.0))
    arc = graph.math("MULTIPLY", circle(9.15, 41.0), graph.math("LESS_THAN", ay, 35.5))
    shapes = [rectangle(34.0, 52.0, 0.0), rectangle(20.2, 8.25, 43.75), rectangle(9.2, 2.75, 49.25), circle(9.15, 0.0), arc]
    for shape in shapes:
        half = graph.math("MAXIMUM", half, shape)
    return half


def mown(graph, dark, light):
    """The pitch's colour: a chequer of mown stripes, worn places, white lines."""
    place = graph.position()
    x, y, _ = graph.split(place)

    def stripe(axis, width):
        return graph.math("GREATER_THAN", graph.math("FRACT", graph.math("DIVIDE", axis, width * 2)), 0.5)

    checks = graph.math("ADD", graph.math("MULTIPLY", stripe(y, 5.5), 0.65),
                        graph.math("MULTIPLY", stripe(graph.math("ADD", x, 3.4), 6.8), 0.35))
    tone = graph.mix(checks, dark, light)
    wear = graph.between(graph.noise(place, 0.35, 8, 0.6), 0.45, 0.75, 0, 0.45)
    tone = graph.mix(wear, tone, graph.mix(0.5, light, (0.16, 0.17, 0.05)))
    paint = graph.math("MULTIPLY", painted(graph, x, y), graph.between(graph.noise(place, 22, 6, 0.7), 0.25, 0.5, 0.55, 0.95))
    return graph.mix(paint, tone, (0.62, 0.66, 0.62))


def pitch():
    grass = material("grass", roughness=0.75, specular=0.25)
    graph = Graph(grass)
    place = graph.position()
    tufts = graph.noise(place, 26, 10, 0.7)
    tone = mown(graph, (0.022, 0.082, 0.014), (0.044, 0.138, 0.026))
    tone = graph.mix(0.8, tone, graph.ramp(tufts, (0.25, 0.45), (0.75, 1.35)), "MULTIPLY")
    threads = graph.noise(graph.scaled(place, (1, 0.45, 1)), 160, 5, 0.6)
    surface(grass, {"Base Color": tone, "Normal": graph.bump(graph.math("ADD", tufts, threads), 0.7, 0.03),
                    "Sheen": 0.25})
    mesh("pitch", [(-90, -80, 0), (90, -80, 0), (90, 90, 0), (-90, 90, 0)], [(0, 1, 2, 3)], grass)


def blade_patch(name, count, made):
    """A square metre of blades."""
    root = rnd.random((count, 2)) - 0.5
    angle = rnd.random(count) * 2 * math.pi
    lean = rnd.normal(0, 0.011, (count, 2))
    tall = rnd.uniform(0.016, 0.040, count)
    side = np.column_stack([np.cos(angle), np.sin(angle)]) * rnd.uniform(0.0015, 0.0026, count)[:, None]
    flat = np.zeros(count)
    verts = np.stack([np.column_stack([root - side, flat]), np.column_stack([root + side, flat]),
                      np.column_stack([root + side * 0.8 + lean * 0.4, tall * 0.6]),
                      np.column_stack([root + lean, tall])], 1).reshape(-1, 3)
    item = mesh(name, verts, np.arange(count * 4).reshape(-1, 4), made)
    data = item.data
    bpy.data.objects.remove(item)
    return data


def blades():
    """Real blades of grass by instances: dense at the camera, ever thinner until the painted ground takes over."""
    green = material("blade", roughness=0.5, specular=0.3)
    graph = Graph(green)
    height = graph.split(graph.position())[2]
    tone = mown(graph, (0.050, 0.165, 0.030), (0.092, 0.265, 0.052))
    dry = graph.between(graph.noise(graph.position(), 70, 3), 0.55, 0.75, 0, 0.35)
    tone = graph.mix(dry, tone, (0.20, 0.26, 0.07))
    surface(green, {"Base Color": graph.mix(graph.between(height, -0.010, 0.016, 0.35, 1.0), graph.mix(0.5, tone, (0.020, 0.060, 0.012)), tone), "Sheen": 0.2})
    for first, last, count, tallest in ((1, 7, 7000, 1.0), (8, 15, 4200, 0.9), (16, 25, 2000, 0.75), (26, 36, 800, 0.6)):
        shapes = [blade_patch(f"patch{first}-{k}", count, green) for k in range(3)]
        places, angles, scales = [], [], []
        for row in range(first, last + 1):
            reach = int(row * 0.75) + 2
            for column in range(-reach, reach + 1):
                places.append((column + 0.5, CAMERA_Y + row, 0))
                angles.append((0, 0, rnd.integers(4) * math.pi / 2))
                scales.append((1, 1, tallest * (0.8 + 0.4 * rnd.random())))
        scatter("grass", shapes, places, angles, scales)


def goal():
    """The far goal: posts and net."""
    batch = Batch()
    for x in (-3.66, 3.66):
        batch.box((x, 52, 1.22), (0.12, 0.12, 2.44))
        batch.box((x, 53.9, 1.0), (0.05, 0.05, 2.0))
    batch.box((0, 52, 2.44), (7.44, 0.12, 0.12))
    for k in range(-18, 19):
        batch.box((k * 0.2, 53.9, 1.0), (0.016, 0.016, 2.0))
    for k in range(10):
        batch.box((0, 53.9, k * 0.22), (7.3, 0.016, 0.016))
    batch.build("goal", material("post", (0.85, 0.85, 0.85), 0.4))


def ring(offset, count, power=3.4):
    """The plan of the bowl, `offset` metres behind the pitch's edge: `count` points at even distances."""
    angle = np.linspace(0, 2 * np.pi, 2881) - math.pi / 2
    c, s = np.cos(angle), np.sin(angle)
    plan = np.column_stack([(HALF_WIDTH + offset) * np.sign(c) * np.abs(c) ** (2 / power),
                            (HALF_LENGTH + offset) * np.sign(s) * np.abs(s) ** (2 / power)])
    walked = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(plan, axis=0).T))])
    wanted = np.linspace(0, walked[-1], count, endpoint=False)
    return np.column_stack([np.interp(wanted, walked, plan[:, axis]) for axis in (0, 1)])


def band(inner, z0, outer, z1, made, count=360, name="band"):
    """A strip around the bowl between two rings."""
    low, high = ring(inner, count), ring(outer, count)
    verts = np.concatenate([np.column_stack([low, np.full(count, z0)]), np.column_stack([high, np.full(count, z1)])])
    i = np.arange(count)
    j = (i + 1) % count
    return mesh(name, verts, np.column_stack([i, j, j + count, i + count]), made, smooth=False)


def stands():
    """Two tiers of steps; gives the seat rows as (offset, height)."""
    concrete = material("concrete", (0.045, 0.050, 0.060), 0.8)
    dark = material("dark", (0.012, 0.014, 0.018), 0.7)
    rows = []
    offset, height = 1.2, 1.5
    band(offset, 0, offset, height, dark)
    for tier, (count, rise, tread) in enumerate(((24, 0.42, 0.85), (30, 0.60, 0.82))):
        for _ in range(count):
            band(offset, height - rise, offset, height, concrete)
            band(offset, height, offset + tread, height, concrete)
            rows.append((offset + 0.25, height, tier))
            offset += tread
            height += rise
        if tier == 0:
            boxes(offset, height)
            band(offset, height + 3.3, offset - 2.2, height + 3.3, dark)
            height += 4.6
            offset -= 1.6
    band(offset, height - 1, offset, height + 2.6, dark)
    return rows, offset, height


def boxes(offset, height):
    """The glazed floor between the tiers, warmly lit, and the ribbon display above it."""
    glass = material("glass", (0.02, 0.02, 0.02), 0.2)
    graph = Graph(glass)
    x, y, z = graph.split(graph.position())
    along = graph.math("ADD", graph.math("MULTIPLY", x, 0.31), graph.math("MULTIPLY", y, 0.31))
    cell = graph.node("TexWhiteNoise", 0, {"W": graph.math("FLOOR", along)}, noise_dimensions="1D")
    frame = graph.math("GREATER_THAN", graph.math("FRACT", along), 0.07)
    warm = graph.ramp(cell, (0.0, (1.0, 0.62, 0.30)), (1.0, (1.0, 0.82, 0.60)))
    level = graph.math("SUBTRACT", z, height)
    ceiling = graph.between(level, 0.0, 2.9, 0.35, 1.25)
    shapes = graph.noise(graph.node("CombineXYZ", 0, {0: graph.math("MULTIPLY", along, 9.0), 1: graph.math("MULTIPLY", z, 0.5), 2: 0.0}), 1.0, 3, 0.5)
    guests = graph.between(graph.math("MULTIPLY_ADD", shapes, 4.2, graph.math("MULTIPLY", level, -1.0)), 0.35, 0.25, 0.12, 1.0)
    lit = graph.math("MULTIPLY", graph.math("MULTIPLY_ADD", cell, 0.9, 0.12), frame)
    lit = graph.math("MULTIPLY", lit, graph.math("MULTIPLY", ceiling, guests))
    surface(glass, {"Emission": warm, "Emission Strength": lit})
    band(offset, height - 0.5, offset, height + 3.4, glass)
    band(offset - 2.25, height + 3.2, offset - 2.25, height + 4.5, ribbon_display("ribbon", 0.05, 0.8))


def ribbon_display(name, scale, strength):
    """Moving colour of an LED band: bars and blocks, no text."""
    made = material(name, (0.01, 0.01, 0.01), 0.3)
    graph = Graph(made)
    x, y, z = graph.split(graph.position())
    along = graph.math("MULTIPLY", graph.math("ADD", x, y), scale)
    block = graph.node("TexWhiteNoise", 0, {"W": graph.math("FLOOR", along)}, noise_dimensions="1D")
    wave = graph.math("SINE", graph.math("MULTIPLY_ADD", along, 14.0, graph.math("MULTIPLY", z, 6.0)))
    colour = graph.ramp(block, (0.0, (0.02, 0.10, 0.75)), (0.35, (0.03, 0.45, 0.90)), (0.6, (0.75, 0.80, 0.9)),
                        (0.8, (0.01, 0.25, 0.55)), (0.95, (0.9, 0.35, 0.05)))
    bars = graph.mix(graph.between(wave, -0.2, 0.3), colour, graph.mix(0.5, colour, (0.01, 0.03, 0.10)))
    surface(made, {"Emission": bars, "Emission Strength": strength})
    return made


def person_shapes():
    """A few people of some twenty quads: facing -y, one metre of body above the seat; (verts, faces, part)."""
    shapes = []

    def prism(points_low, points_high, part, sink):
        verts, faces, parts = sink
        base = len(verts)
        n = len(points_low)
        verts += points_low + points_high
        for i in range(n):
            j = (i + 1) % n
            faces.append((base + i, base + j, base + n + j, base + n + i))
            parts.append(part)
        if n == 4:
            faces.append((base + 4, base + 5, base + 6, base + 7))
            parts.append(part)

    def rect(cx, cy, w, d, z):
        return [(cx - w, cy - d, z), (cx + w, cy - d, z), (cx + w, cy + d, z), (cx - w, cy + d, z)]

    for pose in range(8):
        sink = ([], [], [])
        stand = 0.35 if pose in (1, 2, 4, 6) else 0.0
        prism(rect(0, -0.08, 0.17, 0.16, 0), rect(0, 0, 0.16, 0.11, 0.42 + stand), 2, sink)
        prism(rect(0, 0, 0.16, 0.11, 0.42 + stand), rect(0, 0, 0.22, 0.10, 0.92 + stand), 0, sink)
        prism(rect(0, 0, 0.06, 0.06, 0.92 + stand), rect(0, -0.02, 0.095, 0.10, 1.04 + stand), 1, sink)
        prism(rect(0, -0.02, 0.095, 0.10, 1.04 + stand), rect(0, 0, 0.075, 0.08, 1.20 + stand), 1 if pose % 3 else 3, sink)
        for side in (-1, 1):
            raised = pose in (1, 4) or (pose in (2, 6) and side > 0)
            if raised:
                prism(rect(side * 0.24, 0, 0.05, 0.05, 0.85 + stand), rect(side * 0.36, -0.04, 0.04, 0.04, 1.40 + stand), 1, sink)
            else:
                prism(rect(side * 0.20, -0.20, 0.05, 0.07, 0.48 + stand), rect(side * 0.25, 0, 0.05, 0.05, 0.88 + stand), 0, sink)
        if pose == 4:
            prism(rect(0, -0.05, 0.5, 0.01, 1.36 + stand), rect(0, -0.05, 0.5, 0.01, 1.55 + stand), 4, sink)
        shapes.append(tuple(np.array(part) for part in sink))
    return shapes


def crowd(rows):
    """Everybody the camera can see, as one mesh; colours come in blocks, as fans sit together."""
    clothes = np.array([(.42, .02, .03), (.45, .04, .04), (.62, .60, .57), (.03, .05, .24), (.30, .22, .16), (.03, .03, .04),
                        (.62, .63, .66), (.50, .26, .02), (.16, .02, .03), (.05, .16, .30), (.10, .11, .13)])
    skins = np.array([(.55, .34, .24), (.45, .27, .18), (.30, .17, .10), (.14, .075, .045), (.62, .42, .32)])
    hairs = np.array([(.02, .015, .01), (.06, .035, .02), (.20, .12, .05), (.30, .28, .26)])
    shapes = person_shapes()
    verts, faces, colours, count = [], [], [], 0
    phones = Batch()
    for offset, height, tier in rows:
        seats = int((362 + 6.9 * offset) / 0.56)
        places = ring(offset + 0.3, seats)
        for number, place in enumerate(places):
            if place[1] < CAMERA_Y + 25 or number % 46 < 3 or rnd.random() < 0.06:
                continue
            if tier == 0 and 9.3 < offset < 12.8 and number % 46 < 8:
                continue
            facing = math.atan2(place[1] - 5, place[0]) + math.pi / 2 + rnd.normal(0, 0.3)
            points, quads, parts = shapes[int(rnd.choice(8, p=(.2, .12, .06, .22, .04, .16, .06, .14)))]
            c, s = math.cos(facing), math.sin(facing)
            size = rnd.uniform(0.92, 1.08)
            x = place[0] + rnd.normal(0, 0.05) + size * (points[:, 0] * c - points[:, 1] * s)
            y = place[1] + rnd.normal(0, 0.05) + size * (points[:, 0] * s + points[:, 1] * c)
            verts.append(np.column_stack([x, y, height + size * points[:, 2]]))
            border = 0.35 * fbm(place[0] * 0.09, place[1] * 0.09, height * 0.12, 2, seed=6)
            block = int(math.atan2(place[1], place[0]) * 3.1 + tier * 0.6 + float(border) + 9) % 3
            favourite, share = ((0, 0.46), (6, 0.30), (9, 0.40))[block]
            cloth = clothes[favourite if rnd.random() < share else rnd.integers(len(clothes))] * rnd.uniform(0.5, 1.15)
            palette = np.array([cloth, skins[rnd.integers(len(skins))], (.02, .025, .04),
                                hairs[rnd.integers(len(hairs))], clothes[favourite]])
            colours.append(palette[parts])
            faces.append(quads + count)
            count += len(points)
            if rnd.random() < 0.010:
                phones.box((place[0], place[1], height + 1.15), (0.10, 0.10, 0.16))
    made = material("people", roughness=0.85, specular=0.1)
    surface(made, {"Base Color": Graph(made).attribute("tint")})
    mesh("crowd", np.concatenate(verts), np.concatenate(faces), made, None, np.concatenate(colours))
    phones.build("phones", glow_material("phone", (0.85, 0.93, 1.0), 7))
    print("people", len(faces), "vertices", count, flush=True)


def boards():
    """The displays around the pitch."""
    band(-1.6, 0.06, -1.6, 1.0, ribbon_display("boards", 0.085, 0.95))
    band(-1.55, 0.0, -1.55, 1.06, material("board-frame", (0.02, 0.02, 0.025), 0.5))


def roof(offset, height):
    """The roof's underside, trusses, its bright edge and the lamps; gives the lamps' places."""
    sheet = material("roof", (0.050, 0.058, 0.075), 0.45, 0.5)
    inner, top = offset - 24, height + 13.5
    band(offset + 4, height + 7.5, inner, top, sheet)
    band(inner, top, inner, top + 1.6, material("fascia", (0.10, 0.11, 0.13), 0.4, 0.4))
    band(inner - .02, top + .1, inner - .02, top + .28, glow_material("edge", (0.35, 0.65, 1.0), 2.2))
    truss = Batch()
    for low, high in zip(ring(offset + 3, 90), ring(inner + 0.5, 90)):
        a, b = np.array([*low, height + 6.9]), np.array([*high, top - 0.6])
        for drop in (0.0, 1.5):
            side = np.array([-(b - a)[1], (b - a)[0], 0])
            side = side / np.linalg.norm(side) * 0.12
            down = np.array([0, 0, -drop])
            truss.quad(a - side + down, a + side + down, b + side + down, b - side + down)
            truss.quad(a + down, b + down, b + down + [0, 0, -.28], a + down + [0, 0, -.28])
        for k in range(9):
            p, q = a + (b - a) * k / 9, a + (b - a) * (k + 0.5) / 9
            truss.quad(p, q + [0, 0, -1.5], q + [0.12, 0, -1.5], p + [0.12, 0, 0])
    truss.build("truss", material("steel", (0.22, 0.23, 0.25), 0.4, 0.6))
    lamps, housings = Batch(), Batch()
    spots = []
    places = ring(inner + 1.2, 300)
    for number, place in enumerate(places):
        group = number % 15
        if group > 9:
            continue
        inward = -place / np.linalg.norm(place)
        right = np.array([-inward[1], inward[0]])
        for level in (0, 1):
            centre = np.array([*(place + inward * 0.5 * level), top - 1.1 + level * 0.75])
            a = np.array([*(right * 0.30), 0])
            b = np.array([*(-inward * 0.12), 0.27])
            lamps.quad(centre - a - b, centre + a - b, centre + a + b, centre - a + b)
            back = np.array([*(-inward * 0.08), 0])
            housings.quad(*(centre + back + 1.35 * v for v in (-a - b, a - b, a + b, -a + b)))
        if group == 5:
            spots.append((*(place + inward * 1.5), top - 0.8))
    housings.build("housings", material("housing", (0.03, 0.03, 0.035), 0.6))
    lamps.build("lamps", glow_material("lamp", (1.0, 0.97, 0.93), 42)).visible_diffuse = False
    return spots


def beams(spots):
    """The lamps' light in the haze: cones that add a little where they are seen from the side."""
    batch = Batch()
    for x, y, z in spots:
        if y < 5:
            continue
        start = np.array([x, y, z])
        target = np.array([x * 0.10, y * 0.25 + 4, 0.0])
        axis = (target - start) / np.linalg.norm(target - start)
        side = np.cross(axis, (0, 0, 1))
        side /= np.linalg.norm(side)
        other = np.cross(side, axis)
        rings = []
        for distance, radius in ((0.3, 1.2), (52, 7.5)):
            angle = np.linspace(0, 2 * np.pi, 33)[:-1]
            rings.append(start + axis * distance + radius * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other))
        i = np.arange(32)
        j = (i + 1) % 32
        batch.add(np.concatenate(rings), np.column_stack([i, j, j + 32, i + 32]))
    made = bpy.data.materials.new("beam")
    made.use_nodes = True
    made.node_tree.nodes.clear()
    graph = Graph(made)
    facing = graph.node("LayerWeight", "Facing", {"Blend": 0.5})
    height = graph.split(graph.position())[2]
    soft = graph.math("POWER", graph.math("SUBTRACT", 1.0, facing), 2.2)
    fade = graph.math("POWER", graph.between(height, 8.0, 44.0, smooth=False), 2.2)
    strength = graph.math("MULTIPLY", graph.math("MULTIPLY", soft, fade), 0.22)
    light = graph.node("Emission", 0, {"Color": (0.75, 0.86, 1.0), "Strength": strength})
    shader = made.node_tree.nodes.new("ShaderNodeAddShader")
    graph.set(shader.inputs[0], light)
    graph.set(shader.inputs[1], graph.node("BsdfTransparent", 0))
    graph.set(made.node_tree.nodes.new("ShaderNodeOutputMaterial").inputs[0], shader.outputs[0])
    item = batch.build("beams", made, smooth=True)
    item.visible_shadow = item.visible_diffuse = item.visible_glossy = False


def screens(offset, height):
    """Two big displays under the roof."""
    frame, picture = Batch(), Batch()
    for side in (-1, 1):
        frame.box((side * 27, 66.5, 29.6), (15.5, 0.8, 8.6))
        picture.box((side * 27, 66.0, 29.6), (14.6, 0.3, 7.8))
    frame.build("screen-frames", material("frame", (0.02, 0.02, 0.025), 0.5))
    made = material("screen", (0, 0, 0), 0.4)
    graph = Graph(made)
    x, _, z = graph.split(graph.position())
    slant = graph.math("SINE", graph.math("MULTIPLY", graph.math("ADD", x, graph.math("MULTIPLY", z, 0.6)), 0.55))
    soft = graph.noise(graph.scaled(graph.position(), (0.10, 0, 0.20)), 1.0, 2, 0.5)
    shine = graph.math("MULTIPLY_ADD", graph.between(slant, 0.55, 0.6), 0.10, soft)
    colour = graph.ramp(shine, (0.35, (0.01, 0.03, 0.22)), (0.55, (0.03, 0.25, 0.75)), (0.74, (0.35, 0.65, 1.0)))
    surface(made, {"Emission": colour, "Emission Strength": 0.3})
    picture.build("screens", made)


def main():
    new_scene()
    world()
    pitch()
    blades()
    goal()
    rows, offset, height = stands()
    crowd(rows)
    boards()
    spots = roof(offset, height)
    screens(offset, height)
    beams(spots)
    for x, y, energy, colour in ((-50, 40, 60000, (1, .96, .90)), (50, 40, 60000, (.90, .95, 1)),
                                 (-52, -45, 100000, (1, .96, .90)), (52, -45, 50000, (.90, .95, 1))):
        area_light((x, y, 44), (x * -0.1, y * 0.3 + 6, 0), 16, energy, colour)
    mist(18, 260, "LINEAR")
    lens = SCENE["camera"]
    camera(lens["height_m"], lens["focal_mm"], lens["horizon"], CAMERA_Y)
    render()


main()
