"""A city street by night after rain.

DESIGN: a narrow street between detailed fronts, seen from the middle of the wet road at eye height; shops glow at both sides, neon
signs and strings of lamps lead to a skyline that fades in haze, towers at many distances and open sky between them. Warm light
from the shops at the left, cool from the right, a street lamp above left is the key. The middle of the road stays free.
Lamps that are seen are not what lights the street: a few area lights do, so the wet road stays clean of noise.
"""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from plate import *  # noqa: E402,F403

KERB, FRONT_X = 5.2, 8.8        # half widths: road, and road with pavements
SHOP_HEIGHT, SHOP_DEPTH = 3.35, 2.6
rnd = np.random.default_rng(41)

SCENE = {
    "id": "city", "label": "City street",
    "description": "A city street by night after rain, with shop windows, neon signs and a skyline in the haze.",
    "keywords": ["city", "street", "urban", "downtown", "neon", "rain", "tokyo", "new york", "cyberpunk", "road", "night life",
                 "skyline", "shops", "town", "alley", "metropolis"],
    "camera": {"height_m": 1.45, "focal_mm": 30, "sensor_mm": 36, "horizon": 0.6},
    "depth": {"near_m": 1.0, "far_m": 900.0},
    "ground": {"near": 0.99, "far": 0.62, "receives_shadow": True, "reflects": 0.45},
    "subject": {
        "half": {"box": [0.16, 0.2, 0.68, 0.8], "distance_m": 1.2},
        "full": {"box": [0.26, 0.506, 0.48, 0.434], "distance_m": 3.55, "feet_y": 0.94},
        "crops": {
            "9:16": {"centre_x": 0.5, "half": {"box": [0.22, 0.22, 0.56, 0.78], "distance_m": 1.3}},
            "16:9": {"centre_y": 0.58,
                     "half": {"box": [0.28, 0.349, 0.44, 0.513], "distance_m": 1.8},
                     "full": {"box": [0.3, 0.533, 0.4, 0.310], "distance_m": 4.97, "feet_y": 0.843}}}},
    "default_variant": "night",
}

VARIANTS = {
    "night": {
        "keywords": ["night", "evening", "wet"],
        "key_light": {"direction": [-0.66, 0.52, 0.54], "colour": [1.0, 0.80, 0.56], "strength": 0.95},
        "rim_light": {"direction": [0.72, 0.30, -0.62], "colour": [0.45, 0.70, 1.0], "strength": 1.0},
        "ambient": {"colour": [0.42, 0.42, 0.62], "strength": 0.4},
        "haze": {"colour": [0.12, 0.09, 0.14], "amount": 0.35, "start_m": 15, "end_m": 600},
        "grade": {"exposure": 0.0, "contrast": 1.08, "saturation": 1.06, "shadows": [0.94, 0.98, 1.08],
                  "highlights": [1.03, 1.0, 0.97]},
        "particles": [{"kind": "bokeh", "amount": 0.3}, {"kind": "rain", "amount": 0.25}],
        "sounds": ["city", "rain"],
    },
    "neon": {
        "like": "night",
        "keywords": ["neon", "cyberpunk", "synthwave", "vaporwave"],
        "key_light": {"direction": [-0.66, 0.42, 0.54], "colour": [1.0, 0.52, 0.76], "strength": 0.80},
        "rim_light": {"direction": [0.72, 0.30, -0.62], "colour": [0.25, 0.85, 1.0], "strength": 1.3},
        "ambient": {"colour": [0.40, 0.36, 0.70], "strength": 0.42},
        "haze": {"colour": [0.14, 0.07, 0.20], "amount": 0.35, "start_m": 15, "end_m": 600},
        "air": {"colour": [0.20, 0.05, 0.26], "amount": 0.5, "metres": 130},
        "grade": {"exposure": 0.0, "contrast": 1.10, "saturation": 1.18, "shadows": [0.99, 0.93, 1.14],
                  "highlights": [1.04, 0.96, 1.04]},
        "particles": [{"kind": "bokeh", "amount": 0.4}],
        "sounds": ["city"],
    },
    "fog": {
        "like": "night",
        "keywords": ["fog", "foggy", "mist", "misty"],
        "key_light": {"direction": [-0.66, 0.52, 0.54], "colour": [1.0, 0.86, 0.68], "strength": 0.7},
        "rim_light": {"direction": [0.72, 0.30, -0.62], "colour": [0.60, 0.74, 0.95], "strength": 0.7},
        "ambient": {"colour": [0.46, 0.48, 0.60], "strength": 0.5},
        "haze": {"colour": [0.16, 0.16, 0.20], "amount": 0.4, "start_m": 5, "end_m": 120},
        "air": {"colour": [0.15, 0.15, 0.19], "amount": 0.9, "metres": 34},
        "grade": {"exposure": 0.1, "contrast": 1.06, "saturation": 0.92, "shadows": [0.95, 1.0, 1.06],
                  "highlights": [1.03, 1.0, 0.96]},
        "particles": [{"kind": "dust", "amount": 0.3}],
        "sounds": ["city"],
    },
}

FINISH = {
    "night": {"exposure": 1.0, "contrast": 1.2, "saturation": 1.1, "denoise": 1.3, "radius": 6,
              "haze": {"colour": [0.060, 0.050, 0.090], "amount": 0.9},
              "glow": 0.35, "glow_threshold": 0.8, "glow_reach": 8,
              "shadows": [0.94, 0.98, 1.08], "highlights": [1.03, 1.0, 0.97]},
}

NEON = ((1.0, 0.10, 0.32), (0.08, 0.62, 1.0), (1.0, 0.50, 0.06), (0.55, 0.16, 1.0), (0.10, 1.0, 0.52), (1.0, 0.85, 0.62))


def shining(name, strength):
    """Light of the face's own tint; it is seen and mirrored, but not sampled as a lamp."""
    made = glow_material(name, (1, 1, 1), strength)
    graph = Graph(made)
    graph.set(made.node_tree.nodes["Emission"].inputs[0], graph.attribute("tint"))
    made.cycles.sample_as_light = False
    return made


def sky():
    graph = Graph(bpy.context.scene.world)
    x, y, up = graph.split(graph.node("TexCoord", "Generated"))
    colour = graph.ramp(up, (0.0, (0.20, 0.12, 0.13)), (0.10, (0.085, 0.070, 0.115)), (0.32, (0.026, 0.034, 0.075)),
                        (1.0, (0.008, 0.012, 0.032)))
    clouds = graph.noise(graph.scaled(graph.node("TexCoord", "Generated"), (2, 2, 6)), 1.6, 9, 0.6)
    colour = graph.mix(graph.between(clouds, 0.45, 0.75, 0, 0.5), colour, (0.13, 0.095, 0.12))
    graph.set(graph.tree.nodes["Background"].inputs[0], colour)


# ---------------------------------------------------------------------------------------------- ground

def road():
    """Asphalt with puddles: mirrors where water stands, a dull gloss where it is only wet."""
    made = material("road", roughness=0.3, specular=0.5)
    graph = Graph(made)
    place = graph.position()
    x, y, _ = graph.split(place)
    puddles = graph.between(graph.noise(graph.scaled(place, (1, 0.6, 1)), 0.42, 5, 0.55, 0.4), 0.47, 0.56)
    wheel = graph.between(graph.math("ABSOLUTE", graph.math("SUBTRACT", graph.math("ABSOLUTE", x), 2.3)), 0.9, 0.2)
    water = graph.math("MAXIMUM", puddles, graph.math("MULTIPLY", wheel, 0.35))
    stone = graph.noise(place, 90, 6, 0.7)
    patches = graph.noise(place, 0.8, 8, 0.6)
    tar = graph.mix(patches, (0.010, 0.010, 0.012), (0.030, 0.029, 0.030))
    dashes = graph.math("MULTIPLY", graph.math("LESS_THAN", graph.math("ABSOLUTE", x), 0.07),
                        graph.math("LESS_THAN", graph.math("FRACT", graph.math("DIVIDE", y, 6.0)), 0.5))
    edges = graph.math("LESS_THAN", graph.math("ABSOLUTE", graph.math("SUBTRACT", graph.math("ABSOLUTE", x), KERB - 0.35)), 0.06)
    zebra = graph.math("MULTIPLY", graph.math("LESS_THAN", graph.math("FRACT", graph.math("DIVIDE", graph.math("ADD", x, 0.3), 1.2)), 0.5),
                       graph.math("MULTIPLY", graph.math("GREATER_THAN", y, 13.0), graph.math("LESS_THAN", y, 16.4)))
    dashes = graph.math("MULTIPLY", dashes, graph.math("GREATER_THAN", y, 18.0))
    worn = graph.between(graph.noise(place, 7.0, 10, 0.7), 0.38, 0.55)
    paint = graph.math("MULTIPLY", graph.math("MAXIMUM", graph.math("MAXIMUM", dashes, edges), zebra), worn)
    tone = graph.mix(graph.math("MULTIPLY", paint, 0.8), tar, (0.42, 0.42, 0.40))
    roughness = graph.math("MULTIPLY_ADD", water, -0.20, graph.math("MULTIPLY_ADD", patches, 0.10, 0.20))
    height = graph.math("MULTIPLY", stone, graph.math("SUBTRACT", 1.0, graph.math("MULTIPLY", water, 0.92)))
    surface(made, {"Base Color": tone, "Roughness": roughness, "Normal": graph.bump(height, 0.09, 0.012),
                   "Specular": graph.math("MULTIPLY_ADD", water, 0.25, 0.45)})
    mesh("road", [(-KERB, -30, 0), (KERB, -30, 0), (KERB, 700, 0), (-KERB, 700, 0)], [(0, 1, 2, 3)], made)
    mesh("base", [(-400, -30, -.02), (400, -30, -.02), (400, 900, -.02), (-400, 900, -.02)], [(0, 1, 2, 3)],
         material("base", (0.02, 0.02, 0.022), 0.4))


def pavements():
    made = material("pavement", roughness=0.35, specular=0.45)
    graph = Graph(made)
    place = graph.position()
    x, y, _ = graph.split(place)
    joints = graph.math("MAXIMUM", graph.math("LESS_THAN", graph.math("FRACT", graph.math("DIVIDE", x, 0.6)), 0.025),
                        graph.math("LESS_THAN", graph.math("FRACT", graph.math("DIVIDE", y, 0.9)), 0.018))
    damp = graph.between(graph.noise(place, 0.7, 6), 0.40, 0.60)
    tone = graph.mix(graph.noise(place, 3, 8, 0.65), (0.045, 0.045, 0.048), (0.095, 0.092, 0.09))
    surface(made, {"Base Color": graph.mix(joints, tone, (0.012, 0.012, 0.012)),
                   "Roughness": graph.math("MULTIPLY_ADD", damp, -0.26, 0.42),
                   "Normal": graph.bump(graph.math("MULTIPLY_ADD", joints, -1.0, graph.noise(place, 60, 5)), 0.12, 0.02)})
    batch = Batch()
    for side in (-1, 1):
        batch.box((side * (KERB + 2.1), 330, 0.07), (3.9, 720, 0.14))
        batch.box((side * (KERB + 0.08), 330, 0.075), (0.18, 720, 0.155))
    batch.build("pavement", made)


# ---------------------------------------------------------------------------------------------- houses

class Street:
    """What all houses share: one mesh for walls, one for windows, one for lights."""

    def __init__(self):
        self.walls, self.panes, self.lit, self.neon = Batch(), Batch(), Batch(), Batch()

    def build(self):
        wall = material("wall", roughness=0.8, specular=0.2)
        graph = Graph(wall)
        stains = graph.noise(graph.scaled(graph.position(), (1, 1, 0.3)), 1.2, 9, 0.65)
        surface(wall, {"Base Color": graph.mix(0.75, graph.attribute("tint"), graph.ramp(stains, (0.3, 0.35), (0.7, 1.3)), "MULTIPLY")})
        glass = material("pane", (0.010, 0.012, 0.016), 0.07, specular=0.6)
        self.walls.build("walls", wall)
        self.panes.build("panes", glass)
        self.lit.build("lit", room_light())
        self.neon.build("neon", shining("neon", 4.5))


def room_light():
    """Light of a face's tint, a little uneven: walls, ceilings, curtains and goods behind glass."""
    made = shining("rooms", 1.0)
    graph = Graph(made)
    uneven = graph.noise(graph.position(), 0.9, 4, 0.55)
    graph.set(made.node_tree.nodes["Emission"].inputs[1], graph.between(uneven, 0.30, 0.70, 0.75, 1.25))
    return made


def front(street, side, x, y0, width, height, tint, floor_height, column_width, lit_share, shop):
    """One house along the street: wall, pilasters and ledges that stand out, windows between, a shop below."""
    face = side * x
    depth = rnd.uniform(10, 16)
    low = SHOP_HEIGHT if shop else 0.0
    street.walls.box((side * (x + depth / 2), y0 + width / 2, (height + low) / 2), (depth, width - 0.06, height - low), tint)
    if shop:
        street.walls.box((side * (x + SHOP_DEPTH + 2), y0 + width / 2, low / 2), (4, width - 0.06, low), tint)
    base = 4.4 if shop else 0.6
    columns = max(2, int(width / column_width))
    step = width / columns
    floors = int((height - base - 1.0) / floor_height)
    ledge = rnd.uniform(0.12, 0.35)
    for k in range(columns + 1):
        thick = step * rnd.choice((0.22, 0.30))
        place = min(max(y0 + k * step, y0 + thick / 2), y0 + width - thick / 2)
        street.walls.box((face - side * 0.14, place, base + floors * floor_height / 2), (0.28, thick, floors * floor_height), tint * 1.1)
    for f in range(floors + 1):
        street.walls.box((face - side * ledge / 2, y0 + width / 2, base + f * floor_height), (ledge, width - 0.04, 0.38), tint * 1.25)
    street.walls.box((face - side * 0.28, y0 + width / 2, height - 0.25), (0.65, width, 0.6), tint * 1.2)
    warm = rnd.random() < 0.7
    for f in range(floors):
        office = rnd.random() < 0.16
        for k in range(columns):
            window(street, side, face, y0 + (k + 0.5) * step, base + f * floor_height + 0.2, step, floor_height - 0.35,
                   rnd.random() < (0.85 if office else lit_share), warm)
    if shop:
        shop_front(street, side, face, y0, width)
    roof_things(street, side, x, y0, width, height)
    return depth


def window(street, side, face, y, z, width, height, lit, warm):
    half = width * 0.5
    at = face - side * 0.02

    def pane(batch, y0, y1, z0, z1, colour=(1, 1, 1), out=0.0):
        place = at - side * out
        batch.quad((place, y0, z0), (place, y1, z0), (place, y1, z1), (place, y0, z1), colour)

    if not lit:
        pane(street.panes, y - half, y + half, z, z + height)
        if rnd.random() < 0.3:
            pane(street.lit, y - half, y + half, z, z + height, np.array((0.030, 0.026, 0.030)), 0.004)
    else:
        tone = np.array([(1.0, 0.60, 0.28), (1.0, 0.72, 0.42), (1.0, 0.48, 0.18), (0.75, 0.85, 1.0), (0.95, 0.88, 0.72)]
                        [rnd.choice(5, p=(.36, .30, .14, .08, .12) if warm else (.20, .24, .04, .26, .26))])
        tone = tone * rnd.choice((0.18, 0.35, 0.6, 1.0), p=(.3, .35, .25, .1))
        steps = 5
        for k in range(steps):      # a room is brightest below its lamp
            pane(street.lit, y - half, y + half, z + height * k / steps, z + height * (k + 1) / steps, tone * (0.45 + 0.75 * (k / (steps - 1)) ** 1.5))
        style = rnd.random()
        if style < 0.40:            # curtains
            cloth = tone * np.array((1.0, 0.82, 0.66)) * rnd.uniform(0.25, 0.5)
            for edge in (-1, 1):
                a, b = sorted((y + edge * half, y + edge * half * rnd.uniform(0.35, 0.75)))
                pane(street.lit, a, b, z, z + height, cloth, 0.006)
        elif style < 0.65:          # a blind
            drop = rnd.uniform(0.25, 0.75) * height
            pane(street.lit, y - half, y + half, z + height - drop, z + height, tone * 0.45, 0.006)
        if rnd.random() < 0.5:      # furniture, plants
            wide = rnd.uniform(0.15, 0.5) * half
            middle = y + rnd.uniform(-0.6, 0.6) * half
            pane(street.lit, middle - wide, middle + wide, z, z + rnd.uniform(0.15, 0.5) * height, tone * 0.10, 0.008)
    bar = 0.045
    street.walls.box((at - side * 0.03, y, z + height / 2), (0.06, bar, height), (0.02, 0.02, 0.022))
    street.walls.box((at - side * 0.03, y, z + height * 0.68), (0.06, width, bar), (0.02, 0.02, 0.022))


def shop_room(street, side, face, a, b, tone):
    """A lit room behind the glass of a whole house: shelves of goods, tables, lamps, a few figures."""
    back = face + side * (SHOP_DEPTH - 0.02)
    floor, top = 0.16, SHOP_HEIGHT - 0.01
    for k in range(4):
        low, high = floor + (top - floor) * k / 4, floor + (top - floor) * (k + 1) / 4
        street.lit.quad((back, a, low), (back, b, low), (back, b, high), (back, a, high), tone * (0.30 + 0.16 * k))
        for y in (a, b):
            street.lit.quad((face, y, low), (back, y, low), (back, y, high), (face, y, high), tone * (0.22 + 0.11 * k))
    street.lit.quad((face, a, floor), (face, b, floor), (back, b, floor), (back, a, floor), tone * 0.16)
    street.lit.quad((face, a, top), (face, b, top), (back, b, top), (back, a, top), tone * 0.42)
    for y in np.arange(a + 0.6, b - 0.4, 1.5):
        for out in (0.7, 1.7):
            street.lit.box((face + side * out, y, top - 0.25), (0.34, 0.34, 0.20), tone * 4.0)
    hue = rnd.uniform(0.2, 1.0, 3)

    def goods(x, y, level, tall, deep, wide):
        colour = (0.5 * hue + 0.5 * rnd.uniform(0.02, 1.0, 3)) * tone * rnd.uniform(0.10, 0.85)
        street.lit.box((x, y, level + tall / 2), (deep, wide, tall), colour)

    for level in (0.50, 1.00, 1.50, 2.00):
        street.lit.box((back - side * 0.2, (a + b) / 2, level), (0.4, b - a - 0.1, 0.04), tone * 0.10)
        y = a + 0.1
        while y < b - 0.2:
            wide = rnd.uniform(0.10, 0.34)
            goods(back - side * 0.24, y + wide / 2, level, rnd.uniform(0.14, 0.40), 0.24, wide)
            y += wide + rnd.uniform(0.01, 0.16)
        for x in (0.6, 1.0, 1.4, 1.8):          # shelves on the end wall, which is what one sees down the street
            if rnd.random() < 0.85:
                goods(face + side * x, b - 0.14, level, rnd.uniform(0.2, 0.42), 0.3, 0.2)
    for y in np.arange(a + 0.9, b - 0.6, 1.9):
        pick = rnd.random()
        if pick < 0.45:             # a table
            street.lit.box((face + side * 1.0, y, 0.50), (0.7, 0.9, 0.68), tone * 0.09)
            for _ in range(5):
                goods(face + side * rnd.uniform(0.75, 1.25), y + rnd.uniform(-.4, .4), 0.84, rnd.uniform(0.1, 0.3), 0.14, 0.14)
        elif pick < 0.75:           # a figure in the window or a customer
            x = face + side * rnd.uniform(0.5, 1.6)
            cloth = rnd.uniform(0.02, 0.6, 3) * tone * 0.5
            street.lit.box((x, y, 0.58), (0.22, 0.28, 0.86), cloth * 0.35)
            street.lit.box((x, y, 1.28), (0.26, 0.44, 0.56), cloth)
            street.lit.box((x, y, 1.70), (0.18, 0.17, 0.24), tone * 0.28)
        else:                       # a rack
            for k in range(6):
                goods(face + side * 0.8, y - 0.4 + k * 0.15, 0.7, 0.95, 0.5, 0.08)


def shop_front(street, side, face, y0, width):
    """Lit rooms behind glass, posts, a fascia with signs, an awning."""
    tone = np.array([(1.0, 0.66, 0.36), (1.0, 0.78, 0.54), (0.76, 0.88, 1.0), (1.0, 0.60, 0.58), (0.80, 1.0, 0.90)]
                    [rnd.choice(5, p=(.38, .30, .14, .10, .08))])
    bays = max(2, int(width / 3.2))
    step = width / bays
    shop_room(street, side, face, y0 + 0.1, y0 + width - 0.1, tone * rnd.uniform(0.5, 0.95))
    for k in range(bays):
        a, b = y0 + k * step + 0.18, y0 + (k + 1) * step - 0.18
        street.walls.box((face - side * 0.06, (a + b) / 2, 0.36), (0.12, b - a, 0.44), (0.03, 0.03, 0.034))
        for split in (1, 2):
            street.walls.box((face - side * 0.02, a + (b - a) * split / 3, 1.85), (0.06, 0.05, 2.6), (0.02, 0.02, 0.022))
        street.walls.box((face - side * 0.02, (a + b) / 2, 2.72), (0.06, b - a, 0.06), (0.02, 0.02, 0.022))
    board = np.array(NEON[rnd.integers(len(NEON))])
    for k in range(bays + 1):
        street.walls.box((face - side * 0.16, y0 + k * step, 1.8), (0.32, 0.36, 3.4), (0.05, 0.045, 0.045))
    street.walls.box((face - side * 0.18, y0 + width / 2, 3.72), (0.36, width - 0.2, 0.74), (0.025, 0.025, 0.03))
    if rnd.random() < 0.65:
        sign_band(street, side, face - side * 0.37, y0 + 0.6, width - 1.2, 3.72, board)
    if rnd.random() < 0.5:
        cloth = rnd.uniform(0.02, 0.30, 3)
        z0, z1, reach = 2.85, 3.35, rnd.uniform(0.9, 1.4)
        for k in range(int(width / 0.5)):
            a, b = y0 + 0.2 + k * 0.5, y0 + 0.2 + (k + 1) * 0.5
            colour = cloth if k % 2 else np.array((0.32, 0.31, 0.29))
            street.walls.quad((face - side * 0.3, a, z1), (face - side * 0.3, b, z1), (face - side * reach, b, z0), (face - side * reach, a, z0), colour)
            street.walls.quad((face - side * reach, a, z0), (face - side * reach, b, z0), (face - side * reach, b, z0 - .2), (face - side * reach, a, z0 - .2), colour)


def sign_band(street, side, face, y, length, z, colour):
    """Bars and blocks of light like letters seen from far."""
    at = y
    while at < y + length - 0.5:
        wide = rnd.uniform(0.18, 0.42)
        for low, high in ((-0.17, 0.17),) if rnd.random() < 0.5 else ((-0.17, -0.06), (0.05, 0.17)):
            street.neon.box((face - side * 0.02, at + wide / 2, z + (low + high) / 2), (0.04, wide, high - low), colour * 0.45)
        at += wide + 0.12


def hanging_sign(street, side, x, y, z, tall, wide, colour):
    """A neon box that stands out over the pavement: a dark board, a bright outline, signs inside that no one can read."""
    centre = side * (x - 0.35 - wide / 2)
    street.walls.box((centre, y, z), (wide, 0.16, tall), (0.015, 0.015, 0.02))
    for dz in (-tall / 2, tall / 2):
        street.neon.box((centre, y - 0.10, z + dz), (wide, 0.05, 0.05), colour)
    for dx in (-wide / 2, wide / 2):
        street.neon.box((centre + dx, y - 0.10, z), (0.05, 0.05, tall), colour)
    other = np.array(NEON[rnd.integers(len(NEON))])
    rows = max(1, int(tall / (wide * 0.85)))
    for k in range(rows):
        middle = z - tall / 2 + (k + 0.5) * tall / rows
        size = wide * 0.30
        for _ in range(rnd.integers(3, 6)):
            if rnd.random() < 0.5:
                street.neon.box((centre + rnd.uniform(-.2, .2) * wide, y - 0.10, middle + rnd.uniform(-1, 1) * size * 0.9), (size * 1.6, 0.04, 0.06), other * 0.8)
            else:
                street.neon.box((centre + rnd.uniform(-1, 1) * size * 0.8, y - 0.10, middle), (0.06, 0.04, size * 1.7), other * 0.8)
    street.walls.box((side * (x - 0.18), y, z), (0.4, 0.06, 0.06), (0.03, 0.03, 0.03))


def roof_things(street, side, x, y0, width, height):
    for _ in range(rnd.integers(1, 4)):
        size = rnd.uniform(1.2, 3.5)
        street.walls.box((side * (x + rnd.uniform(2, 7)), y0 + rnd.uniform(0.2, 0.8) * width, height + size / 2), (size, size, size), (0.03, 0.03, 0.035))
    if rnd.random() < 0.4:
        place = (side * (x + 3), y0 + width / 2, height + 3.5)
        street.walls.box(place, (0.12, 0.12, 7.0), (0.02, 0.02, 0.02))
        street.neon.box((place[0], place[1], height + 7.1), (0.25, 0.25, 0.25), (0.5, 0.01, 0.01))


def houses(street):
    for side in (-1, 1):
        y = 2.0
        while y < 330:
            width = rnd.uniform(8.5, 17)
            if 96 < y < 112:        # a cross street
                y = 112
                continue
            height = rnd.uniform(13, 24) if y < 70 else rnd.uniform(18, 46) if y < 160 else rnd.uniform(24, 70)
            tint = np.array([(.17, .12, .09), (.21, .19, .17), (.12, .13, .15), (.24, .14, .10), (.10, .09, .10)][rnd.integers(5)])
            front(street, side, FRONT_X + rnd.choice((0, 0, 0.25, 0.6)), y, width, height, tint, rnd.uniform(3.1, 3.7),
                  rnd.uniform(1.7, 2.9), rnd.uniform(0.22, 0.42), y < 200)
            for _ in range(rnd.choice((0, 1, 1, 2)) if y > 8 else 0):
                tall = rnd.uniform(1.6, 5.0)
                hanging_sign(street, side, FRONT_X, y + rnd.uniform(1, width - 1), 4.7 + tall / 2 + rnd.uniform(0, 2.5), tall,
                             rnd.uniform(0.8, 1.3), np.array(NEON[rnd.integers(len(NEON))]))
            y += width


def skyline(street):
    """Towers far behind, at many distances, lower in the middle, so the street ends in the open."""
    for _ in range(80):
        y = rnd.uniform(330, 850)
        x = rnd.uniform(-0.62, 0.62) * y
        gap = min(1.0, abs(x) / y / 0.16)
        tall = rnd.uniform(35, 85) * (0.45 + 0.75 * gap) * (1.0 + 0.5 * (rnd.random() < 0.25)) * y / 420
        wide = rnd.uniform(18, 38)
        tint = np.array((0.05, 0.05, 0.06)) * rnd.uniform(0.6, 1.3)
        street.walls.box((x, y, tall / 2), (wide, wide, tall), tint)
        if rnd.random() < 0.5:
            street.walls.box((x, y, tall * 1.06), (wide * 0.55, wide * 0.55, tall * 0.12), tint)
        if rnd.random() < 0.35:
            street.walls.box((x, y, tall * 1.2), (0.8, 0.8, tall * 0.4), tint)
            street.neon.box((x, y, tall * 1.4), (1.6, 1.6, 1.6), (0.6, 0.01, 0.01))
        columns, rows = int(wide / 2.6), int(tall / 3.8)
        cool = rnd.random() < 0.45
        for row in range(1, rows):
            busy = rnd.choice((0.08, 0.3, 0.7), p=(.4, .45, .15))
            for column in range(columns):
                if rnd.random() > busy:
                    continue
                px, pz = x - wide / 2 + (column + 0.5) * wide / columns, row * 3.8
                tone = np.array((0.75, 0.86, 1.0) if cool and rnd.random() < 0.7 else (1.0, 0.70, 0.38)) * rnd.uniform(0.3, 1.3)
                street.lit.quad((px - 0.9, y - wide / 2 - .05, pz), (px + 0.9, y - wide / 2 - .05, pz), (px + 0.9, y - wide / 2 - .05, pz + 1.7),
                                (px - 0.9, y - wide / 2 - .05, pz + 1.7), tone)


# ---------------------------------------------------------------------------------------------- things in the street

def lamps():
    poles, bulbs = Batch(), Batch()
    for k in range(16):
        for side in (-1, 1):
            y = 9 + k * 15 + (6 if side > 0 else 0)
            x = side * (KERB + 0.55)
            poles.box((x, y, 2.9), (0.13, 0.13, 5.8))
            poles.box((x, y, 0.4), (0.26, 0.26, 0.8))
            poles.box((x - side * 0.65, y, 5.75), (1.4, 0.08, 0.08))
            poles.box((x - side * 1.25, y, 5.70), (0.75, 0.30, 0.10))
            bulbs.box((x - side * 1.25, y, 5.63), (0.60, 0.22, 0.04), (1.0, 0.76, 0.46))
    poles.build("poles", material("pole", (0.02, 0.022, 0.025), 0.4, 0.6))
    bulbs.build("bulbs", shining("bulb", 14.0))


def strings():
    """Strings of warm bulbs across the street."""
    wires, bulbs = Batch(), Batch()
    verts, faces = sphere(1)
    for y in (17.0, 24.0, 32.0, 41.0, 51.0, 62.0, 75.0):
        height = rnd.uniform(6.6, 7.6)
        offset = rnd.uniform(-1.5, 1.5)
        last = None
        for t in np.linspace(-1, 1, 41):
            place = np.array((t * FRONT_X, y + offset * t, height - 1.35 * (1 - t * t)))
            if last is not None:
                wires.quad(last, place, place + (0, 0, 0.02), last + (0, 0, 0.02))
            last = place
        for t in np.linspace(-0.96, 0.96, 25):
            place = np.array((t * FRONT_X, y + offset * t, height - 1.35 * (1 - t * t) - 0.10))
            bulbs.add(verts * 0.085 + place, faces, (1.0, 0.62, 0.26))
    wires.build("wires", material("wire", (0.01, 0.01, 0.01), 0.6))
    bulbs.build("string-bulbs", shining("string", 5.5))


CAR_SIDE = ((-2.15, .30), (-2.2, .62), (-2.05, .86), (-1.45, .93), (-0.75, 1.40), (0.75, 1.44), (1.55, .98), (2.05, .90), (2.2, .62), (2.15, .30))


def cars():
    """Parked at the kerbs and coming or going farther away; the near middle stays free."""
    bodies, glass, lights = Batch(), Batch(), Batch()
    profile = np.array(CAR_SIDE)

    def car(x, y, towards, tint, on):
        n = len(profile)
        half = np.where(profile[:, 1] > 1.2, 0.66, np.where(profile[:, 1] > 0.7, 0.84, 0.88))
        left = np.column_stack([x - half, y + towards * -profile[:, 0], profile[:, 1]])
        right = np.column_stack([x + half, y + towards * -profile[:, 0], profile[:, 1]])
        verts = np.concatenate([left, right])
        i = np.arange(n - 1)
        bodies.add(verts, np.column_stack([i, i + 1, i + 1 + n, i + n]), tint)
        for start in (0, n):
            bodies.add(verts, [[start + 0, start + 1, start + 8, start + 9], [start + 1, start + 2, start + 7, start + 8],
                               [start + 2, start + 3, start + 6, start + 7], [start + 3, start + 4, start + 5, start + 6]], tint)
        for a in (3, 5):
            b = a + 1
            inner = [verts[a] + [0.08, 0, 0.02], verts[a + n] + [-0.08, 0, 0.02], verts[b + n] + [-0.08, 0, 0.0], verts[b] + [0.08, 0, 0.0]]
            glass.quad(*[p + np.array([0, 0, 0.015]) for p in inner])
        for wheel in (-1.35, 1.35):
            for side in (-1, 1):
                angle = np.linspace(0, 2 * np.pi, 17)[:-1]
                rim = np.column_stack([np.full(16, x + side * 0.89), y + wheel + 0.33 * np.cos(angle), 0.33 + 0.33 * np.sin(angle)])
                bodies.add(np.concatenate([rim, [[x + side * 0.90, y + wheel, 0.33]]]),
                           np.column_stack([np.arange(16), (np.arange(16) + 1) % 16, np.full(16, 16), np.full(16, 16)]), (0.008, 0.008, 0.008))
        if on:
            # towards > 0: the front looks at the camera
            for dx in (-0.62, 0.62):
                lights.box((x + dx, y - 2.19, 0.70), (0.34, 0.06, 0.14), (1.0, 0.92, 0.80) if towards > 0 else (0.34, 0.012, 0.008))

    paints = [(.02, .02, .025), (.25, .02, .02), (.22, .23, .25), (.02, .05, .12), (.30, .28, .22), (.05, .05, .055)]
    for side in (-1, 1):
        y = 19.5 + (3 if side > 0 else 0)
        while y < 150:
            if rnd.random() < 0.75 and not 94 < y < 114:
                car(side * (KERB - 1.12), y, -1 if side > 0 else 1, np.array(paints[rnd.integers(len(paints))]), False)
            y += rnd.uniform(5.6, 8.5)
    for x, y, towards in ((-1.75, 44, 1), (-1.8, 66, 1), (1.8, 37, -1), (1.75, 52, -1), (-1.8, 92, 1), (1.8, 84, -1), (-1.7, 130, 1),
                          (1.8, 125, -1), (-1.8, 170, 1), (1.8, 180, -1), (-1.8, 215, 1), (1.8, 240, -1)):
        car(x, y, towards, np.array(paints[rnd.integers(len(paints))]), True)
    paint = material("paint", roughness=0.18, metallic=0.3, specular=0.6)
    surface(paint, {"Base Color": Graph(paint).attribute("tint"), "Clearcoat": 0.6})
    bodies.build("cars", paint)
    glass.build("car-glass", material("car-glass", (0.006, 0.007, 0.009), 0.05, specular=0.8))
    lights.build("car-lights", shining("car-light", 12.0))


def walkers():
    """People with umbrellas on the pavements, dark against the shops."""
    batch = Batch()
    angle = np.linspace(0, 2 * np.pi, 13)[:-1]

    def loop(cx, cy, rx, ry, z):
        return np.column_stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle), np.full(12, z)])

    def tube(loops, colour):
        i = np.arange(12)
        j = (i + 1) % 12
        for low, high in zip(loops, loops[1:]):
            batch.add(np.concatenate([low, high]), np.column_stack([i, j, j + 12, i + 12]), colour)

    for _ in range(26):
        side = rnd.choice((-1, 1))
        x, y = side * rnd.uniform(KERB + 1.0, FRONT_X - 0.7), rnd.uniform(15, 90)
        coat = rnd.uniform(0.01, 0.10, 3)
        tall = rnd.uniform(0.92, 1.06)
        stride = rnd.uniform(0.05, 0.22)
        for leg in (-1, 1):
            tube([loop(x + leg * 0.09, y + leg * stride, 0.06, 0.08, 0.14), loop(x + leg * 0.08, y, 0.085, 0.10, 0.85 * tall)], (0.015, 0.015, 0.02))
        tube([loop(x, y, 0.17, 0.13, 0.72 * tall), loop(x, y, 0.17, 0.12, 1.05 * tall), loop(x, y, 0.22, 0.13, 1.40 * tall), loop(x, y, 0.06, 0.06, 1.50 * tall)], coat)
        tube([loop(x, y, 0.06, 0.06, 1.47 * tall), loop(x, y, 0.095, 0.11, 1.60 * tall), loop(x, y, 0.085, 0.10, 1.72 * tall), loop(x, y, 0.01, 0.01, 1.77 * tall)], (0.10, 0.07, 0.05))
        if rnd.random() < 0.55:
            cx = x + rnd.uniform(-0.12, 0.12)
            cover = np.array([(0.02, 0.02, 0.025), (0.35, 0.03, 0.03), (0.04, 0.10, 0.22), (0.40, 0.30, 0.05)][rnd.integers(4)])
            tube([loop(cx, y, 0.56, 0.56, 1.86), loop(cx, y, 0.42, 0.42, 2.02), loop(cx, y, 0.02, 0.02, 2.12)], cover)
    coat = material("walkers", roughness=0.8, specular=0.2)
    surface(coat, {"Base Color": Graph(coat).attribute("tint")})
    batch.build("walkers", coat)


def signals():
    """Traffic lights at the crossing."""
    poles, lights = Batch(), Batch()
    for side in (-1, 1):
        x = side * (KERB + 0.45)
        poles.box((x, 17.2, 2.0), (0.11, 0.11, 4.0))
        poles.box((x, 17.1, 3.5), (0.30, 0.24, 0.95))
        lights.box((x, 16.96, 3.80 if side < 0 else 3.22), (0.19, 0.03, 0.19), (0.9, 0.03, 0.02) if side < 0 else (0.04, 0.8, 0.35))
    poles.build("signal-poles", material("signal", (0.02, 0.02, 0.02), 0.5))
    lights.build("signals", shining("signal-light", 12.0))


def lighting():
    """The few lights that really light the street."""
    for y, energy in ((9, 380), (24, 460), (40, 560), (60, 640), (85, 720)):
        area_light((-4.4, y, 5.6), (-2.0, y, 0), 0.7, energy, (1.0, 0.74, 0.44))
        area_light((4.4, y + 6, 5.6), (2.0, y + 6, 0), 0.7, energy, (1.0, 0.78, 0.50))
    for y in (10, 22, 36, 52, 72, 100):
        area_light((-8.2, y, 2.4), (0, y - 1, 0.6), 3.6, 75 + y, (1.0, 0.66, 0.40))
        area_light((8.2, y, 2.4), (0, y - 1, 0.6), 3.6, 65 + y, (0.75, 0.70, 1.0))
    for y in (8, 20, 34, 52, 76):       # what the street throws back up the fronts
        area_light((-4.0, y, 1.2), (-9.0, y + 2, 9.0), 3.0, 260 + 3 * y, (1.0, 0.72, 0.50))
        area_light((4.0, y, 1.2), (9.0, y + 2, 9.0), 3.0, 240 + 3 * y, (0.80, 0.72, 0.95))
    for x, y, z, tone, energy in ((-6.5, 20, 7, NEON[0], 260), (6.5, 26, 7, NEON[1], 260), (-6.5, 45, 8, NEON[3], 380), (6.5, 58, 9, NEON[2], 380)):
        area_light((x, y, z), (0, y - 4, 3), 2.5, energy, tone)
    for item in bpy.context.scene.objects:
        if item.type == "LIGHT":
            item.visible_glossy = False


def main():
    new_scene(clamp=1.0, bounces=4, diffuse=2, glossy=3)
    bpy.context.scene.cycles.blur_glossy = 1.0
    sky()
    road()
    pavements()
    street = Street()
    houses(street)
    skyline(street)
    street.build()
    lamps()
    strings()
    cars()
    walkers()
    signals()
    lighting()
    mist(14, 620, "QUADRATIC")
    lens = SCENE["camera"]
    camera(lens["height_m"], lens["focal_mm"], lens["horizon"], 0.0, 2.0, 4.5)
    render()


main()
