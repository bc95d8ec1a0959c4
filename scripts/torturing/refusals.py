"""Requests for broken files and for small files of enormous images, which have to be refused."""

from __future__ import annotations

import random
from urllib.parse import quote

from scripts.torturing.pictures import Ask
from scripts.torturing.questions import Question, anything
from scripts.torturing.subjects import Subjects
from tests.broken_files import addresses_of

REFUSALS = frozenset({400, 404, 415, 422})
BROKEN = (
    "ifd-loop.tif", "ifd-past-end.tif", "offset-past-end.tif", "count-past-end.tif", "no-tile-size.tif", "bomb.tif",
    "noise-in-jpeg.tif", "huge.tif", "huge-tile.tif", "huge.jp2", "huge.png", "empty.tif", "text.tif", "text.jp2",
    "folder.tif", "fifo.tif", "out.tif", "dangling.tif", "loop.tif", "none.tif", "cut-1-jpeg.tif", "cut-50-jpeg.tif",
    "cut-50-whole.jp2", "cut-90-whole.jpg", "cut-90-whole.png",
)  # fmt: skip
BOMBS = (
    "interlaced.png",
    "plain.png",
    "progressive.jpg",
    "large.webp",
    "tile.tif",
    "texts.png",
    "untiled.j2k",
)
"""Of `tests.bombs`."""


def broken_file(_: Subjects, chance: random.Random) -> Question:
    """Any request for a file that is damaged, whose header is wrong, or that is no image."""
    name = f"broken/{chance.choice(BROKEN)}"
    return Question("broken file", chance.choice(addresses_of(name)), anything, REFUSALS)


def bomb(_: Subjects, chance: random.Random) -> Question:
    """Pixels of a small file that declares an enormous image."""
    name = f"bombs/{chance.choice(BOMBS)}"
    address = chance.choice(
        [each for each in addresses_of(name) if "0,0,256,256" in each or "JTL" in each or "CVT" in each]
    )
    return Question("bomb", address, refused, REFUSALS)


def outside(_: Subjects, chance: random.Random) -> Question:
    """A file that is not in the folder of images."""
    name = quote(chance.choice(("../outside/secret.tif", "broken/out.tif", "/etc/passwd")), safe="")
    address = chance.choice((f"/iip?FIF={name}&JTL=0,0", f"/iiif/3/{name}/full/max/0/default.png"))
    return Question("file outside", address, refused, REFUSALS)


def refused(body: bytes) -> str:
    """Of answers that must not be."""
    return f"answered with {body[:60]!r}"


ALL: tuple[Ask, ...] = (broken_file, bomb, outside)
