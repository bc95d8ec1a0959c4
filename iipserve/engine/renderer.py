"""From a plan to finished bytes: cache, the file's own tile, or decode, process and encode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from time import monotonic

from iipserve.cache import RenditionCache
from iipserve.codecs import NO_METADATA, Encoder, Metadata, RowEncoder
from iipserve.config import Config
from iipserve.engine import assembly
from iipserve.engine.admission import Limits, finished_bytes
from iipserve.engine.assembly import LevelReader
from iipserve.engine.decoding import TileCache, TileDecoder
from iipserve.engine.large_file import LargeFile, LargeFileWriter
from iipserve.engine.library import Library
from iipserve.engine.sampling import Sampler
from iipserve.engine.single_flight import SingleFlight
from iipserve.engine.statistics import StatisticsCache
from iipserve.errors import TooLarge, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, PhysicalResolution
from iipserve.plan import ImageRef, LargeRendition, RenderPlan, Rendition, SamplePlan
from iipserve.processing import Context, Operation, Pixels, pipeline
from iipserve.processing.display import DisplayTransform, display_transform
from iipserve.processing.sample_format import sample_format
from iipserve.processing.statistics import Statistics
from iipserve.processing.transform import Rotate
from iipserve.sources import Source

LARGE_BYTES = 1 << 24
"""Pictures of more bytes than this are made in strips, files longer than this are not held in memory. No tile of
8 bits is as large: its sides are 2048 pixels at most."""
LITTLE_PIXELS = 512 * 512
"""Pixels of a level that are read and encoded in about a millisecond."""
MAX_PIXEL_BYTES = 8
"""Of a finished pixel: four bands of 16 bits."""
TIME_SHARE = 0.75
"""Of the time a request may take, in which a picture made in strips must be finished."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done to the samples of one plan, bound to its image."""

    to_display: DisplayTransform | None
    finish: tuple[Operation, ...]

    @property
    def works_by_rows(self) -> bool:
        """A strip of the picture can be finished without the others."""
        return all(operation.works_by_rows for operation in self.finish)


class Renderer:
    """Makes renditions. Safe for many threads; what several ask for at once is made once."""

    def __init__(
        self,
        config: Config,
        library: Library,
        encoders: Mapping[str, Encoder],
        cache: RenditionCache,
        tiles: TileCache,
    ) -> None:
        self._library = library
        self._encoders = encoders
        self._cache = cache
        self._limits = Limits(config)
        self._decoder = TileDecoder(tiles)
        self._statistics = StatisticsCache(config, self._limits, self._decoder)
        self._sampler = Sampler(library, self._limits, self._decoder)
        self._passes_stored = config.codec_passthrough
        self._nearest = config.interpolation == 0
        self._seconds = config.request_timeout * TIME_SHARE
        self._renditions: SingleFlight[RenderPlan, Rendition | LargeRendition] = SingleFlight()

    def render(self, plan: RenderPlan) -> Rendition | LargeRendition:
        """The rendition of `plan`.

        Raises:
            ImageChanged: the file is another one than the plan was made for.
            TooLarge, Overloaded: see `Limits`; also for time, and for room on the disk.
            DecodeError: the file is damaged where the plan needs it.
        """
        return self._cache.get(plan) or self._renditions.do(plan, lambda: self._make(plan))

    def statistics(self, image: ImageRef) -> Statistics:
        """What is measured of an image, once.

        Raises:
            ImageChanged, DecodeError, TooLarge, Overloaded: as `render`.
        """
        return self._statistics.get(self._library.source(image), image)

    def samples(self, plan: SamplePlan) -> list[Pixels]:
        """The samples that a plan asks for: an array of shape (1, points, bands) for each selector.

        Raises:
            RegionOutOfBounds: another picture of the stack or sequence is smaller.
            ImageChanged, DecodeError, TooLarge, Overloaded: as `render`.
        """
        return self._sampler.samples(plan)

    def _make(self, plan: RenderPlan) -> Rendition | LargeRendition:
        encoder = self._encoders.get(plan.encoding.format)
        if encoder is None:
            raise UnsupportedEncoding(f"{plan.encoding.format} is not a format this server writes")
        source = self._library.source(plan.view.image)
        body: bytes | LargeFile | None = self._stored(source, plan, encoder)
        if body is None:
            work = self._work(plan, source)
            encode_rows = _row_encoder(plan, work, source.info, encoder)
            if encode_rows is None:
                body = self._encoded(source, plan, work, encoder)
            else:
                body = self._written(source, plan, work, encoder, encode_rows)
        if isinstance(body, LargeFile):
            if len(body) > LARGE_BYTES:
                return LargeRendition(body, encoder.format.media_type, plan.digest)
            body = b"".join(body)
        rendition = Rendition(body, encoder.format.media_type, plan.digest)
        self._cache.set(plan, rendition)
        return rendition

    def _work(self, plan: RenderPlan, source: Source) -> Work:
        """Everything the plan does to samples; measures the image if it has to be."""
        image, info = plan.view.image, source.info
        ranges = self._statistics.ranges(source, image)
        operations = plan.operations
        if operations:
            context = Context(info, lambda: self._statistics.get(source, image), plan.digest)
            operations = pipeline.bound(operations, context)
        to_display = display_transform(
            sample_format(info, ranges), pipeline.before_scaling(operations), plan.encoding.bits
        )
        return Work(to_display, pipeline.after_scaling(operations))

    def _stored(self, source: Source, plan: RenderPlan, encoder: Encoder) -> bytes | None:
        """The file's own compressed tile, cut to size, if that is exactly the answer."""
        if not (self._passes_stored and plan.encoding.stored) or plan.operations:
            return None
        place = _tile_of(source.info, plan)
        if place is None:
            return None
        column, row, whole = place
        body = source.stored_tile(
            plan.view.level, column, row, plan.encoding.format, profile=plan.encoding.profile
        )
        if body is None or plan.view.size == whole:
            return body
        return encoder.crop(body, plan.view.size) if encoder.crop else None

    def _encoded(self, source: Source, plan: RenderPlan, work: Work, encoder: Encoder) -> bytes:
        read = self._reader(source, plan, work)
        brief = encoder.quick and _reads_little(source, plan)
        with self._limits.admitted(plan, source.info, encoder.memory_factor, brief=brief):
            pixels = pipeline.apply(work.finish, assembly.read_plan(read, plan))
            pixels = pipeline.fit_bands(pixels, encoder.format.bands)
            return encoder.encode(pixels, plan.encoding, metadata_for(plan, source.info))

    def _written(
        self, source: Source, plan: RenderPlan, work: Work, encoder: Encoder, encode_rows: RowEncoder
    ) -> LargeFile:
        """The file, made strip by strip on the disk."""
        deadline = monotonic() + self._seconds
        with self._limits.admitted(plan, source.info, in_strips=True), closing(LargeFileWriter()) as writer:
            bands, strips = _with_bands(self._strips(source, plan, work, encoder, deadline))
            shape = (plan.view.size.height, plan.view.size.width, bands)
            encode_rows(strips, shape, plan.encoding, metadata_for(plan, source.info), writer)
            return writer.finished()

    def _strips(
        self, source: Source, plan: RenderPlan, work: Work, encoder: Encoder, deadline: float
    ) -> Iterator[Pixels]:
        """The finished pixels in strips.

        Raises:
            TooLarge: the time is over before they are; the worker would be taken for one that hangs.
        """

        size = plan.view.size

        def finish(pixels: Pixels) -> Pixels:
            if monotonic() > deadline:
                raise TooLarge(
                    f"an image of {size.width} x {size.height} pixels takes longer to make than the "
                    f"{self._seconds:.0f} seconds there are; ask for a smaller one"
                )
            return pipeline.fit_bands(pipeline.apply(work.finish, pixels), encoder.format.bands)

        return map(finish, assembly.read_strips(self._reader(source, plan, work), plan))

    def _reader(self, source: Source, plan: RenderPlan, work: Work) -> LevelReader:
        # what lies around a tile is decoded for its neighbors as well
        keep = work.to_display is not None and work.to_display.apron > 0
        read_tile = self._decoder.reader(source, plan.view.image, keep=keep)
        return LevelReader(source, plan.view.level, read_tile, work.to_display, self._nearest)


def _reads_little(source: Source, plan: RenderPlan) -> bool:
    """A tile or two, of a kind that is decoded in no time."""
    dear = source.keeps_decoded or source.reads_regions
    return not dear and plan.view.region.width * plan.view.region.height <= LITTLE_PIXELS


def _row_encoder(plan: RenderPlan, work: Work, info: ImageInfo, encoder: Encoder) -> RowEncoder | None:
    """What encodes a picture in strips, if it is large and nothing asks for all its rows at once."""
    area = plan.view.size.area
    if area * MAX_PIXEL_BYTES <= LARGE_BYTES or area * finished_bytes(plan, info) <= LARGE_BYTES:
        return None
    return encoder.encode_rows if work.works_by_rows else None


def _with_bands(strips: Iterator[Pixels]) -> tuple[int, Iterator[Pixels]]:
    """Number of bands of a picture in strips, and all its strips."""
    first = next(strips)
    return first.shape[2], chain((first,), strips)


def _tile_of(info: ImageInfo, plan: RenderPlan) -> tuple[int, int, Size] | None:
    """Column, row and stored size of the tile the plan shows whole and unscaled, or None."""
    level, region = info.levels[plan.view.level], plan.view.region
    size, tile = level.size, level.tile
    column, x = divmod(region.x, tile.width)
    row, y = divmod(region.y, tile.height)
    width = min(tile.width, size.width - region.x)
    height = min(tile.height, size.height - region.y)
    if x or y or (width, height) != (region.width, region.height) or plan.view.size != region.size:
        return None
    return column, row, tile


def metadata_for(plan: RenderPlan, info: ImageInfo) -> Metadata:
    """What is written beside the pixels: in tiles the profile at most, in exports everything."""
    keeps_profile = all(operation.keeps_profile for operation in plan.operations)
    icc = info.icc if plan.encoding.profile and keeps_profile else None
    if not plan.encoding.metadata:
        return Metadata(icc=icc) if icc else NO_METADATA
    return Metadata(icc, info.xmp, info.exif, _scaled_resolution(plan, info), info.text)


def _scaled_resolution(plan: RenderPlan, info: ImageInfo) -> PhysicalResolution | None:
    """Pixels per metre of the finished image: fewer than the original's where it was scaled down."""
    if info.resolution is None:
        return None
    level: Size = info.levels[plan.view.level].size
    shown: Region = plan.view.region
    x = info.resolution.x * level.width / info.size.width * plan.view.size.width / shown.width
    y = info.resolution.y * level.height / info.size.height * plan.view.size.height / shown.height
    lies = any(isinstance(step, Rotate) and step.degrees in (90, 270) for step in plan.operations)
    return PhysicalResolution(y, x) if lies else PhysicalResolution(x, y)
