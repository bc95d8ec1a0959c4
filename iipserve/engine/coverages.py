"""From the plan of a coverage to its file: found in the cache, or read, and written strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from itertools import repeat
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from iipserve.cache import RenditionCache
from iipserve.config import Config
from iipserve.coverage_formats import CoverageFormat, Raster, by_name
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.coverage_layers import EmptyRows, layered, total_cost
from iipserve.engine.coverage_merging import merged, merging_memory, shown_reader
from iipserve.engine.coverage_reader import Check, CoverageReader, coverage_reader
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.large_file import LargeFile, LargeFileWriter
from iipserve.engine.library import Library
from iipserve.engine.single_flight import SingleFlight
from iipserve.errors import TooLarge, UnsupportedEncoding
from iipserve.exchange import ENCODING, RENDERED, begin_work, came_from, phase, rendered
from iipserve.geometry import ceil_div
from iipserve.plan import CoveragePlan, Crop, LargeRendition, MosaicRule, Rendition, Warp

LARGE_BYTES = 1 << 24
"""Longer files are not held in memory."""
MAX_KEPT = 1 << 20
"""Bytes of a file that is kept in the cache; a longer one would displace many tiles."""
MAX_SIDE = 1_000_000
"""Samples of a side of a result."""
TIME_SHARE = 0.75
"""Of the time a request may take: how long a coverage may be waited for, read and written."""


class CoverageRenderer:
    """Makes the files of coverages. Safe for many threads; concurrent requests for one file share it."""

    def __init__(
        self,
        config: Config,
        library: Library,
        cache: RenditionCache,
        admission: AdmissionControl,
        decoder: TileDecoder,
    ) -> None:
        """Share the renderer's parts."""
        self._library = library
        self._cache = cache
        self._admission = admission
        self._decoder = decoder
        self._max_samples = int(config.max_decode * 1_000_000)
        self._seconds = config.request_timeout * TIME_SHARE
        self._files: SingleFlight[CoveragePlan, Rendition | LargeRendition] = SingleFlight()

    def render(self, plan: CoveragePlan) -> Rendition | LargeRendition:
        """The file of a plan, without what surrounds it; a large one is complete on the disk.

        Raises:
            ImageChanged: the image's file has been replaced since the plan was made.
            UnsupportedEncoding: the format does not hold such samples, or on such a grid.
            TooLarge, Overloaded: see `AdmissionControl`; also for lack of time, and of room on the disk.
            NoTransformation: coordinates cannot be transformed to the image's system.
            DecodeError: the image's file is damaged where the plan needs it.
        """
        plan = plan.file
        made: Rendition | LargeRendition | None = self._cache.get(plan)
        if made is None:
            begin_work()
            came_from(RENDERED)
            made = self._files.do(plan, lambda: self._made(plan))
        self.check(plan)
        return made

    def check(self, plan: CoveragePlan) -> None:
        """Check, by one `stat` for each, that the images of `plan` are unchanged.

        Raises:
            ImageChanged: one is not.
        """
        for image in plan.images:
            self._library.check(image)

    def _made(self, plan: CoveragePlan) -> Rendition | LargeRendition:
        format, raster = by_name(plan.encoding.format), Raster(plan.description, plan.grid, plan.encoding)
        refusal = format.refusal(raster)
        if refusal is not None:
            raise UnsupportedEncoding(refusal)
        self._check_size(plan)
        # places are found, and other requests waited for, in the same time
        check = self._deadline(plan)
        readers = self._readers(plan)
        cost = total_cost([reader.cost() for reader in readers])
        is_small = raster.raw_length <= LARGE_BYTES // 4
        held = format.held(raster) + (2 * LARGE_BYTES if is_small else 0) + merging_memory(plan)
        with self._admission.admit(cost._replace(memory=cost.memory + held)):
            check()
            strips = _strips(plan, readers, check)
            rendered()
            with phase(ENCODING):
                body = _in_memory(format, raster, strips) if is_small else _on_disk(format, raster, strips)
        if not isinstance(body, bytes):
            return LargeRendition(body, format.media_type, plan.digest)
        rendition = Rendition(body, format.media_type, plan.digest)
        if len(body) <= MAX_KEPT:
            self._cache.set(plan, rendition)
        return rendition

    def _readers(self, plan: CoveragePlan) -> list[CoverageReader]:
        """Of all views, the lowest first."""
        readers = []
        is_first = plan.rule is MosaicRule.FIRST
        reader = coverage_reader if is_first else shown_reader
        for view, missing in zip(plan.views, plan.missing or repeat(None)):  # noqa: B905  # which has no end
            source = self._library.source(view.image)
            readers.append(reader(_alone(plan, view, missing), source, self._decoder))
        if plan.missing and is_first:
            readers[0].put_over(EmptyRows(plan, plan.description.dtype))
        return readers

    def _check_size(self, plan: CoveragePlan) -> None:
        """Check the size of a result, before places of its samples are computed. Bands that are repeated count again.

        Raises:
            TooLarge: it is too large.
        """
        size, repeats = plan.size, ceil_div(len(plan.bands), len(set(plan.bands)))
        if size.area * repeats > self._max_samples or max(size) > MAX_SIDE:
            raise TooLarge(
                f"a coverage of {size.width} x {size.height} samples of {len(plan.bands)} bands is more than "
                f"{self._max_samples / 1e6:.0f} megapixels or longer than {MAX_SIDE} on a side; request a smaller part, or "
                "a coarser one"
            )

    def _deadline(self, plan: CoveragePlan) -> Callable[[], None]:
        """What raises an error once the time is up; the supervisor would take the worker for one that hangs."""
        deadline = monotonic() + self._seconds

        def check() -> None:
            if monotonic() > deadline:
                raise TooLarge(
                    f"a coverage of {plan.size.width} x {plan.size.height} samples takes longer to make than the "
                    f"{self._seconds:.0f} seconds allowed; request a smaller part, or a coarser one"
                )

        return check


def _strips(plan: CoveragePlan, readers: Sequence[CoverageReader], check: Check) -> Iterator[NDArray[Any]]:
    """The samples of a plan, in strips from top to bottom."""
    if plan.rule is MosaicRule.FIRST:
        return layered(readers, check)
    return merged(readers, plan, check)


def _alone(
    plan: CoveragePlan, view: Crop | Warp, missing: tuple[float | int | None, ...] | None
) -> CoveragePlan:
    """The plan of one view, with its own samples of missing data."""
    description = plan.description
    if missing is not None:
        bands = zip(description.bands, missing, strict=True)
        description = replace(
            description, bands=tuple(band._replace(nodata=nodata) for band, nodata in bands)
        )
    resampling = view.resampling if isinstance(view, Warp) else plan.resampling
    return replace(plan, view=view, under=(), missing=(), description=description, resampling=resampling)


def _in_memory(format: CoverageFormat, raster: Raster, strips: Iterator[NDArray[Any]]) -> bytes:
    if format.pieces is not None and (format.save is None or format.length(raster) is not None):
        return b"".join(format.pieces(raster, strips))
    output = BytesIO()
    format.write(raster, strips, output)
    return output.getvalue()


def _on_disk(format: CoverageFormat, raster: Raster, strips: Iterator[NDArray[Any]]) -> bytes | LargeFile:
    """The file in a temporary one; in memory if it is not long."""
    with closing(LargeFileWriter()) as writer:
        format.write(raster, strips, writer)
        file = writer.file()
    return file if len(file) > LARGE_BYTES else b"".join(file)
