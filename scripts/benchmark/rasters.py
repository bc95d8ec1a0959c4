"""The benchmark's georeferenced raster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

CRS = "EPSG:32633"
METRES = 10.0
"""Side of a pixel of the full size."""
WEST, NORTH = 480_000.0, 5_280_000.0
"""The upper left corner."""


def write_raster(
    path: Path, levels: Sequence[NDArray[Any]], *, corner: tuple[float, float] = (WEST, NORTH), **options: Any
) -> None:
    """Write the first of the levels as a Cloud Optimized GeoTIFF, with overviews made of it.

    Args:
        path: where to.
        levels: shape (rows, columns, bands).
        corner: the upper left one.
        options: of the driver; without any, JPEG tiles.
    """
    options = options or {"compress": "JPEG", "quality": 75}
    rows, columns, bands = levels[0].shape
    with rasterio.open(
        path, "w", driver="COG", width=columns, height=rows, count=bands, dtype="uint8", crs=CRS,
        transform=Affine(METRES, 0, corner[0], 0, -METRES, corner[1]), blocksize=256, **options,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(levels[0], 2, 0))


def write_sparse(path: Path, width: int, height: int) -> None:
    """Write a raster of float32 that takes no room on the disk."""
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="float32", crs=CRS,
        transform=Affine(METRES, 0, WEST, 0, -METRES, NORTH), tiled=True, blockxsize=512, blockysize=512, SPARSE_OK=True,
        BIGTIFF="YES",
    ):  # fmt: skip
        pass
