"""Reads maps over each other, in strips: of each map what shows, and of one map at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine.admission import Cost
from iipserve.engine.assembly import STRIP_COPIES
from iipserve.engine.crop import CropReader
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.engine.warping import WarpReader, map_strips
from iipserve.geometry import Region
from iipserve.plan import Composite, Crop, RenderPlan, StyledView
from iipserve.processing import Context, Operation, Pixels, pipeline
from iipserve.processing.layering import HELD_BYTES, Layering

BANDS = 4
"""RGB and opacity."""


class Part(NamedTuple):
    """One of the maps."""

    reader: CropReader | WarpReader
    opacity: float


class CompositeReader(ViewReader):
    """Reads the maps of one plan."""

    def __init__(self, services: RenderServices, plan: RenderPlan, view: Composite) -> None:
        """Open the images.

        Raises:
            ImageChanged: a file has been replaced since the plan was made.
        """
        self._services = services
        self._plan = plan
        self._view = view
        self._parts = [Part(_reader(services, plan, part), part.opacity) for part in view.parts]

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    @cached_property
    def after_scaling(self) -> tuple[Operation, ...]:
        services, image = self._services, self._view.parts[0].view.image
        source = services.library.source(image)
        context = Context(source.info, lambda: services.statistics.get(source, image), self._plan.digest)
        return pipeline.after_scaling(pipeline.bound(self._plan.operations, context))

    @property
    def is_final(self) -> bool:
        return all(part.reader.is_final for part in self._parts)

    def cost(self) -> Cost:
        return self._cost(self._view.size.area)

    def read(self) -> Pixels:
        strips = map_strips(self._view.size)
        if len(strips) == 1:
            return self._composited(strips[0])
        width, height = self._view.size
        result: Pixels | None = None
        for strip in strips:
            pixels = self._composited(strip)
            if result is None:
                result = np.empty((height, width, BANDS), pixels.dtype)
            result[strip.y : strip.bottom] = pixels
        assert result is not None
        return result

    def strips_cost(self) -> Cost:
        return self._cost(STRIP_COPIES * map_strips(self._view.size)[0].area)

    def read_strips(self) -> Iterator[Pixels]:
        return map(self._composited, map_strips(self._view.size))

    def metadata(self) -> Metadata:
        return NO_METADATA

    def _composited(self, strip: Region) -> Pixels:
        """RGB and opacity of a strip; layers below one that is opaque everywhere are not read."""
        layering = Layering()
        for reader, opacity in reversed(self._parts):
            pixels = pipeline.apply(reader.after_scaling, reader.read_rows(strip))
            layering.add_below(pixels, opacity)
            if layering.is_opaque:
                break
        return layering.pixels()

    def _cost(self, held: int) -> Cost:
        """The cost of reading all strips of all maps one after the other, with so many pixels of the result held."""
        size, costs = self._view.size, self._costs
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

    @cached_property
    def _costs(self) -> list[Cost]:
        """Of each map, in strips."""
        strips = map_strips(self._view.size)
        return [part.reader.rows_cost(strips) for part in self._parts]


def _reader(services: RenderServices, plan: RenderPlan, part: StyledView) -> CropReader | WarpReader:
    single = RenderPlan(part.view, plan.encoding, part.operations)
    if isinstance(part.view, Crop):
        return CropReader(services, single, part.view)
    return WarpReader(services, single, part.view)
