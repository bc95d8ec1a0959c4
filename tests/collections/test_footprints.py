"""Footprints that clients state, and the boxes around them."""

from __future__ import annotations

from typing import Any

import pytest

from iipserve.collections.footprints import stated_footprint
from iipserve.collections.geometries import positions
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

pytest.importorskip("antimeridian")
SQUARE = {"type": "Polygon", "coordinates": [[[10, 40], [11, 40], [11, 41], [10, 41], [10, 40]]]}


@pytest.mark.parametrize(
    ("geometry", "box", "bounds"),
    [
        (
            {"type": "MultiPolygon", "coordinates": [
                [[[170, 0], [180, 0], [180, 5], [170, 5], [170, 0]]],
                [[[-180, 1], [-170, 1], [-170, 8], [-180, 8], [-180, 1]]],
            ]},
            None,
            (Bounds(170, 0, 180, 8), Bounds(-180, 0, -170, 8)),
        ),
        (
            {"type": "Polygon", "coordinates": [[[170, 0], [190, 0], [190, 5], [170, 5], [170, 0]]]},
            None,
            (Bounds(170, 0, 180, 5), Bounds(-180, 0, -170, 5)),
        ),
        (SQUARE, [170, 40, -170, 41], (Bounds(170, 40, 180, 41), Bounds(-180, 40, -170, 41))),
        (SQUARE, [10, 40, 0, 11, 41, 9], (Bounds(10, 40, 11, 41),)),
        (
            {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]},
            None,
            (Bounds(-180, -90, 180, 90),),
        ),
        ({"type": "Point", "coordinates": [3, 4]}, None, (Bounds(3, 4, 3, 4),)),
    ],
)  # fmt: skip
def test_boxes_around_a_geometry(geometry: Any, box: Any, bounds: tuple[Bounds, ...]) -> None:
    found = stated_footprint(geometry, box)
    assert found.bounds == bounds
    longitudes = [position[0] for position in positions(found.geometry)]
    assert -180 <= min(longitudes) <= max(longitudes) <= 180


@pytest.mark.parametrize(
    ("geometry", "box"),
    [
        ({"type": "LineString", "coordinates": [[170, 0], [190, 0]]}, None),
        (SQUARE, "10,40,11,41"),
        (SQUARE, [10, 40, 11]),
        (SQUARE, [10, 41, 11, 40]),
        (None, None),
    ],
)
def test_malformed_footprints_are_refused(geometry: Any, box: Any) -> None:
    with pytest.raises(InvalidRequest):
        stated_footprint(geometry, box)
