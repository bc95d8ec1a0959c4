"""What makes output samples of stored tiles, shared by all levels and files that are stored alike."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import (
    COLOR_MAP,
    DECODE,
    JPEG_TABLES,
    LERC_PARAMETERS,
    REFERENCE_BLACK_WHITE,
    T4_OPTIONS,
    T6_OPTIONS,
    YCBCR_COEFFICIENTS,
)
from iipserve.lru import LRU
from iipserve.sources.color import Step
from iipserve.sources.tiff.color import make_converter
from iipserve.sources.tiff.decoders import make_decoder
from iipserve.sources.tiff.image_codecs import TileDecoder
from iipserve.sources.tiff.layout import Layout

FIELDS = (
    JPEG_TABLES, COLOR_MAP, YCBCR_COEFFICIENTS, REFERENCE_BLACK_WHITE, DECODE, T4_OPTIONS, T6_OPTIONS, LERC_PARAMETERS,
)  # fmt: skip
"""Those that decoders and converters read, besides the layout."""
MAX_LENGTH = 8192
"""Bytes of these fields together; more are not remembered. A palette of 8 bits has 1536, JPEG tables about 600."""


class Codec(NamedTuple):
    """Decoder and converter of the tiles of any level that is stored in this way."""

    decode: TileDecoder
    convert: Step | None
    """Makes output samples of decoded ones; None if they are the same."""
    tables: bytes
    """The field JPEGTables; empty without one."""


_codecs: LRU[tuple[object, ...], Codec] = LRU(256)


def has_codec_of(full: Directory, smaller: Directory) -> bool:
    """Whether `codec_of` succeeds for a level of the same layout as one for which it did."""
    of_full, of_smaller = full.entries.get, smaller.entries.get
    for tag in FIELDS:
        one, other = of_full(tag), of_smaller(tag)
        if one is None and other is None:
            continue
        if one is None or other is None or one.size != other.size or smaller.is_cut_off(tag):
            return False
    return True


def codec_of(layout: Layout, directory: Directory) -> Codec:
    """The codec of a level.

    Raises:
        UnsupportedImage, DecodeError: as `make_decoder` and `make_converter`.
    """
    found = {tag: directory.entries[tag] for tag in FIELDS if tag in directory.entries}
    values = tuple((tag, entry.type, directory.value(entry)) for tag, entry in found.items())
    key = (layout.of_size(layout.tile), values)
    codec = _codecs.get(key)
    if codec is None:
        codec = Codec(
            make_decoder(layout, directory), make_converter(layout, directory), directory.data(JPEG_TABLES)
        )
        if sum(len(value or b"") for _, _, value in values) <= MAX_LENGTH:
            _codecs.set(key, codec)
    return codec
