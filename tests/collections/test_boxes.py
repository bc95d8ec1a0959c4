"""The parameter `bbox`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.collections.boxes import boxes_of, cover_the_world, parse_box, wrapped
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("10,20,30,40", [(10, 20, 30, 40)]),
        ("1e1,2.0E1,+30,40.", [(10, 20, 30, 40)]),
        ("10,20,-100,30,40,1000", [(10, 20, 30, 40)]),
        ("-180,-90,180,90", [(-180, -90, 180, 90)]),
        ("170,-10,-170,10", [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ("170,-10,190,10", [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ("190,-10,210,10", [(-170, -10, -150, 10)]),
        ("-200,-10,-190,10", [(160, -10, 170, 10)]),
        ("-200,-75,100,75", [(160, -75, 180, 75), (-180, -75, 100, 75)]),
        ("-300,-75,100,75", [(-180, -75, 180, 75)]),
        ("180,0,180,0", [(180, 0, 180, 0)]),
        ("-180,0,-180,0", [(-180, 0, -180, 0)]),
    ],
)
def test_a_box_is_between_minus_180_and_180(text: str, boxes: list[tuple[float, ...]]) -> None:
    assert list(parse_box(text)) == boxes


@pytest.mark.parametrize(
    "text",
    ["", "1", "1,2", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "1,2,3,x", "1,2,3,", "1,2,3,nan", "1,2,inf,4", "1,40,2,20",
     "1,20,5,2,40,3", "1_0,2,3,4", "1 2 3 4", "1.8e308,0,1,1", "-1e300,-1,1e300,1", "1,40,0,2,20,0"],
)  # fmt: skip
def test_what_is_not_a_box_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_box(text)


def test_numbers_of_json_are_numbers() -> None:
    for numbers in ([True, 0, 1, 1], ["1", 2, 3, 4], [None, 2, 3, 4], [10**400, 0, 1, 1]):
        with pytest.raises(InvalidRequest):
            boxes_of(numbers)  # type: ignore[arg-type]


@given(st.floats(-540, 540), st.floats(0, 360), st.floats(-180, 180, exclude_min=True, exclude_max=True))
def test_a_place_is_in_the_parts_of_a_box_if_it_is_in_the_box(
    west: float, width: float, place: float
) -> None:
    parts = wrapped(Bounds(west, 0, west + width, 1))
    assert all(-180 <= part.min_x <= part.max_x <= 180 for part in parts)
    turns = [place + 360 * turn for turn in range(-4, 5)]
    if any(math.isclose(each, edge, abs_tol=1e-9) for each in turns for edge in (west, west + width)):
        return
    assert any(part.min_x <= place <= part.max_x for part in parts) == any(
        west <= each <= west + width for each in turns
    )


def test_the_whole_world_is_no_condition() -> None:
    assert cover_the_world(parse_box("-180,-90,180,90"))
    assert cover_the_world(parse_box("-360,-90,0,90"))
    assert not cover_the_world(parse_box("-180,-90,180,89"))
    assert not cover_the_world(())
