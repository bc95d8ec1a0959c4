"""Limits of many images at once are those of each alone."""

from __future__ import annotations

import math
import random

import pytest

from iipserve.geo import crs
from iipserve.geo.grid import Bounds
from iipserve.geo.limit_tables import linked_at_once
from iipserve.geo.matrixset import TileMatrixSet, linked
from iipserve.geo.matrixset_files import standard_sets
from iipserve.geo.places import Place

pytest.importorskip("pyproj")


def box(chance: random.Random, around: Bounds) -> Bounds:
    """Anywhere in and around a box, of any size; on the grid of its 1024ths or not."""
    width, height = around.max_x - around.min_x, around.max_y - around.min_y
    scale = 10 ** chance.uniform(-9, 0.3)
    x, y = around.min_x + chance.uniform(-0.2, 1.2) * width, around.min_y + chance.uniform(-0.2, 1.2) * height
    if chance.random() < 0.3:
        x, y, scale = (
            around.min_x + round(chance.uniform(0, 1024)) * width / 1024,
            around.min_y + round(chance.uniform(0, 1024)) * height / 1024,
            1 / 1024,
        )
    return Bounds(x, y, x + width * scale * chance.random(), y + height * scale)


STRANGE = (
    Bounds(170.0, -10.0, -170.0, 10.0),
    Bounds(-190.0, -90.0, 190.0, 90.0),
    Bounds(1e300, 0.0, 1e301, 1.0),
    Bounds(-math.inf, -math.inf, math.inf, math.inf),
    Bounds(math.nan, 0.0, 1.0, 1.0),
    Bounds(0.0, 0.0, 0.0, 0.0),
    Bounds(0.0, 5.0, 1.0, -5.0),
)


@pytest.mark.parametrize("overzoom", [0, 2])
@pytest.mark.parametrize("name", sorted(standard_sets()))
def test_limits_at_once_are_those_of_each(name: str, overzoom: int) -> None:
    matrix_set: TileMatrixSet = standard_sets()[name]
    chance = random.Random(name)
    boxes = [*(box(chance, matrix_set.bounds) for _ in range(300)), *STRANGE]
    turn, every = crs.turn(matrix_set.crs), len(matrix_set.matrices)
    cells = [each.cell_size for each in matrix_set.matrices]
    places = [Place(each, chance.choice(cells) * chance.choice((0.9, 1, 1 + 1e-7, 1.5))) for each in boxes]
    found = list(linked_at_once(matrix_set, places, turn, overzoom))
    assert any(found)
    assert None in found
    for place, tabled in zip(places, found, strict=True):
        some = linked(matrix_set, *place, turn, overzoom)
        alone = linked(matrix_set, *place, turn, every) or some
        assert (tabled is None) == (alone is None)
        if tabled is not None and alone is not None:
            assert tabled.limits.tolist() == [
                [each.min_row, each.max_row, each.min_column, each.max_column] for each in alone.limits
            ]
            assert repr(tabled.bounds) == repr(alone.bounds)  # NaN is not equal to itself
            assert tabled.set is matrix_set
            assert some is None or tabled.offered == len(some.limits)


def test_no_image_has_no_limits() -> None:
    assert list(linked_at_once(standard_sets()["WebMercatorQuad"], [], None)) == []
