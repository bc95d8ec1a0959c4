"""Whether a converted file shows the same as its source: pages, sizes, levels, place, and every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.command_line.images import NamedImage
from iipserve.convert_command.reading import Page, pages_of
from iipserve.convert_command.values import Report
from iipserve.errors import IIPServeError
from iipserve.geometry import ceil_div

BLOCK = 8
"""Sides of the blocks of pixels whose means lossy compression keeps."""
TOLERANCE = 0.02
"""By which means of blocks may differ on average, as a share of the range of samples."""
MAX_STEP = 4.5


class NotTheSame(IIPServeError):
    """The converted file does not show what its source does."""


def verify(
    sources: Sequence[Page], image: NamedImage, *, lossless: bool, as_indices: Sequence[bool], report: Report
) -> None:
    """Read a converted file and compare it with its source.

    Args:
        sources: pages of the source.
        image: the converted file.
        lossless: every sample must be the same; else means of blocks are compared.
        as_indices: for each page: samples are indices of a palette.
        report: called with numbers of rows.

    Raises:
        NotTheSame: it is not.
        IIPServeError: it cannot be read.
    """
    pages = pages_of(image)
    if len(pages) != len(sources):
        raise NotTheSame(f"it has {len(pages)} pages, its source {len(sources)}")
    for number, (source, page, indices) in enumerate(zip(sources, pages, as_indices, strict=True)):
        try:
            _check_structure(source, page)
            _check_place(source, page)
            strips = zip(
                _rows(source.strips(as_indices=indices)), _rows(page.strips(as_indices=indices)), strict=True
            )
            _check_exactly(strips, report) if lossless else _check_closely(strips, report)
        except NotTheSame as error:
            raise NotTheSame(f"page {number}: {error}") from error


def _check_structure(source: Page, page: Page) -> None:
    if page.info.size != source.info.size:
        raise NotTheSame(f"it has {page.info.size} pixels, its source {source.info.size}")
    if page.info.color_space is not source.info.color_space:
        raise NotTheSame(f"its colors are {page.info.color_space.value}, not {source.info.color_space.value}")
    sizes = [level.size for level in page.info.levels]
    steps = [max(large.width / small.width, large.height / small.height) for large, small in pairwise(sizes)]
    is_whole = page.info.format != "tiff" or sizes[-1].fits_in(page.info.levels[0].tile)
    if not is_whole or any(step > MAX_STEP for step in steps):
        raise NotTheSame(
            f"its levels have {', '.join(f'{size.width} x {size.height}' for size in sizes)} pixels"
        )


def _check_place(source: Page, page: Page) -> None:
    """The pixels are where they were, as far as this server knows."""
    before, after = source.geo_image, page.geo_image
    if before is not None and (after is None or after.georeference != before.georeference):
        raise NotTheSame("it has lost its place on the ground")


def _rows(strips: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The same rows in strips of one height, whatever the height of tiles."""
    height = 0
    rest: NDArray[Any] | None = None
    for strip in strips:
        height = height or BLOCK * max(1, 512 // BLOCK)
        rest = strip if rest is None else np.concatenate((rest, strip))
        while len(rest) >= height:
            yield rest[:height]
            rest = rest[height:]
    if rest is not None and len(rest):
        yield rest


Strips = Iterable[tuple[NDArray[Any], NDArray[Any]]]


def _check_exactly(strips: Strips, report: Report) -> None:
    for source, copy in strips:
        if source.shape != copy.shape or not np.array_equal(source, copy, equal_nan=source.dtype.kind == "f"):
            raise NotTheSame("its samples are not those of its source")
        report(len(source))


def _check_closely(strips: Strips, report: Report) -> None:
    total, count = 0.0, 0
    for source, copy in strips:
        if source.shape != copy.shape:
            raise NotTheSame(f"it has {copy.shape[2]} bands, its source {source.shape[2]}")
        differences = np.abs(_means(source) - _means(copy))
        total, count = total + float(differences.sum()), count + differences.size
        report(len(source))
    if total > TOLERANCE * 255 * count:
        raise NotTheSame(
            f"its colors differ from those of its source by {total / count:.1f} of 255 on average"
        )


def _means(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Means of blocks; those at the right and bottom edges may be smaller."""
    down = np.arange(ceil_div(pixels.shape[0], BLOCK)) * BLOCK
    across = np.arange(ceil_div(pixels.shape[1], BLOCK)) * BLOCK
    sums = np.add.reduceat(np.add.reduceat(pixels, down, axis=0, dtype=np.float64), across, axis=1)
    heights = np.diff([*down, pixels.shape[0]])
    widths = np.diff([*across, pixels.shape[1]])
    return np.asarray(sums / (heights[:, None] * widths[None, :])[..., None])
