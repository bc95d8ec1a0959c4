"""Which directories of a TIFF file make up which image: pyramid levels, transparency masks, layers of a stack.

In tiled files, smaller levels are SubIFDs (as in OME-TIFF) or follow their image in the chain, marked as reduced
or not. A directory is an image of its own, one layer of a stack, if it is marked as a page, if it is as large as
the first one, or if it has SubIFDs. Thumbnails, labels and everything in strips are skipped.

In files of strips, every directory is an image of its own unless it is a mask or a smaller copy of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from iipserve.containers.ifd import Directory, read_directory
from iipserve.containers.tags import (
    NEW_SUBFILE_TYPE,
    OLD_SUBFILE_TYPES,
    REDUCED_IMAGE,
    SINGLE_PAGE,
    SUB_IFDS,
    SUBFILE_TYPE,
    TILE_WIDTH,
    TRANSPARENCY_MASK,
)
from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.tiff.layout import Layout, is_reduced_copy, read_layout, read_size, same_shape

MAX_MEMBERS = 64
"""Directories that may be smaller levels or masks of one image; further ones are ignored."""


@dataclass(frozen=True, slots=True)
class Page:
    """One image of the file, and the directories of the chain that may belong to it."""

    first: Directory
    index: int
    """Of this directory in the chain, from 0."""
    smaller: list[Directory] = field(default_factory=list)
    """Candidates for its smaller levels."""
    masks: list[Directory] = field(default_factory=list)
    """Transparency masks of any size."""


class PyramidLevel(NamedTuple):
    """The directory of one level, how it stores its tiles, and its mask."""

    directory: Directory
    layout: Layout
    mask: tuple[Directory, Layout] | None


def page_of_layer(pages: Sequence[Page], layer: int) -> Page:
    """The image at an index.

    Raises:
        ImageNotFound: the file has no such image.
    """
    if not 0 <= layer < len(pages):
        raise ImageNotFound(f"there is no image {layer}; the file has {len(pages)}, from 0")
    return pages[layer]


def kind_of(directory: Directory) -> int:
    """The bits of NewSubfileType."""
    if NEW_SUBFILE_TYPE in directory:
        return directory.integer(NEW_SUBFILE_TYPE, 0)
    return OLD_SUBFILE_TYPES.get(directory.integer(SUBFILE_TYPE, 0), 0)


# -- strips ----------------------------------------------------------------------------------------


def read_strip_pages(chain: Iterable[Directory]) -> list[Page]:
    """The images of a file of strips in its order, each with its transparency masks; at least one."""
    pages: list[Page] = []
    for index, directory in enumerate(chain):
        if pages and kind_of(directory) & TRANSPARENCY_MASK:
            if len(pages[-1].masks) < MAX_MEMBERS:
                pages[-1].masks.append(directory)
        elif not pages or not _is_smaller_copy(directory, pages[-1].first):
            pages.append(Page(directory, index))
    return pages


def _is_smaller_copy(directory: Directory, full: Directory) -> bool:
    """Whether it is marked as reduced; or is unmarked, of the same shape, and at most half as wide."""
    kind = kind_of(directory)
    if kind & (REDUCED_IMAGE | SINGLE_PAGE):
        return bool(kind & REDUCED_IMAGE)
    try:
        small, large = read_size(directory), read_size(full)
    except DecodeError:
        return True
    return same_shape(small, large) and 2 * small.width <= large.width + 1


# -- tiles -----------------------------------------------------------------------------------------


def read_tiled_pages(chain: Iterable[Directory]) -> list[Page]:
    """The images of a tiled file in its order; at least one. Only a few fields of each directory are read."""
    directories = iter(chain)
    pages = [Page(next(directories), 0)]
    full = _size_of(pages[0].first)
    for index, directory in enumerate(directories, 1):
        if TILE_WIDTH not in directory:
            continue
        if _is_own_image(directory, full):
            pages.append(Page(directory, index))
            continue
        page = pages[-1]
        members = page.masks if kind_of(directory) & TRANSPARENCY_MASK else page.smaller
        if len(members) < MAX_MEMBERS:
            members.append(directory)
    _give_to_first(pages)
    return pages


def _size_of(directory: Directory) -> Size | None:
    try:
        return read_size(directory)
    except DecodeError:
        return None


def _is_own_image(directory: Directory, full: Size | None) -> bool:
    """Whether it is no level of the image before."""
    kind = kind_of(directory)
    if kind & (TRANSPARENCY_MASK | REDUCED_IMAGE):
        return False
    return bool(kind & SINGLE_PAGE) or SUB_IFDS in directory or _size_of(directory) == full


def _give_to_first(pages: Sequence[Page]) -> None:
    """Give smaller levels that follow all images to the first one, as iipsrv does."""
    first, last = pages[0], pages[-1]
    if first is not last and not any(page.smaller for page in pages[:-1]):
        first.smaller.extend(last.smaller)
        last.smaller.clear()


def read_pyramid(page: Page) -> list[PyramidLevel]:
    """The levels of an image, full size first, each smaller than the one before.

    If the full size has a transparency mask, smaller levels without one are left out.

    Raises:
        UnsupportedImage, DecodeError: as `read_layout`, for the full size.
    """
    full = read_layout(page.first)
    below = list(_sub_directories(page.first))
    smaller = list(_smaller_levels(full, below)) or list(_smaller_levels(full, page.smaller))
    smaller.sort(key=lambda level: level[1].size.area, reverse=True)
    levels = [(page.first, full)]
    for directory, layout in smaller:
        last = levels[-1][1].size
        if layout.size.fits_in(last) and layout.size != last:
            levels.append((directory, layout))
    masks = [] if full.bands.has_alpha else list(_read_masks([*page.masks, *below]))
    masked = [PyramidLevel(*level, _mask_of(level[1], masks)) for level in levels]
    return [level for level in masked if (level.mask is None) == (masked[0].mask is None)]


def _sub_directories(directory: Directory) -> Iterator[Directory]:
    """The SubIFDs that can be read."""
    for offset in islice(directory.integers(SUB_IFDS), MAX_MEMBERS):
        try:
            yield read_directory(directory.reader, offset)
        except DecodeError:
            continue


def _smaller_levels(full: Layout, candidates: Iterable[Directory]) -> Iterator[tuple[Directory, Layout]]:
    """The candidates that are reduced copies of the full image, in the same bands."""
    for directory in candidates:
        kind = kind_of(directory)
        if kind & TRANSPARENCY_MASK or (kind & SINGLE_PAGE and not kind & REDUCED_IMAGE):
            continue
        layout = _layout_of(directory)
        if layout and is_reduced_copy(full, layout):
            yield directory, layout


def _layout_of(directory: Directory) -> Layout | None:
    try:
        return read_layout(directory)
    except (UnsupportedImage, DecodeError):
        return None


def _read_masks(directories: Iterable[Directory]) -> Iterator[tuple[Directory, Layout]]:
    """The directories that are masks: of one sample of 1 bit, or of up to 8, as some writers have it."""
    for directory in directories:
        if kind_of(directory) & TRANSPARENCY_MASK:
            layout = _layout_of(directory)
            if layout and layout.bands.stored == 1 and layout.type.output_dtype == "uint8":
                yield directory, layout


def _mask_of(layout: Layout, masks: Iterable[tuple[Directory, Layout]]) -> tuple[Directory, Layout] | None:
    """The mask cut into the same tiles."""
    return next((mask for mask in masks if mask[1].grid == layout.grid), None)
