"""Footprints in SVG: where they are, across the seam too, and what they link to."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest

from iipserve.protocols.footprint_pictures import HEIGHT, WIDTH, Footprint, footprint_picture

SVG = "{http://www.w3.org/2000/svg}"


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*rings: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": rings}


def shapes(text: str) -> list[list[tuple[float, float]]]:
    """Corners of each footprint in the picture."""
    found = ElementTree.fromstring(text).iter(f"{SVG}path")
    return [
        [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.attrib["d"])]
        for path in found
        if path.attrib["class"] == "shape"
    ]


def test_a_degree_of_longitude_is_narrower_by_the_cosine_of_the_latitude() -> None:
    (corners,) = shapes(footprint_picture([Footprint("a", "", polygon(box(10, 58, 14, 62)))]))
    (left, bottom), (right, _), (_, top) = corners[0], corners[1], corners[2]
    assert (right - left) / (bottom - top) == pytest.approx(math.cos(math.radians(60)), rel=0.01)
    assert (left + right) / 2 == pytest.approx(WIDTH / 2, abs=0.2)
    assert (top + bottom) / 2 == pytest.approx(HEIGHT / 2, abs=0.2)


@pytest.mark.parametrize(
    "box_", [(-180, -90, 180, 90), (5, 5, 5, 5), (179.999999, 0, 180, 1e-7), (0, 89, 10, 90)]
)
def test_everything_is_inside_of_the_picture(box_: tuple[float, float, float, float]) -> None:
    (corners,) = shapes(footprint_picture([Footprint("a", "", polygon(box(*box_)))]))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)


def test_parts_on_both_sides_of_the_seam_meet() -> None:
    parts = {"type": "MultiPolygon", "coordinates": [[box(176, 0, 180, 2)], [box(-180, 0, -178, 2)]]}
    (corners,) = shapes(footprint_picture([Footprint("a", "", parts)]))
    eastern, western = corners[:5], corners[5:]
    assert max(x for x, _ in eastern) == pytest.approx(min(x for x, _ in western), abs=0.2)
    whole = max(x for x, _ in corners) - min(x for x, _ in corners)
    assert whole > 0.5 * WIDTH


def test_each_footprint_leads_to_its_image() -> None:
    shown = [
        Footprint("<a> & b", "http://a.example/?x=1&y=2", polygon(box(0, 0, 1, 1))),
        Footprint("script", "javascript:alert(1)", polygon(box(1, 0, 2, 1))),
        Footprint("point", "http://a.example/", {"type": "Point", "coordinates": [0, 0]}),
    ]
    root = ElementTree.fromstring(footprint_picture(shown))
    assert [link.attrib["href"] for link in root.iter(f"{SVG}a")] == ["http://a.example/?x=1&y=2"]
    assert [title.text for title in root.iter(f"{SVG}title")] == ["<a> & b", "script"]


def test_the_grid_states_its_degrees() -> None:
    text = footprint_picture(
        [
            Footprint("a", "", polygon(box(178, -1, 180, 1))),
            Footprint("b", "", polygon(box(-180, -1, -178, 1))),
        ]
    )
    labels = {each.text for each in ElementTree.fromstring(text).iter(f"{SVG}text")}
    assert {"179°E", "179°W", "0°"} <= labels


def test_nothing_to_show_is_no_picture() -> None:
    assert footprint_picture([]) == ""
    assert footprint_picture([Footprint("a", "", {"type": "Polygon", "coordinates": None})]) == ""
