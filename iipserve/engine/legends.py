"""Draws legends: what a style makes of the range of samples that an image displays."""

from __future__ import annotations

from collections.abc import Iterator

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.engine.admission import Cost
from iipserve.engine.terrain import TerrainSource
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.plan import Legend, RenderPlan
from iipserve.processing import Context, Operation, Pixels, pipeline
from iipserve.processing.class_legend import color_map_of, drawn_classes
from iipserve.processing.legend import drawn, ramp
from iipserve.processing.sample_format import sample_format, stored_scale

BYTES = 16
"""Held for each pixel while it is drawn."""


class LegendReader(ViewReader):
    """Draws the legend of one plan."""

    def __init__(self, services: RenderServices, plan: RenderPlan, legend: Legend) -> None:
        """Open the image.

        Raises:
            ImageChanged: the file has been replaced since the plan was made.
        """
        self._statistics = services.statistics
        self._plan = plan
        self._legend = legend
        self._source = services.library.source(legend.image)
        if terrain := pipeline.terrain(plan.operations):
            self._source = TerrainSource(self._source, terrain)
        # measured now: a request that has been admitted must not measure
        self._is_final = not self._statistics.is_provisional(self._source, legend.image)
        self._ranges = self._statistics.ranges(self._source, legend.image)
        context = Context(
            self._source.info, lambda: self._statistics.get(self._source, legend.image), plan.digest
        )
        self._operations = pipeline.bound(plan.operations, context)

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    @property
    def after_scaling(self) -> tuple[Operation, ...]:
        return ()

    @property
    def is_final(self) -> bool:
        return self._is_final

    def cost(self) -> Cost:
        size = self._legend.size
        return Cost(self._source.info.identifier, size, 1, 1, False, size.area, 3, BYTES * size.area)

    def read(self) -> Pixels:
        legend = self._legend
        if colors_by_value := color_map_of(self._operations):
            return drawn_classes(colors_by_value, legend.unit, legend.size)
        known = ramp(sample_format(self._source.info, self._ranges), self._operations, legend.size.height)
        scale = stored_scale(self._source.info) * legend.scale
        low, high = (float(known.samples[end]) * scale + legend.offset for end in (0, -1))
        colors = known.colors
        if low > high:
            low, high, colors = high, low, colors[::-1]
        return drawn(colors, low, high, legend.unit, legend.size)

    def strips_cost(self) -> Cost:
        return self.cost()

    def read_strips(self) -> Iterator[Pixels]:
        yield self.read()

    def metadata(self) -> Metadata:
        return NO_METADATA
