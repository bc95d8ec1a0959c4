"""IIP's SPECTRA and PFL: samples as the file holds them, told as text.

SPECTRA is XML: a point for each picture of a stack or sequence, called by the layer's name or the angle, with
the first band as iipsrv has it; further bands are points of their own (`NAME band1` ...). An image of several
bands that is no stack has a point for each, `band0` and so on. Reflectance is the sample divided by 255 or
65535, samples of 32 bits and floats are told as they are.

PFL is JSON: `profile` is a list of the samples of all bands, pixel by pixel, or an object with such a list for
each picture, by name. Samples of layers are multiplied by the layer's scale; NaN and infinities are null.
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
from iipserve.protocols.iip.tiles import indexed_tile_region, resolution_size
from iipserve.protocols.iip.view import View
from iipserve.protocols.tiles import quality_layers

MAX_SAMPLES = 100_000
"""Samples that one request may ask for."""
MAX_VIEWS = 1000
"""Pictures of a stack or sequence that one request reads."""
FULL_REFLECTANCE = {"uint8": 255, "uint16": 65535, "int16": 65535}
"""Samples that are told as 1, by type; other types are told as they are (iipsrv)."""
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Point = tuple[int, int]


# -- planning --------------------------------------------------------------------------------------


def plan_spectrum(query: SpectrumQuery, info: ImageInfo, config: Config) -> SamplePlan:
    """All samples at one point of a tile.

    Raises:
        TileNotFound: resolution or tile lies outside the pyramid.
        RegionOutOfBounds: the point lies outside the tile.
        TooLarge: there are too many samples.
    """
    size = resolution_size(info, query.resolution)
    region = indexed_tile_region(info, size, query.tile)
    if not (0 <= query.x < region.width and 0 <= query.y < region.height):
        raise RegionOutOfBounds(
            f"SPECTRA: {query.x},{query.y} lies outside the tile, which has {region.width} x {region.height} pixels"
        )
    point = region.x + query.x, region.y + query.y
    describe = Spectrum(_names(info) if info.stack or info.angles else (), info.has_alpha)
    return _plan(query.resolution, size, (point,), query.view, describe, info, config)


def plan_profile(query: ProfileQuery, info: ImageInfo, config: Config) -> SamplePlan:
    """The samples along a line.

    Raises:
        TileNotFound: there is no such resolution.
        RegionOutOfBounds: the line leaves the image.
        TooLarge: there are too many samples.
    """
    size = resolution_size(info, query.resolution)
    (x1, y1), (x2, y2) = query.start, query.end
    _check_number(max(abs(x2 - x1), abs(y2 - y1), 1), info)
    points = line(query.start, query.end)
    for x, y in (points[0], points[-1]):
        if x >= size.width or y >= size.height:
            raise RegionOutOfBounds(
                f"PFL: {x},{y} lies outside the resolution, which has {size.width} x {size.height} pixels"
            )
    scales = tuple(layer.scale for layer in info.stack) or (1.0,) * len(info.selectors)
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
    _check_number(len(points), info)
    level = len(info.resolution_sizes) - 1 - resolution
    if level >= len(info.levels):  # a resolution that the file lacks shows pixels of its smallest
        level = len(info.levels) - 1
        points = _points_of(info.levels[level].size, size, points)
    layers = quality_layers(info, config, view.layers)
    return SamplePlan(image_ref(info, layers), info.selectors, level, points, describe)


def _points_of(stored: Size, shown: Size, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The pixels of a stored level in the middle of those of a smaller one."""
    return tuple(
        (
            (2 * x + 1) * stored.width // (2 * shown.width),
            (2 * y + 1) * stored.height // (2 * shown.height),
        )
        for x, y in points
    )


def _check_number(points: int, info: ImageInfo) -> None:
    views = len(info.selectors)
    if views > MAX_VIEWS:
        raise TooLarge(f"the image has {views} pictures; samples of {MAX_VIEWS} are told in one request")
    samples = points * views * info.bands
    if samples > MAX_SAMPLES:
        raise TooLarge(f"these are {samples} samples; {MAX_SAMPLES} in one request are told")


def _names(info: ImageInfo) -> tuple[str, ...]:
    """What the pictures are called, each by a name of its own: as their layers, else by number or angle."""
    if not info.stack:
        return tuple(str(selector.horizontal) for selector in info.selectors)
    names = [layer.name or str(number) for number, layer in enumerate(info.stack)]
    often = Counter(names)
    return tuple(name if often[name] == 1 else f"{name} ({number})" for number, name in enumerate(names))


# -- telling ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Writes the answer to SPECTRA."""

    names: tuple[str, ...]
    """Of the pictures; empty when the image is a single one."""
    has_alpha: bool
    """The last band is opacity, which reflects nothing."""

    def __call__(self, samples: Sequence[Pixels]) -> Document:
        """The XML of one point in all pictures."""
        points = "".join(
            f"\t<point>\n\t\t<wavelength>{escape(NOT_IN_XML.sub('', name))}</wavelength>\n"
            f"\t\t<reflectance>{value:f}</reflectance>\n\t</point>\n"
            for name, value in self._points(samples)
        )
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<spectra>\n{points}</spectra>'
        return Document(text.encode("utf-8", "replace"), "application/xml")

    def _points(self, samples: Sequence[Pixels]) -> Iterator[tuple[str, float]]:
        for number, pixels in enumerate(samples):
            values = pixels[0, 0].tolist()
            if self.has_alpha and len(values) > 1:
                values.pop()
            full = FULL_REFLECTANCE.get(pixels.dtype.name, 1)
            for band, value in enumerate(values):
                yield self._name(number, band, len(values)), value / full

    def _name(self, number: int, band: int, bands: int) -> str:
        if not self.names:
            return f"band{band}" if bands > 1 else "0"
        return f"{self.names[number]} band{band}" if band else self.names[number]


@dataclass(frozen=True, slots=True)
class Profile:
    """Writes the answer to PFL."""

    names: tuple[str, ...]
    """Of the pictures."""
    scales: tuple[float, ...]
    """What their samples are multiplied by."""

    def __call__(self, samples: Sequence[Pixels]) -> Document:
        """The JSON of one line in all pictures."""
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
    """The samples as iipsrv writes them: floats with nine decimals, others with six digits or all they have."""
    values = pixels.reshape(-1).tolist()
    if scale == 1 and pixels.dtype.kind != "f":
        return map(str, values)
    form = ".9f" if pixels.dtype.kind == "f" else ".6g" if pixels.dtype.itemsize < 4 else ".10g"
    return (format(value * scale, form) if math.isfinite(value * scale) else "null" for value in values)
