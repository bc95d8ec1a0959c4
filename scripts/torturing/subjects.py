"""The images that are asked for, and the pixels and samples that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.bombs import make_bombs
from tests.broken_files import make_broken_files
from tests.geo_rasters import GRIDS, positions, write_geotiff
from tests.images import (
    Picture,
    gradient,
    pyramid,
    smooth,
    write_jp2,
    write_jpeg_pyramid,
    write_tiff_pyramid,
)

TILE = 256
"""Side of tiles, in pixels."""
SIZE = (1280, 1024)
"""Of pictures with levels, which are exact halves."""
LARGE_SIZE = (3200, 2400)
MAP_SIDE = 512
MAP_ZOOM, MAP_COLUMN, MAP_ROW = 10, 550, 355
"""The tile of Web Mercator at the upper left of the map, whose pixels are those of this zoom."""


class Subjects(NamedTuple):
    """What the images hold. Pictures have the shape (rows, columns, 3), levels begin with the full size."""

    exact: list[Picture]
    """`exact.tif`, without loss."""
    photo: list[Picture]
    """`photo.tif`, in JPEG: samples of answers are near these."""
    wavelets: Picture
    """`wavelets.jp2`, without loss."""
    deep: NDArray[np.uint16]
    """`deep.tif`, of 16 bits and one level."""
    large: Picture
    """`large.tif`, for exports."""
    map: Picture
    """`map.tif`, on the grid of Web Mercator."""
    samples: NDArray[Any]
    """`samples.tif`, in UTM: two bands of 16 bits, column and row; shape (rows, columns, 2)."""


def subjects() -> Subjects:
    """What the images hold."""
    return Subjects(
        exact=pyramid(gradient(SIZE)),
        photo=pyramid(smooth(SIZE)),
        wavelets=gradient((600, 500)),
        deep=gradient((4 * TILE, 4 * TILE)).astype(np.uint16) * 257,
        large=gradient(LARGE_SIZE),
        map=gradient((MAP_SIDE, MAP_SIDE), level=1),
        samples=np.moveaxis(positions(1000, 800), 0, -1),
    )


def write_subjects(folder: Path, outside: Path) -> None:
    """Write all images, broken ones and those that declare enormous sizes too.

    Args:
        folder: of the images; a folder `broken` and a folder `bombs` come to be in it.
        outside: where an image is put that links lead to and that nobody may get.
    """
    known = subjects()
    write_tiff_pyramid(folder / "exact.tif", known.exact, compression="deflate", predictor=True)
    write_jpeg_pyramid(folder / "photo.tif", known.photo)
    write_jp2(folder / "wavelets.jp2", known.wavelets)
    options: dict[str, Any] = {"photometric": "rgb", "compression": "adobe_deflate", "metadata": None}
    tifffile.imwrite(folder / "deep.tif", known.deep, tile=(TILE, TILE), **options)
    write_tiff_pyramid(folder / "large.tif", known.large, compression="deflate")
    crs, transform = GRIDS["mercator"]
    bands = np.moveaxis(known.map, -1, 0)
    located: dict[str, Any] = {"crs": crs, "transform": transform, "tile": TILE, "compress": "deflate"}
    write_geotiff(folder / "map.tif", bands, photometric="RGB", **located)
    write_geotiff(folder / "samples.tif", np.moveaxis(known.samples, -1, 0), tile=TILE, compress="deflate")
    for name in ("broken", "bombs"):
        (folder / name).mkdir()
    write_tiff_pyramid(outside / "secret.tif", gradient((300, 200)))
    make_broken_files(folder / "broken", outside / "secret.tif")
    make_bombs(folder / "bombs")
