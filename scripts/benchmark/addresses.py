"""What the rows ask for: functions from an image to addresses below a server's mount."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import TypeAlias

from scripts.benchmark.images import TILE, Image

Addresses: TypeAlias = Callable[[Image], list[str]]
CROWD_REQUESTS = 20_000
"""Addresses of a crowd, at least as many as images."""


def jtl(picture: Image, resolution: int, index: int) -> str:
    """A tile by IIP, which numbers levels from the smallest."""
    return f"?FIF={picture.name}&JTL={resolution},{index}"


def _inner(picture: Image, level: int) -> list[tuple[int, int]]:
    """Columns and rows of tiles that are neither in the last column nor in the last row."""
    columns, rows = picture.grid(level)
    return list(itertools.product(range(columns - 1), range(rows - 1)))


def iip_inner(picture: Image) -> list[str]:
    """Inner tiles of the full size and the level below it, in random order."""
    found = []
    for level in (0, 1):
        columns, _ = picture.grid(level)
        resolution = picture.levels - 1 - level
        found += [jtl(picture, resolution, row * columns + column) for column, row in _inner(picture, level)]
    return random.Random(1).sample(found, min(400, len(found)))


def iip_few(picture: Image) -> list[str]:
    """Tiles few enough to stay in any cache."""
    return iip_inner(picture)[:60]


def iip_right(picture: Image) -> list[str]:
    """Tiles of the last column of the full size."""
    columns, rows = picture.grid(0)
    return [jtl(picture, picture.levels - 1, row * columns + columns - 1) for row in range(rows - 1)]


def iip_bottom(picture: Image) -> list[str]:
    """Tiles of the last row of the full size."""
    columns, rows = picture.grid(0)
    return [jtl(picture, picture.levels - 1, (rows - 1) * columns + column) for column in range(columns - 1)]


def iip_png(picture: Image) -> list[str]:
    """The inner tiles as PNG."""
    return [path.replace("JTL=", "PTL=") for path in iip_inner(picture)[:100]]


def iip_walk(picture: Image) -> list[str]:
    """A window of 16 x 12 tiles in the middle, row by row: what a viewer asks for when it is dragged about."""
    columns, rows = picture.grid(0)
    left, top = max(0, columns // 2 - 8), max(0, rows // 2 - 6)
    return [
        jtl(picture, picture.levels - 1, row * columns + column)
        for row in range(top, min(top + 12, rows))
        for column in range(left, min(left + 16, columns))
    ]


def iiif_few(picture: Image) -> list[str]:
    """The same kind of tiles by IIIF, in the spelling both servers know."""
    tiles = random.Random(1).sample(_inner(picture, 0), 60)
    return [
        f"iiif/{picture.name}/{column * 256},{row * 256},256,256/256,/0/default.jpg" for column, row in tiles
    ]


def deepzoom_few(picture: Image) -> list[str]:
    """The same kind of tiles by DeepZoom."""
    tiles = random.Random(1).sample(_inner(picture, 0), 60)
    top = (max(picture.width, picture.height) - 1).bit_length()
    return [f"?DeepZoom={picture.name}_files/{top}/{column}_{row}.jpg" for column, row in tiles]


def export_1000(picture: Image) -> list[str]:
    """The whole image, about 1000 pixels wide: all different, as equal ones under way are made once."""
    return [f"?FIF={picture.name}&WID={width}&CVT=jpeg" for width in range(980, 1020)]


def export_region(picture: Image) -> list[str]:
    """A tenth of each side, 700 pixels wide, at 40 places."""
    places = random.Random(2)
    return [
        f"?FIF={picture.name}&RGN={places.uniform(0, 0.9):.3f},{places.uniform(0, 0.9):.3f},0.1,0.1&WID=700&CVT=jpeg"
        for _ in range(40)
    ]


# -- many images -----------------------------------------------------------------------------------


def _random_tile(picture: Image, choice: random.Random) -> str:
    """A tile anywhere in any level."""
    level = choice.randrange(picture.levels)
    columns, rows = picture.grid(level)
    return jtl(picture, picture.levels - 1 - level, choice.randrange(columns * rows))


def crowd(count: int) -> Addresses:
    """Random tiles of random levels of so many images."""

    def addresses(picture: Image) -> list[str]:
        choice = random.Random(3)
        images = list(range(count)) + choice.choices(range(count), k=max(0, CROWD_REQUESTS - count))
        choice.shuffle(images)
        return [_random_tile(picture.link(number), choice) for number in images]

    return addresses


def first_tiles(count: int) -> Addresses:
    """A random tile of each of so many images."""

    def addresses(picture: Image) -> list[str]:
        choice = random.Random(4)
        return [_random_tile(picture.link(number), choice) for number in range(count)]

    return addresses


def of_each(count: int, form: str) -> Addresses:
    """One address of each of so many images; `form` has `{0}` for the name."""
    return lambda picture: [form.format(picture.link(number).name) for number in range(count)]


# -- one at a time -----------------------------------------------------------------------------------


def iip_thousand(picture: Image) -> list[str]:
    """A thousand tiles of the full size."""
    columns, _ = picture.grid(0)
    tiles = random.Random(5).sample(_inner(picture, 0), min(1000, len(_inner(picture, 0))))
    return [jtl(picture, picture.levels - 1, row * columns + column) for column, row in tiles]


def iiif_regions(picture: Image) -> list[str]:
    """1,000 x 1,000 pixels of the full size at 40 places; no side is on a border of tiles."""
    places = random.Random(6)

    def start(length: int) -> int:
        tile = places.randrange(max(1, (length - 1000) // TILE))
        return tile * TILE + places.randrange(30, 220)

    return [
        f"iiif/{picture.name}/{start(picture.width)},{start(picture.height)},1000,1000/1000,/0/default.jpg"
        for _ in range(40)
    ]
