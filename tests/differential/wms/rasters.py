"""The rasters both servers show, and the map file both read.

Red and green of a pixel are its column and its row, so that the pixels of a map say which ones of the raster they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.geo_rasters import GRIDS, HEIGHT, KINDS, WIDTH, from_origin, positions, write_geotiff

LOCATED = ("utm", "wgs84", "cgcs2000", "mercator", "polar", "world", "laea", "south_up", "rotated")
"""Rasters of located pixels, by the names of their grids."""
OWN_GRIDS: dict[str, tuple[str, Any]] = {
    "laea": ("EPSG:3035", from_origin(4321000, 3210000, 25, 25)),
}
NODATA = 0
HOLE = (slice(20, 50), slice(30, 90))
"""Rows and columns without data."""


def located() -> NDArray[np.uint8]:
    """Column, row and 77. Shape (3, rows, columns)."""
    columns, rows = positions(dtype="uint8")
    return np.stack([columns, rows, np.full_like(rows, 77)])


def with_hole() -> NDArray[np.uint8]:
    """The same from 1 on, without data in a rectangle."""
    pixels = located() + np.uint8(1)
    pixels[:, *HOLE] = NODATA
    return pixels


def heights() -> NDArray[np.float32]:
    """One band from 0 to 4000, without data in a rectangle."""
    pixels = np.linspace(0, 4000, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    pixels[HOLE] = -9999
    return pixels


def _gaps(folder: Path) -> Path:
    return write_geotiff(folder / "gaps.tif", with_hole(), nodata=NODATA, photometric="RGB")


def _heights(folder: Path) -> Path:
    return write_geotiff(folder / "heights.tif", heights(), nodata=-9999)


def _grid(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        crs, transform = (OWN_GRIDS | GRIDS)[name]
        return write_geotiff(
            folder / f"{name}.tif", located(), crs=crs, transform=transform, tile=16, photometric="RGB"
        )

    return write


MAKERS: dict[str, Callable[[Path], Path]] = {
    **{name: _grid(name) for name in LOCATED},
    "gaps": _gaps,
    "rgba": KINDS["rgba"],
    "palette": KINDS["palette"],
    "heights": _heights,
}
EXTRAS = {
    "heights": 'PROCESSING "SCALE=0,4000"',
}
"""Further lines of layers."""
MAP_FILE = """MAP
  NAME "both"
  SIZE 256 256
  MAXSIZE 2048
  EXTENT -180 -90 180 90
  UNITS DD
  IMAGECOLOR 255 255 255
  PROJECTION "epsg:4326" END
  OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" IMAGEMODE RGBA END
  OUTPUTFORMAT NAME "jpeg" DRIVER "AGG/JPEG" MIMETYPE "image/jpeg" IMAGEMODE RGB FORMATOPTION "QUALITY=90" END
  WEB
    METADATA
      "ows_title" "both"
      "ows_onlineresource" "http://a.example/"
      "ows_enable_request" "*"
      "ows_srs" "EPSG:4326 EPSG:3857 EPSG:32633 EPSG:3035 EPSG:4490 EPSG:32661 CRS:84"
      "wms_feature_info_mime_type" "text/plain"
    END
  END{layers}
END
"""
LAYER = """
  LAYER
    NAME "{name}"
    TYPE RASTER
    STATUS ON
    DATA "{name}.tif"
    TEMPLATE "none"
    PROJECTION {projection} END
    METADATA "ows_title" "{name}" "wms_include_items" "all" END
    {extra}
  END"""
PROJECTIONS = {name: (crs or "").lower() for name, (crs, _) in (OWN_GRIDS | GRIDS).items()}


def make(folder: Path) -> Path:
    """Write the rasters and the map file into a folder; the path of the latter."""
    for write in MAKERS.values():
        write(folder)
    layers = [
        LAYER.format(
            name=name, projection=f'"{PROJECTIONS.get(name, "epsg:32633")}"', extra=EXTRAS.get(name, "")
        )
        for name in MAKERS
    ]
    path = folder / "both.map"
    path.write_text(MAP_FILE.format(layers="".join(layers)))
    return path
