#!/usr/bin/python3
"""What the scene scripts say about their scenes, and whether assets/scenes says the same.

    describe.py list               names of the scenes that have a script
    describe.py variants NAME      variants of one that have a plate of their own
    describe.py moods NAME         writes those that are like another one into its scene.json
    describe.py index              writes index.json of the folders that hold a scene.json
    describe.py check              prints each difference between scripts and assets/scenes; fails when there is one

SCENE, FINISH and VARIANTS are literals in NAME.py, read without running it.
"""
import ast
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ASSETS = HERE.parent.parent / "assets" / "scenes"
HELPERS = {"plate", "finish", "describe"}
ORDER = ("id", "label", "description", "keywords", "size", "camera", "depth", "ground", "subject", "variants",
         "default_variant")


def scripts():
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)


def constants(name):
    """The literal assignments of a scene script."""
    found = {}
    for node in ast.parse((HERE / f"{name}.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                pass
    return found


def describe(path, scene, variant, entry, size):
    """Adds the variant to scene.json."""
    path = pathlib.Path(path)
    known = json.loads(path.read_text()) if path.exists() else {}
    made = {**scene, "size": [size, size], "variants": {**known.get("variants", {}), variant: entry}}
    path.write_text(json.dumps({key: made[key] for key in ORDER if key in made}, indent=2) + "\n")


FILES = ("plate", "depth", "front")


def rendered(known):
    return [name for name, said in known["VARIANTS"].items() if "like" not in said]


def add_moods(name):
    """Variants that show the plate of another one in another light."""
    path, known = ASSETS / name / "scene.json", constants(name)
    written = json.loads(path.read_text())
    for variant, said in known["VARIANTS"].items():
        if "like" in said:
            written["variants"][variant] = {**said, **{key: written["variants"][said["like"]][key] for key in FILES}}
    written["variants"] = {variant: written["variants"][variant] for variant in known["VARIANTS"]}
    path.write_text(json.dumps(written, indent=2) + "\n")


def indexed():
    return sorted(path.parent.name for path in ASSETS.glob("*/scene.json"))


def write_index():
    (ASSETS / "index.json").write_text(json.dumps({"scenes": indexed()}) + "\n")


def same(a, b):
    """Tuples of a script are lists of a file."""
    return json.loads(json.dumps(a)) == b


def variant_faults(folder, variant, said, written):
    for key, value in said.items():
        if not same(value, written.get(key)):
            yield f"{folder.name}: variant {variant}: {key} is {written.get(key)} here, {value} in the script"
    for key in FILES:
        file = written.get(key)
        if key != "front" and not file:
            yield f"{folder.name}: variant {variant} names no {key}"
        if file and not (folder / file).exists():
            yield f"{folder.name}: {file} is not there"


def scene_faults(name):
    folder = ASSETS / name
    if not (folder / "scene.json").exists():
        yield f"{name}: there is a script, but no {folder}/scene.json"
        return
    known, written = constants(name), json.loads((folder / "scene.json").read_text())
    for key, value in known["SCENE"].items():
        if not same(value, written.get(key)):
            yield f"{name}: {key} is {written.get(key)} here, {value} in the script"
    if set(known["VARIANTS"]) != set(written["variants"]) or set(rendered(known)) != set(known["FINISH"]):
        yield f"{name}: the variants of VARIANTS, FINISH and scene.json differ"
        return
    for variant, said in known["VARIANTS"].items():
        yield from variant_faults(folder, variant, said, written["variants"][variant])


def check():
    faults = [fault for name in scripts() for fault in scene_faults(name)]
    faults += [f"{name}: there is a folder, but no script" for name in indexed() if name not in scripts()]
    if json.loads((ASSETS / "index.json").read_text()) != {"scenes": indexed()}:
        faults.append("index.json does not name the folders that are there: describe.py index writes it")
    print("\n".join(faults) if faults else f"{len(scripts())} scenes agree with their scripts")
    return 1 if faults else 0


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "list":
        print(*scripts())
    elif command == "variants" and len(sys.argv) == 3:
        print(*rendered(constants(sys.argv[2])))
    elif command == "moods" and len(sys.argv) == 3:
        add_moods(sys.argv[2])
    elif command == "index":
        write_index()
    elif command == "check":
        return check()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
