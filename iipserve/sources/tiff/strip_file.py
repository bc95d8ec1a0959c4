"""A stored tile as a TIFF file of one strip, which libtiff decodes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.containers import tags
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Field
from iipserve.containers.ifd_writer import file_length, integers, pack_file, value_offset
from iipserve.containers.tags import Photometric
from iipserve.sources.tiff.layout import Layout

FieldValue: TypeAlias = int | tuple[int, ...]
"""Of a TIFF directory: numbers in a tuple are SHORT, a single one is LONG."""
Fields: TypeAlias = dict[int, Any]
"""`FieldValue` by tag."""


def strip_fields(layout: Layout, width: int, height: int, bits: tuple[int, ...]) -> Fields:
    """The fields of a strip of `len(bits)` bands, in the compression of the tiles."""
    return {
        tags.IMAGE_WIDTH: width, tags.IMAGE_LENGTH: height, tags.BITS_PER_SAMPLE: bits,
        tags.COMPRESSION: layout.compression, tags.PHOTOMETRIC: Photometric.BLACK_IS_ZERO,
        tags.FILL_ORDER: 1 + layout.bits_reversed, tags.SAMPLES_PER_PIXEL: len(bits), tags.ROWS_PER_STRIP: height,
    }  # fmt: skip


def strip_reader(fields: Fields, order: str, kind: np.dtype[Any]) -> Callable[[bytes], NDArray[Any]]:
    """A decoder of a strip that `fields` describe, into samples of `kind`."""
    before, after = _strip_header(tuple(fields.items()), order)
    length, bands = struct.Struct(order + "I"), fields[tags.SAMPLES_PER_PIXEL]
    rows = fields[tags.IMAGE_LENGTH], fields[tags.IMAGE_WIDTH]
    shape = rows if bands == 1 else (*rows, bands)

    def read(data: bytes) -> NDArray[Any]:
        strip = b"".join((before, length.pack(len(data)), after, data))
        # libtiff (4.7, with libdeflate) does not write the last bytes if the stream continues past the end of the strip
        return imagecodecs.tiff_decode(strip, out=np.zeros(shape, kind))

    return read


@lru_cache(maxsize=64)
def _strip_header(fields: tuple[tuple[int, FieldValue], ...], order: str) -> tuple[bytes, bytes]:
    """What precedes and follows the strip's length in a TIFF file of one strip.

    It takes 16 us, and all levels of a file share it.
    """
    described = [
        _field(order, *item) for item in (*fields, (tags.STRIP_BYTE_COUNTS, 0), (tags.STRIP_OFFSETS, 0))
    ]
    offset = _field(order, tags.STRIP_OFFSETS, file_length(described))
    whole = pack_file(order, (*described[:-1], offset))
    length_at = value_offset(described, tags.STRIP_BYTE_COUNTS)
    return whole[:length_at], whole[length_at + 4 :]


def _field(order: str, tag: int, value: FieldValue) -> Field:
    if isinstance(value, int):
        return integers(order, tag, FieldType.LONG, value)
    return integers(order, tag, FieldType.SHORT, *value)
