"""Limits of layers against the pictures of tiles: those inside show the image, and none outside does."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from iipserve.geo.georeference import GeoImage, Georeference
from iipserve.geo.grid import Affine
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.linked_sets import OVERZOOM, china_sets, link, native_link, sets_of
from iipserve.geo.matrixset import LinkedSet, MatrixLimits
from iipserve.geo.matrixset_files import standard_sets
from iipserve.geometry import Size
from iipserve.image import ImageName
from tests.engine.fakes import ArraySource
from tests.engine.maps import drawn, image_source

SIZE = Size(300, 200)


def _of(crs: str, a: float, x: float, y: float, e: float | None = None, size: Size = SIZE) -> Georeference:
    return Georeference(crs, Affine(a, 0.0, x, 0.0, -a if e is None else e, y), size)


MERCATOR = 152.8740565703525
SAME = {
    "on the grid": _of("EPSG:3857", MERCATOR, 1487158.8223163895, 6144314.081675608, size=Size(512, 256)),
    "half a pixel off": _of("EPSG:3857", MERCATOR, 1487158.8223163895 + MERCATOR / 2 + 1, 6144314.081675608 - 70),
    "finer": _of("EPSG:3857", 50.0, 1490000.0, 6144000.0),
    "south up": _of("EPSG:3857", 50.0, 1490000.0, 6134000.0, e=50.0),
    "degrees": _of("EPSG:4326", 0.01, 10.0, 50.0),
    "0 to 360 degrees": _of("EPSG:4326", 0.1, 190.0, 10.0),
    "world": _of("EPSG:4326", 1.2, -180.0, 90.0, e=-0.9),
    "beyond the poles": _of("EPSG:4326", 1.2, -180.0, 95.0, e=-0.95),
    "one pixel": _of("EPSG:4326", 0.7, 10.0, 50.0, size=Size(1, 1)),
}  # fmt: skip
"""In the system of a set: exactly the tiles inside the limits show the image."""
OTHER = {
    "utm": _of("EPSG:32633", 20.0, 500000.0, 5000000.0),
    "laea": _of("EPSG:3035", 500.0, 4321000.0, 3210000.0),
    "large": _of("EPSG:3035", 15000.0, 2600000.0, 5400000.0),
    "polar": _of("EPSG:32661", 10000.0, 500000.0, 3000000.0),
    "rotated": Georeference("EPSG:32633", Affine(16.0, 9.0, 500000.0, 9.0, -16.0, 5000000.0), SIZE),
    "degrees in mercator": _of("EPSG:4326", 0.05, 10.0, 60.0),
    "world in mercator": _of("EPSG:4326", 1.2, -180.0, 90.0, e=-0.9),
    "cgcs2000": _of("EPSG:4490", 0.01, 110.0, 40.0),
    "alaska": _of("EPSG:4326", 0.05, -160.0, 70.0),
    "canada": _of("EPSG:4326", 0.05, -110.0, 60.0),
}  # fmt: skip
"""In another one: no tile outside the limits shows the image."""
FINER = 6
"""Matrices."""
REGIONAL = {"polar": "APSTILE", "alaska": "APSTILE", "canada": "CanadianNAD83_LCC"}
"""Sets for regions, by the images that are in them."""


def _entry(georeference: Georeference, source: ArraySource) -> LayerEntry:
    return LayerEntry(Layer("a", ImageName("a.tif")), source.info, GeoImage(georeference, ()))


def _around(limits: MatrixLimits) -> Iterator[tuple[int, int]]:
    """All tiles of a small matrix; of a large one those along the edges of the limits, inside and outside."""
    matrix = limits.matrix
    if matrix.columns * matrix.rows <= 32:
        yield from ((column, row) for column in range(matrix.columns) for row in range(matrix.rows))
        return
    columns = _edges(limits.min_column, limits.max_column, matrix.columns)
    rows = _edges(limits.min_row, limits.max_row, matrix.rows)
    yield from ((column, row) for column in columns for row in rows)


def _edges(first: int, last: int, count: int) -> list[int]:
    middle = (first + last) // 2
    return sorted(each for each in {first - 1, first, middle, last, last + 1} if 0 <= each < count)


def _shows(
    linked: LinkedSet, limits: MatrixLimits, tile: tuple[int, int], source: ArraySource, place: Georeference
) -> bool:
    found = drawn(source, place, linked.set.grid(limits.matrix, *tile))
    return found.shape[2] == 3 or bool(found[..., -1].any())


def _is_below_a_pixel(linked: LinkedSet, limits: MatrixLimits) -> bool:
    cell = limits.matrix.cell_size
    return linked.bounds.width < cell or linked.bounds.height < cell


def _all_sets(entry: LayerEntry) -> list[LinkedSet]:
    """With some matrices that are finer than the image, in which tiles are answered too."""
    metadata = ServiceMetadata(options=MappingProxyType({OVERZOOM: FINER}))
    links = [*sets_of(entry, metadata), *(link(entry, each, FINER) for each in china_sets())]
    return [each for each in links if each is not None]


@pytest.mark.parametrize("kind", SAME)
def test_exactly_the_tiles_inside_show_the_image(kind: str) -> None:
    georeference = SAME[kind]
    source = image_source(georeference)
    entry = _entry(georeference, source)
    checked = 0
    for linked in _all_sets(entry):
        if linked.set.crs != georeference.crs or linked.set.identifier in ("WGS1984Quad", "a:native"):
            continue
        for limits in linked.limits:
            for tile in _around(limits):
                shown = _shows(linked, limits, tile, source, georeference)
                if not _is_below_a_pixel(linked, limits):
                    assert shown == limits.has_tile(*tile), (linked.set.identifier, limits, tile)
                    checked += 1
                else:
                    assert not shown or limits.has_tile(*tile)
    assert checked


@pytest.mark.parametrize("kind", OTHER)
def test_no_tile_outside_shows_the_image(kind: str) -> None:
    georeference = OTHER[kind]
    source = image_source(georeference)
    sets = _all_sets(_entry(georeference, source))
    if regional := link(_entry(georeference, source), standard_sets()[REGIONAL.get(kind, "WebMercatorQuad")]):
        sets.append(regional)
    for linked in sets:
        if linked.set.crs == georeference.crs or linked.set.identifier == "WGS1984Quad":
            continue
        for limits in linked.limits:
            for tile in _around(limits):
                if not limits.has_tile(*tile):
                    shown = _shows(linked, limits, tile, source, georeference)
                    assert not shown, (linked.set.identifier, limits, tile)


@pytest.mark.parametrize("size", [Size(512, 256), Size(300, 200), Size(257, 1025), Size(1, 1)])
def test_exactly_the_native_tiles_inside_show_the_image(size: Size) -> None:
    georeference = _of("EPSG:32633", 20.0, 500000.0, 5000000.0, size=size)
    source = image_source(georeference)
    linked = native_link(_entry(georeference, source))
    assert linked is not None
    for limits in linked.limits:
        for tile in _around(limits):
            shown = _shows(linked, limits, tile, source, georeference)
            assert shown == limits.has_tile(*tile), (limits, tile)
