"""Makes the good files: __main__.py FOLDER STAMP."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import corpus  # noqa: E402

corpus.make(sys.argv[1])
pathlib.Path(sys.argv[2]).touch()
