"""Where a JPEG 2000 file is located: by its GeoTIFF (GeoJP2, in a UUID box), or its GML (GMLJP2, OGC 05-047r3 and 08-085r5)."""

from __future__ import annotations

from iipserve.containers import boxes
from iipserve.containers.ifd import Reader, read_chain
from iipserve.engine.geotiff import read_geotiff
from iipserve.errors import DecodeError
from iipserve.geo.gmljp2 import read_gml
from iipserve.geo.placement import Placement
from iipserve.sources import ReadAt

GEOTIFF = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
"""The UUID of GeoJP2 (GeoJP2 1.0.3, section 2)."""
MAX_CONTENT = 1 << 20
"""Bytes of a box that is read."""


def read_geojp2(read_at: ReadAt, length: int) -> Placement:
    """What the boxes of a file say; of both kinds, its GeoTIFF.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    found = Placement()
    for box in boxes.walk(read_at, 0, length, (b"asoc",)):
        if box.end - box.start > MAX_CONTENT:
            continue
        if box.kind == b"uuid" and read_at(len(GEOTIFF), box.start) == GEOTIFF:
            start = box.start + len(GEOTIFF)
            found = _geotiff(read_at(box.end - start, start)).or_else(found)
        elif box.kind == b"xml " and found.mapping is None:
            found = found.or_else(read_gml(read_at(box.end - box.start, box.start)))
    return found


def _geotiff(content: bytes) -> Placement:
    try:
        return read_geotiff(next(read_chain(Reader.of_block(content))))
    except DecodeError:
        return Placement()
