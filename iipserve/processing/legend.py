"""Legends: the colors that a style gives to samples, from the lowest to the highest, and their values."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from iipserve.geometry import Size
from iipserve.processing import Operation, Pixels, pipeline
from iipserve.processing.display import display_transform
from iipserve.processing.layout import color_bands, first_bands, repeated
from iipserve.processing.sample_format import Range, SampleFormat, shown_ranges
from iipserve.processing.transform import Mirror, Rotate
from iipserve.processing.watermark import Watermark

OF_PLACES = (Mirror, Rotate, Watermark)
"""Operations that change where pixels are, or differ by place: a legend is without them."""
MARGIN = 10
"""Pixels above and below the bar: half the height of a label, and some more."""
BAR_WIDTH = 20
GAP = 4
"""Between bar, marks and labels."""
FONT_SIZE = 11
LABEL_HEIGHT = 24
"""Pixels of the bar for each label, at least."""
MAX_LABELS = 5
SPELLED = str.maketrans(
    {"\xb5": "u", "\u03bc": "u", "\xb0": "deg ", "\u2103": "deg C", "\u2126": "Ohm", "\u03a9": "Ohm"}
)
"""Characters of units."""
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


class Ramp(NamedTuple):
    """Samples over the range that is displayed, and their colors."""

    samples: NDArray[np.float64]
    """In the units of the file, ascending."""
    colors: NDArray[np.uint8]
    """Red, green, blue of each: shape (samples, 3)."""


def ramp(input_format: SampleFormat, operations: Sequence[Operation], count: int) -> Ramp:
    """What the display transform makes of samples spread evenly over the range that it displays.

    Args:
        input_format: of the image; all its color bands have the same samples.
        operations: in canonical order, bound to the image.
        count: number of samples, 2 or more; fewer are returned where the type of samples has no others between.
    """
    before = pipeline.before_scaling(operations)
    low, high = _limits(input_format, shown_ranges(input_format, before)[0])
    samples = np.linspace(low, high, count)
    if not input_format.dtype.startswith("float"):
        samples = np.unique(np.rint(samples))
    pixels: NDArray[Any] = np.empty((1, len(samples), input_format.bands), input_format.dtype)
    pixels[...] = samples[:, np.newaxis]
    if input_format.has_alpha:
        opaque = input_format.opacity or input_format.full_range
        pixels[..., -1] = opaque[1]
    transform = display_transform(input_format, before)
    displayed = pixels if transform is None else transform(pixels)
    after = [each for each in pipeline.after_scaling(operations) if not isinstance(each, OF_PLACES)]
    return Ramp(samples, _colors(pipeline.apply(after, displayed)))


def _limits(input_format: SampleFormat, shown: Range) -> Range:
    """The range in ascending order, as far as the type of samples has it."""
    low, high = sorted(shown)
    if input_format.dtype.startswith("float"):
        limits = np.finfo(input_format.dtype)
    else:
        limits = np.iinfo(input_format.dtype)  # type: ignore[assignment]  # has the same members
    return max(low, float(limits.min)), min(high, float(limits.max))


def _colors(displayed: Pixels) -> NDArray[np.uint8]:
    colors = color_bands(displayed.shape[2])
    shown = first_bands(displayed, 3) if colors == 3 else repeated(displayed, 3)
    return shown[0].astype(np.uint8)


def value_text(value: float) -> str:
    """A value of the scale with up to six digits."""
    return format(value, ".6g")


def drawn(colors: NDArray[np.uint8], low: float, high: float, unit: str, size: Size) -> Pixels:
    """A bar of colors, the highest on top, with the values of some of them next to it; opaque RGB on white.

    Args:
        colors: shape (any number, 3), from low to high.
        low: value of the first color.
        high: value of the last one.
        unit: follows the highest and the lowest value.
        size: in pixels. Where there is no room for labels, the bar is all there is.
    """
    picture = np.full((size.height, size.width, 3), WHITE, np.uint8)
    length = size.height - 2 * MARGIN
    if size.width < 2 * BAR_WIDTH or length < LABEL_HEIGHT:
        picture[:] = _stretched(colors, size.height)[:, np.newaxis]
        return picture
    picture[MARGIN : MARGIN + length, MARGIN : MARGIN + BAR_WIDTH] = _stretched(colors, length)[:, np.newaxis]
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE)
    right, bottom = MARGIN + BAR_WIDTH, MARGIN + length - 1
    draw.rectangle((MARGIN - 1, MARGIN - 1, right, bottom + 1), outline=BLACK)
    labels = min(MAX_LABELS, 1 + length // LABEL_HEIGHT)
    for index in range(labels):
        part = index / (labels - 1)
        y = round(bottom - part * (length - 1))
        text = value_text(low * (1 - part) + high * part)
        if unit and index in (0, labels - 1):
            text = f"{text} {unit}"
        draw.line((right, y, right + GAP, y), fill=BLACK)
        draw.text((right + 2 * GAP, y), drawable(text), fill=BLACK, font=font, anchor="lm")
    return np.asarray(image)


def _stretched(colors: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """The colors of a bar from its top down: shape (length, 3)."""
    places = (2 * np.arange(length) + 1) * len(colors) // (2 * length)
    return colors[places[::-1]]


def drawable(text: str) -> str:
    """The text in ASCII, which is all that Pillow's own font has: `ug/m3` for micrograms per cubic metre."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELLED))
    return "".join(each if " " <= each <= "~" else "?" for each in plain if not unicodedata.combining(each))
