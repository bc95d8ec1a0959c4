"""Summaries of collections, against a computation from all items."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from iipserve.collections.store import Store
from iipserve.collections.values import Interval, Item, Summary
from iipserve.geo.grid import Bounds
from tests.collections.images import collection, item, picture


def summary_of(items: Iterable[Item]) -> Summary:
    """What the summary of some items must be, none of them over 180 degrees."""
    items = list(items)
    boxes = [box for each in items for box in each.bounds]
    times = [each for each in items if each.earliest is not None]
    union = [
        Bounds(min(b.min_x for b in boxes), min(b.min_y for b in boxes), max(b.max_x for b in boxes), max(b.max_y for b in boxes))
    ] if boxes else []  # fmt: skip
    crs = Counter(each.crs for each in items if each.crs)
    sizes = [size for each in items for size in (each.gsd_min, each.gsd_max) if size is not None]
    starts, ends = [each.earliest for each in times], [each.latest for each in times]
    return Summary(
        count=len(items),
        bytes=sum(each.size for each in items),
        bounds=tuple(union),
        interval=Interval(min(starts), max(ends)) if times else None,  # type: ignore[type-var]
        gsd_min=min(sizes, default=None),
        gsd_max=max(sizes, default=None),
        crs=tuple(sorted(crs, key=lambda key: (-crs[key], key))),
    )


def random_item(chance: random.Random, id: str) -> Item:
    """An item somewhere, of some time and size, or a picture."""
    if chance.random() < 0.1:
        return picture(id, size=chance.randrange(1000))
    west, south = chance.uniform(-170, 160), chance.uniform(-80, 70)
    finest = chance.choice([None, 0.1, 0.5, 2.0])
    fields: dict[str, Any] = {
        "size": chance.randrange(1 << 33),
        "crs": chance.choice(["", "EPSG:32633", "EPSG:4326"]),
        "gsd_min": finest,
        "gsd_max": finest and finest * chance.choice([1, 8]),
        "datetime": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(10_000)),
    }
    return item(id, (west, south, west + chance.random(), south + chance.random()), **fields)


def test_a_summary_follows_every_change(store: Store) -> None:
    chance = random.Random(1)
    store.create(collection())
    present: dict[str, Item] = {}
    assert store.collection("aerial").summary == Summary()
    for step in range(40):
        batch = [random_item(chance, str(chance.randrange(60))) for _ in range(chance.randrange(1, 6))]
        store.add_items("aerial", batch, upsert=True)
        present |= {each.id: each for each in batch}
        if step % 3 == 2:
            gone = chance.sample(sorted(present), min(3, len(present)))
            store.delete_items("aerial", gone)
            present = {id: each for id, each in present.items() if id not in gone}
        assert store.collection("aerial").summary == summary_of(present.values())
    store.delete_items("aerial", list(present))
    assert store.collection("aerial").summary == Summary()


def test_a_collection_over_180_degrees_has_two_boxes_and_not_the_world(store: Store) -> None:
    store.create(collection())
    boxes = [(176.0, -20.0, 178.0, -10.0), (179.0, -19.0, -179.0, -12.0), (-178.0, -18.0, -175.0, -16.0)]
    store.add_items("aerial", [item(str(number), box) for number, box in enumerate(boxes)])
    assert store.collection("aerial").summary.bounds == (
        Bounds(176.0, -20.0, 180.0, -10.0),
        Bounds(-180.0, -20.0, -175.0, -10.0),
    )
    store.delete_item("aerial", "1")
    assert store.collection("aerial").summary.bounds == (Bounds(-178.0, -20.0, 178.0, -10.0),)


def test_a_collection_over_180_degrees_and_over_0_is_all_around(store: Store) -> None:
    store.create(collection())
    store.add_items("aerial", [item("a", (179.0, 0.0, -179.0, 1.0)), item("b", (-1.0, 2.0, 1.0, 3.0))])
    assert store.collection("aerial").summary.bounds == (Bounds(-180.0, 0.0, 180.0, 3.0),)


def test_the_status_of_an_item_does_not_change_the_summary(store: Store) -> None:
    store.create(collection())
    store.add_items("aerial", [replace(item(), gsd_min=0.5, crs="EPSG:32633", size=7)])
    before = store.collection("aerial").summary
    store.set_status("aerial", [("a.tif", "missing")])
    assert store.collection("aerial").summary == before
