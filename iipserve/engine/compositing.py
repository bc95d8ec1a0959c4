"""Reads maps over each other, in strips: of each map what shows, and of one map at a time."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, TypeAlias

from iipserve.engine.admission import Cost
from iipserve.engine.crop import CropReader
from iipserve.engine.joint_reader import JointReader
from iipserve.engine.mosaicking import MosaicReader
from iipserve.engine.view_reader import RenderServices
from iipserve.engine.warping import WarpReader, map_strips
from iipserve.geometry import Region
from iipserve.plan import Composite, Crop, Mosaic, RenderPlan, StyledView
from iipserve.processing import Context, Operation, Pixels, pipeline
from iipserve.processing.layering import Layering

Reader: TypeAlias = CropReader | WarpReader | MosaicReader


class Part(NamedTuple):
    """One of the maps."""

    reader: Reader
    opacity: float


class CompositeReader(JointReader):
    """Reads the maps of one plan."""

    def __init__(self, services: RenderServices, plan: RenderPlan, view: Composite) -> None:
        """Open the images.

        Raises:
            ImageChanged: a file has been replaced since the plan was made.
        """
        super().__init__(services, plan, view.size)
        self._parts = [Part(_reader(services, plan, part), part.opacity) for part in view.parts]

    @cached_property
    def after_scaling(self) -> tuple[Operation, ...]:
        services, image = self._services, self._plan.images[0]
        source = services.library.source(image)
        context = Context(source.info, lambda: services.statistics.get(source, image), self._plan.digest)
        return pipeline.after_scaling(pipeline.bound(self._plan.operations, context))

    @property
    def is_final(self) -> bool:
        return all(part.reader.is_final for part in self._parts)

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(fault for part in self._parts for fault in part.reader.faults)

    def read_area(self, area: Region) -> Pixels:
        """RGB and opacity of a strip; layers below one that is opaque everywhere are not read."""
        layering = Layering()
        for reader, opacity in reversed(self._parts):
            pixels = pipeline.apply(reader.after_scaling, reader.read_area(area))
            layering.add_below(pixels, opacity)
            if layering.is_opaque:
                break
        return layering.pixels()

    @cached_property
    def _costs(self) -> list[Cost]:
        """Of each map, in strips."""
        strips = map_strips(self._size)
        return [part.reader.rows_cost(strips) for part in self._parts]


def _reader(services: RenderServices, plan: RenderPlan, part: StyledView) -> Reader:
    single = RenderPlan(part.view, plan.encoding, part.operations)
    if isinstance(part.view, Crop):
        return CropReader(services, single, part.view)
    if isinstance(part.view, Mosaic):
        return MosaicReader(services, single, part.view)
    return WarpReader(services, single, part.view)
