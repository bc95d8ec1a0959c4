"""Legends of color maps by value: a swatch and a label for each color."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from iipserve.geometry import Size
from iipserve.processing import Operation, Pixels
from iipserve.processing.compositing import WHITE
from iipserve.processing.legend import BAR_WIDTH, BLACK, FONT_SIZE, GAP, MARGIN, drawable, value_text
from iipserve.processing.value_colormap import OPAQUE, Between, ValueColormap

ROW = 16
"""Usual height of a row, in pixels."""
MIN_ROW = 11
"""Height of a row that has room for a label."""
MAX_ROWS = 60
"""For which there is room at the usual size."""
WIDTH = 160


class Entry(NamedTuple):
    """One color of a legend."""

    label: str
    quantity: float
    """Where the color begins; of what is before the first quantity, where it ends."""
    color: tuple[int, int, int, int]


def color_map_of(operations: Sequence[Operation]) -> ValueColormap | None:
    """The color map by value among operations; None without one."""
    return next((each for each in operations if isinstance(each, ValueColormap)), None)


def entries(colors: ValueColormap, unit: str = "") -> list[Entry]:
    """The colors that are not clear, in ascending order of their values."""
    known, found = colors.quantities, []
    for index, color in enumerate(colors.colors):
        own = colors.labels[index] if index < len(colors.labels) else ""
        quantity = known[max(0, index - 1)] if colors.between is Between.STEPS else known[index]
        if color[3]:
            found.append(Entry(own or f"{_label(colors, index)} {unit}".rstrip(), quantity, color))
    return found


def _label(colors: ValueColormap, index: int) -> str:
    known = [value_text(each) for each in colors.quantities]
    if colors.between is not Between.STEPS:
        return known[index]
    if index == 0:
        return f"{'<=' if colors.precedes else '<'} {known[0]}"
    if index == len(known):
        return f"{'>' if colors.precedes else '>='} {known[-1]}"
    return f"{known[index - 1]} - {known[index]}"


def usual_size(colors: ValueColormap) -> Size:
    """The size of a legend with a row for each color."""
    return Size(WIDTH, 2 * MARGIN + ROW * min(MAX_ROWS, max(1, len(entries(colors)))))


def drawn_classes(colors: ValueColormap, unit: str, size: Size) -> Pixels:
    """Rows from top to bottom in ascending order, opaque RGB on white; where there is no room for labels, swatches alone."""
    rows = entries(colors, unit) or [Entry("", 0.0, (*WHITE, 0))]
    shown = np.array([_over_white(each.color) for each in rows], np.uint8)
    height = (size.height - 2 * MARGIN) // len(rows)
    if height < MIN_ROW or size.width < 2 * BAR_WIDTH:
        places = np.arange(size.height) * len(rows) // size.height
        return np.ascontiguousarray(np.broadcast_to(shown[places][:, np.newaxis], (*size[::-1], 3)))
    image = Image.new("RGB", size, WHITE)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE)
    for index, entry in enumerate(rows):
        top, right = MARGIN + index * height, MARGIN + BAR_WIDTH
        draw.rectangle(
            (MARGIN, top, right, top + height - 2), fill=tuple(shown[index].tolist()), outline=BLACK
        )
        draw.text(
            (right + 2 * GAP, top + height // 2), drawable(entry.label), fill=BLACK, font=font, anchor="lm"
        )
    return np.asarray(image)


def _over_white(color: tuple[int, int, int, int]) -> list[int]:
    part = color[3] / OPAQUE
    return [round(OPAQUE + (each - OPAQUE) * part) for each in color[:3]]
