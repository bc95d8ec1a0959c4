"""From a plan to finished bytes: cache, the file's own tile, or decode, process and encode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from iipserve.cache import RenditionCache
from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.config import Config
from iipserve.engine import assembly
from iipserve.engine.flights import Flights
from iipserve.engine.library import Library
from iipserve.engine.limits import Limits
from iipserve.errors import UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, PhysicalResolution
from iipserve.plan import ImageRef, RenderPlan, Rendition
from iipserve.processing import Pixels, pipeline
from iipserve.sources import Source


class TileCache(Protocol):
    """Where decoded tiles are kept: the memory cache."""

    def get(self, key: tuple[ImageRef, int, int, int]) -> Pixels | None:
        """The tile, or None."""

    def set(self, key: tuple[ImageRef, int, int, int], value: Pixels, size: int) -> None:
        """Remember a tile of `size` bytes."""


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
        self._tiles = tiles
        self._limits = Limits(config)
        self._passes_stored = config.codec_passthrough
        self._nearest = config.interpolation == 0
        self._renditions: Flights[RenderPlan, Rendition] = Flights()
        self._decoded: Flights[tuple[ImageRef, int, int, int], Pixels] = Flights()

    def render(self, plan: RenderPlan) -> Rendition:
        """The rendition of `plan`.

        Raises:
            ImageChanged: the file is another one than the plan was made for.
            TooLarge, Overloaded: see `Limits`.
            DecodeError: the file is damaged where the plan needs it.
        """
        return self._cache.get(plan) or self._renditions.run(plan, lambda: self._make(plan))

    def _make(self, plan: RenderPlan) -> Rendition:
        encoder = self._encoders.get(plan.encoding.format)
        if encoder is None:
            raise UnsupportedEncoding(f"{plan.encoding.format} is not a format this server writes")
        source = self._library.source(plan.image)
        body = self._stored(source, plan, encoder)
        if body is None:
            with self._limits.admitted(plan, source.info, encoder.memory_factor):
                body = self._encoded(source, plan, encoder)
        rendition = Rendition(body, encoder.media_type, plan.digest)
        self._cache.set(plan, rendition)
        return rendition

    def _stored(self, source: Source, plan: RenderPlan, encoder: Encoder) -> bytes | None:
        """The file's own compressed tile, cut to size, if that is exactly the answer."""
        if not (self._passes_stored and plan.encoding.stored) or plan.operations:
            return None
        place = _tile_of(source.info, plan)
        if place is None:
            return None
        column, row, whole = place
        body = source.stored_tile(
            plan.level, column, row, plan.encoding.format, profile=plan.encoding.profile
        )
        if body is None or plan.size == whole:
            return body
        return encoder.crop(body, plan.size) if encoder.crop else None

    def _encoded(self, source: Source, plan: RenderPlan, encoder: Encoder) -> bytes:
        def read_tile(level: int, column: int, row: int) -> Pixels:
            return self._tile(source, plan.image, level, column, row)

        pixels = assembly.read_plan(source, plan, read_tile, nearest=self._nearest)
        pixels = pipeline.apply(plan.operations, pixels)
        pixels = pipeline.fit_bands(pixels, encoder.bands)
        return encoder.encode(pixels, plan.encoding, metadata_for(plan, source.info))

    def _tile(self, source: Source, image: ImageRef, level: int, column: int, row: int) -> Pixels:
        """One decoded tile; those of dear formats are kept and shared."""
        if not source.keeps_decoded:
            return source.read_tile(level, column, row, image.quality_layers)
        key = (image, level, column, row)
        kept = self._tiles.get(key)
        if kept is not None:
            return kept
        return self._decoded.run(key, lambda: self._decode(source, key))

    def _decode(self, source: Source, key: tuple[ImageRef, int, int, int]) -> Pixels:
        image, level, column, row = key
        pixels = source.read_tile(level, column, row, image.quality_layers)
        self._tiles.set(key, pixels, pixels.nbytes)
        return pixels


def _tile_of(info: ImageInfo, plan: RenderPlan) -> tuple[int, int, Size] | None:
    """Column, row and stored size of the tile the plan shows whole and unscaled, or None."""
    level, region = info.levels[plan.level], plan.region
    size, tile = level.size, level.tile
    column, x = divmod(region.x, tile.width)
    row, y = divmod(region.y, tile.height)
    width = min(tile.width, size.width - region.x)
    height = min(tile.height, size.height - region.y)
    if x or y or (width, height) != (region.width, region.height) or plan.size != region.size:
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
    level: Size = info.levels[plan.level].size
    shown: Region = plan.region
    return PhysicalResolution(
        info.resolution.x * level.width / info.size.width * plan.size.width / shown.width,
        info.resolution.y * level.height / info.size.height * plan.size.height / shown.height,
    )
