"""IIP's SPECTRA and PFL: samples as the file holds them, as text.

SPECTRA is XML: a point for each image of a stack or sequence, named by the layer or the angle, with the first
band as in iipsrv; further bands are separate points (`NAME band1` ...). An image of several bands that is not
a stack has a point for each band: `band0`, `band1` ... Reflectance is the sample divided by 255 or 65535;
32-bit samples and floats are unchanged.

PFL is JSON: `profile` is a list of the samples of all bands, pixel by pixel, or an object with such a list for
each image, by name. Samples of layers are multiplied by the layer's scale; NaN and infinities are null.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from iipserve.config import Config
from iipserve.errors import RegionOutOfBounds, TooLarge
from iipserve.geometry import Size
from iipserve.image import ImageInfo
from iipserve.plan import Document, SamplePlan, image_ref
from iipserve.processing import Pixels
from iipserve.protocols.iip.commands import ProfileQuery, SpectrumQuery
from iipserve.protocols.iip.modifiers import View
from iipserve.protocols.iip.tiles import indexed_tile_region, resolution_size
from iipserve.protocols.tiles import quality_layers

MAX_SAMPLES = 100_000
"""Samples per request."""
MAX_VIEWS = 1000
"""Images of a stack or sequence that one request reads."""
FULL_REFLECTANCE = {"uint8": 255, "uint16": 65535, "int16": 65535}
"""The sample whose reflectance is 1, by type; other types are not scaled (iipsrv)."""
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Point = tuple[int, int]


# -- planning --------------------------------------------------------------------------------------


def plan_spectrum(query: SpectrumQuery, info: ImageInfo, config: Config) -> SamplePlan:
    """All samples at one point of a tile.

    Raises:
        TileNotFound: the resolution or tile does not exist.
        RegionOutOfBounds: the point is outside the tile.
        TooLarge: there are too many samples.
    """
    size = resolution_size(info, query.resolution)
    region = indexed_tile_region(info, size, query.tile)
    if not (0 <= query.x < region.width and 0 <= query.y < region.height):
        raise RegionOutOfBounds(
            f"SPECTRA: {query.x},{query.y} is outside the tile, which has {region.width} x {region.height} pixels"
        )
    point = region.x + query.x, region.y + query.y
    describe = Spectrum(_names(info) if _is_stack(info) or info.angles else (), info.has_alpha)
    return _plan(query.resolution, size, (point,), query.view, describe, info, config)


def plan_profile(query: ProfileQuery, info: ImageInfo, config: Config) -> SamplePlan:
    """The samples along a line.

    Raises:
        TileNotFound: the resolution does not exist.
        RegionOutOfBounds: the line leaves the image.
        TooLarge: there are too many samples.
    """
    size = resolution_size(info, query.resolution)
    (x1, y1), (x2, y2) = query.start, query.end
    _check_count(max(abs(x2 - x1), abs(y2 - y1), 1), info)
    points = line(query.start, query.end)
    for x, y in (points[0], points[-1]):
        if x >= size.width or y >= size.height:
            raise RegionOutOfBounds(
                f"PFL: {x},{y} is outside the resolution, which has {size.width} x {size.height} pixels"
            )
    scales = tuple(info.stack[one.layer].scale if info.stack else 1.0 for one in info.aligned_selectors)
    return _plan(query.resolution, size, points, query.view, Profile(_names(info), scales), info, config)


def line(start: Point, end: Point) -> tuple[Point, ...]:
    """The pixels from `start` to just before `end`, one for each step along the longer side; at least one."""
    (x, y), across, down = start, end[0] - start[0], end[1] - start[1]
    steps = max(abs(across), abs(down))
    if steps == 0:
        return (start,)
    # to the nearest pixel, halves up
    return tuple(
        (x + (2 * step * across + steps) // (2 * steps), y + (2 * step * down + steps) // (2 * steps))
        for step in range(steps)
    )


def _plan(
    resolution: int,
    size: Size,
    points: tuple[Point, ...],
    view: View,
    describe: Spectrum | Profile,
    info: ImageInfo,
    config: Config,
) -> SamplePlan:
    _check_count(len(points), info)
    level = len(info.resolution_sizes) - 1 - resolution
    if level >= len(info.levels):  # the file lacks the resolution: take pixels of its smallest level
        level = len(info.levels) - 1
        points = _stored_points(info.levels[level].size, size, points)
    layers = quality_layers(info, config, view.layers)
    return SamplePlan(image_ref(info, layers), info.aligned_selectors, level, points, describe)


def _stored_points(stored: Size, resolution: Size, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The pixels of a stored level at the centers of pixels of a smaller resolution."""
    return tuple(
        (
            (2 * x + 1) * stored.width // (2 * resolution.width),
            (2 * y + 1) * stored.height // (2 * resolution.height),
        )
        for x, y in points
    )


def _check_count(points: int, info: ImageInfo) -> None:
    views = len(info.aligned_selectors)
    if views > MAX_VIEWS:
        raise TooLarge(f"the stack or sequence has {views} images; the maximum is {MAX_VIEWS} per request")
    samples = points * views * info.bands
    if samples > MAX_SAMPLES:
        raise TooLarge(f"{samples} samples requested; the maximum is {MAX_SAMPLES} per request")


def _names(info: ImageInfo) -> tuple[str, ...]:
    """A unique name for each image: the layer's name, else its index or angle."""
    if not _is_stack(info):
        return tuple(str(selector.horizontal) for selector in info.aligned_selectors)
    layers = [selector.layer for selector in info.aligned_selectors]
    names = {layer: info.stack[layer].name or str(layer) for layer in layers}
    counts = Counter(names.values())
    return tuple(name if counts[name] == 1 else f"{name} ({layer})" for layer, name in names.items())


# -- writing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Writes the answer to SPECTRA."""

    names: tuple[str, ...]
    """Of the images; empty unless there are several."""
    has_alpha: bool
    """The last band is opacity, which is left out."""

    def __call__(self, samples: Sequence[Pixels]) -> Document:
        """The XML of one point in all images."""
        points = "".join(
            f"\t<point>\n\t\t<wavelength>{escape(NOT_IN_XML.sub('', name))}</wavelength>\n"
            f"\t\t<reflectance>{value:f}</reflectance>\n\t</point>\n"
            for name, value in self._points(samples)
        )
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<spectra>\n{points}</spectra>'
        return Document(text.encode("utf-8", "replace"), "application/xml")

    def _points(self, samples: Sequence[Pixels]) -> Iterator[tuple[str, float]]:
        for index, pixels in enumerate(samples):
            values = pixels[0, 0].tolist()
            if self.has_alpha and len(values) > 1:
                values.pop()
            full = FULL_REFLECTANCE.get(pixels.dtype.name, 1)
            for band, value in enumerate(values):
                yield self._name(index, band, len(values)), value / full

    def _name(self, index: int, band: int, bands: int) -> str:
        if not self.names:
            return f"band{band}" if bands > 1 else "0"
        return f"{self.names[index]} band{band}" if band else self.names[index]


@dataclass(frozen=True, slots=True)
class Profile:
    """Writes the answer to PFL."""

    names: tuple[str, ...]
    """Of the images."""
    scales: tuple[float, ...]
    """By which the samples of each image are multiplied."""

    def __call__(self, samples: Sequence[Pixels]) -> Document:
        """The JSON of one line in all images."""
        lists = [
            f"[{','.join(_numbers(pixels, scale))}]"
            for pixels, scale in zip(samples, self.scales, strict=True)
        ]
        profile = lists[0] if len(lists) == 1 else self._by_name(lists)
        text = f'{{\n\t"profile": {profile}\n}}'
        return Document(text.encode("utf-8", "replace"), "application/json")

    def _by_name(self, lists: Sequence[str]) -> str:
        members = (
            f"\t\t{json.dumps(name, ensure_ascii=False)}: {found}"
            for name, found in zip(self.names, lists, strict=True)
        )
        return "{\n" + ",\n".join(members) + "\n\t}"


def _numbers(pixels: Pixels, scale: float) -> Iterator[str]:
    """The samples as in iipsrv: floats with nine decimals, integers of up to 16 bits with six digits, others in full."""
    values = pixels.reshape(-1).tolist()
    if scale == 1 and pixels.dtype.kind != "f":
        return map(str, values)
    form = ".9f" if pixels.dtype.kind == "f" else ".6g" if pixels.dtype.itemsize < 4 else ".10g"
    return (format(value * scale, form) if math.isfinite(value * scale) else "null" for value in values)


def _is_stack(info: ImageInfo) -> bool:
    """Whether the image belongs with others of its stack; labels and thumbnails do not."""
    return bool(info.stack) and len(info.aligned_selectors) > 1
