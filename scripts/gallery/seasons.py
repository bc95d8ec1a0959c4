"""Makes the scenes of the collection of scripts/demo: the invented island in four seasons, two scenes of each.

Scenes are tilted, as those of satellites are, and overlap. What is outside of a scene is masked.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import Affine

from scripts.gallery.landscape import SEA_LEVEL, tints
from scripts.gallery.maps import CELL, ORIGIN, UTM, forms

FOLDER = "Seasons"
"""In the gallery."""
STEP = 3
"""Cells of the heights in a pixel of a scene, in both directions."""
TILT = 0.18
"""Columns by which a row of a scene is left of the one above it."""
SNOW = np.array([244, 246, 250])


class Season(NamedTuple):
    """What the island looks like at a time."""

    day: str
    """As file names begin."""
    snow: float
    """Height above which there is snow; 1 is the highest point."""
    green: tuple[float, float, float]
    """Factors of red, green and blue of the land without snow."""


SEASONS = (
    Season("2024-02-10", 0.52, (0.95, 0.9, 0.85)),
    Season("2024-05-14", 0.78, (0.9, 1.06, 0.86)),
    Season("2024-08-20", 1.01, (1.0, 1.0, 0.9)),
    Season("2024-11-03", 0.7, (1.14, 0.96, 0.78)),
)
PARTS = {"west": (0.0, 0.62), "east": (0.38, 1.0)}
"""From where to where the scenes reach at the middle row, by their names; the whole width is 1."""


def write_scene(path: Path, season: Season, part: str) -> None:
    """Write a scene as a GeoTIFF of JPEG tiles with a mask, in UTM zone 33 north."""
    colors = _seen(season)
    _write(path, colors, _mask(colors.shape[:2], PARTS[part]), season.day)


WRITERS = {
    f"{FOLDER}/{season.day} {part}.tif": partial(write_scene, season=season, part=part)
    for season in SEASONS
    for part in PARTS
}
"""Paths in the gallery, and what writes them."""


@cache
def _seen(season: Season) -> NDArray[np.uint8]:
    """The shaded island. Shape (rows, columns, 3)."""
    heights = forms()[::STEP, ::STEP]
    down, right = np.gradient(heights)
    lit = -(right + down) * 90
    shade = 1 + 0.42 * lit / np.sqrt(lit**2 + 1)
    colors = tints().numpy()[0][(heights * 65535).astype(np.uint16)].astype(np.float32)
    is_land = heights >= SEA_LEVEL
    colors[is_land] *= season.green
    colors[heights >= season.snow] = SNOW
    colors[is_land] *= shade[is_land, None]
    return np.clip(colors, 0, 255).astype(np.uint8)


def _mask(shape: tuple[int, int], reach: tuple[float, float]) -> NDArray[np.uint8]:
    """255 inside of a scene, 0 outside."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    across = (columns + (rows - shape[0] / 2) * TILT) / shape[1]
    margin = 0.04
    inside = (across >= reach[0] + margin) & (across <= reach[1] - margin)
    return np.where(inside, 255, 0).astype(np.uint8)


def _write(path: Path, colors: NDArray[np.uint8], mask: NDArray[np.uint8], day: str) -> None:
    """Write a scene, smaller where the mask leaves columns out on a side."""
    (used,) = np.nonzero(mask.any(axis=0))
    columns = slice(used[0], used[-1] + 1)
    colors, mask = colors[:, columns], mask[:, columns]
    side = CELL * STEP
    placed = Affine(side, 0, ORIGIN[0] + columns.start * side, 0, -side, ORIGIN[1])
    height, width = mask.shape
    options = {
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "JPEG",
        "photometric": "YCBCR",
    }
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=3, dtype="uint8", crs=UTM,
            transform=placed, jpeg_quality=85, **options,
        ) as file,
    ):  # fmt: skip
        file.update_tags(TIFFTAG_DATETIME=f"{day.replace('-', ':')} 10:30:00")
        file.write(np.moveaxis(colors, 2, 0))
        file.write_mask(mask)
        file.build_overviews([2, 4], Resampling.average)
