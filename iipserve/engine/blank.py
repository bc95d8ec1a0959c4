"""Draws pictures of no image: clear, with the text of an error where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine.admission import Cost
from iipserve.engine.assembly import STRIP_COPIES
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.engine.warping import map_strips
from iipserve.geometry import Size
from iipserve.plan import Blank, RenderPlan
from iipserve.processing import Operation, Pixels
from iipserve.processing.message import lettered
from iipserve.processing.transparency import Background

BANDS = 4
"""RGB and opacity."""
TEXT_ROWS = 256
"""Of a picture, that the text may take: no more than its first strip has."""
DARK = 382
"""Sum of red, green and blue below which letters are white."""


class BlankReader(ViewReader):
    """Draws the blank picture of one plan."""

    def __init__(self, services: RenderServices, plan: RenderPlan, view: Blank) -> None:
        self._view = view
        self._bits = plan.encoding.bits
        self._background = [each for each in plan.operations if isinstance(each, Background)]

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    @property
    def after_scaling(self) -> tuple[Operation, ...]:
        return tuple(self._background)

    @property
    def is_final(self) -> bool:
        """False of the picture of an error, which no cache keeps."""
        return not self._view.message

    def cost(self) -> Cost:
        return self._cost(2 * self._view.size.area)

    def read(self) -> Pixels:
        return self._rows(self._view.size.height, is_first=True)

    def strips_cost(self) -> Cost:
        return self._cost(STRIP_COPIES * map_strips(self._view.size)[0].area)

    def read_strips(self) -> Iterator[Pixels]:
        for strip in map_strips(self._view.size):
            yield self._rows(strip.height, is_first=strip.y == 0)

    def metadata(self) -> Metadata:
        return NO_METADATA

    def _rows(self, height: int, *, is_first: bool) -> Pixels:
        width, message = self._view.size.width, self._view.message
        deep = self._bits > 8
        rows: Pixels = np.zeros((height, width, BANDS), np.uint16 if deep else np.uint8)
        if message and is_first:
            text = lettered(message, Size(width, min(height, TEXT_ROWS)), self._color())
            rows[: text.shape[0]] = text.astype(rows.dtype) * (257 if deep else 1)
        return rows

    def _color(self) -> tuple[int, int, int]:
        """Of letters, to be read on the background."""
        is_dark = any(each.red + each.green + each.blue < DARK for each in self._background)
        return (255, 255, 255) if is_dark else (0, 0, 0)

    def _cost(self, held: int) -> Cost:
        size = self._view.size
        pixel_bytes = BANDS * self._bits // 8
        return Cost("blank", size, 0, 0, False, size.area, pixel_bytes, held * pixel_bytes)
