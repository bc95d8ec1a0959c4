"""The fields of a GeoTIFF that tell where it is located (OGC 19-008r4).

GDAL (rasterio) writes the keys of a coordinate reference system into a file of one pixel in memory, from which they are
taken; they are remembered, since a server's coverages are in few systems.
"""

from __future__ import annotations

import logging

from iipserve.containers.ifd import Field, Reader, read_chain
from iipserve.containers.ifd_writer import reals
from iipserve.coverage_formats.gdal import anywhere, gdal_crs, memory_file
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.grid import GridRef
from iipserve.lru import LRU

log = logging.getLogger(__name__)

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION = 33550, 33922, 34264
KEYS, KEY_DOUBLES, KEY_TEXTS = 34735, 34736, 34737
ORDER = "<"
"""Byte order of the fields."""

_known: LRU[str, tuple[Field, ...]] = LRU(256)


def place_fields(grid: GridRef) -> tuple[Field, ...]:
    """All fields that tell where a grid is located; none in pixel space.

    Raises:
        UnknownCrs: its system is none.
        NotInstalled: the extra `geo` is not.
    """
    if grid.crs == PIXEL_SPACE:
        return ()
    a, b, c, d, e, f = grid.affine
    mapping: tuple[Field, ...]
    if grid.affine.is_north_up:
        mapping = (reals(ORDER, PIXEL_SCALE, a, -e, 0.0), reals(ORDER, TIE_POINTS, 0.0, 0.0, 0.0, c, f, 0.0))
    else:
        mapping = (reals(ORDER, TRANSFORMATION, a, b, 0.0, c, d, e, 0.0, f, *[0.0] * 7, 1.0),)
    return (*mapping, *key_fields(grid.crs))


def refusal_of_system(crs: str) -> str | None:
    """Why the fields do not define a coordinate reference system, or None. Raises as `place_fields`.

    Args:
        crs: key.
    """
    if crs == PIXEL_SPACE or key_fields(crs):
        return None
    return "the keys of GeoTIFF do not define this coordinate reference system; ask for the coverage in another one"


def key_fields(crs: str) -> tuple[Field, ...]:
    """The fields that define a coordinate reference system, with pixels as areas; none where they cannot.

    Raises as `place_fields`.

    Args:
        crs: key.
    """
    known = _known.get(crs)
    if known is None:
        known = _written(crs)
        _known.set(crs, known)
    return known


def _written(crs: str) -> tuple[Field, ...]:
    with memory_file() as file:
        options = {"width": 1, "height": 1, "count": 1, "dtype": "uint8", "ENDIANNESS": "LITTLE"}
        with file.open(driver="GTiff", crs=gdal_crs(crs), transform=anywhere(), **options):
            pass
        with file.open(driver="GTiff") as written:
            if written.crs is None:
                return ()
        directory = next(read_chain(Reader.of_block(bytes(file.getbuffer()))))
    fields = []
    for tag in (KEYS, KEY_DOUBLES, KEY_TEXTS):
        entry = directory.entries.get(tag)
        value = directory.value(entry) if entry else None
        if entry and value:
            fields.append(Field(tag, entry.type, value))
    return tuple(fields)
