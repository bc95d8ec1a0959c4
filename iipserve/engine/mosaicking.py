"""Reads mosaics, in strips: of each image what it adds to those above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.admission import Cost
from iipserve.engine.crop import CropReader
from iipserve.engine.joint_reader import BANDS, JointReader
from iipserve.engine.view_reader import RenderServices
from iipserve.engine.warping import WarpReader, map_strips
from iipserve.errors import IMAGE_FAULTS, IIPServeError
from iipserve.geometry import Region, Size, common_region
from iipserve.image import ColorSpace
from iipserve.plan import Crop, Encoding, ImageRef, Mosaic, MosaicPart, MosaicRule, RenderPlan
from iipserve.plan.faults import report
from iipserve.processing import Context, Operation, Pixels, Stage, pipeline
from iipserve.processing.display import display_transform
from iipserve.processing.layering import Gaps, Layering
from iipserve.processing.layout import first_bands
from iipserve.processing.merging import Greatest, Least, Mean, Merging
from iipserve.processing.sample_format import SampleFormat
from iipserve.processing.statistics import known_ranges
from iipserve.processing.tone import SampleRange

SPARSE = 1 / 8
"""Share of the pixels of a box through which images below show, up to which these are read one by one."""
FINE_BITS = 16
"""Of what is combined before operations that follow the range of samples."""

Canvas: TypeAlias = Layering | Merging
MERGED: Mapping[MosaicRule, Callable[[Size, int], Merging]] = {
    MosaicRule.MEAN: Mean,
    MosaicRule.MIN: Least,
    MosaicRule.MAX: Greatest,
}
"""What combines all images of a place."""


class Part(NamedTuple):
    """One of the images."""

    reader: CropReader | WarpReader
    view: MosaicPart
    cost: Cost

    def area(self, strip: Region) -> Region | None:
        """Where in a strip of the result it may show, in pixels of the result."""
        if isinstance(self.reader, WarpReader):
            return self.reader.area(strip)
        return common_region(Region(self.view.x, self.view.y, *self.view.view.size), strip)

    def read(self, area: Region, wanted: NDArray[np.bool_] | None) -> Pixels:
        """The pixels of an area of the result, inside `area` of a strip; in one row if only some of them are wanted."""
        own = area._replace(x=area.x - self.view.x, y=area.y - self.view.y)
        reader, operations = self.reader, self.reader.after_scaling
        if wanted is None:
            return pipeline.apply(operations, reader.read_area(own))
        if operations:
            return pipeline.apply(operations, reader.read_area(own))[wanted][None]
        return reader.read_places(own, wanted)


class MosaicReader(JointReader):
    """Reads the images of one plan. One that cannot be read leaves its hole."""

    def __init__(self, services: RenderServices, plan: RenderPlan, view: Mosaic) -> None:
        """Images are opened once they are needed; `ImageChanged` is raised then."""
        super().__init__(services, plan, view.size)
        self._view = view
        self._unopened = iter(view.parts)
        self._faults: dict[str, None] = {}
        self._is_provisional = False

    @cached_property
    def after_scaling(self) -> tuple[Operation, ...]:
        return pipeline.after_scaling(self._operations)

    @property
    def is_final(self) -> bool:
        is_measured = all(part.reader.is_final for part in self._parts) and not self._is_provisional
        return is_measured and not self._faults

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(self._faults)

    def read(self) -> Pixels:
        pixels = super().read()
        opaque = np.iinfo(pixels.dtype.name).max
        is_opaque = (pixels[..., -1] == opaque).all()
        return first_bands(pixels, pixels.shape[2] - 1) if is_opaque else pixels

    def read_area(self, area: Region) -> Pixels:
        """Colors and opacity of a strip; images of which nothing shows are not read."""
        canvas = self._canvas(area.size)
        for part in self._below_each_other():
            gaps = self._gaps(part, area, canvas)
            if gaps is not None and (pixels := self._read(part, gaps, area)) is not None:
                _add(canvas, pixels, gaps)
        if not canvas.is_empty:
            return self._colored(canvas.pixels())
        dtype = np.uint16 if self._encoding.bits > 8 else np.uint8
        return self._colored(np.zeros((area.height, area.width, self._bands), dtype))

    def _canvas(self, size: Size) -> Canvas:
        merged = MERGED.get(self._view.rule)
        return Layering(size, self._bands) if merged is None else merged(size, self._bands)

    def _gaps(self, part: Part, strip: Region, canvas: Canvas) -> Gaps | None:
        """Where in a strip an image may add something, in pixels of the strip: pixel by pixel if these are few."""
        area = part.area(strip)
        if area is None:
            return None
        place = area._replace(y=area.y - strip.y)
        found = canvas.clear_part(place) if isinstance(canvas, Layering) else Gaps(place, None)
        if found is None or found.clear is None:
            return found
        is_sparse = np.count_nonzero(found.clear) <= SPARSE * found.clear.size
        return found if is_sparse else Gaps(found.box, None)

    def _read(self, part: Part, gaps: Gaps, strip: Region) -> Pixels | None:
        """The pixels of gaps of a strip; None if they cannot be read."""
        try:
            return part.read(gaps.box._replace(y=gaps.box.y + strip.y), gaps.clear)
        except IMAGE_FAULTS as error:
            self._report(part.view, error)
            return None

    def _colored(self, pixels: Pixels) -> Pixels:
        """What the images make together, after the operations that follow the range of samples."""
        before = tuple(each for each in self._operations if each.stage is Stage.NORMALIZED)
        if not before:
            return pixels
        space = ColorSpace.GRAY if self._bands == 2 else ColorSpace.SRGB
        samples = SampleFormat("uint16", FINE_BITS, self._bands, space, True, ())
        transform = display_transform(samples, before, self._plan.encoding.bits)
        return pixels if transform is None else transform(pixels)

    # -- images ------------------------------------------------------------------------------------

    @cached_property
    def _operations(self) -> tuple[Operation, ...]:
        """Of all images together, bound to the first one."""
        if not self._parts or not self._plan.operations:
            return self._plan.operations
        services, image = self._services, self._parts[0].view.view.image
        source = services.library.source(image)
        context = Context(source.info, lambda: services.statistics.get(source, image), self._plan.digest)
        return pipeline.bound(self._plan.operations, context)

    @cached_property
    def _parts(self) -> list[Part]:
        """The images that can be opened, down to one that hides all others."""
        return list(self._opened())

    def _opened(self, *, is_admitted: bool = False) -> Iterator[Part]:
        """Further images that can be opened, down to one that hides all others; if the request has been admitted, only those
        of which nothing has to be measured."""
        strips = map_strips(self._size)
        for view in self._unopened:
            try:
                if is_admitted and self._measures(view):
                    continue
                reader = self._reader(view)
                yield Part(reader, view, reader.rows_cost(strips))
            except IMAGE_FAULTS as error:
                self._report(view, error)
                continue
            if self._view.rule is MosaicRule.FIRST and reader.is_opaque and self._is_everywhere(view, reader):
                return

    def _below_each_other(self) -> Iterator[Part]:
        """The images to read; below one that hides the others and cannot be read, the next ones."""
        yield from self._parts
        while self._parts and self._parts[-1].view.view.image.identifier in self._faults:
            further = [part for part in self._opened(is_admitted=True) if part.reader.bands <= self._bands]
            if not further:
                return
            self._parts.extend(further)
            yield from further

    def _measures(self, part: MosaicPart) -> bool:
        """Whether opening an image may measure it."""
        is_known = known_ranges(self._services.library.source(part.view.image).info)
        return not is_known or any(type(each).bound is not Operation.bound for each in part.operations)

    def _reader(self, part: MosaicPart) -> CropReader | WarpReader:
        operations = part.operations
        if self._range and self._shares_range(part):
            others = (each for each in operations if not each.is_measured)
            operations = pipeline.ordered((*self._range, *others))
        single = RenderPlan(part.view, self._encoding, operations)
        if isinstance(part.view, Crop):
            return CropReader(self._services, single, part.view, is_map=True)
        return WarpReader(self._services, single, part.view)

    def _shares_range(self, part: MosaicPart) -> bool:
        """Whether an image displays the range of the common one: of its type, if the style measures; else as none is declared."""
        info = self._services.library.source(part.view.image).info
        if any(each.is_measured for each in part.operations):
            image = self._view.range_of
            return image is not None and info.dtype == self._services.library.source(image).info.dtype
        return not known_ranges(info)

    @cached_property
    def _range(self) -> tuple[Operation, ...]:
        """What gives images that share a range this one; nothing for that of each, also where the image to measure has a fault."""
        image = self._view.range_of
        if image is None:
            return ()
        try:
            return self._measured(image)
        except IMAGE_FAULTS as error:
            self._faults[image.identifier] = None
            report(image.identifier, str(error))
            return ()

    def _measured(self, image: ImageRef) -> tuple[Operation, ...]:
        """The range of an image: as the style measures it, else as it is displayed alone."""
        source, statistics = self._services.library.source(image), self._services.statistics
        by_style = [each for each in self._view.parts[0].operations if each.is_measured]
        self._is_provisional = statistics.is_provisional(source, image)
        if by_style:
            context = Context(source.info, lambda: statistics.get(source, image), self._plan.digest)
            return tuple(each.bound(context) for each in by_style)
        ranges = statistics.ranges(source, image)
        bands = ((band, *shown) for band, shown in enumerate(ranges))
        return (SampleRange(((None, *ranges[0]), *bands)),)

    @property
    def _encoding(self) -> Encoding:
        """As of which images are read."""
        encoding = self._plan.encoding
        is_fine = any(each.stage is Stage.NORMALIZED for each in self._plan.operations)
        return encoding._replace(bits=FINE_BITS) if is_fine else encoding

    def _is_everywhere(self, view: MosaicPart, reader: CropReader | WarpReader) -> bool:
        if isinstance(reader, WarpReader):
            return reader.is_covered
        return view.view.size == self._size

    @cached_property
    def _bands(self) -> int:
        """Of what the images make together: 2 (gray) if all are gray, else 4."""
        return max((part.reader.bands for part in self._parts), default=BANDS)

    @property
    def _costs(self) -> list[Cost]:
        return [part.cost for part in self._parts] or [Cost("mosaic", self._size, 0, 0, False, 0, BANDS, 0)]

    def _report(self, part: MosaicPart, error: IIPServeError) -> None:
        """Note that an image cannot be read."""
        identifier = part.view.image.identifier
        self._faults[identifier] = None
        report(identifier, str(error))


def _add(canvas: Canvas, pixels: Pixels, gaps: Gaps) -> None:
    if isinstance(canvas, Layering):
        canvas.add_below(pixels, place=gaps.box, gaps=gaps.clear)
    else:
        canvas.add(pixels, gaps.box)
