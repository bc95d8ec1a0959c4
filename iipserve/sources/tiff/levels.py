"""Levels of a tiled image: where their tiles are, and how they are decoded. Most are read when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from iipserve.containers.ifd import Directory, Reader, read_directory
from iipserve.containers.tags import Compression
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size, TileGrid, new_tuple
from iipserve.image import Level
from iipserve.sources.color import Step
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.codec import codec_of, has_codec_of
from iipserve.sources.tiff.decoders import with_sample_order
from iipserve.sources.tiff.image_codecs import JpegSplicer, TileDecoder, checked_webp
from iipserve.sources.tiff.layout import Layout, stored_alike
from iipserve.sources.tiff.pages import Page, SamePicture
from iipserve.sources.tiff.plain_pyramid import PlainPyramid
from iipserve.sources.tiff.pyramid import PyramidLevel, read_pyramid
from iipserve.sources.tiff.segments import holds_tables, read_tables
from iipserve.sources.tiff_pixel_format import Alpha

LEVEL_MEMORY = 1024
"""Bytes of a level once it is read, with one page of each table (measured)."""

Rewrap = Callable[[bytes, bool], bytes | None]
"""(tile as stored, whether to embed the ICC profile) -> complete file, or None if that cannot be made."""
NO_REWRAPS: Mapping[str, Rewrap] = {}


@dataclass(frozen=True, slots=True, eq=False)
class StoredLevel:
    """Where the tiles of one level are, and how they are decoded."""

    layout: Layout
    grid: TileGrid
    offsets: Sequence[int]
    """Offset of each tile in the file, row by row, and plane by plane."""
    counts: Sequence[int]
    """Length of each tile in bytes; 0 for a tile that was never written."""
    max_count: int
    """Larger byte counts are considered damage."""
    decode: TileDecoder
    convert: Step | None
    """Makes output samples of decoded ones; None if they are the same."""
    proves_length: bool
    """See `Layout`."""
    rewraps: Mapping[str, Rewrap]
    """By output format."""
    mask: StoredLevel | None
    """Its one band is the opacity of this level."""
    columns: int
    """Of the grid."""
    rows: int
    """Of the grid."""

    @property
    def cut(self) -> tuple[Size, Size]:
        """Its size, and that of its tiles."""
        return self.layout.size, self.layout.tile

    @property
    def bands(self) -> int:
        """Output samples per pixel."""
        return self.layout.bands.count + (self.mask is not None)


class LevelForm(NamedTuple):
    """What the levels of an image have in common that are stored alike."""

    reader: Reader
    layout: Layout
    """Of the full size."""
    icc: bytes | None
    """Profile of the image."""
    shown_as_stored: bool
    """See `read_level`."""


class PendingLevel(NamedTuple):
    """A level whose tables and decoders are made when one of its tiles is read."""

    form: LevelForm
    offset: int
    """Of its directory."""
    size: Size

    @property
    def cut(self) -> tuple[Size, Size]:
        """Its size, and that of its tiles."""
        return self.size, self.form.layout.tile

    def read(self) -> StoredLevel:
        """The level. Raises `DecodeError` or `UnsupportedImage` if it is damaged after all."""
        reader, layout, icc, shown_as_stored = self.form
        level = PyramidLevel(read_directory(reader, self.offset), layout.of_size(self.size), None)
        return read_level(level, icc, shown_as_stored=shown_as_stored)


AnyLevel: TypeAlias = StoredLevel | PendingLevel
"""A level of an opened image."""


class ImageLevels(NamedTuple):
    """The levels of an image, and what reading them found out about it."""

    layout: Layout
    """Of the full size."""
    convert: Step | None
    """See `StoredLevel`."""
    masked: bool
    """All levels have masks."""
    levels: Sequence[AnyLevel]
    """Full size first."""
    sizes: tuple[Level, ...]
    ranges: tuple[tuple[float, float], ...]
    """Black and white of each band; empty if they are unknown."""
    icc: bytes | None
    """The profile."""


def read_levels(page: Page, same: SamePicture) -> ImageLevels:
    """The levels of an image.

    Args:
        page: the image and what may belong to it.
        same: compares levels, as `read_pyramid`.

    Raises:
        UnsupportedImage, DecodeError: the full size cannot be read.
    """
    pyramid = read_pyramid(page, same)
    form, ranges = _form(page.first, pyramid[0].layout)
    full = _read_level(pyramid[0], form)
    levels: list[AnyLevel] = [full]
    for level in pyramid[1:]:
        if _is_sure(pyramid[0], level):
            levels.append(PendingLevel(form, level.directory.offset, level.layout.size))
            continue
        # a smaller level that cannot be read is left out
        with suppress(DecodeError, UnsupportedImage):
            layout = level.layout._replace(nodata=form.layout.nodata)
            levels.append(_read_level(level._replace(layout=layout), form))
    sizes = _sizes(tuple([level.cut for level in levels]))
    return ImageLevels(full.layout, full.convert, full.mask is not None, levels, sizes, ranges, form.icc)


def read_plain_levels(first: Directory, pyramid: PlainPyramid) -> ImageLevels:
    """As `read_levels`, of the only image of a file.

    Args:
        first: the directory of the full size.
        pyramid: its levels.
    """
    tile = pyramid.full.tile
    sizes = _sizes(((pyramid.full.size, tile), *[(size, tile) for _, size in pyramid.smaller]))
    layout = pyramid.full.of_size(sizes[0].size)
    form, ranges = _form(first, layout)
    convert = codec_of(layout, first).convert
    offsets = (first.offset, *[offset for offset, _ in pyramid.smaller])
    levels: list[AnyLevel] = [
        new_tuple(PendingLevel, (form, offset, level.size))
        for offset, level in zip(offsets, sizes, strict=True)
    ]
    if not holds_tables(first, layout):
        levels[0] = _read_level(PyramidLevel(first, layout, None), form)
    return ImageLevels(layout, convert, False, levels, sizes, ranges, form.icc)


@lru_cache(maxsize=1024)
def _sizes(cuts: tuple[tuple[Size, Size], ...]) -> tuple[Level, ...]:
    """The sizes and tiles of all levels; one object for all images of these sizes, as scanners and cameras make them."""
    return tuple(Level(size, tile) for size, tile in cuts)


def _form(first: Directory, layout: Layout) -> tuple[LevelForm, tuple[tuple[float, float], ...]]:
    """What levels have in common with the full size, and black and white of each band."""
    icc = metadata.read_icc(first, layout.bands.color_space)
    ranges = metadata.read_ranges(first, layout)
    return LevelForm(first.reader, layout, icc, set(ranges) == {layout.output_type.full_range}), ranges


def _is_sure(full: PyramidLevel, smaller: PyramidLevel) -> bool:
    """Whether a level can be read for sure, as the full size can: stored in the same way, with whole tables."""
    alike = stored_alike(full.layout, smaller.layout) and smaller.mask is None and full.layout.type.bits != 24
    directory = smaller.directory
    return alike and holds_tables(directory, smaller.layout) and has_codec_of(full.directory, directory)


def _read_level(level: PyramidLevel, form: LevelForm) -> StoredLevel:
    """Tables and decoders of one level; its layout may be another than that of the form."""
    return read_level(level, form.icc, shown_as_stored=form.shown_as_stored)


def read_level(level: PyramidLevel, icc: bytes | None, *, shown_as_stored: bool) -> StoredLevel:
    """Tables and decoders of one level.

    Args:
        level: its directory, layout and mask.
        icc: profile of the image.
        shown_as_stored: no range of samples is declared that would change how they are shown.

    Raises:
        UnsupportedImage, DecodeError: it cannot be read.
    """
    directory, layout, mask = level
    offsets, counts = read_tables(directory, layout)
    layout = with_sample_order(layout, directory, offsets, counts)
    codec = codec_of(layout, directory)
    passes, grid = shown_as_stored and layout.is_plain, layout.grid
    return StoredLevel(
        layout=layout,
        grid=grid,
        columns=grid.columns,
        rows=grid.rows,
        offsets=offsets,
        counts=counts,
        max_count=layout.max_encoded_bytes,
        decode=codec.decode,
        convert=codec.convert,
        proves_length=layout.proves_length,
        rewraps=_rewraps(layout.of_size(layout.tile), codec.tables, icc) if passes else NO_REWRAPS,
        mask=read_level(PyramidLevel(*mask, None), None, shown_as_stored=False) if mask else None,
    )


@lru_cache(maxsize=64)
def _rewraps(layout: Layout, tables: bytes, icc: bytes | None) -> Mapping[str, Rewrap]:
    """The output formats that stored tiles of levels of one layout can be made into; its size has no influence."""
    if layout.compression == Compression.JPEG and layout.bands.stored == layout.bands.colors in (1, 3):
        splicer = JpegSplicer(layout, tables, icc)
        return {"jpeg": lambda data, profile: splicer.splice(data, profile=profile)}
    kept = layout.bands.alpha is not Alpha.PREMULTIPLIED and layout.bands.alpha_declared
    if layout.compression == Compression.WEBP and kept:
        return {"webp": lambda data, profile: None if profile and icc else checked_webp(layout, data)}
    return {}
