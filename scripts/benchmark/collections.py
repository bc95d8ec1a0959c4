"""Measures a store of image collections; `scripts/bench collections` runs it.

Adds items of images that do not exist, evenly over the land of the Earth and ten years, and searches them: by box, time and
filter at once, as clients do, and the images of a tile, as maps do. Stated are items added in a second, and milliseconds
of a search (50th and 99th percentile), and how much memory the process has grown by. Tiles of one small image and of ten that
make it up are made too (`mosaics`).
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iipserve.collections.filters import parse_text
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Collection, Interval, Item, ItemSearch, SortKey
from iipserve.geo.grid import Bounds
from scripts.benchmark import mosaics

BATCH = 1000
START = datetime(2015, 1, 1, tzinfo=UTC)
DAYS = 3650
NAME = "benchmark"
PLATFORMS = ("landsat-8", "landsat-9", "sentinel-2a", "sentinel-2b")
chance = random.Random(1)


def items(count: int) -> Iterator[Item]:
    """Items of scenes of 1 degree, slightly turned, each with the properties of a satellite's scene."""
    for number in range(count):
        west, south = chance.uniform(-180, 179), chance.uniform(-60, 74)
        ring = [[west + 0.1, south], [west + 1, south + 0.1], [west + 0.9, south + 1], [west, south + 0.9]]
        yield Item(
            collection=NAME,
            id=f"scene-{number:06d}.tif",
            href=f"scenes/scene-{number:06d}.tif",
            size=chance.randrange(1 << 30),
            driver="tiff",
            width=10980,
            height=10980,
            bands=tuple({"name": name, "data_type": "uint16"} for name in ("red", "green", "blue", "nir")),
            dtype="uint16",
            crs=f"EPSG:{32601 + int((west + 180) // 6)}",
            geometry={"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            bounds=(Bounds(west, south, west + 1, south + 1),),
            gsd_min=10.0,
            gsd_max=640.0,
            datetime=START + timedelta(days=chance.random() * DAYS),
            properties={
                "eo:cloud_cover": round(chance.random() * 100, 2),
                "platform": chance.choice(PLATFORMS),
                "view:sun_elevation": chance.random() * 90,
                "processing:version": "05.09",
            },
        )


def box(side: float) -> Bounds:
    """A square somewhere."""
    west, south = chance.uniform(-180, 180 - side), chance.uniform(-60, 75 - side)
    return Bounds(west, south, west + side, south + side)


def months(count: int) -> Interval:
    """Some months somewhere."""
    start = START + timedelta(days=chance.random() * DAYS)
    return Interval(start, start + timedelta(days=30 * count))


CLOUDS = parse_text("eo:cloud_cover < 20 AND platform LIKE 'landsat%'")
RARE = parse_text("eo:cloud_cover < 0.05")
NONE = parse_text("\"processing:version\" LIKE '%x%'")
SEARCHES: dict[str, Callable[[], ItemSearch]] = {
    "box of 5 degrees, a year, clouds": lambda: ItemSearch(
        boxes=(box(5),), interval=months(12), filter=CLOUDS
    ),
    "box of 60 degrees, a month, clouds": lambda: ItemSearch(
        boxes=(box(60),), interval=months(1), filter=CLOUDS
    ),
    "box of 60 degrees": lambda: ItemSearch(boxes=(box(60),)),
    "a month, clouds, counted": lambda: ItemSearch(interval=months(1), filter=CLOUDS, count=True),
    "clouds, sorted by them": lambda: ItemSearch(
        interval=months(1), filter=CLOUDS, sort=(SortKey("eo:cloud_cover"),)
    ),
    "id": lambda: ItemSearch(ids=(f"scene-{chance.randrange(1000):06d}.tif",)),
    "everything, sorted by id": lambda: ItemSearch(sort=(SortKey("id"),)),
    "few of all, by a filter alone": lambda: ItemSearch(filter=RARE),
    "none of all, without an index": lambda: ItemSearch(filter=NONE),
    "all, sorted without an index": lambda: ItemSearch(sort=(SortKey("processing:version"),)),
}


def measure(name: str, seconds: float, action: Callable[[], object]) -> None:
    """Do something again and again, and say how long it took."""
    action()
    taken: list[float] = []
    used = time.process_time()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    used = (time.process_time() - used) * 1000 / len(taken)
    middle, high = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    print(
        f"{name:<40} p50 {middle:8.2f} ms   p99 {high:8.2f} ms   CPU {used:8.2f} ms   ({len(taken)})",
        flush=True,
    )


def memory() -> float:
    """Most memory that the process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(store: Store, count: int) -> None:
    """Make the collection with so many items."""
    store.create(Collection(name=NAME))
    taken, batch = 0.0, []
    before = memory()
    for number, item in enumerate(items(count), 1):
        batch.append(item)
        if len(batch) == BATCH or number == count:
            start = time.perf_counter()
            store.add_items(NAME, batch)
            taken += time.perf_counter() - start
            batch = []
    print(
        f"added {count} items: {count / taken:.0f} a second, memory + {memory() - before:.0f} MiB", flush=True
    )


def run(store: Store, count: int, seconds: float) -> None:
    """Fill a store that has no collection yet, and search it."""
    if NAME not in [collection.name for collection in store.collections()]:
        fill(store, count)
    before = memory()
    for name, make in SEARCHES.items():
        measure(name, seconds, lambda make=make: store.search(make()))  # type: ignore[misc]
    for side, meters in ((0.1, 40.0), (10.0, 4000.0)):
        measure(
            f"images of a tile of {side:g} degrees",
            seconds,
            lambda side=side, meters=meters: store.matching(NAME, box(side), meters),  # type: ignore[misc]
        )
    measure("version", min(seconds, 0.5), lambda: store.version(NAME))
    print(f"memory of searches + {memory() - before:.0f} MiB")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench collections", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="items in the store (100000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each search (3)")
    parser.add_argument(
        "--store", default="", help="address of a store that is empty, or was filled by this; or a new file"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(options.store or str(Path(folder) / "benchmark.sqlite"))
        try:
            run(store, options.items, options.seconds)
        finally:
            store.close()
        for name, ask in mosaics.tiles(mosaics.publish(Path(folder))):
            measure(name, options.seconds, ask)


if __name__ == "__main__":
    main()
