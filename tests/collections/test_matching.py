"""The images of a map: which are found, and which is uppermost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cql2")

from iipserve.collections import places, relations
from iipserve.collections.filters import parse_text
from iipserve.collections.relations import related
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Interval
from iipserve.geo.grid import Bounds
from tests.collections.images import collection, item, picture

BOX = Bounds(10.0, 50.0, 11.0, 51.0)
START = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    """A day of the items of these tests."""
    return START + timedelta(days=number)


@pytest.fixture
def aerial(store: Store) -> Store:
    """A store with images on the same place, of different days, pixel sizes and centers, and some elsewhere."""
    store.create(collection())
    store.create(collection("other"))
    store.add_items(
        "aerial",
        [
            item("old", (10, 50, 11, 51), datetime=day(0), gsd_min=0.1),
            item(
                "new", (10.5, 50, 11.5, 51), datetime=day(9), gsd_min=0.5, properties={"eo:cloud_cover": 80}
            ),
            item("middle", (9.6, 50, 10.6, 51), datetime=None, start=day(4), end=day(6), gsd_min=0.2),
            item("timeless", (10, 50, 11.1, 51), datetime=None),
            item("seam", (179, -1, -179, 1), datetime=day(3)),
            item(
                "touching", (11, 50, 12, 51), datetime=day(5), gsd_min=9.0, visible_min=5.0, visible_max=50.0
            ),
            picture(datetime=day(8)),
        ],
    )
    store.add_items("other", [item("else", collection="other")])
    return store


def names(store: Store, box: Bounds = BOX, pixel_size: float = 1.0, **options: object) -> list[str]:
    """Ids of the images of a map, the uppermost first."""
    return [each.id for each in store.matching("aerial", box, pixel_size, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("newest", ["new", "middle", "old", "timeless"]),
        ("finest", ["old", "middle", "new", "timeless"]),
        ("number", ["timeless", "middle", "new", "old"]),
        ("center", ["old", "timeless", "middle", "new"]),
    ],
)
def test_an_order_says_which_image_is_uppermost(aerial: Store, order: str, ids: list[str]) -> None:
    assert names(aerial, order=order) == ids
    assert names(aerial, order=order, limit=2) == ids[:2]


def test_images_are_found_at_the_pixel_sizes_that_they_are_seen_at(aerial: Store) -> None:
    for pixel_size, seen in ((4.9, False), (5.0, True), (50.0, True), (51.0, False)):
        assert ("touching" in names(aerial, pixel_size=pixel_size)) == seen


@pytest.mark.parametrize(
    "box", [(178, 0, -178, 1), (179.5, 0, 180, 1), (-180, 0, -179.5, 1), (538, 0, 542, 1)]
)
def test_boxes_over_180_degrees_find_images_over_it(aerial: Store, box: tuple[float, ...]) -> None:
    assert names(aerial, Bounds(*map(float, box))) == ["seam"]


def test_the_center_of_an_image_over_180_degrees_is_there(aerial: Store) -> None:
    aerial.add_items("aerial", [item("west", (177, -1, 179.1, 1))])
    box = Bounds(179.0, -1.0, -179.0, 1.0)
    assert names(aerial, box, order="center") == ["seam", "west"]


def test_time_and_filter_leave_some_images_out(aerial: Store) -> None:
    assert names(aerial, interval=Interval(day(5), day(5))) == ["middle"]
    assert names(aerial, interval=Interval(None, day(4))) == ["middle", "old"]
    assert names(aerial, interval=Interval(day(7), None)) == ["new"]
    assert names(aerial, filter=parse_text("eo:cloud_cover > 50")) == ["new"]
    assert names(aerial, filter=parse_text("eo:cloud_cover IS NULL AND id LIKE 'o%'")) == ["old"]


def test_a_collection_that_does_not_exist_has_no_images(aerial: Store) -> None:
    assert aerial.matching("none", BOX, 1.0) == ()


def test_long_periods_are_found_after_changes(aerial: Store) -> None:
    aerial.add_items("aerial", [item("long", datetime=None, start=day(-400), end=day(400))])
    assert "long" in names(aerial, interval=Interval(day(-399), day(-399)))
    aerial.delete_items("aerial", ["new", "old"])
    assert names(aerial, interval=Interval(day(-399), day(-399))) == ["long"]


def test_footprints_are_compared_of_images_that_the_scale_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def noted(relation: str, footprint: str | None, wkb: bytes) -> bool | None:
        compared.append(relation)
        return related(relation, footprint, wkb)

    monkeypatch.setattr(relations, "related", noted)
    store = open_store(str(tmp_path / "store.sqlite"))
    store.create(collection())
    shape = {"type": "Polygon", "coordinates": [[[10, 50], [11, 50], [10.5, 51], [10, 50]]]}
    hidden = [item(f"hidden-{number}", geometry=shape, visible_min=100.0) for number in range(50)]
    store.add_items("aerial", [*hidden, item("shown", geometry=shape)])
    assert names(store, Bounds(10.4, 50.2, 10.6, 50.4)) == ["shown"]
    assert compared == ["s_intersects"]
    store.close()


@pytest.mark.parametrize("most", [2_000, -1])
def test_images_are_the_same_as_with_a_filter_that_all_meet(
    aerial: Store, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which has a statement of its own: of any place, time and order, and if there are more images than are looked up one by one."""
    monkeypatch.setattr(places, "MAX_CANDIDATES", most)
    boxes = [
        BOX,
        Bounds(178.0, -2.0, -178.0, 2.0),
        Bounds(-180.0, -90.0, 180.0, 90.0),
        Bounds(11.2, 50.1, 11.4, 50.2),
    ]
    intervals = [
        None,
        Interval(None, None),
        Interval(day(5), None),
        Interval(day(1), day(4)),
        Interval(None, day(3)),
    ]
    for box, interval, order in product(
        boxes, intervals, ("newest", "finest", "number", "center", "coarsest")
    ):
        for limit in (2, 50):
            asked: dict[str, Any] = {"interval": interval, "order": order, "limit": limit}
            assert names(aerial, box, **asked) == names(aerial, box, filter=True, **asked)
