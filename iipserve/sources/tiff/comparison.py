"""Whether one image of a file is a smaller copy of another, where only its pixels show that.

A few parts are decoded, and their means over cells of several pixels are compared. Results are cached for the
version of the file. Pyramids whose levels are marked or are SubIFDs are not compared.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import IMAGE_LENGTH, IMAGE_WIDTH
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.image import ColorSpace
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.processing import Pixels
from iipserve.sources import OpenFile
from iipserve.sources.tiff.layout import offsets_tag
from iipserve.sources.tiff.pages import Page
from iipserve.sources.tiff.strip_reader import StripReader
from iipserve.sources.tiff.tiled import open_stored
from iipserve.sources.tiles import join_tiles

MAX_COMPARISONS = 32
"""In one file; further directories are separate images."""
MAX_AREA = 10_000_000
"""Pixels decoded for one comparison, about."""
POINTS = ((0.5, 0.5), (0.25, 0.25))
"""Where parts are compared, in fractions of the size."""
FURTHER_POINTS = tuple((x / 8, y / 8) for y in range(1, 8) for x in range(1, 8))
"""The same for images that show almost nothing at the former, unless all of them can be compared."""
MAX_PARTS = 400
"""Of an image that is compared as a whole."""
MAX_STRIPS = 10_000
"""Images of more strips are not compared."""
SIDES = (16, 4)
"""Pixels of the smaller image that a part covers at least, and where they take more than `LONG_SIDE` of the larger."""
LONG_SIDE = 1024
CELL = 8
"""Pixels of the smaller image across a cell."""
MAX_CELLS = 64
"""Cells of a part across and down."""
MAX_DIFFERENCE = 0.025
"""Largest difference of a cell of the same picture, of full scale: 6 of 255, for lossy compression and rounding."""
MAX_RELATIVE_DIFFERENCE = 0.25
"""Mean difference of cells in proportion to the mean contrast, which all ways of reducing stay below."""
MIN_CONTRAST = 0.01
"""Parts of less contrast, of full scale, show almost nothing."""

Cells = NDArray[np.float64]

_verdicts: LRU[Hashable, bool] = LRU(4096)
"""By file, version, and place of both images."""


class _Stored(NamedTuple):
    """An image whose parts can be read as they are stored."""

    size: Size
    unit: Size
    """What is decoded at once."""
    form: tuple[str, int, int, ColorSpace]
    """Type, bits, bands and color space; equal for all levels of an image."""
    read: Callable[[Region], Pixels]


class Comparison:
    """Compares images of one file; a `pages.SamePicture`."""

    def __init__(self, file: OpenFile) -> None:
        """Compare images of `file`, which is opened again for each."""
        self._file = file
        self._left = MAX_COMPARISONS
        self._images: dict[int, _Stored] = {}
        """By identity of the directory, which `read_pages` keeps."""

    def __call__(self, full: Directory, small: Directory, shown: Size | None) -> bool:
        """Whether `small`, or its part of size `shown`, shows the picture of `full`; False if that is too costly."""
        if self._left == 0:
            return False
        self._left -= 1
        key = self._file.path, self._file.version, _place(full), _place(small), shown
        verdict = _verdicts.get(key)
        if verdict is None:
            hand_over()
            try:
                verdict = _same(self._image(full), self._image(small), shown)
            except (DecodeError, UnsupportedImage):
                verdict = False
            _verdicts.set(key, verdict)
        return verdict

    def _image(self, directory: Directory) -> _Stored:
        """Raises `UnsupportedImage` or `DecodeError` if it cannot be read."""
        image = self._images.get(id(directory))
        if image is None:
            page = Page(directory, 0)
            image = self._images[id(directory)] = self._tiles(page) if page.is_tiled else _strips(directory)
        return image

    def _tiles(self, page: Page) -> _Stored:
        file = replace(self._file, descriptor=os.dup(self._file.descriptor), layer=0)
        source = open_stored(file, [page], lambda *_: False)
        info = source.info
        return _Stored(
            info.size,
            info.levels[0].tile,
            (info.dtype, info.bits, info.bands, info.color_space),
            lambda region: join_tiles(info, 0, region, source.read_tile),
        )


def _place(directory: Directory) -> Hashable:
    """Size and place of the data of an image."""
    return tuple(directory.entries.get(tag) for tag in (IMAGE_WIDTH, IMAGE_LENGTH, offsets_tag(directory)))


def _strips(directory: Directory) -> _Stored:
    strips = StripReader.of(directory)
    layout = strips.layout
    if layout.grid.tile_count > MAX_STRIPS:
        raise UnsupportedImage(f"{layout.grid.tile_count} strips are not compared; at most {MAX_STRIPS} are")

    def read(region: Region) -> Pixels:
        rows = strips.read_rows(region.y, region.bottom)
        return rows[:, region.x : region.right]

    type, bands = layout.output_type, layout.bands
    return _Stored(
        layout.size,
        Size(layout.size.width, strips.rows_at_once),
        (type.output_dtype, type.bits, bands.count, bands.color_space),
        read,
    )


def _same(full: _Stored, small: _Stored, shown: Size | None) -> bool:
    """Whether the part of size `shown` of an image, or all of it, is a smaller copy."""
    size = shown or small.size
    if full.form != small.form or not size.fits_in(full.size):
        return False
    for points in (POINTS, FURTHER_POINTS):
        pairs = list(_pairs(full, small, size, points))
        if not pairs:
            return False
        cells, reduced = (np.concatenate(part) for part in zip(*pairs, strict=True))
        scale = 255.0 if full.form[0] == "uint8" else max(np.abs(cells).max(), np.abs(reduced).max())
        contrast = _contrast(cells)
        difference = np.abs(cells - reduced)
        if (
            difference.mean() > MAX_RELATIVE_DIFFERENCE * contrast
            and difference.max() > MAX_DIFFERENCE * scale
        ):
            return False
        if contrast > MIN_CONTRAST * scale:
            return True
    return True


def _contrast(cells: Cells) -> float:
    """Mean difference from the mean of each band."""
    return float(np.abs(cells - cells.mean(axis=0)).mean())


def _pairs(
    full: _Stored, small: _Stored, size: Size, points: Iterable[tuple[float, float]]
) -> Iterator[tuple[Cells, Cells]]:
    """Means of the cells of parts at some points, of both images, until `MAX_AREA` is decoded."""
    area = 0
    for region in _parts(full, size, points):
        reduced = _reduced_region(region, full.size, size)
        area += _decoded_area(region, full) + _decoded_area(reduced, small)
        if area > MAX_AREA:
            return
        across = _edges(reduced.x, reduced.width, region.x, region.width, full.size.width / size.width)
        down = _edges(reduced.y, reduced.height, region.y, region.height, full.size.height / size.height)
        yield _means(full.read(region), down[1], across[1]), _means(small.read(reduced), down[0], across[0])


def _decoded_area(region: Region, image: _Stored) -> int:
    unit = image.unit
    columns = ceil_div(region.right, unit.width) - region.x // unit.width
    rows = ceil_div(region.bottom, unit.height) - region.y // unit.height
    return columns * rows * unit.area


def _parts(full: _Stored, size: Size, points: Iterable[tuple[float, float]]) -> Iterator[Region]:
    """Whole tiles or strips of the full size at some points, large enough for a few pixels of `size`."""
    block = Size(
        _whole_units(full.size.width / size.width, full.unit.width),
        _whole_units(full.size.height / size.height, full.unit.height),
    )
    grid = TileGrid(full.size, block)
    places = {
        (int(x * full.size.width) // block.width, int(y * full.size.height) // block.height)
        for x, y in points
    }
    if points is FURTHER_POINTS and full.size.area + size.area <= MAX_AREA and grid.tile_count <= MAX_PARTS:
        places = set(itertools.product(range(grid.columns), range(grid.rows)))
    for column, row in sorted(places):
        region = grid.region(column, row)
        if region is not None:
            yield region


def _whole_units(ratio: float, unit: int) -> int:
    """The length of a part: whole tiles or strips."""
    length = next((side * ratio for side in SIDES if side * ratio <= LONG_SIDE), SIDES[-1] * ratio)
    return max(1, ceil_div(int(length), unit)) * unit


def _reduced_region(region: Region, full: Size, size: Size) -> Region:
    """The pixels of the smaller image that are inside a region of the full size; at least one."""
    x, width = _inside(region.x, region.width, full.width, size.width)
    y, height = _inside(region.y, region.height, full.height, size.height)
    return Region(x, y, width, height)


def _inside(start: int, length: int, full: int, small: int) -> tuple[int, int]:
    first = min(ceil_div(start * small, full), small - 1)
    return first, max(1, (start + length) * small // full - first)


def _edges(
    start: int, length: int, full_start: int, full_length: int, ratio: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Edges of cells along one side: in pixels of the part of the smaller image, and of that of the full size."""
    edges = np.linspace(0, length, min(MAX_CELLS, max(1, length // CELL)) + 1).astype(np.intp)
    full = np.rint((start + edges) * ratio).astype(np.intp) - full_start
    if length == 1:
        full = np.array([0, full_length])
    return edges, np.clip(full, 0, full_length)


def _means(pixels: Pixels, down: NDArray[np.intp], across: NDArray[np.intp]) -> Cells:
    """Means of the cells between edges; shape (cells, bands)."""
    part = np.nan_to_num(pixels[down[0] : down[-1], across[0] : across[-1]])
    rows = np.add.reduceat(part, down[:-1] - down[0], axis=0, dtype=np.float64)
    sums = np.add.reduceat(rows, across[:-1] - across[0], axis=1)
    areas = np.outer(np.diff(down), np.diff(across))[:, :, None]
    means: Cells = sums / areas
    return means.reshape(-1, means.shape[2])
