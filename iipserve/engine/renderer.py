"""From a plan to a rendition: cached, the file's own tile, or decoded, processed and encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from itertools import chain
from time import monotonic
from typing import Any

from iipserve.cache import MemoryCache, RenditionCache
from iipserve.codecs import Encoder, RowEncoder
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl, Cost, bytes_with_opacity
from iipserve.engine.blank import BlankReader
from iipserve.engine.compositing import CompositeReader
from iipserve.engine.coverages import CoverageRenderer
from iipserve.engine.crop import CropReader
from iipserve.engine.decoding import TileCache, TileDecoder
from iipserve.engine.examination import Examiner
from iipserve.engine.files import ImageChanged
from iipserve.engine.large_file import LargeFile, LargeFileWriter
from iipserve.engine.legends import LegendReader
from iipserve.engine.library import Library
from iipserve.engine.mosaicking import MosaicReader
from iipserve.engine.renderable import renderable_area
from iipserve.engine.sampling import Sampler
from iipserve.engine.shared_tiles import SharedTiles
from iipserve.engine.single_flight import SingleFlight
from iipserve.engine.statistics import StatisticsCache
from iipserve.engine.values import WindowReader
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.engine.warping import WarpReader
from iipserve.errors import TooLarge, UnsupportedEncoding
from iipserve.exchange import (
    ENCODING,
    PASSED,
    PROCESSING,
    READING,
    RENDERED,
    begin_work,
    came_from,
    phase,
    rendered,
)
from iipserve.geometry import Size, new_tuple
from iipserve.image import ImageInfo
from iipserve.plan import (
    Blank,
    Composite,
    Crop,
    ImageRef,
    LargeRendition,
    Legend,
    Mosaic,
    RenderableArea,
    RenderPlan,
    Rendition,
    SamplePlan,
    ValuePlan,
    Warp,
    Window,
)
from iipserve.processing import Operation, Pixels, pipeline
from iipserve.processing.statistics import Statistics

READERS: Mapping[type[Any], Callable[[RenderServices, RenderPlan, Any], ViewReader]] = {
    Crop: CropReader,
    Warp: WarpReader,
    Legend: LegendReader,
    Composite: CompositeReader,
    Mosaic: MosaicReader,
    Blank: BlankReader,
}
"""What reads each kind of view."""
LARGE_BYTES = 1 << 24
"""Images of more bytes are rendered in strips, and longer files are not held in memory. No tile of 8 bits is as
large: its sides are 2048 pixels at most."""
PROVISIONAL = "-provisional"
"""Ends the entity tag of a rendition that a later one of the same plan may differ from."""
TIME_SHARE = 0.75
"""Of the time a request may take: how long an image may be rendered in strips."""


class Renderer:
    """Makes renditions. Safe for many threads; concurrent requests for one rendition that is decoded share it."""

    def __init__(
        self,
        config: Config,
        library: Library,
        encoders: Mapping[str, Encoder],
        cache: RenditionCache,
        tiles: TileCache,
        map_tiles: MemoryCache | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            config: the settings.
            library: of the images.
            encoders: by output format.
            cache: of renditions.
            tiles: of decoded tiles that are expensive to decode.
            map_tiles: of decoded tiles that several maps need; None keeps none of these.
        """
        self.tiles = tiles
        """Decoded tiles, in the memory that renditions are in too."""
        decoder = TileDecoder(tiles)
        self.admission = self._admission = AdmissionControl(config)
        """Of all that this worker renders."""
        self._config = config
        self._library = library
        self._encoders = encoders
        self._cache = cache
        self._statistics = StatisticsCache(config, self._admission, decoder)
        self._sampler = Sampler(library, self._admission, decoder)
        self._windows = WindowReader(library, self._admission, decoder)
        self.coverages = CoverageRenderer(config, library, cache, self._admission, decoder)
        """Makes the files of coverages."""
        self.examine = Examiner(library, self._admission).examine
        """Measures an image: `Examiner.examine`."""
        self._services = RenderServices(
            library,
            decoder,
            self._statistics,
            nearest=config.interpolation == 0,
            shared_tiles=SharedTiles(map_tiles) if map_tiles is not None else None,
        )
        self._passes_stored = config.codec_passthrough
        self._seconds = config.request_timeout * TIME_SHARE
        self._renditions: SingleFlight[RenderPlan, Rendition | LargeRendition] = SingleFlight()

    def render(self, plan: RenderPlan) -> Rendition | LargeRendition:
        """The rendition of `plan`, whose images are those at their paths when it is found or made.

        Raises:
            ImageChanged: a file has been replaced since the plan was made.
            TooLarge, Overloaded: see `AdmissionControl`; also for lack of time, and of room on the disk.
            DecodeError: a file is damaged where the plan needs it.
        """
        rendition = self._cache.get(plan)
        if rendition is not None:
            self.check(plan)
            return rendition
        begin_work()
        encoder = self._encoders.get(plan.encoding.format)
        if encoder is None:
            raise UnsupportedEncoding(f"{plan.encoding.format} is not a format this server writes")
        view = READERS[type(plan.view)](self._services, plan, plan.view)
        if self._passes_stored and plan.encoding.stored and not plan.operations:
            # sooner read than another thread that reads the same is waited for
            body = view.stored(encoder)
            if body is not None:
                # it belongs to the version that its file has after reading
                self.check(plan)
                came_from(PASSED)
                return self._finished(plan, view, encoder, body)
        return self._made(plan, view, encoder)

    def admit_bundle(self) -> AbstractContextManager[None]:
        """A place for putting many renditions together; see `AdmissionControl.admit_bundle`."""
        return self._admission.admit_bundle()

    def clear(self) -> None:
        """Drop the tiles that are kept for maps."""
        if self._services.shared_tiles is not None:
            self._services.shared_tiles.clear()

    def check(self, plan: RenderPlan) -> None:
        """Check, by one `stat` for each, that the images of `plan` are unchanged.

        Raises:
            ImageChanged: one is not.
        """
        changed = None
        for image in plan.images:
            try:
                self._library.check(image)
            except ImageChanged as error:
                changed = error  # so that all are looked up anew
        if changed is not None:
            raise changed

    def statistics(self, image: ImageRef) -> Statistics:
        """The statistics of an image, measured once.

        Raises:
            ImageChanged, DecodeError, TooLarge, Overloaded: as `render`.
        """
        return self._statistics.get(self._library.source(image), image)

    def samples(self, plan: SamplePlan) -> list[Pixels]:
        """The samples that a plan asks for: an array of shape (1, points, bands) for each selector.

        Raises:
            RegionOutOfBounds: a selected image is smaller than the plan's and lacks a point.
            ImageChanged, DecodeError, TooLarge, Overloaded: as `render`.
        """
        return self._sampler.samples(plan)

    def values(self, plan: ValuePlan) -> list[Window]:
        """The samples of each window of a plan, and which of them are valid.

        Raises:
            ImageChanged, DecodeError, TooLarge, Overloaded: as `render`.
        """
        return self._windows.windows(plan)

    def renderable(self, info: ImageInfo) -> RenderableArea:
        """How large images can be made of one, in every format."""
        return renderable_area(info, self._config, self._encoders.values())

    def _made(self, plan: RenderPlan, view: ViewReader, encoder: Encoder) -> Rendition | LargeRendition:
        """The rendition that this thread makes, or another one is making."""
        checked = False

        def make() -> Rendition | LargeRendition:
            nonlocal checked
            # whatever is decoded later is checked by the source
            self.check(plan)
            checked = True
            rendered()
            body = self._rendered(view, plan, encoder)
            if isinstance(body, LargeFile) and len(body) > LARGE_BYTES:
                etag = plan.digest if view.is_final else plan.digest + PROVISIONAL
                return LargeRendition(body, encoder.format.media_type, etag, view.faults)
            return self._finished(plan, view, encoder, body if isinstance(body, bytes) else b"".join(body))

        came_from(RENDERED)
        result = self._renditions.do(plan, make)
        if not checked:
            # what another thread began to make may have been out of date before this request came
            self.check(plan)
        return result

    def _finished(self, plan: RenderPlan, view: ViewReader, encoder: Encoder, body: bytes) -> Rendition:
        """A rendition, which is kept if it is final."""
        is_final = view.is_final
        etag = plan.digest if is_final else plan.digest + PROVISIONAL
        rendition = new_tuple(Rendition, (body, encoder.format.media_type, etag, view.faults))
        if is_final:
            self._cache.set(plan, rendition)
        return rendition

    def _rendered(self, view: ViewReader, plan: RenderPlan, encoder: Encoder) -> bytes | LargeFile:
        cost, operations = view.cost(), view.after_scaling
        if cost.result_bytes > LARGE_BYTES and encoder.encode_rows and _work_by_rows(operations):
            strips = view.strips_cost()
            if self._admission.fits(strips):
                return self._written(view, plan, encoder, encoder.encode_rows, strips)
        cost = _encoding_cost(cost, operations, encoder)
        with self._admission.admit(cost, brief=encoder.quick and cost.is_brief):
            with phase(PROCESSING):
                # nothing here refers to what was read while it is processed
                pixels = pipeline.fit_bands(pipeline.apply(operations, _read(view)), encoder.format.bands)
            with phase(ENCODING):
                return encoder.encode(pixels, plan.encoding, view.metadata())

    def _written(
        self, view: ViewReader, plan: RenderPlan, encoder: Encoder, encode_rows: RowEncoder, cost: Cost
    ) -> LargeFile:
        """The file, written to the disk strip by strip."""
        deadline = monotonic() + self._seconds
        with self._admission.admit(cost), closing(LargeFileWriter()) as writer:
            bands, strips = _with_bands(self._strips(view, cost.size, encoder, deadline))
            shape = (cost.size.height, cost.size.width, bands)
            with phase(ENCODING):
                encode_rows(strips, shape, plan.encoding, view.metadata(), writer)
            return writer.file()

    def _strips(self, view: ViewReader, size: Size, encoder: Encoder, deadline: float) -> Iterator[Pixels]:
        """The pixels to encode, in strips.

        Raises:
            TooLarge: they take too long; the supervisor would take the worker for one that hangs.
        """
        operations = view.after_scaling

        def complete(pixels: Pixels) -> Pixels:
            if monotonic() > deadline:
                raise TooLarge(
                    f"an image of {size.width} x {size.height} pixels takes longer to render than the "
                    f"{self._seconds:.0f} seconds allowed; request a smaller one"
                )
            with phase(PROCESSING):
                return pipeline.fit_bands(pipeline.apply(operations, pixels), encoder.format.bands)

        return map(complete, _read_in_phase(view.read_strips()))


def _read(view: ViewReader) -> Pixels:
    with phase(READING):
        return view.read()


def _read_in_phase(strips: Iterator[Pixels]) -> Iterator[Pixels]:
    """The same strips; the time that each takes is that of reading."""
    while True:
        with phase(READING):
            strip = next(strips, None)
        if strip is None:
            return
        yield strip
        del strip


def _work_by_rows(operations: tuple[Operation, ...]) -> bool:
    """Whether they can be applied to a strip of the image without the others."""
    return all(operation.works_by_rows for operation in operations)


def _encoding_cost(cost: Cost, operations: tuple[Operation, ...], encoder: Encoder) -> Cost:
    """The cost of reading, then changing and encoding the result.

    Operations hold at most three of the largest result at once, which an encoder's copies cover.
    """
    made, pixel_bytes = cost.made, cost.pixel_bytes
    for operation in operations:
        made = max(made, operation.output_size(cost.size).area)
        if operation.adds_opacity:
            pixel_bytes = bytes_with_opacity(cost.pixel_bytes)
    return cost.processed(made, encoder.copies(made), pixel_bytes)


def _with_bands(strips: Iterator[Pixels]) -> tuple[int, Iterator[Pixels]]:
    """The band count of an image in strips, and all its strips."""
    first = next(strips)
    return first.shape[2], chain((first,), strips)
