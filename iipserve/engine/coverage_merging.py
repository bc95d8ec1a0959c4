"""Coverages of collections whose rule makes one sample of those of all images: the mean, the least or the greatest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.coverage_layers import EmptyRows, Rows
from iipserve.engine.coverage_reader import STRIP_BYTES, Check, CoverageReader, coverage_reader, empty_rows
from iipserve.engine.coverage_resampling import LEAST_WEIGHT
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.overview_source import opaque
from iipserve.engine.stored_samples import StoredReader
from iipserve.geometry import Region
from iipserve.plan import CoverageBand, CoveragePlan, ImageRef, MosaicRule
from iipserve.processing.missing import Mask, missing_samples
from iipserve.processing.sample_merging import Greatest, SampleMerging, sample_merging
from iipserve.sources import Bands, Source

SAMPLE_BYTES = 64
"""Of a sample while it is made: sums, a count, and what is computed of them."""


class ShownReader(StoredReader):
    """Samples with a further band: full where neither opacity nor a mask hides them, else 0."""

    def __init__(self, source: Source, image: ImageRef, bands: Bands, decoder: TileDecoder) -> None:
        """As `StoredReader`; the last of the bands is the further one, which the file does not have."""
        super().__init__(source, image, bands, decoder)
        self._stored = StoredReader(source, image, bands[:-1], decoder)
        self._opaque = opaque(self.samples.dtype)

    def read(self, region: Region) -> NDArray[Any]:
        """As `StoredReader.read`."""
        samples, shown = self._stored.read(region), self._stored.shown(region)
        further = np.full((*samples.shape[:2], 1), self._opaque, samples.dtype)
        if shown is not None:
            further[~shown] = 0
        return np.concatenate([samples, further], axis=2)


def shown_reader(plan: CoveragePlan, source: Source, decoder: TileDecoder) -> CoverageReader:
    """What reads the samples of one image, and after them whether they are shown, as `ShownReader` does.

    Raises:
        NoTransformation: as of `coverage_reader`.
    """
    samples = source.info.samples
    bands = (*plan.description.bands, CoverageBand("shown"))
    description = replace(plan.description, bands=bands, opacity=len(plan.bands))
    plan = replace(plan, bands=(*plan.bands, samples.bands), description=description)
    reader = coverage_reader(plan, source, decoder, ShownReader)
    reader.put_over(EmptyRows(plan, samples.dtype))
    return reader


def merged(readers: Sequence[CoverageReader], plan: CoveragePlan, check: Check) -> Iterator[NDArray[Any]]:
    """The samples that the rule of a plan makes of those of its images, in strips from top to bottom.

    What is missing in its band, hidden, or outside of its image does not count; where nothing does, the result has missing
    data, or 0. Opacity is the greatest of all.

    Args:
        readers: as of `shown_reader`, in the order of `plan.views`. They are used up.
        plan: of the result.
        check: as of `CoverageReader.strips`.

    Raises:
        DecodeError: an image is damaged.
    """
    images = [Rows(reader.strips(check)) for reader in readers]
    own = tuple(band.nodata for band in plan.description.bands)
    dtype, rows = np.dtype(plan.description.dtype), _rows(plan)
    for top in range(0, plan.size.height, rows):
        count = min(rows, plan.size.height - top)
        merging = _Merging(plan, count)
        for image, nodata in zip(images, plan.missing or repeat(own)):  # noqa: B905  # which has no end
            merging.add(image.take(count), nodata)
        yield merging.result(empty_rows(count, plan, dtype))


def merging_memory(plan: CoveragePlan) -> int:
    """Bytes that `merged` holds, without those of readers."""
    if plan.rule is MosaicRule.FIRST:
        return 0
    return _rows(plan) * plan.size.width * len(plan.bands) * SAMPLE_BYTES


def _rows(plan: CoveragePlan) -> int:
    """Of a strip."""
    row_bytes = plan.size.width * len(plan.bands) * np.dtype(plan.description.dtype).itemsize
    return min(max(1, STRIP_BYTES // row_bytes), plan.size.height)


class _Merging:
    """What is made of a strip, band by band."""

    def __init__(self, plan: CoveragePlan, rows: int) -> None:
        shape, dtype = (rows, plan.size.width), np.dtype(plan.description.dtype)
        self._least = LEAST_WEIGHT * opaque(plan.description.dtype)
        self._bands: list[SampleMerging] = [
            Greatest(shape, dtype)
            if band == plan.description.opacity
            else sample_merging(plan.rule.value, shape, dtype)
            for band in range(len(plan.bands))
        ]

    def add(self, samples: NDArray[Any], nodata: Sequence[float | int | None]) -> None:
        shown: Mask = samples[..., -1] >= self._least
        for index, (band, missing) in enumerate(zip(self._bands, nodata, strict=True)):
            own = samples[..., index]
            band.add(own, shown & ~missing_samples(own, missing))

    def result(self, empty: NDArray[Any]) -> NDArray[Any]:
        for index, band in enumerate(self._bands):
            empty[..., index] = band.result(empty[..., index])
        return empty
