"""What stands for a collection in documents and plans: one image as large as all of its images together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from iipserve.collections.values import Collection, Item
from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.georeference import GeoImage, Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geometry import Size
from iipserve.image import FIRST, ImageInfo, ImageVersion, Level

TURN = 360.0
"""Degrees around the globe."""
METRES_PER_DEGREE = 111_319.49079327358
"""On the equator of WGS 84: a 360th of 2 pi times 6378137 m."""
MAX_SIDE = 1 << 31
"""Pixels of a mosaic, across and down: of larger ones pixels are larger."""
EPS = 1e-6
"""Part of a pixel by which edges may be off."""


class Header(NamedTuple):
    """What documents tell of a mosaic."""

    info: ImageInfo
    geo: GeoImage


def mosaic_header(
    collection: Collection, items: Sequence[Item], info: ImageInfo, geo: GeoImage
) -> Header | None:
    """The header of a collection; None where no item is on the ground.

    Args:
        collection: whose summary counts where there are more items than `items`.
        items: the finest ones; all if there are no more.
        info: of one of the images, whose samples and bands count for all.
        geo: of the same image.
    """
    located = [item for item in items if item.crs and item.bounds]
    if not located:
        return None
    is_whole = collection.summary.count <= len(items)
    keys = {item.crs for item in located} if is_whole else set(collection.summary.crs)
    key = keys.pop() if len(keys) == 1 and crs.has_code(next(iter(keys))) else crs.WGS84
    boxes = [item.bounds for item in located] if is_whole else [collection.summary.bounds]
    own = _own_boxes(located, key) if is_whole else None
    around = _around(own) if own else _bounds_in(boxes, key)
    affine = _pixels(located, key)
    if around is None or affine is None:
        return None
    affine, size = _grid(around, affine)
    levels = tuple(_levels(size, info.tile))
    samples = info.samples._replace(tile=info.tile)
    made = replace(
        info,
        identifier=collection.name,
        version=ImageVersion(0, 0, fingerprint=f"{collection.name} {collection.version}"),
        levels=levels,
        quality_layers=1,
        icc=None,
        xmp=None,
        exif=None,
        resolution=None,
        selector=FIRST,
        stack=(),
        angles=None,
        stored=samples,
    )
    return Header(made, replace(geo, georeference=Georeference(key, affine, size), mask=None))


# -- the box ---------------------------------------------------------------------------------------


def _own_boxes(items: Iterable[Item], key: str) -> list[Bounds] | None:
    """The boxes of items by their own pixels; None where some are in another system, or not upright."""
    found = []
    for item in items:
        if item.crs != key or item.transform is None or not item.transform.is_rectilinear:
            return None
        corner = item.transform.apply(0.0, 0.0)
        opposite = item.transform.apply(float(item.width), float(item.height))
        xs, ys = zip(corner, opposite, strict=True)
        found.append(Bounds(min(xs), min(ys), max(xs), max(ys)))
    turn = crs.turn(key)
    if turn and _is_split(found, turn):
        found = [
            box._replace(min_x=box.min_x + turn, max_x=box.max_x + turn) if box.max_x <= 0 else box
            for box in found
        ]
    return found


def _is_split(boxes: Sequence[Bounds], turn: float) -> bool:
    """Whether boxes are nearer to one another across the antimeridian than across the meridian of Greenwich."""
    west, east = [box for box in boxes if box.max_x <= 0], [box for box in boxes if box.min_x >= 0]
    if len(west) + len(east) < len(boxes) or not (west and east):
        return False
    here = max(box.max_x for box in east) - min(box.min_x for box in west)
    there = max(box.max_x for box in west) + turn - min(box.min_x for box in east)
    return there < here


def _bounds_in(boxes: Iterable[tuple[Bounds, ...]], key: str) -> Bounds | None:
    """The box in a system around boxes in degrees, each of one part or of two at the antimeridian."""
    parts = [part for one in boxes for part in one]
    if not parts:
        return None
    if key == crs.WGS84:
        if _is_split(parts, TURN):
            parts = [
                part._replace(min_x=part.min_x + TURN, max_x=part.max_x + TURN) if part.max_x <= 0 else part
                for part in parts
            ]
        return _around(parts)
    found = [around for part in parts if (around := transform_bounds(crs.WGS84, key, part)) is not None]
    return _around(found) if found else None


def _around(boxes: Sequence[Bounds]) -> Bounds:
    west, south, east, north = zip(*boxes, strict=True)
    return Bounds(min(west), min(south), max(east), max(north))


# -- pixels ----------------------------------------------------------------------------------------


def _pixels(items: Sequence[Item], key: str) -> Affine | None:
    """The pixels of the finest image, north up, in a system; only approximately where it is in another one."""
    for item in items:
        if item.crs == key and item.transform is not None and item.transform.is_rectilinear:
            a, e = abs(item.transform.a), abs(item.transform.e)
            x, y = item.transform.apply(0.0, 0.0)
            return Affine(a, 0.0, x, 0.0, -e, y)
    sizes = [item.gsd_min for item in items if item.gsd_min]
    if not sizes:
        return None
    side = min(sizes) / (METRES_PER_DEGREE if crs.is_geographic(key) else crs.metres_per_unit(key))
    return Affine(side, 0.0, 0.0, 0.0, -side, 0.0)


def _grid(around: Bounds, pixels: Affine) -> tuple[Affine, Size]:
    """The grid of such pixels that covers a box."""
    factor = max(1.0, around.width / pixels.a / MAX_SIDE, around.height / -pixels.e / MAX_SIDE)
    a, e = pixels.a * factor, pixels.e * factor
    column, row = (
        math.floor((around.min_x - pixels.c) / a + EPS),
        math.floor((around.max_y - pixels.f) / e + EPS),
    )
    affine = Affine(a, 0.0, pixels.c + column * a, 0.0, e, pixels.f + row * e)
    width = math.ceil((around.max_x - affine.c) / a - EPS)
    height = math.ceil((around.min_y - affine.f) / e - EPS)
    return affine, Size(max(1, width), max(1, height))


def _levels(size: Size, tile: Size) -> Iterator[Level]:
    yield Level(size, tile)
    while not size.fits_in(tile):
        size = size.ceil_scaled(2)
        yield Level(size, tile)
