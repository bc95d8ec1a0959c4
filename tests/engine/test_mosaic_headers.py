"""What stands for a collection in documents: the box and the pixels of all its images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from iipserve.collections.values import Collection, Item, Summary
from iipserve.engine.mosaic_headers import Header, mosaic_header
from iipserve.geo.georeference import in_pixel_space
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.places import place_in
from tests.collections.images import item
from tests.protocols.client import image

INFO = image(100, 50, (64, 64))


def located(
    id: str,
    crs: str,
    west: float,
    north: float,
    step: float,
    size: tuple[int, int] = (100, 50),
    **fields: Any,
) -> Item:
    """An image north up; `box` in degrees is that of its place."""
    transform = Affine(step, 0.0, west, 0.0, -step, north)
    if crs == "EPSG:4326" and "box" not in fields:
        fields["box"] = (west, north - step * size[1], west + step * size[0], north)
    return item(
        id, **{"crs": crs, "transform": transform, "width": size[0], "height": size[1], "gsd_min": step, **fields}
    )  # fmt: skip


def header(*items: Item, count: int | None = None, **summary: Any) -> Header:
    collection = Collection(
        name="aerial", version=3, summary=Summary(count=len(items) if count is None else count, **summary)
    )
    found = mosaic_header(collection, items, INFO, in_pixel_space(INFO))
    assert found is not None
    return found


def test_images_of_one_system_share_the_pixels_of_the_finest() -> None:
    found = header(
        located("fine", "EPSG:32633", 500010.0, 5000000.0, 10.0),
        located("coarse", "EPSG:32633", 499500.0, 5000700.0, 100.0),
    )
    grid = found.geo.georeference.grid
    assert grid is not None
    assert (grid.crs, grid.affine) == ("EPSG:32633", Affine(10.0, 0.0, 499500.0, 0.0, -10.0, 5000700.0))
    assert grid.bounds == Bounds(499500.0, 4995700.0, 509500.0, 5000700.0)
    assert found.info.size == grid.size == (1000, 500)
    assert found.info.bands == INFO.bands


def test_levels_are_halves_down_to_one_tile() -> None:
    found = header(located("a", "EPSG:32633", 500000.0, 5000000.0, 10.0, (300, 200)))
    assert [level.size for level in found.info.levels] == [(300, 200), (150, 100), (75, 50), (38, 25)]


def test_images_of_several_systems_are_in_degrees() -> None:
    found = header(
        located("a", "EPSG:32633", 500000.0, 5000000.0, 10.0, box=(15.0, 45.0, 15.1, 45.1)),
        located("b", "EPSG:32634", 500000.0, 5000000.0, 10.0, box=(21.0, 45.0, 21.1, 45.1)),
    )
    georeference = found.geo.georeference
    assert georeference.crs == "EPSG:4326"
    assert georeference.grid is not None
    assert georeference.grid.bounds == pytest.approx((15.0, 45.0, 21.1, 45.1), abs=1e-3)
    assert georeference.grid.affine.a == pytest.approx(10 / 111319.49, rel=1e-6)


def test_images_on_both_sides_of_the_antimeridian_are_next_to_each_other() -> None:
    found = header(
        located("west", "EPSG:4326", 179.0, 10.0, 0.01), located("east", "EPSG:4326", -180.0, 10.0, 0.01)
    )
    georeference = found.geo.georeference
    assert georeference.grid is not None
    assert georeference.grid.bounds == pytest.approx((179.0, 9.5, 181.0, 10.0))
    place = place_in(georeference, None, "EPSG:4326")
    assert place is not None
    # across the antimeridian the west is greater than the east, elsewhere as the grid has it
    assert (place.bounds.max_x - place.bounds.min_x) % 360 == pytest.approx(2.0)


def test_of_many_images_the_summary_counts() -> None:
    finest = located("a", "EPSG:32633", 500000.0, 5000000.0, 10.0, box=(15.0, 45.0, 15.1, 45.1))
    found = header(finest, count=1000, bounds=(Bounds(14.0, 44.0, 16.0, 46.0),), crs=("EPSG:32633",))
    grid = found.geo.georeference.grid
    assert grid is not None
    assert (grid.crs, grid.affine.a) == ("EPSG:32633", 10.0)
    assert grid.bounds.width == pytest.approx(161_000, rel=0.01)


def test_plain_pictures_have_no_place() -> None:
    plain = item("plain.png", box=(0.0, 0.0, 1.0, 1.0), crs="", bounds=(), geometry=None)
    collection = Collection(name="aerial", summary=Summary(count=1))
    assert mosaic_header(collection, [plain], INFO, in_pixel_space(INFO)) is None


def test_another_version_is_another_image() -> None:
    first = header(located("a", "EPSG:32633", 500000.0, 5000000.0, 10.0))
    collection = Collection(name="aerial", version=4, summary=Summary(count=1))
    items = [replace(located("a", "EPSG:32633", 500000.0, 5000000.0, 10.0))]
    second = mosaic_header(collection, items, INFO, in_pixel_space(INFO))
    assert second is not None
    assert second.info.version != first.info.version
