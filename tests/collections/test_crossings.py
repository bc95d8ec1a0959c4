"""Geometries of requests whose lines cross: those that take long to compare are refused, others cover what they should."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("shapely")

from iipserve.collections.geometries import read_geometry
from iipserve.collections.relations import shape_of
from iipserve.errors import InvalidRequest

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
SHARED = [[0, 0], [1, 0], [1, 1], [0, 0]]


def scribble(count: int) -> list[list[float]]:
    """A ring of points anywhere, whose lines cross some `count` * `count` / 6 times."""
    generator = random.Random(count)
    ring = [[generator.uniform(-179, 179), generator.uniform(-89, 89)] for _ in range(count)]
    return [*ring, ring[0]]


def grid(side: int) -> dict[str, Any]:
    """Squares of 1 degree that share their edges."""
    places = [(column, row) for column in range(side) for row in range(side)]
    parts = [[[[x + column, y + row] for x, y in SQUARE]] for column, row in places]
    return {"type": "MultiPolygon", "coordinates": parts}


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Polygon", "coordinates": [scribble(9_000)]},
        {"type": "LineString", "coordinates": scribble(9_000)},
        {"type": "MultiPolygon", "coordinates": [[SQUARE]] * 1_500},
        {"type": "Polygon", "coordinates": [SQUARE[:-1] * 2_000 + SQUARE[:1]]},
        {"type": "LineString", "coordinates": [[0, 0], [10, 10]] * 4_500},
        {"type": "Polygon", "coordinates": [[[-1, -1], [9, -1], [9, 9], [-1, 9], [-1, -1]], *[SHARED] * 2_000]},
        {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [scribble(30)]}] * 300},
        {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [SQUARE]}] * 1_900},
    ],
    ids=["scribble", "line", "parts", "turns", "way back", "holes", "collection", "collection of parts"],
)  # fmt: skip
def test_lines_that_cross_too_often_are_refused(geometry: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="cross each other more than 20000 times"):
        read_geometry(geometry)


@pytest.mark.parametrize(
    ("geometry", "area"),
    [
        (grid(25), 25 * 25),
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}, 2),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [[[x + 0.5, y] for x, y in SQUARE]]]}, 1.5),
    ],
    ids=["grid", "bow tie", "overlap"],
)  # fmt: skip
def test_polygons_are_all_that_is_in_one_of_them(geometry: dict[str, Any], area: float) -> None:
    assert shape_of(read_geometry(geometry)).area == pytest.approx(area)


def test_a_footprint_crosses_itself_less_often() -> None:
    ring = {"type": "Polygon", "coordinates": [scribble(100)]}
    read_geometry(ring)
    with pytest.raises(InvalidRequest, match="more than 500 times"):
        read_geometry(ring, 500)
