"""WKB whose geometries are in each other: read as far as GEOS can, refused before it ends the process."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("shapely")

import shapely

from iipserve.protocols.stac.parquet_columns import document_of
from iipserve.protocols.stac.wkb_nesting import MAX_NESTING, check_nesting

POINT = struct.pack("<BIdd", 1, 1, 0.0, 0.0)
LEVELS = 20_000
KINDS = (4, 7, 1007, 2007, 4007, 10, 0x8000_0007, 0x0001_0007)
"""Types that GEOS takes for geometries of several."""
PROGRAM = """
import sys
from iipserve.errors import InvalidRequest
from iipserve.protocols.stac.parquet_columns import document_of
for line in sys.stdin:
    try:
        document_of({"geometry": line.strip()}, [])
    except InvalidRequest:
        print("refused")
"""


def level(order: str, kind: int) -> bytes:
    """Begins a geometry of one part."""
    return struct.pack(f"{order}BII", order == "<", kind, 1)


def test_geometries_in_each_other_are_refused() -> None:
    nested = [level(order, kind) * LEVELS + POINT for order in "<>" for kind in KINDS]
    nested.append(level("<", 7) + (b"\2" + level("<", 7)[1:]) * LEVELS + POINT)  # of no order of bytes
    lines = "".join(f"{wkb.hex()}\n" for wkb in nested)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=lines, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.split() == ["refused"] * len(nested)


def read(wkb: bytes) -> Any:
    return document_of({"geometry": wkb.hex()}, [])["geometry"]


def test_nesting_is_counted() -> None:
    read(level("<", 7) * (MAX_NESTING - 1) + POINT)
    with pytest.raises(ValueError, match="in each other"):
        check_nesting(level("<", 7) * MAX_NESTING + POINT)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize(
    "text",
    [
        "POINT EMPTY", "POINT Z (1 2 3)", "POINT M (1 2 3)", "LINESTRING ZM (1 2 3 4, 5 6 7 8)", "POLYGON EMPTY",
        "MULTIPOINT Z (1 2 3, 4 5 6)", "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))", "GEOMETRYCOLLECTION EMPTY",
        "POLYGON ((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))",
        "GEOMETRYCOLLECTION Z (POINT Z (1 2 3), GEOMETRYCOLLECTION Z (POINT Z (4 5 6)), POINT Z (7 8 9))",
    ],
)  # fmt: skip
def test_the_geometries_of_geojson_are_followed_to_their_end(order: int, flavor: str, text: str) -> None:
    geometry = shapely.set_srid(shapely.from_wkt(text), 4326)
    wkb = shapely.to_wkb(geometry, byte_order=order, flavor=flavor, include_srid=flavor == "extended")
    check_nesting(wkb)
    with pytest.raises((ValueError, struct.error, IndexError)):
        check_nesting(
            level("<", 7).replace(b"\x01\0\0\0", b"\x02\0\0\0") + wkb
        )  # of two parts, one is missing


def test_a_geometry_of_many_parts_is_read() -> None:
    shape = shapely.union_all(
        [shapely.box(2 * x, 2 * y, 2 * x + 1, 2 * y + 1) for x in range(40) for y in range(40)]
    )
    found = read(shapely.to_wkb(shape))
    assert found["type"] == "MultiPolygon"
    assert len(found["coordinates"]) == 1600
    assert shapely.equals(shapely.geometry.shape(found), shape)
