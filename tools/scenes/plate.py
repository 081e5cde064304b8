"""What every scene script shares: set-up, shader graphs, meshes, noise, camera, and the passes of a plate.

A scene script is started by Blender:

    blender -b --python tools/scenes/NAME.py -- OUT RES SPP VARIANT

and leaves linear passes in OUT as NumPy arrays; finish.py makes the picture, the depth and scene.json of them.
Blender's units are metres: x right, y away from the camera, z up.
"""
import math
import os
import sys
import time

import bpy
import numpy as np

ARGUMENTS = sys.argv[sys.argv.index("--") + 1:] if "--" in sys.argv else []
OUT = os.path.abspath(ARGUMENTS[0] if ARGUMENTS else "out")
RES = int(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else 640
SPP = int(ARGUMENTS[2]) if len(ARGUMENTS) > 2 else 32
VARIANT = ARGUMENTS[3] if len(ARGUMENTS) > 3 else ""
SENSOR_MM = 36.0
FRONT = "front"


# ---------------------------------------------------------------------------------------------- set-up

def new_scene(clamp=3.0, bounces=5, diffuse=2, glossy=3):
    """An empty Cycles scene with everything a plate needs switched on."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = RES
    scene.render.use_persistent_data = True
    cycles = scene.cycles
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.02
    cycles.adaptive_min_samples = 8
    cycles.max_bounces = bounces
    cycles.diffuse_bounces = diffuse
    cycles.glossy_bounces = glossy
    cycles.transmission_bounces = 0
    cycles.transparent_max_bounces = 16
    cycles.sample_clamp_indirect = clamp
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.use_denoising = False
    cycles.blur_glossy = 0.5
    layer = bpy.context.view_layer
    layer.use_pass_z = layer.use_pass_mist = True
    layer.cycles.denoising_store_passes = True
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    return scene


def mist(start, depth, falloff="QUADRATIC"):
    """How much haze lies over what: 0 at `start` metres, 1 at `start + depth`."""
    settings = bpy.context.scene.world.mist_settings
    settings.start, settings.depth, settings.falloff = start, depth, falloff


def camera(height, focal, horizon, y=0.0, aperture=None, focus=None):
    """A level camera at (0, y, height): the horizon is put where it belongs by shifting, so verticals stay vertical."""
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = focal, SENSOR_MM
    data.shift_y = horizon - 0.5
    data.clip_end = 100000
    camera_object = link(bpy.data.objects.new("camera", data))
    camera_object.location = (0, y, height)
    camera_object.rotation_euler = (math.pi / 2, 0, 0)
    if aperture:
        data.dof.use_dof, data.dof.aperture_fstop, data.dof.focus_distance = True, aperture, focus
        data.dof.aperture_blades = 0
    bpy.context.scene.camera = camera_object
    return camera_object


def link(item):
    bpy.context.collection.objects.link(item)
    return item


# ---------------------------------------------------------------------------------------------- shaders

class Graph:
    """A node tree written as expressions: every method returns an output socket, every argument may be one."""

    def __init__(self, owner):
        self.tree = owner.node_tree

    def set(self, socket, value):
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif value is not None:
            if isinstance(value, (tuple, list)) and socket.type == "RGBA" and len(value) == 3:
                value = (*value, 1)
            socket.default_value = value

    def node(self, kind, output=0, inputs=None, **settings):
        node = self.tree.nodes.new("ShaderNode" + kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self.set(node.inputs[name], value)
        return node.outputs[output]

    def math(self, operation, a, b=None, c=None, clamp=False):
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation, node.use_clamp = operation, clamp
        for socket, value in zip(node.inputs, (a, b, c)):
            self.set(socket, value)
        return node.outputs[0]

    def vector(self, operation, a, b=None):
        node = self.tree.nodes.new("ShaderNodeVectorMath")
        node.operation = operation
        self.set(node.inputs[0], a)
        self.set(node.inputs[1], b)
        return node.outputs["Value" if operation in ("DOT_PRODUCT", "LENGTH") else "Vector"]

    def position(self):
        return self.node("NewGeometry", "Position")

    def split(self, vector):
        node = self.tree.nodes.new("ShaderNodeSeparateXYZ")
        self.set(node.inputs[0], vector)
        return node.outputs

    def noise(self, vector, scale, detail=6, roughness=0.55, distortion=0.0):
        return self.node("TexNoise", 0, {"Vector": vector, "Scale": scale, "Detail": detail,
                                         "Roughness": roughness, "Distortion": distortion})

    def scaled(self, vector, scale):
        return self.node("Mapping", 0, {"Vector": vector, "Scale": scale})

    def ramp(self, factor, *stops):
        """stops: (position, colour or grey)"""
        node = self.tree.nodes.new("ShaderNodeValToRGB")
        elements = node.color_ramp.elements
        for index, (position, colour) in enumerate(stops):
            element = elements[index] if index < 2 else elements.new(position)
            element.position = position
            element.color = (*colour, 1) if isinstance(colour, (tuple, list)) else (colour, colour, colour, 1)
        self.set(node.inputs[0], factor)
        return node.outputs[0]

    def between(self, value, low, high, to_low=0.0, to_high=1.0, smooth=True):
        """`value` from low..high to to_low..to_high, clamped."""
        return self.node("MapRange", 0, {"Value": value, 1: low, 2: high, 3: to_low, 4: to_high},
                         interpolation_type="SMOOTHSTEP" if smooth else "LINEAR")

    def mix(self, factor, a, b, blend="MIX"):
        node = self.tree.nodes.new("ShaderNodeMixRGB")
        node.blend_type = blend
        for socket, value in zip(node.inputs, (factor, a, b)):
            self.set(socket, value)
        return node.outputs[0]

    def bump(self, height, strength=0.5, distance=0.1):
        return self.node("Bump", 0, {"Height": height, "Strength": strength, "Distance": distance})

    def attribute(self, name, output="Color"):
        return self.node("Attribute", output, attribute_name=name)


def material(name, colour=(0.8, 0.8, 0.8), roughness=0.6, metallic=0.0, specular=0.4):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    surface(made, {"Base Color": colour, "Roughness": roughness, "Metallic": metallic, "Specular": specular})
    return made


def surface(made, inputs):
    """Sets inputs of the principled shader of a material, values or sockets."""
    graph = Graph(made)
    shader = made.node_tree.nodes["Principled BSDF"]
    for name, value in inputs.items():
        graph.set(shader.inputs[name], value)


def glow_material(name, colour, strength):
    """Pure light."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    graph = Graph(made)
    light = graph.node("Emission", 0, {"Color": colour, "Strength": strength})
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(light, output.inputs[0])
    return made


# ---------------------------------------------------------------------------------------------- meshes

class Batch:
    """Many small shapes collected into one mesh, with a colour and a material for every face."""

    def __init__(self):
        self.verts, self.faces, self.colours, self.indices, self.count = [], [], [], [], 0

    def add(self, verts, faces, colour=(1, 1, 1), index=0):
        """verts (n, 3), faces (m, 4): quads; a triangle repeats its last corner."""
        verts = np.asarray(verts, float).reshape(-1, 3)
        faces = np.asarray(faces, int).reshape(-1, 4)
        colour = np.broadcast_to(np.asarray(colour, float), (len(faces), 3))
        self.verts.append(verts)
        self.faces.append(faces + self.count)
        self.colours.append(colour)
        self.indices.append(np.broadcast_to(np.asarray(index), (len(faces),)))
        self.count += len(verts)

    def box(self, centre, size, colour=(1, 1, 1), index=0):
        self.add(np.asarray(centre) + BOX_VERTS * np.asarray(size), BOX_FACES, colour, index)

    def quad(self, a, b, c, d, colour=(1, 1, 1), index=0):
        self.add([a, b, c, d], [[0, 1, 2, 3]], colour, index)

    def build(self, name, materials, smooth=False):
        return mesh(name, np.concatenate(self.verts), np.concatenate(self.faces), materials,
                    np.concatenate(self.indices), np.concatenate(self.colours), smooth)


BOX_VERTS = np.array([(i, j, k) for i in (-.5, .5) for j in (-.5, .5) for k in (-.5, .5)])
BOX_FACES = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])


def mesh(name, verts, faces, materials, indices=None, colours=None, smooth=False):
    """Quads from arrays; a face whose last two corners are the same is a triangle. Colours are the attribute `tint`."""
    verts, faces = np.asarray(verts, np.float32), np.asarray(faces, np.int32)
    triangle = faces[:, 2] == faces[:, 3]
    totals = np.where(triangle, 3, 4).astype(np.int32)
    keep = np.ones(faces.shape, bool)
    keep[triangle, 3] = False
    starts = np.concatenate(([0], np.cumsum(totals)[:-1])).astype(np.int32)
    data = bpy.data.meshes.new(name)
    data.vertices.add(len(verts))
    data.vertices.foreach_set("co", verts.ravel())
    data.loops.add(int(totals.sum()))
    data.loops.foreach_set("vertex_index", faces[keep])
    data.polygons.add(len(faces))
    data.polygons.foreach_set("loop_start", starts)
    data.polygons.foreach_set("loop_total", totals)
    for made in materials if isinstance(materials, (list, tuple)) else [materials]:
        data.materials.append(made)
    if indices is not None:
        data.polygons.foreach_set("material_index", np.asarray(indices, np.int32))
    if smooth:
        data.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    if colours is not None:
        tint = data.attributes.new("tint", "FLOAT_COLOR", "FACE")
        tint.data.foreach_set("color", np.column_stack([colours, np.ones(len(faces))]).astype(np.float32).ravel())
    data.update(calc_edges=True)
    data.validate()
    return link(bpy.data.objects.new(name, data))


def grid_faces(columns, rows):
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.column_stack([corner, corner + 1, corner + columns + 1, corner + columns])


def fan(name, depth_near, depth_far, columns, rows, spread, height, made):
    """A height field in the camera's view only: rows grow with the distance, so detail is the same everywhere."""
    depth = depth_near * (depth_far / depth_near) ** np.linspace(0, 1, rows)
    side = np.linspace(-spread, spread, columns)
    x = depth[:, None] * side[None, :]
    y = np.repeat(depth[:, None], columns, 1)
    verts = np.column_stack([x.ravel(), y.ravel(), height(x, y).ravel()])
    return mesh(name, verts, grid_faces(columns, rows), made, smooth=True)


def sphere(subdivisions):
    """Vertices and (triangle) faces of an icosphere of radius 1."""
    import bmesh
    shape = bmesh.new()
    bmesh.ops.create_icosphere(shape, subdivisions=subdivisions, radius=1)
    verts = np.array([v.co[:] for v in shape.verts])
    faces = np.array([[v.index for v in f.verts] for f in shape.faces])
    shape.free()
    return verts, np.column_stack([faces, faces[:, 2]])


def scatter(name, shapes, places, angles, scales):
    """Instances of meshes: cheap in memory however many there are."""
    for number, (place, angle, scale) in enumerate(zip(places, angles, scales)):
        item = bpy.data.objects.new(name, shapes[number % len(shapes)])
        item.location, item.rotation_euler, item.scale = place, angle, scale
        link(item)


# ---------------------------------------------------------------------------------------------- noise on arrays

def _hash(ix, iy, iz, seed):
    """A pseudo-random 32-bit number for every lattice point."""
    h = (ix * 374761393 + iy * 668265263 + iz * 1274126177 + seed * 144665) & 0xffffffff
    h = ((h ^ (h >> 13)) * 1103515245) & 0xffffffff
    h = ((h ^ (h >> 16)) * 2246822519) & 0xffffffff
    return h ^ (h >> 15)


def gradient_noise(x, y, z=0.0, seed=0):
    """Perlin's gradient noise, about -0.7..0.7."""
    x, y, z = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float), np.asarray(z, float))
    ix, iy, iz = (np.floor(v).astype(np.int64) for v in (x, y, z))
    fx, fy, fz = x - ix, y - iy, z - iz
    ux, uy, uz = (f * f * f * (f * (f * 6 - 15) + 10) for f in (fx, fy, fz))
    total = 0.0
    for corner in range(8):
        cx, cy, cz = corner & 1, (corner >> 1) & 1, corner >> 2
        h = _hash(ix + cx, iy + cy, iz + cz, seed)
        gx, gy, gz = ((h & 1023) / 511.5 - 1, ((h >> 10) & 1023) / 511.5 - 1, ((h >> 20) & 1023) / 511.5 - 1)
        weight = (ux if cx else 1 - ux) * (uy if cy else 1 - uy) * (uz if cz else 1 - uz)
        total = total + weight * (gx * (fx - cx) + gy * (fy - cy) + gz * (fz - cz))
    return total


def fbm(x, y, z=0.0, octaves=5, seed=0, gain=0.5, lacunarity=2.03):
    total, amplitude = 0.0, 1.0
    for octave in range(octaves):
        total = total + amplitude * gradient_noise(x, y, z, seed + octave * 17)
        x, y, z, amplitude = x * lacunarity, y * lacunarity, np.asarray(z) * lacunarity, amplitude * gain
    return total


def ridged(x, y, z=0.0, octaves=6, seed=0, gain=0.5, lacunarity=2.07):
    """Sharp ridges, 0..about 1.6: mountains, cracks."""
    total, amplitude, weight = 0.0, 1.0, 1.0
    for octave in range(octaves):
        ridge = (1 - np.abs(gradient_noise(x, y, z, seed + octave * 29)) * 1.6).clip(0) ** 2 * weight
        total = total + ridge * amplitude
        weight = (ridge * 1.8).clip(0, 1)
        x, y, z, amplitude = x * lacunarity, y * lacunarity, np.asarray(z) * lacunarity, amplitude * gain
    return total


def smoothstep(low, high, value):
    t = ((np.asarray(value, float) - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)


# ---------------------------------------------------------------------------------------------- lights

def aim(item, target):
    from mathutils import Vector
    item.rotation_euler = (Vector(target) - item.location).to_track_quat("-Z", "Y").to_euler()


def area_light(place, target, size, energy, colour=(1, 1, 1)):
    data = bpy.data.lights.new("area", "AREA")
    data.energy, data.color, data.size = energy, colour, size
    item = link(bpy.data.objects.new("area", data))
    item.location = place
    aim(item, target)
    item.visible_camera = False
    return item


def sun(direction, energy, colour=(1, 1, 1), angle=0.01):
    """direction: towards the sun."""
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.color, data.angle = energy, colour, angle
    item = link(bpy.data.objects.new("sun", data))
    aim(item, [-c for c in direction])
    return item


# ---------------------------------------------------------------------------------------------- passes

def front_collection():
    """What is put here is seen only in the front layer."""
    made = bpy.data.collections.get(FRONT)
    if not made:
        made = bpy.data.collections.new(FRONT)
        bpy.context.scene.collection.children.link(made)
    return made


def _read(path):
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    os.remove(path)
    return pixels.reshape(height, width, -1)[::-1]


def _render(sockets, samples, seed):
    """Renders once and gives the wanted passes of the render layer as arrays."""
    scene = bpy.context.scene
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], tree.nodes.new("CompositorNodeComposite").inputs[0])
    for name in sockets:
        writer = tree.nodes.new("CompositorNodeOutputFile")
        writer.base_path = OUT
        writer.format.file_format, writer.format.color_depth = "OPEN_EXR", "32"
        writer.format.color_mode = "RGBA"
        writer.file_slots[0].path = "pass-" + name.replace(" ", "-") + "-"
        tree.links.new(layers.outputs[name], writer.inputs[0])
    scene.cycles.samples, scene.cycles.seed = samples, seed
    bpy.ops.render.render()
    return {name: _read(f"{OUT}/pass-{name.replace(' ', '-')}-{scene.frame_current:04d}.exr") for name in sockets}


def _show(front):
    hidden = front_collection().objects
    for item in bpy.context.scene.objects:
        if item.type == "MESH":
            inside = item.name in hidden
            item.hide_render = inside and not front
            if front and not inside:
                item.visible_camera = False


def to_front(item):
    """Moves an object to the front layer."""
    for collection in list(item.users_collection):
        collection.objects.unlink(item)
    front_collection().objects.link(item)
    return item


def render(front_aperture=1.4, front_focus=3.5):
    """The passes of one variant: two half-sampled pictures (their difference is the noise), guides, depth, front layer."""
    os.makedirs(OUT, exist_ok=True)
    started = time.time()
    scene = bpy.context.scene
    _show(front=False)
    guides = ("Image", "Denoising Albedo", "Denoising Normal", "Mist")
    half = max(1, SPP // 2)
    first = _render(guides, half, 0)
    second = _render(("Image",), half, 1)
    save("a", first["Image"][..., :3])
    save("b", second["Image"][..., :3])
    save("albedo", first["Denoising Albedo"][..., :3])
    save("normal", first["Denoising Normal"][..., :3])
    save("mist", first["Mist"][..., 0])
    lens = scene.camera.data
    lens.dof.use_dof = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.filter_size = 0.01
    np.save(f"{OUT}/depth.npy", _render(("Depth",), 1, 0)["Depth"][..., 0])
    scene.render.filter_size = 1.5
    if len(front_collection().objects):
        lens.dof.use_dof, lens.dof.aperture_fstop, lens.dof.focus_distance = True, front_aperture, front_focus
        scene.render.film_transparent = True
        _show(front=True)
        save("front", _render(("Image",), SPP, 0)["Image"])
    print("RENDERED", OUT, RES, SPP, round(time.time() - started, 1), "s", flush=True)


def save(name, pixels):
    np.save(f"{OUT}/{name}.npy", pixels.clip(-60000, 60000).astype(np.float16))
