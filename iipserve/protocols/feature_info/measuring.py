"""What an image holds at a place: the value of each band there, and statistics around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.georeference import Band, GeoImage
from iipserve.geometry import Region, Size, ceil_div
from iipserve.image import ImageInfo
from iipserve.plan import ImageRef, Window, WindowRef
from iipserve.protocols.feature_info.locating import Spot

MAX_SAMPLES = 65536
"""Pixels that statistics are made of, at most: those of a smaller level, or some spread evenly, where an area has more."""

CLASS = np.dtype(np.int64)
"""Type of samples that are classes."""
UNKNOWN = int(np.iinfo(np.int64).min)
"""No class. Samples of 64 bits may be the same, and usually stand for missing data."""
PALETTE_BANDS = 3
"""Of the colors of a palette."""

Number: TypeAlias = int | float


class BandValue(NamedTuple):
    """One band at a place, in physical units (`sample * scale + offset`) except for `raw`."""

    band: Band
    raw: Number | None
    """The sample under the point as the file has it; None without data there, and of a class that is not known."""
    value: Number | None
    """The same, physical."""
    pixels: int
    """Number of pixels of the area that have data."""
    minimum: Number | None
    maximum: Number | None
    mean: float | None
    """Of these; None where there are none."""


class Measured(NamedTuple):
    """All that an answer says of one image."""

    spot: Spot
    bands: tuple[BandValue, ...]
    """In the order of the file."""
    level: int
    """From which the statistics are: 0 is the full size."""
    is_exact: bool
    """They are of every pixel of the area at full size."""
    has_data: bool
    """The pixel under the point has data."""


def windows(
    image: ImageRef, info: ImageInfo, spot: Spot, nodata: tuple[float, ...] | None
) -> tuple[WindowRef, ...]:
    """What is read: the area from the finest level at which it is small enough, and before it the pixel under the point
    at full size, unless the area has it."""
    level, region = _level_of(info, spot.area)
    step = 1
    while Size(ceil_div(region.width, step), ceil_div(region.height, step)).area > MAX_SAMPLES:
        step += 1
    area = WindowRef(image, level, region, region.size.ceil_scaled(step), nodata)
    if _is_exact(area) and _within(spot, region):
        return (area,)
    pixel = Region(spot.column, spot.row, 1, 1)
    return WindowRef(image, 0, pixel, pixel.size, nodata), area


def _is_exact(area: WindowRef) -> bool:
    """Whether a window has every pixel of the full size."""
    return area.level == 0 and area.size == area.region.size


def _within(spot: Spot, region: Region) -> bool:
    return region.x <= spot.column < region.right and region.y <= spot.row < region.bottom


def _level_of(info: ImageInfo, area: Region) -> tuple[int, Region]:
    """A level and the area's pixels there."""
    region = area
    for index, level in enumerate(info.levels):
        region = area.scaled(info.size, level.size)
        if region.area <= MAX_SAMPLES:
            return index, region
    return len(info.levels) - 1, region


def measured(
    spot: Spot, bands: Sequence[Band], refs: Sequence[WindowRef], read: Sequence[Window]
) -> Measured:
    """What the windows of a place hold.

    Args:
        spot: the place in the image.
        bands: of the image, as many as the windows have.
        refs: of `windows`.
        read: the windows.
    """
    ref, area = refs[-1], read[-1]
    pixel = read[0] if len(read) > 1 else _cut(area, spot.column - ref.region.x, spot.row - ref.region.y)
    values = tuple(_band_value(band, index, pixel, area) for index, band in enumerate(bands))
    return Measured(spot, values, ref.level, _is_exact(ref), bool(pixel.valid[0, 0]))


def _cut(area: Window, column: int, row: int) -> Window:
    """One pixel of a window."""
    within = slice(row, row + 1), slice(column, column + 1)
    return Window(area.samples[within], area.valid[within])


def _band_value(band: Band, index: int, pixel: Window, area: Window) -> BandValue:
    sample = pixel.samples[0, 0, index]
    is_known = pixel.valid[0, 0] and not (sample.dtype == CLASS and sample == UNKNOWN)
    raw = number_of(sample) if is_known else None
    value = None if raw is None else physical(band, raw, float(sample))
    samples: NDArray[Any] = area.samples[..., index][area.valid]
    if samples.dtype.kind == "f":
        samples = samples[np.isfinite(samples)]
    elif samples.dtype == CLASS:
        samples = samples[np.not_equal(samples, UNKNOWN)]
    if not samples.size:
        return BandValue(band, raw, value, 0, None, None, None)
    low, high = sorted(physical(band, number_of(end), float(end)) for end in (samples.min(), samples.max()))
    mean = float(samples.mean(dtype=np.float64)) * band.scale + band.offset
    return BandValue(band, raw, value, samples.size, low, high, mean)


def physical(band: Band, shown: Number, exact: float) -> Number:
    """The physical value of a sample.

    Args:
        band: of the sample.
        shown: the sample as it is written.
        exact: the sample as it is.
    """
    if band.scale == 1 and band.offset == 0:
        return shown
    return exact * band.scale + band.offset


def number_of(sample: np.generic) -> Number:
    """The sample as a number that is written with the fewest digits that give it back: 0.1 of float32, too."""
    if sample.dtype.kind in "iu":
        return int(sample)
    number = float(str(sample))
    return number if math.isfinite(number) else float(sample)


def palette_of(info: ImageInfo, geo: GeoImage) -> bytes:
    """The palette whose colors an image's samples are; empty where they are their own values."""
    return geo.palette if info.color_bands == PALETTE_BANDS and info.dtype == "uint8" else b""


def bands_of(info: ImageInfo, geo: GeoImage) -> tuple[Band, ...]:
    """The bands that are reported: the class of a palette, else those of the samples."""
    if palette_of(info, geo):
        return (Band("band1"),)
    count = info.color_bands
    if len(geo.bands) == count:
        return geo.bands
    return tuple(Band(f"band{index + 1}") for index in range(count))


def classes(window: Window, palette: bytes) -> Window:
    """The classes of a window whose samples are colors of a palette; `UNKNOWN` where several have the color, or none."""
    colors = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    known, first, counts = np.unique(_packed(colors), return_index=True, return_counts=True)
    shown = _packed(window.samples)
    place = np.minimum(np.searchsorted(known, shown), len(known) - 1)
    is_one = (known[place] == shown) & (counts[place] == 1)
    return Window(np.where(is_one, first[place], UNKNOWN)[..., np.newaxis].astype(CLASS), window.valid)


def _packed(colors: NDArray[Any]) -> NDArray[np.int64]:
    """Red, green and blue in one number."""
    wide = colors.astype(np.int64)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
