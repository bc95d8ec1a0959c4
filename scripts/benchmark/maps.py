"""Map requests of the benchmark, for WMTS, WMS and WCS of this server and for MapServer's WMS and WCS.

Both servers are asked for the same squares of ground: a tile of WebMercatorQuad by its number, and by its box.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rasterio.warp import transform_bounds

from scripts.benchmark.addresses import jtl
from scripts.benchmark.images import TILE, Image
from scripts.benchmark.rasters import CRS, METRES, NORTH, WEST

HALF_EQUATOR = 20_037_508.342789244
"""Half the width of Web Mercator, in metres (OGC Two Dimensional Tile Matrix Set 17-083r4, annex D.1)."""
ZOOMS = (13, 12)
"""Of WebMercatorQuad: pixels of about the raster's size, and twice as large."""
LAYER = """
  LAYER
    NAME "{name}"
    TYPE RASTER
    STATUS ON
    DATA "{path}"
    PROJECTION "init=epsg:32633" END
    METADATA "ows_title" "{name}" "wcs_label" "{name}" "wcs_rangeset_name" "range" "wcs_rangeset_label" "range" "wcs_srs" "EPSG:32633" END{processing}
  END"""
MAP_FILE = """MAP
  NAME "benchmark"
  SIZE 256 256
  EXTENT 480000 5200000 562000 5280000
  PROJECTION "init=epsg:32633" END
  WEB METADATA "ows_title" "benchmark" "ows_onlineresource" "http://localhost/" "ows_enable_request" "*" "ows_srs" "EPSG:3857 EPSG:32633 EPSG:4326" END END
  OUTPUTFORMAT NAME "jpeg" DRIVER "AGG/JPEG" MIMETYPE "image/jpeg" IMAGEMODE RGB FORMATOPTION "QUALITY=75" END
  OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" IMAGEMODE RGBA END{layers}
END
"""


class Square(NamedTuple):
    """A tile of a matrix set, and its ground."""

    layer: str
    matrix_set: str
    zoom: int
    column: int
    row: int
    crs: str
    bounds: tuple[float, float, float, float]
    """West, south, east, north."""


Squares = Callable[[Image], Sequence[Square]]


def layer_name(file_name: str) -> str:
    """What both servers call the layer of a file."""
    return Path(file_name).stem


def write_map_file(path: Path, folder: Path, names: Sequence[str], resampling: str = "") -> None:
    """A map file with a layer for each of the files in a folder, of all one `RESAMPLE`."""
    processing = f'\n    PROCESSING "RESAMPLE={resampling}"' if resampling else ""
    layers = (
        LAYER.format(name=layer_name(name), path=folder / name, processing=processing) for name in names
    )
    path.write_text(MAP_FILE.format(layers="".join(layers)))


def mercator_squares(image: Image) -> list[Square]:
    """Tiles of WebMercatorQuad that are on the raster as a whole, in random order."""
    found = [square for zoom in ZOOMS for square in _squares_at(image, zoom)]
    return random.Random(7).sample(found, min(300, len(found)))


def _squares_at(image: Image, zoom: int) -> list[Square]:
    box = (WEST, NORTH - image.height * METRES, WEST + image.width * METRES, NORTH)
    west, south, east, north = transform_bounds(CRS, "EPSG:3857", *box, densify_pts=21)
    side = 2 * HALF_EQUATOR / (1 << zoom)
    # a margin of one tile: the raster's edges are not parallel to those of tiles
    columns = range(int((west + HALF_EQUATOR) // side) + 2, int((east + HALF_EQUATOR) // side) - 1)
    rows = range(int((HALF_EQUATOR - north) // side) + 2, int((HALF_EQUATOR - south) // side) - 1)
    return [_mercator(image, zoom, column, row, side) for row in rows for column in columns]


def _mercator(image: Image, zoom: int, column: int, row: int, side: float) -> Square:
    west, north = column * side - HALF_EQUATOR, HALF_EQUATOR - row * side
    bounds = (west, north - side, west + side, north)
    return Square(layer_name(image.name), "WebMercatorQuad", zoom, column, row, "EPSG:3857", bounds)


def native_squares(image: Image) -> list[Square]:
    """Inner tiles of the raster's own grid at full size, in random order."""
    columns, rows = image.grid(0)
    side = TILE * METRES
    name = layer_name(image.name)
    zoom = (max(columns, rows) - 1).bit_length()
    found = [
        Square(
            name, f"{name}:native", zoom, column, row, CRS,
            (WEST + column * side, NORTH - (row + 1) * side, WEST + (column + 1) * side, NORTH - row * side),
        )
        for row in range(rows - 1) for column in range(columns - 1)
    ]  # fmt: skip
    return random.Random(8).sample(found, min(400, len(found)))


def few(squares: Squares) -> Squares:
    """So few that they stay in any cache."""
    return lambda image: squares(image)[:60]


def crowd(count: int, requests: int = 20_000) -> Squares:
    """Random squares of so many rasters."""

    def squares(image: Image) -> list[Square]:
        choice = random.Random(9)
        known = mercator_squares(image)
        names = [layer_name(image.link(number).name) for number in range(count)]
        return [choice.choice(known)._replace(layer=choice.choice(names)) for _ in range(requests)]

    return squares


def same(address: str) -> Callable[[Image], list[str]]:
    """One address, whatever the image."""
    return lambda _: [address]


def wmts(squares: Squares, media_type: str) -> Callable[[Image], list[str]]:
    """The squares as GetTile of WMTS."""

    def addresses(image: Image) -> list[str]:
        return [
            f"?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={one.layer}&STYLE=default&FORMAT={media_type}"
            f"&TILEMATRIXSET={quote(one.matrix_set)}&TILEMATRIX={one.zoom}&TILEROW={one.row}&TILECOL={one.column}"
            for one in squares(image)
        ]

    return addresses


def iip(image: Image) -> list[str]:
    """The squares of `native_squares` as JTL of IIP."""
    columns, _ = image.grid(0)
    return [jtl(image, image.levels - 1, one.row * columns + one.column) for one in native_squares(image)]


def mapproxy(squares: Squares, extension: str) -> Callable[[Image], list[str]]:
    """The squares as tiles of MapProxy's WMTS, by paths."""
    return lambda image: [
        f"wmts/{one.layer}/quad/{one.zoom}/{one.column}/{one.row}.{extension}" for one in squares(image)
    ]


def mapproxy_settings(layer: str, origin: str, folder: Path) -> dict[str, Any]:
    """The configuration of a MapProxy that keeps JPEG tiles of a layer as files.

    Args:
        layer: of this server.
        origin: address of this server, with a slash at its end.
        folder: for its files.
    """
    tile = (
        "i.fcgi?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=default&FORMAT=image/jpeg"
        "&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=%(z)s&TILEROW=%(y)s&TILECOL=%(x)s"
    )
    return {
        "services": {"wmts": {}},
        "layers": [{"name": layer, "title": layer, "sources": ["tiles"]}],
        "caches": {"tiles": {"grids": ["quad"], "sources": ["origin"], "format": "image/jpeg"}},
        "sources": {"origin": {"type": "tile", "grid": "quad", "url": f"{origin}{tile}&LAYER={layer}"}},
        "grids": {"quad": {"base": "GLOBAL_WEBMERCATOR"}},
        "globals": {"cache": {"base_dir": str(folder / "tiles"), "lock_dir": str(folder / "locks")}},
    }


def wms(squares: Squares, media_type: str) -> Callable[[Image], list[str]]:
    """The squares as GetMap of WMS 1.1.1."""

    def addresses(image: Image) -> list[str]:
        return [
            f"?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS={one.layer}&STYLES=&SRS={one.crs}"
            f"&BBOX={','.join(map(str, one.bounds))}&WIDTH={TILE}&HEIGHT={TILE}&FORMAT={media_type}"
            for one in squares(image)
        ]

    return addresses


WINDOW = 1024
"""Columns and rows of the parts of a coverage."""


def wcs(image: Image) -> list[str]:
    """Windows of the raster as GetCoverage of WCS 2.0, in GeoTIFF, at random places."""
    choice, name = random.Random(10), layer_name(image.name)
    places = [
        (choice.randrange(image.width - WINDOW), choice.randrange(image.height - WINDOW)) for _ in range(300)
    ]
    return [
        f"?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={name}&FORMAT=image/tiff"
        f"&SUBSET=x({WEST + column * METRES},{WEST + (column + WINDOW) * METRES})"
        f"&SUBSET=y({NORTH - (row + WINDOW) * METRES},{NORTH - row * METRES})"
        for column, row in places
    ]


def few_windows(image: Image) -> list[str]:
    """So few of these that they stay in any cache."""
    return wcs(image)[:12]
