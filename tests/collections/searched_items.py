"""Items with properties of every type, for tests of searches."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from iipserve.collections.store import Store
from iipserve.collections.values import Item, ItemSearch
from iipserve.geo.grid import Bounds
from tests.collections.images import item, picture, polygon

COUNT = 150
START = datetime(2020, 1, 1, tzinfo=UTC)
PLATFORMS = ("landsat-8", "Landsat-9", "sentinel_2a", "señal", "100%")


def diamond(box: Bounds) -> dict[str, Any]:
    """A footprint that fills half of its box."""
    x, y = (box.min_x + box.max_x) / 2, (box.min_y + box.max_y) / 2
    ring = [[x, box.min_y], [box.max_x, y], [x, box.max_y], [box.min_x, y], [x, box.min_y]]
    return {"type": "Polygon", "coordinates": [ring]}


def some_item(chance: random.Random, number: int) -> Item:
    """An item with some of the properties that are filtered by, each of several types."""
    west, south = chance.randrange(-180, 180), chance.randrange(-80, 80, 5)
    box = Bounds(west, south, west + 10.0, south + 5.0)
    if box.max_x > 180:
        box = box._replace(max_x=box.max_x - 360)
    geometry = diamond(box) if box.min_x < box.max_x and chance.random() < 0.5 else polygon(*box)
    properties: dict[str, Any] = {
        "eo:cloud_cover": chance.choice([chance.randrange(100), chance.randrange(1000) / 10]),
        "platform": chance.choice(PLATFORMS),
        "mixed": chance.choice([1, 2.5, "1", "b", True, False, None, [1], {"a": 1}]),
        "flag": chance.choice([True, False]),
    }
    for name in list(properties):
        if chance.random() < 0.2:
            del properties[name]
    time = START + timedelta(hours=chance.randrange(48))
    spans = [{"datetime": time}, {"datetime": None, "start": time, "end": time + timedelta(hours=5)}]
    fields = chance.choice(spans) | {"gsd_min": chance.choice([None, 0.5, 10.0])}
    return item(f"i{number}", box, geometry=geometry, properties=properties, **fields)


def some_items() -> list[Item]:
    """The items of these tests; the last one is a picture without a place and a time."""
    chance = random.Random(7)
    return [
        *(some_item(chance, number) for number in range(COUNT)),
        picture("picture", properties={"platform": "none"}),
    ]


ITEMS = {each.id: each for each in some_items()}


def found(store: Store, **search: Any) -> list[str]:
    """Ids of all items of `aerial` that a search finds, page by page."""
    ids: list[str] = []
    token: str | None = ""
    while token is not None:
        page = store.search(ItemSearch(**({"collections": ("aerial",), "limit": 37} | search), token=token))
        ids += [each.id for each in page.items]
        token = page.next_token
    assert len(ids) == len(set(ids))
    return ids
