"""Makes georeferenced rasters for the map of scripts/demo: an invented island, twice.

A picture of it in UTM, and its heights in degrees with gaps. Both come from the same forms, so that they fit on
each other wherever the server puts them in the right place.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject

from scripts.gallery.landscape import ROUGHNESS, SEA_LEVEL, fractal, tints

SHAPE = (2400, 3000)
"""Rows and columns of the heights."""
CELL = 20.0
"""Side of a pixel of the heights, in metres."""
ORIGIN = (470_000.0, 5_224_000.0)
"""Easting and northing of the upper left corner."""
UTM = CRS.from_epsg(32633)
WGS84 = CRS.from_epsg(4326)
DEGREES = 0.0005
"""Side of a pixel of the heights in degrees."""
PICTURE = (slice(400, 2000), slice(500, 2500))
"""Rows and columns of the heights that the picture covers."""
METRES = 3800.0
"""Height of the highest point above the sea floor."""
NODATA = -9999.0
STRIPES = 14
"""Width of the stripes that the invented survey misses, in pixels of the heights in degrees."""


@cache
def forms() -> NDArray[np.float32]:
    """Heights from 0, the sea floor, to 1, of `SHAPE`: an island in the middle."""
    rows, columns = SHAPE
    noise = fractal(np.random.default_rng(1648), SHAPE, exponent=ROUGHNESS, longest=1500, shortest=2)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    heights = noise + 5.5 * np.exp(-2.2 * (x**2 + y**2))
    heights -= heights.min()
    return (heights / heights.max()).astype(np.float32)


def write_picture(path: Path) -> None:
    """The island as a tinted and shaded picture, in UTM zone 33 north: a Cloud Optimized GeoTIFF of JPEG tiles."""
    heights = forms()
    down, right = np.gradient(heights)
    lit = -(right + down) * 260
    shade = 1 + 0.42 * lit / np.sqrt(lit**2 + 1)
    shade[heights < SEA_LEVEL] = 1
    colors = tints().numpy()[0][(heights * 65535).astype(np.uint16)]
    pixels = np.clip(colors * shade[..., None], 0, 255).astype(np.uint8)[PICTURE]
    rows, columns = (part.start for part in PICTURE)
    placed = Affine(CELL, 0, ORIGIN[0] + columns * CELL, 0, -CELL, ORIGIN[1] - rows * CELL)
    options = {"compress": "JPEG", "quality": 85, "blocksize": 256}
    _write(path, np.moveaxis(pixels, 2, 0), placed, UTM, driver="COG", **options)


def write_heights(path: Path) -> None:
    """Heights above the sea in metres, in degrees of longitude and latitude, with gaps: floating point."""
    rows, columns = SHAPE
    metres = ((forms() - SEA_LEVEL) * METRES).astype(np.float32)
    placed = Affine(CELL, 0, ORIGIN[0], 0, -CELL, ORIGIN[1])
    bounds = rasterio.transform.array_bounds(rows, columns, placed)
    target, width, height = calculate_default_transform(
        UTM, WGS84, columns, rows, *bounds, resolution=DEGREES
    )
    degrees = np.full((height, width), NODATA, np.float32)
    reproject(
        metres, degrees, src_transform=placed, src_crs=UTM, dst_transform=target, dst_crs=WGS84,
        dst_nodata=NODATA, resampling=Resampling.bilinear,
    )  # fmt: skip
    y, x = np.mgrid[:height, :width]
    degrees[((x * 2 + y) % 500 < STRIPES) & (y > height // 2)] = NODATA
    options = {"compress": "DEFLATE", "predictor": 3, "blocksize": 256, "nodata": NODATA}
    _write(path, degrees[None], target, WGS84, driver="COG", **options)


def _write(path: Path, bands: NDArray[Any], placed: Affine, crs: CRS, **options: Any) -> None:
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype.name}
    with rasterio.open(path, "w", crs=crs, transform=placed, **shape, **options) as file:
        file.write(bands)
