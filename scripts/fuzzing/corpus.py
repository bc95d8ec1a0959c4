"""The files that are spoiled: one of every kind the tests know, and the images requests are generated for."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

from tests import geo_rasters
from tests import tiff_corpus as kinds
from tests.properties.images import make_subjects
from tests.tiff_corpus import further

LARGEST = 1_500_000
"""Bytes of a file that is spoiled: most of a larger one is pixels, and every kind has a smaller sister."""


def make_corpus(folder: Path) -> dict[str, bytes]:
    """Write the images that requests are generated for into `folder`; all files to be spoiled, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("spoiled*"):
        left_over.unlink()
    names = make_subjects(folder)
    (folder / "subjects.json").write_text(json.dumps(names))
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".json"]
    found = {path.name: path.read_bytes() for path in files}
    with tempfile.TemporaryDirectory() as scratch:  # some have names of images
        found |= _kinds(Path(scratch) / "kind") | _georeferenced(Path(scratch))
    return {name: data for name, data in found.items() if len(data) <= LARGEST}


def _kinds(scratch: Path) -> dict[str, bytes]:
    found = {}
    for name, make in {**kinds.KINDS, **further.KINDS}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glymur tells what is odd about odd files
            make(scratch)
        found[name] = scratch.read_bytes()
        scratch.unlink()
    return found


def _georeferenced(folder: Path) -> dict[str, bytes]:
    """One of each kind of georeferenced file."""
    found = {}
    for name, make in geo_rasters.KINDS.items():
        path = make(folder)
        found[f"geo-{name}"] = path.read_bytes()
    return found
