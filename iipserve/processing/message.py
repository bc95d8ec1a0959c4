"""Text of an error, drawn where a client expects a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from iipserve.geometry import Size
from iipserve.processing import Pixels
from iipserve.processing.legend import FONT_SIZE, drawable

MARGIN = 6
"""Pixels around the text."""
LINE_HEIGHT = 15
MIN_WIDTH = 64
"""Narrower pictures have no room for words."""
MAX_CHARACTERS = 1000


def lettered(message: str, size: Size, color: tuple[int, int, int]) -> Pixels:
    """A text on a clear picture, in lines from the top left; what has no room is left out.

    Args:
        message: the text.
        size: of the picture, in pixels.
        color: of the letters.

    Returns:
        RGB and opacity, 8 bits.
    """
    picture = Image.new("RGBA", (size.width, size.height), (*color, 0))
    rows = (size.height - 2 * MARGIN) // LINE_HEIGHT
    if size.width < MIN_WIDTH or rows < 1:
        return np.asarray(picture)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    lines = _wrapped(drawable(message[:MAX_CHARACTERS]), size.width - 2 * MARGIN, font.getlength)
    for row, line in enumerate(lines[:rows]):
        draw.text((MARGIN, MARGIN + row * LINE_HEIGHT), line, fill=(*color, 255), font=font)
    return np.asarray(picture)


def _wrapped(text: str, width: int, length: Callable[[str], float]) -> list[str]:
    """The words in lines that are not longer than `width` pixels, unless a word is."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
