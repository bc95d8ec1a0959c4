"""How deep the geometries of WKB are nested: GEOS reads them by recursion, which ends the process where the stack does.

Sources: OGC 06-103r4, section 8; of EWKB, PostGIS's documentation (liblwgeom, lwgeom_in_wkb.c).
"""

from __future__ import annotations

import struct

MAX_NESTING = 64
"""Geometries in each other: more than the JSON of requests can have."""
POINT, LINE, POLYGON, COLLECTIONS = 1, 2, 3, range(4, 8)
"""Types of geometries."""
HAS_Z, HAS_M, HAS_SRID = 0x8000_0000, 0x4000_0000, 0x2000_0000
"""Flags of types in EWKB."""
WITH_Z, WITH_M, THOUSANDS = (1, 3), (2, 3), 4
"""Thousands of types of positions with heights, of those with measures, and the number of both."""


def check_nesting(wkb: bytes) -> None:
    """See that geometries can be read by recursion.

    Raises:
        ValueError: too many are in each other, or one is of no type of GeoJSON.
        IndexError, struct.error: bytes are missing.
    """
    position, left = 0, [1]  # geometries that are left, of the outermost ones first
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        left[-1] -= 1
        if len(left) > MAX_NESTING:
            raise ValueError(f"more than {MAX_NESTING} geometries are in each other")
        position, parts = _header(wkb, position)
        if parts:
            left.append(parts)


def _header(wkb: bytes, position: int) -> tuple[int, int]:
    """Where a geometry ends that has no parts, or its first part begins; and the number of parts."""
    order = wkb[position]
    if order > 1:
        raise ValueError(f"{order} is no order of bytes")
    number = struct.Struct("<I" if order else ">I")
    (stated,) = number.unpack_from(wkb, position + 1)
    position += 9 if stated & HAS_SRID else 5
    thousands, kind = divmod(stated & ~(HAS_Z | HAS_M | HAS_SRID), 1000)
    if thousands >= THOUSANDS or kind not in (POINT, LINE, POLYGON, *COLLECTIONS):
        raise ValueError(f"{stated} is no type of a geometry of GeoJSON")
    has_z = thousands in WITH_Z or stated & HAS_Z != 0
    has_m = thousands in WITH_M or stated & HAS_M != 0
    size = 8 * (2 + has_z + has_m)
    if kind == POINT:
        return position + size, 0
    (count,) = number.unpack_from(wkb, position)
    position += 4
    if kind in COLLECTIONS:
        return position, count
    if kind == LINE:
        return position + count * size, 0
    for _ in range(count):
        position += 4 + number.unpack_from(wkb, position)[0] * size
    return position, 0
