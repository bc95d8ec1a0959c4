"""The levels of a tiled image, and their transparency masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import REDUCED_IMAGE, SINGLE_PAGE, TRANSPARENCY_MASK
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.tiff.conventions import POWERS_OF_TWO, cut_size, philips_reductions
from iipserve.sources.tiff.layout import Layout, is_smaller, read_layout, same_shape
from iipserve.sources.tiff.pages import Page, SamePicture, kind_of, sub_directories


class PyramidLevel(NamedTuple):
    """The directory of one level, how it stores its tiles, and its mask."""

    directory: Directory
    layout: Layout
    mask: tuple[Directory, Layout] | None


def read_pyramid(page: Page, same: SamePicture) -> list[PyramidLevel]:
    """The levels of an image, full size first, each smaller than the one before.

    If the full size has a transparency mask, smaller levels without one are left out.

    Args:
        page: the image and what may belong to it.
        same: compares the pixels of levels that may be filled up to whole tiles.

    Raises:
        UnsupportedImage, DecodeError: as `read_layout`, for the full size.
    """
    full = read_layout(page.first)
    below = list(sub_directories(page.first))
    smaller = _smaller_levels(page.first, full, below, same)
    smaller = smaller or _smaller_levels(page.first, full, page.smaller, same)
    smaller.sort(key=lambda level: level[1].size.area, reverse=True)
    levels = [(page.first, full)]
    for directory, layout in smaller:
        last = levels[-1][1].size
        if layout.size.fits_in(last) and layout.size != last:
            levels.append((directory, layout))
    masks = [] if full.bands.has_alpha else list(_read_masks([*page.masks, *below]))
    masked = [PyramidLevel(*level, _mask_of(level[1], masks)) for level in levels]
    return [level for level in masked if (level.mask is None) == (masked[0].mask is None)]


def _smaller_levels(
    first: Directory, full: Layout, candidates: Iterable[Directory], same: SamePicture
) -> list[tuple[Directory, Layout]]:
    """The candidates that are smaller, in the same bands, and cut to the part that shows the picture."""
    levels: list[tuple[Directory, Layout]] = []
    reduction = 1.0
    for directory in candidates:
        kind = kind_of(directory)
        if kind & TRANSPARENCY_MASK or (kind & SINGLE_PAGE and not kind & REDUCED_IMAGE):
            continue
        layout = _layout_of(directory)
        size = _picture_size(first, full, directory, layout, reduction, same) if layout else None
        if layout and size:
            levels.append((directory, layout if size == layout.size else layout.of_size(size)))
            reduction = full.size.width / size.width
    return levels


def _picture_size(
    first: Directory, full: Layout, directory: Directory, layout: Layout, above: float, same: SamePicture
) -> Size | None:
    """The size of the part of a level that shows the picture, from the top left; None if it is no level.

    Scanners fill levels up to whole tiles. Only sizes of whole tiles that no power of two explains are examined.
    """
    if not is_smaller(full, layout):
        return None
    size = layout.size
    if shows_all(full.size, size, layout.tile):
        return size
    if not _is_of_whole_tiles(size, layout.tile):
        return None
    fits, described = same_shape(size, full.size), philips_reductions(first)
    cuts = [
        cut
        for reduction in described or POWERS_OF_TWO
        if reduction > above * 1.01 and (cut := cut_size(full.size, size, layout.tile, reduction))
    ]
    if described:
        return next(iter(cuts), size if fits else None)
    if fits and (not cuts or same(first, directory, None)):
        return size
    return next((cut for cut in cuts if same(first, directory, cut)), None)


def shows_all(full: Size, size: Size, tile: Size) -> bool:
    """Whether a level has the shape of the full size, and is not filled up to whole tiles as its size may suggest."""
    if not same_shape(size, full):
        return False
    return not _is_of_whole_tiles(size, tile) or _is_power_of_two(full.width, size.width)


def _is_of_whole_tiles(size: Size, tile: Size) -> bool:
    return size.width % tile.width == 0 and size.height % tile.height == 0


def _is_power_of_two(full: int, width: int) -> bool:
    """Whether a length is that of repeated halving, up to rounding."""
    exponent = (full // width).bit_length()
    return any(abs(width - full / (1 << power)) <= 1 for power in (exponent - 1, exponent))


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
