"""Which directories of a TIFF file make up which picture: levels, transparency masks, pictures of a stack.

Smaller levels are SubIFDs (as OME-TIFF has them) or follow their picture in the chain, marked as reduced or not.
A directory is a picture of its own, one layer of a stack, if it says that it is a page, if it is as large as the
first one, or if it has SubIFDs. Thumbnails, labels and everything untiled is passed over.
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
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.tiff.layout import Layout, is_reduced_copy, read_layout, read_size

MAX_SMALLER = 64
"""Directories that may be smaller levels or masks of one picture; further ones are not looked at."""


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of the file, and the directories of the chain that may belong to it."""

    first: Directory
    number: int
    """Of this directory in the chain, from 0."""
    smaller: list[Directory] = field(default_factory=list)
    """Perhaps its smaller levels."""
    masks: list[Directory] = field(default_factory=list)
    """Transparency masks of any size."""


class PyramidLevel(NamedTuple):
    """One level's directory, how it stores its tiles, and the mask that belongs to it."""

    directory: Directory
    layout: Layout
    mask: tuple[Directory, Layout] | None


def read_tiled_pages(chain: Iterable[Directory]) -> list[Page]:
    """The pictures of a file, in its order; at least one. Only a few fields of each directory are read."""
    directories = iter(chain)
    pictures = [Page(next(directories), 0)]
    full = _size_of(pictures[0].first)
    for number, directory in enumerate(directories, 1):
        if TILE_WIDTH not in directory:
            continue
        if _is_own_picture(directory, full):
            pictures.append(Page(directory, number))
            continue
        picture = pictures[-1]
        members = picture.masks if kind_of(directory) & TRANSPARENCY_MASK else picture.smaller
        if len(members) < MAX_SMALLER:
            members.append(directory)
    _give_to_first(pictures)
    return pictures


def kind_of(directory: Directory) -> int:
    """The bits of NewSubfileType."""
    if NEW_SUBFILE_TYPE in directory:
        return directory.integer(NEW_SUBFILE_TYPE, 0)
    return OLD_SUBFILE_TYPES.get(directory.integer(SUBFILE_TYPE, 0), 0)


def _size_of(directory: Directory) -> Size | None:
    try:
        return read_size(directory)
    except DecodeError:
        return None


def _is_own_picture(directory: Directory, full: Size | None) -> bool:
    """Whether it is no level of the picture before."""
    kind = kind_of(directory)
    if kind & (TRANSPARENCY_MASK | REDUCED_IMAGE):
        return False
    return bool(kind & SINGLE_PAGE) or SUB_IFDS in directory or _size_of(directory) == full


def _give_to_first(pictures: Sequence[Page]) -> None:
    """All pictures first, then smaller levels: these are the first one's (iipsrv takes them so)."""
    first, last = pictures[0], pictures[-1]
    if first is not last and not any(picture.smaller for picture in pictures[:-1]):
        first.smaller.extend(last.smaller)
        last.smaller.clear()


def read_pyramid(picture: Page) -> list[PyramidLevel]:
    """The levels of a picture, full size first, each smaller than the one before.

    If the full size has a transparency mask, smaller levels without one are left out.

    Raises:
        UnsupportedImage, DecodeError: as `read_layout`, for the full size.
    """
    full = read_layout(picture.first)
    below = list(_sub_directories(picture.first))
    smaller = list(_smaller_levels(full, below)) or list(_smaller_levels(full, picture.smaller))
    smaller.sort(key=lambda level: level[1].size.area, reverse=True)
    levels = [(picture.first, full)]
    for directory, layout in smaller:
        last = levels[-1][1].size
        if layout.size.fits_in(last) and layout.size != last:
            levels.append((directory, layout))
    masks = [] if full.bands.has_alpha else list(_read_masks([*picture.masks, *below]))
    masked = [PyramidLevel(*level, _mask_of(level[1], masks)) for level in levels]
    return [level for level in masked if (level.mask is None) == (masked[0].mask is None)]


def _sub_directories(directory: Directory) -> Iterator[Directory]:
    """The SubIFDs that can be read."""
    for offset in islice(directory.integers(SUB_IFDS), MAX_SMALLER):
        try:
            yield read_directory(directory.reader, offset)
        except DecodeError:
            continue


def _smaller_levels(full: Layout, candidates: Iterable[Directory]) -> Iterator[tuple[Directory, Layout]]:
    """Those candidates that show the full picture smaller, in the same bands."""
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
    """Those directories that are masks: one sample of 1 bit (or, as some have it, of up to 8)."""
    for directory in directories:
        if kind_of(directory) & TRANSPARENCY_MASK:
            layout = _layout_of(directory)
            if layout and layout.bands.stored == 1 and layout.type.output_dtype == "uint8":
                yield directory, layout


def _mask_of(layout: Layout, masks: Iterable[tuple[Directory, Layout]]) -> tuple[Directory, Layout] | None:
    """The mask cut into the same tiles."""
    return next((mask for mask in masks if mask[1].grid == layout.grid), None)
