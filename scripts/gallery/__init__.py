"""The small gallery that scripts/demo shows when it is given no images.

Besides charts and a photograph there are scientific images, georeferenced ones, and scenes that `collection` makes a
collection of. The largest is an invented
landscape of 600 megapixels: it takes the better part of a minute to make, and 95 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.gallery import charts, landscape, maps, science, seasons

MAKERS: Mapping[str, Callable[[Path], None]] = {
    "Nemo, photograph.jp2": charts.copy_photograph,
    "Nemo, photograph.tif": charts.write_photograph,
    "Test charts/Odd size, 3073 by 2680.tif": charts.write_chart,
    "Science/Coin, normal vectors.tif": science.write_normals,
    "Science/Galaxy, 16 bits.tif": science.write_galaxy,
    "Science/Heights with gaps, floating point.tif": science.write_heights,
    "Science/Marbled paper, CIELAB.tif": science.write_marbled,
    "Science/Palimpsest, six wavelengths.tif": science.write_palimpsest,
    "Maps/Island, UTM.tif": maps.write_picture,
    "Maps/Heights with gaps, degrees.tif": maps.write_heights,
    **seasons.WRITERS,
    "Invented landscape.tif": landscape.write_landscape,
}
"""Path in the gallery, and what writes it."""


def make(folder: Path) -> None:
    """Make every image that the folder lacks."""
    for name, write in MAKERS.items():
        path = folder / name
        if not path.exists():
            print(f"Making {name} ...", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = folder.with_name(f"unfinished-{path.name}")
            write(unfinished)
            unfinished.rename(path)
