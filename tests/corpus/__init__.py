"""Media that the tests make themselves: good files of every format that is taken, hostile ones, mutations of both, and the worker's own door to
send them through. Nothing is fetched.

Good pictures and videos show the PATTERN, so that whoever reads them can tell colours and positions. `make(folder)` writes all good files once.
"""
import pathlib

from corpus import chunks, pattern, pictures, sounds, videos

MAKERS = (pattern, chunks, pictures, sounds, videos)


def make(folder):
    """Writes every good file into the folder, unless it holds them; the paths by name."""
    folder = pathlib.Path(folder)
    stamp = folder / "stamp"
    sources = [pathlib.Path(maker.__file__).stat().st_mtime for maker in MAKERS]
    if not stamp.exists() or stamp.stat().st_mtime < max(sources):
        folder.mkdir(parents=True, exist_ok=True)
        for maker in MAKERS[2:]:
            maker.make(folder)
        stamp.touch()
    return {path.name: path for path in sorted(folder.iterdir()) if path.name != "stamp" and path.is_file()}
