"""Requests for pictures, by IIP, IIIF, DeepZoom and Zoomify, and their right answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from scripts.torturing.questions import JPEG_TOLERANCE, Question, anything, frames, shows
from scripts.torturing.subjects import TILE, Subjects
from tests.images import Picture

Ask: TypeAlias = Callable[[Subjects, random.Random], Question]


def chosen_tile(level: Picture, chance: random.Random) -> tuple[int, int, Picture]:
    """Column and row of a tile, and its pixels."""
    height, width = level.shape[:2]
    column, row = chance.randrange(-(-width // TILE)), chance.randrange(-(-height // TILE))
    return column, row, level[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]


def iip_tile(known: Subjects, chance: random.Random) -> Question:
    """PTL of the exact picture."""
    resolution = chance.randrange(len(known.exact))
    level = known.exact[len(known.exact) - 1 - resolution]
    column, row, pixels = chosen_tile(level, chance)
    number = row * -(-level.shape[1] // TILE) + column
    return Question("IIP tile", f"/iip?FIF=exact.tif&PTL={resolution},{number}", shows(pixels))


def stored_tile(known: Subjects, chance: random.Random) -> Question:
    """JTL of the photograph, whose tiles are stored in JPEG."""
    resolution = chance.randrange(len(known.photo))
    level = known.photo[len(known.photo) - 1 - resolution]
    column, row, pixels = chosen_tile(level, chance)
    number = row * -(-level.shape[1] // TILE) + column
    return Question(
        "IIP tile", f"/iip?FIF=photo.tif&JTL={resolution},{number}", shows(pixels, JPEG_TOLERANCE)
    )


def iiif_tile(known: Subjects, chance: random.Random) -> Question:
    """A tile of any level of the exact picture."""
    number = chance.randrange(len(known.exact))
    column, row, pixels = chosen_tile(known.exact[number], chance)
    height, width = pixels.shape[:2]
    side = TILE << number
    region = f"{column * side},{row * side},{width << number},{height << number}"
    return Question("IIIF tile", f"/iiif/3/exact.tif/{region}/{width},{height}/0/default.png", shows(pixels))


def deepzoom_tile(known: Subjects, chance: random.Random) -> Question:
    """A tile of any level that the file has."""
    number = chance.randrange(len(known.exact))
    column, row, pixels = chosen_tile(known.exact[number], chance)
    height, width = known.exact[0].shape[:2]
    level = (max(width, height) - 1).bit_length() - number
    return Question("DeepZoom tile", f"/deepzoom/exact.tif_files/{level}/{column}_{row}.png", shows(pixels))


def zoomify_tile(known: Subjects, chance: random.Random) -> Question:
    """A tile of any tier."""
    number = chance.randrange(len(known.exact))
    column, row, pixels = chosen_tile(known.exact[number], chance)
    tier = len(known.exact) - 1 - number
    return Question("Zoomify tile", f"/zoomify/exact.tif/TileGroup0/{tier}-{column}-{row}.png", shows(pixels))


def jpeg2000_region(known: Subjects, chance: random.Random) -> Question:
    """Any part of the JPEG 2000 file."""
    x, y, pixels = part_of(known.wavelets, chance, 300)
    region = f"{x},{y},{pixels.shape[1]},{pixels.shape[0]}"
    return Question("IIIF region", f"/iiif/3/wavelets.jp2/{region}/max/0/default.png", shows(pixels))


def jpeg_region(known: Subjects, chance: random.Random) -> Question:
    """Any part of the photograph, as JPEG."""
    x, y, pixels = part_of(known.photo[0], chance, 400)
    region = f"{x},{y},{pixels.shape[1]},{pixels.shape[0]}"
    address = f"/iiif/2/photo.tif/{region}/full/0/default.jpg"
    return Question("IIIF region", address, shows(pixels, JPEG_TOLERANCE))


def mirrored_region(known: Subjects, chance: random.Random) -> Question:
    """Any part of the exact picture, mirrored and turned."""
    x, y, pixels = part_of(known.exact[0], chance, 500)
    turns = chance.randrange(4)
    region = f"{x},{y},{pixels.shape[1]},{pixels.shape[0]}"
    turned = np.ascontiguousarray(np.rot90(pixels[:, ::-1], -turns))
    return Question("IIIF region", f"/iiif/3/exact.tif/{region}/max/!{90 * turns}/default.png", shows(turned))


def export(known: Subjects, chance: random.Random) -> Question:
    """The whole large picture, through a temporary file."""
    address = chance.choice(("/iiif/3/large.tif/full/3200,2400/0/default.png", "/iip?FIF=large.tif&CVT=tiff"))
    return Question("export", address, shows(known.large))


def bundle(known: Subjects, chance: random.Random) -> Question:
    """A rectangle of tiles of 16 bits."""
    across = known.deep.shape[1] // TILE
    first, last = sorted(chance.randrange(across * across) for _ in range(2))
    rows = sorted((first // across, last // across))
    columns = sorted((first % across, last % across))
    tiles: dict[int, NDArray[np.uint16]] = {
        row * across + column: known.deep[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        for row in range(rows[0], rows[1] + 1)
        for column in range(columns[0], columns[1] + 1)
    }
    return Question("TIL", f"/iip?FIF=deep.tif&TIL=2,{first}-{last}", frames(tiles))


def description(_: Subjects, chance: random.Random) -> Question:
    """What a viewer reads first."""
    name = chance.choice(("exact.tif", "photo.tif", "wavelets.jp2", "large.tif", "map.tif"))
    address = chance.choice(
        (
            "/iiif/3/{}/info.json",
            "/iip?FIF={}&OBJ=Max-size",
            "/deepzoom/{}.dzi",
            "/zoomify/{}/ImageProperties.xml",
        )
    )
    return Question("description", address.format(name), anything)


def part_of(pixels: Picture, chance: random.Random, most: int) -> tuple[int, int, Picture]:
    """Left and upper edge of a part of at most so many pixels a side, and its pixels."""
    height, width = pixels.shape[:2]
    x, y = chance.randrange(width - 1), chance.randrange(height - 1)
    across, down = (chance.randint(1, min(most, left)) for left in (width - x, height - y))
    return x, y, pixels[y : y + down, x : x + across]


TILES: tuple[Ask, ...] = (iip_tile, stored_tile, iiif_tile, deepzoom_tile, zoomify_tile)
REGIONS: tuple[Ask, ...] = (jpeg2000_region, jpeg_region, mirrored_region, description)
HEAVY: tuple[Ask, ...] = (export, bundle)
