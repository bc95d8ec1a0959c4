"""Builds the overview of a collection."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from iipserve.collection_jobs.context import Context
from iipserve.collections.store import Store
from iipserve.collections.values import Collection, Item
from iipserve.engine.collection_overview import (
    SAMPLE_TYPES,
    Member,
    OverviewBuilder,
    OverviewShape,
    overview_grid,
)
from iipserve.errors import ConfigError, InvalidRequest, PreconditionFailed
from iipserve.geo import crs
from iipserve.geo.crs import NoTransformation
from iipserve.geo.extents import bounds_in, transform_bounds
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geometry import Size

SIDE = 8192
"""Pixels of the longer side of an overview, unless stated."""
MERCATOR_LATITUDE = 85.0
"""Up to which the web's Mercator projection is used where images have several systems."""
RGB = 3
DISPLAYED = frozenset({"uint8", "uint16"})
"""Types whose samples are displayed from black to white of the type."""


class Overview(NamedTuple):
    """What is to be built."""

    builder: OverviewBuilder
    path: str


def overview_of(
    context: Context, collection: Collection, output: str, pixel_size: float | None, key: str
) -> Overview:
    """The overview of a collection.

    Args:
        context: the store and the images.
        collection: the collection.
        output: path of the file; empty: where maps look for it.
        pixel_size: in metres; None: so large that the longer side has `SIDE` pixels.
        key: of the coordinate reference system; empty: that of all images, or one for all.

    Raises:
        InvalidRequest: the images have no common type of samples, or no place.
        ConfigError: nothing says where the file shall be.
        Forbidden: that is not below the folder of images.
    """
    path = _path(context, collection, output)
    usable = (item for item in context.store.items(collection.name) if item.is_ok and item.bounds)
    # of thousands of items, footprints would take the most memory
    light = (replace(item, geometry=None, properties={}, members={}) for item in usable)
    items = _ordered(light, collection.order)
    if not items:
        raise InvalidRequest(f"the collection {collection.name!r} has no image with a place on the ground")
    key = key or _system(items)
    members = [Member(item.href, _boxes(item, key)) for item in items]
    boxes = [box for member in members for box in member.boxes]
    finest = min(item.gsd_min or math.inf for item in items)
    side = _pixel_side(boxes, key, pixel_size, finest)
    bands, dtype = _samples(items, has_range="range" in collection.style)
    shape = OverviewShape(overview_grid(key, boxes, side), bands, dtype, _nodata(items, dtype))
    return Overview(OverviewBuilder(shape, members, context.library, context.geo_image), path)


def renew(store: Store, name: str) -> None:
    """Give a collection another version, so that answers are made anew; that somebody else changes it does as well."""
    known = store.collection(name)
    with suppress(PreconditionFailed):
        store.replace(known, known.version)


def _path(context: Context, collection: Collection, output: str) -> str:
    path = output or (context.settings.overview_path(collection.name) if context.settings else "")
    if not path:
        raise ConfigError(
            "nothing says where the overview shall be: name a file, or an overview_folder in the service file"
        )
    path = context.images.path(context.images.identifier(os.path.abspath(path) if output else path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def _ordered(items: Iterable[Item], order: str) -> list[Item]:
    """The uppermost first, as of maps; the middle of a map has no meaning here, and the newest are uppermost instead."""
    latest = sorted(items, key=lambda item: item.sequence, reverse=True)
    if order == "finest":
        return sorted(latest, key=lambda item: item.gsd_min or math.inf)
    if order == "number":
        return latest
    return sorted(latest, key=lambda item: -item.latest.timestamp() if item.latest else math.inf)


def _system(items: Sequence[Item]) -> str:
    """The one of all images; else one that shows all of them."""
    systems = {item.crs for item in items}
    crosses = any(len(item.bounds) > 1 for item in items)
    if len(systems) == 1 and not crosses:
        return systems.pop()
    edges = [abs(edge) for item in items for box in item.bounds for edge in (box.min_y, box.max_y)]
    return crs.WEB_MERCATOR if max(edges) <= MERCATOR_LATITUDE else crs.WGS84


def _boxes(item: Item, key: str) -> tuple[Bounds, ...]:
    """Around an image, in a system: of its grid, unless that crosses 180 degrees or is not known."""
    try:
        if item.transform is not None and len(item.bounds) == 1:
            georeference = Georeference(item.crs, Affine(*item.transform), Size(item.width, item.height))
            whole = bounds_in(georeference, key)
            if whole is not None and whole.min_x <= whole.max_x:
                return (whole,)
        found = (transform_bounds(crs.WGS84, key, box) for box in item.bounds)
        return tuple(box for box in found if box is not None and box.min_x <= box.max_x)
    except NoTransformation:
        return ()


def _pixel_side(boxes: Sequence[Bounds], key: str, pixel_size: float | None, finest: float) -> float:
    """The side of a pixel, in units of the system."""
    unit = crs.metres_per_unit(key)
    if pixel_size is not None:
        return pixel_size / unit
    if not boxes:
        raise InvalidRequest(f"no image has a place in {key}")
    wide = max(box.max_x for box in boxes) - min(box.min_x for box in boxes)
    high = max(box.max_y for box in boxes) - min(box.min_y for box in boxes)
    return max(max(wide, high) / SIDE, finest / unit)


def _samples(items: Sequence[Item], *, has_range: bool) -> tuple[int, str]:
    """How many bands all have, and of which type.

    Raises:
        InvalidRequest: they have samples of several types, which cannot be compared.
    """
    dtype = _common_type({item.dtype for item in items}, has_range=has_range)
    counts = {len(item.bands) for item in items}
    return (RGB if min(counts) == 1 and max(counts) >= RGB else min(counts)), dtype


def _common_type(types: set[str], *, has_range: bool) -> str:
    """The type of an overview that has samples of all these types.

    Samples of several types can be compared where they stand for values by themselves: those with a sign and of more than 16
    bits. Unsigned ones of 8 and 16 bits are displayed from black to white of their own type, unless the style sets a range.
    """
    if len(types) > 1 and not has_range and types & DISPLAYED:
        raise InvalidRequest(
            f"images with samples of several types ({', '.join(sorted(types))}) have no common overview, unless the style of the "
            "collection has a range"
        )
    dtype = str(np.result_type(*types))
    return dtype if dtype in SAMPLE_TYPES else "float32" if dtype.startswith("float") else "int32"


def _nodata(items: Sequence[Item], dtype: str) -> float | None:
    """The sample for missing data: that of all images; NaN of floats; else a mask says it."""
    if dtype.startswith("float"):
        return math.nan
    declared = {item.nodata for item in items}
    value = declared.pop() if len(declared) == 1 else None
    limits = np.iinfo(dtype)
    return value if value is not None and limits.min <= value <= limits.max else None
