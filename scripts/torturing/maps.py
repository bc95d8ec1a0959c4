"""Requests for maps and coverages, and their right answers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.torturing.pictures import Ask
from scripts.torturing.questions import Question, holds, shows
from scripts.torturing.subjects import MAP_COLUMN, MAP_ROW, MAP_SIDE, MAP_ZOOM, TILE, Subjects
from tests.geo_rasters import GRIDS, UTM

LARGEST = 300
"""Pixels a side of maps and coverages."""
MERCATOR: Any = GRIDS["mercator"][1]
"""From pixels of the map to metres."""


def map_tile(known: Subjects, chance: random.Random) -> Question:
    """A tile of the map's own zoom, by one of the services."""
    column, row = chance.randrange(MAP_SIDE // TILE), chance.randrange(MAP_SIDE // TILE)
    pixels = known.map[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
    z, x, y = MAP_ZOOM, MAP_COLUMN + column, MAP_ROW + row
    kind, address = chance.choice(
        (
            ("WMTS tile", f"/wmts/map/default/WebMercatorQuad/{z}/{y}/{x}.png"),
            ("WMTS tile", f"/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&LAYER=map&STYLE=&FORMAT=image/png"
             f"&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"),
            ("XYZ tile", f"/xyz/map/{z}/{x}/{y}.png"),
            ("OGC API tile", f"/ogc/collections/map/map/tiles/WebMercatorQuad/{z}/{y}/{x}?f=png"),
        )
    )  # fmt: skip
    return Question(kind, address, shows(opaque(pixels)))


def plain_tile(known: Subjects, chance: random.Random) -> Question:
    """A tile of the set that a picture without a place has, filled up with clear pixels."""
    number = chance.randrange(len(known.exact))
    level = known.exact[number]
    column, row = (chance.randrange(-(-side // TILE)) for side in (level.shape[1], level.shape[0]))
    pixels = window(level, column * TILE, row * TILE, TILE, TILE)
    matrix = len(known.exact) - 1 - number
    return Question("WMTS tile", f"/wmts/exact/default/native/{matrix}/{row}/{column}.png", shows(pixels))


def wms_map(known: Subjects, chance: random.Random) -> Question:
    """Any window of the map's pixels, beyond its edges too."""
    x, y, across, down = window_of(MAP_SIDE, MAP_SIDE, chance, beyond=100)
    left, upper = MERCATOR * (x, y)
    right, lower = MERCATOR * (x + across, y + down)
    fields = (
        f"LAYERS=map&STYLES=&BBOX={left!r},{lower!r},{right!r},{upper!r}&WIDTH={across}&HEIGHT={down}"
        "&FORMAT=image/png&TRANSPARENT=TRUE"
    )
    version = chance.choice(("VERSION=1.3.0&CRS=EPSG:3857", "VERSION=1.1.1&SRS=EPSG:3857"))
    address = f"/wms?SERVICE=WMS&REQUEST=GetMap&{version}&{fields}"
    return Question("WMS map", address, shows(window(known.map, x, y, across, down)))


def ogcapi_map(known: Subjects, chance: random.Random) -> Question:
    """The same by OGC API."""
    x, y, across, down = window_of(MAP_SIDE, MAP_SIDE, chance, beyond=100)
    left, upper = MERCATOR * (x, y)
    right, lower = MERCATOR * (x + across, y + down)
    address = (
        f"/ogc/collections/map/map?bbox={left!r},{lower!r},{right!r},{upper!r}&bbox-crs=EPSG:3857&crs=EPSG:3857"
        f"&width={across}&height={down}&f=png"
    )
    return Question("OGC API map", address, shows(window(known.map, x, y, across, down)))


def wcs_coverage(known: Subjects, chance: random.Random) -> Question:
    """Any window of samples, by one of the versions."""
    x, y, across, down = window_of(known.samples.shape[1], known.samples.shape[0], chance)
    left, upper = UTM * (x, y)
    right, lower = UTM * (x + across, y + down)
    start = "/wcs?SERVICE=WCS&REQUEST=GetCoverage"
    address = chance.choice(
        (
            f"{start}&VERSION=2.0.1&COVERAGEID=samples&SUBSET=x({x},{x + across - 1})&SUBSET=y({y},{y + down - 1})"
            "&SUBSETTINGCRS=imageCRS",
            f"{start}&VERSION=1.0.0&COVERAGE=samples&CRS=EPSG:32633&BBOX={left},{lower},{right},{upper}"
            f"&WIDTH={across}&HEIGHT={down}&FORMAT=GeoTIFF",
        )
    )
    return Question("WCS coverage", address, holds(known.samples[y : y + down, x : x + across]))


def ogcapi_coverage(known: Subjects, chance: random.Random) -> Question:
    """The same by OGC API; intervals begin and end within samples."""
    x, y, across, down = window_of(known.samples.shape[1], known.samples.shape[0], chance)
    left, upper = UTM * (x + 0.25, y + 0.25)
    right, lower = UTM * (x + across - 0.25, y + down - 0.25)
    address = f"/ogc/collections/samples/coverage?subset=E({left}:{right}),N({lower}:{upper})&subset-crs=EPSG:32633&f=geotiff"
    return Question("OGC API coverage", address, holds(known.samples[y : y + down, x : x + across]))


def opaque(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With opacity."""
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def window(pixels: NDArray[np.uint8], x: int, y: int, across: int, down: int) -> NDArray[np.uint8]:
    """A window, with opacity; clear where there are no pixels."""
    found = np.zeros((down, across, 4), np.uint8)
    height, width = pixels.shape[:2]
    left, upper, right, lower = max(0, x), max(0, y), min(width, x + across), min(height, y + down)
    if left < right and upper < lower:
        found[upper - y : lower - y, left - x : right - x] = opaque(pixels[upper:lower, left:right])
    return found


def window_of(width: int, height: int, chance: random.Random, beyond: int = 0) -> tuple[int, int, int, int]:
    """Left and upper edge, width and height of a window that has pixels in common with an image."""
    across, down = chance.randint(2, LARGEST), chance.randint(2, LARGEST)
    x = chance.randint(-min(beyond, across - 1), width - across + min(beyond, across - 1))
    y = chance.randint(-min(beyond, down - 1), height - down + min(beyond, down - 1))
    return x, y, across, down


TILES: tuple[Ask, ...] = (map_tile, plain_tile)
OTHERS: tuple[Ask, ...] = (wms_map, ogcapi_map, wcs_coverage, ogcapi_coverage)
