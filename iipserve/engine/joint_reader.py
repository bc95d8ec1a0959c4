"""What readers of pictures of several images have in common: strips, and their costs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine.admission import Cost
from iipserve.engine.assembly import STRIP_COPIES
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.engine.warping import map_strips
from iipserve.geometry import Region, Size
from iipserve.plan import RenderPlan
from iipserve.processing import Pixels
from iipserve.processing.layering import HELD_BYTES

BANDS = 4
"""RGB and opacity."""


class JointReader(ViewReader):
    """Reads several images, strip by strip, and of each strip one image at a time."""

    def __init__(self, services: RenderServices, plan: RenderPlan, size: Size) -> None:
        self._services = services
        self._plan = plan
        self._size = size
        """Of the result."""

    @abstractmethod
    def read_area(self, area: Region) -> Pixels:
        """The pixels, with opacity, of a strip of `map_strips`, before `after_scaling`."""

    @property
    @abstractmethod
    def _costs(self) -> Sequence[Cost]:
        """Of reading all strips of each image; at least one."""

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    def cost(self) -> Cost:
        return self._cost(self._size.area)

    def read(self) -> Pixels:
        strips = map_strips(self._size)
        if len(strips) == 1:
            return self.read_area(strips[0])
        width, height = self._size
        result: Pixels | None = None
        for strip in strips:
            pixels = self.read_area(strip)
            if result is None:
                result = np.empty((height, width, pixels.shape[2]), pixels.dtype)
            result[strip.y : strip.bottom] = pixels
        assert result is not None
        return result

    def strips_cost(self) -> Cost:
        return self._cost(STRIP_COPIES * map_strips(self._size)[0].area)

    def read_strips(self) -> Iterator[Pixels]:
        return map(self.read_area, map_strips(self._size))

    def metadata(self) -> Metadata:
        return NO_METADATA

    def rows_cost(self, strips: Sequence[Region]) -> Cost:
        """The cost of reading the strips of `map_strips` one after the other."""
        return self._cost(max(strip.area for strip in strips))

    def _cost(self, held: int) -> Cost:
        """The cost of reading all strips of all images one after the other, with so many pixels of the result held."""
        size, costs = self._size, self._costs
        pixel_bytes = BANDS * self._plan.encoding.bits // 8
        memory = max(cost.memory for cost in costs) + map_strips(size)[0].area * HELD_BYTES
        return Cost(
            max(costs, key=lambda cost: cost.read).identifier,
            size,
            sum(cost.read for cost in costs),
            sum(cost.decoded for cost in costs),
            any(cost.is_expensive for cost in costs),
            size.area,
            pixel_bytes,
            memory + held * pixel_bytes,
        )
