"""Decoders of TIFF tiles, which are made once, when a level is opened.

A decoder takes the bytes of a stored tile and returns its samples in a native type (`SampleType.stored`): those of the
whole tile or, for JPEG and JPEG 2000, of the part that was stored. It raises ValueError or RuntimeError for damaged
bytes, and checks the size they declare before a codec allocates memory for it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.containers import tags
from iipserve.containers.ifd import Directory
from iipserve.containers.tags import (
    CCITT_SCHEMES,
    JPEG_TABLES,
    LERC_PARAMETERS,
    Compression,
    Photometric,
    named,
)
from iipserve.errors import UnsupportedImage
from iipserve.sources.color import Samples
from iipserve.sources.tiff import image_codecs
from iipserve.sources.tiff.fax import fax_decoder
from iipserve.sources.tiff.image_codecs import DamagedTile, TileDecoder
from iipserve.sources.tiff.layout import NO_SUBSAMPLING, Layout
from iipserve.sources.tiff.segments import read_segment
from iipserve.sources.tiff.strip_file import strip_fields, strip_reader
from iipserve.sources.tiff_pixel_format import SampleType

Bytes: TypeAlias = NDArray[np.uint8]
"""Shape (rows, bytes per row)."""
Unpack: TypeAlias = Callable[[bytes], Bytes]

REVERSED_BITS = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
NO_RUN = 128
"""The byte of PackBits that stands for nothing; smaller ones precede bytes as they are, larger ones a repeated one."""
MAX_RUN_BYTES = 1 << 20
"""Bytes of PackBits that are looked through for the end of a tile, at most, which takes up to a quarter of a second."""
SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}


def make_decoder(layout: Layout, directory: Directory) -> TileDecoder:
    """The decoder of a level's tiles.

    Raises:
        UnsupportedImage: their compression is not supported, or not with samples of this type.
    """
    make = DECODERS.get(layout.compression)
    if make is None:
        known = ", ".join(Compression(number).name.lower().replace("_", " ") for number in DECODERS)
        raise UnsupportedImage(
            f"TIFF compression {named('COMPRESSION', layout.compression)}; these are read: {known}"
        )
    return make(layout, directory)


# -- samples out of bytes ----------------------------------------------------------------------------


def _arranged(layout: Layout, unpack: Unpack) -> TileDecoder:
    """A decoder that unpacks bytes, and arranges them into samples."""
    arrange = _arrangement(layout)
    return lambda data: arrange(unpack(data))


def _arrangement(layout: Layout) -> Callable[[Bytes], Samples]:
    if layout.subsampling != NO_SUBSAMPLING:
        return _upsampling(layout)
    shape, kind, bits = layout.shape, layout.type.stored, layout.type.bits
    if layout.type.is_whole:
        as_stored = kind.newbyteorder(">" if layout.byte_order == ">" else "<")
        return lambda rows: rows.view(as_stored).reshape(shape).astype(kind, copy=False)
    if layout.type == SampleType("f", 24):
        floats = partial(imagecodecs.float24_decode, byteorder=">" if layout.byte_order == ">" else "<")
        return lambda rows: floats(rows.tobytes()).reshape(shape)
    if bits == 24:
        return lambda rows: _triples(rows, layout)
    run = layout.tile.width * layout.stored_bands
    # most significant bit first in either byte order (TIFF 6.0 section 3, FillOrder)
    return lambda rows: imagecodecs.packints_decode(rows.tobytes(), kind, bits, runlen=run).reshape(shape)


def _triples(rows: Bytes, layout: Layout) -> Samples:
    """Integers of three bytes in the layout's byte order (see `with_sample_order`)."""
    parts = rows.reshape(*layout.shape, 3).astype(np.uint32)
    low, middle, high = (0, 1, 2) if layout.byte_order == "<" else (2, 1, 0)
    result: Samples = parts[..., low] | parts[..., middle] << 8 | parts[..., high] << 16
    return result


def with_sample_order(
    layout: Layout, directory: Directory, offsets: Sequence[int], counts: Sequence[int]
) -> Layout:
    """The layout with the byte order that integers of three bytes have.

    Writers of little-endian files disagree: the specification's order is the file's, GDAL and tifffile read the most
    significant byte first. Neighboring samples are alike in the right order, so the first tile or strip decides.
    """
    if layout.type.kind == "f" or layout.type.bits != 24 or layout.byte_order == ">":
        return layout
    index = next((index for index, count in enumerate(counts) if count), None)
    if index is None:
        return layout
    swapped = layout._replace(byte_order=">")
    try:
        data = read_segment(
            directory.reader, offsets[index], counts[index], layout.max_encoded_bytes,
            proves_length=layout.proves_length,
        )  # fmt: skip
        as_declared, as_swapped = (make_decoder(one, directory)(data or b"") for one in (layout, swapped))
    except (ValueError, RuntimeError):
        return layout
    return swapped if _roughness(as_swapped) < _roughness(as_declared) else layout


def _roughness(samples: Samples) -> float:
    """Mean difference of neighbors along rows and columns."""
    wide = samples.astype(np.float64)
    steps = [np.abs(np.diff(wide, axis=axis)) for axis in (0, 1)]
    return sum(float(step.mean()) for step in steps if step.size)


def _upsampling(layout: Layout) -> Callable[[Bytes], Samples]:
    """Blocks of pixels that share Cb and Cr become pixels of three samples (TIFF 6.0 section 21)."""
    across, down = layout.subsampling
    height, width, _ = layout.shape
    lumas = across * down

    def arrange(rows: Bytes) -> Samples:
        blocks = rows.reshape(layout.rows, -1, lumas + 2)
        result: Samples = np.empty((layout.rows, down, blocks.shape[1], across, 3), np.uint8)
        luma = blocks[:, :, :lumas].reshape(layout.rows, -1, down, across)
        result[..., 0] = luma.transpose(0, 2, 1, 3)
        result[..., 1:] = blocks[:, None, :, None, lumas:]
        return result.reshape(layout.rows * down, -1, 3)[:height, :width]

    return arrange


# -- codecs of bytes ---------------------------------------------------------------------------------


def _stored(layout: Layout, directory: Directory) -> TileDecoder:
    size, row_bytes, is_reversed = layout.tile_bytes, layout.row_bytes, layout.bits_reversed

    def unpack(data: bytes) -> Bytes:
        if len(data) < size:
            raise DamagedTile(f"{len(data)} bytes of {size}")
        ordered = data.translate(REVERSED_BITS) if is_reversed else data
        return np.frombuffer(ordered, np.uint8, size).reshape(-1, row_bytes)

    return _arranged(layout, unpack)


def _packbits(layout: Layout, directory: Directory) -> TileDecoder:
    size, row_bytes, is_reversed = layout.tile_bytes, layout.row_bytes, layout.bits_reversed

    def unpack(data: bytes) -> Bytes:
        ordered = data.translate(REVERSED_BITS) if is_reversed else data
        try:
            unpacked = imagecodecs.packbits_decode(ordered, out=size)
        except imagecodecs.PackbitsError:
            # other bytes may follow the tile
            unpacked = imagecodecs.packbits_decode(ordered[: _packed_length(ordered, size)], out=size)
        if len(unpacked) != size:
            raise DamagedTile("fewer pixels than the tile has")
        return np.frombuffer(unpacked, np.uint8).reshape(-1, row_bytes)

    return _arranged(layout, unpack)


def _packed_length(data: bytes, size: int) -> int:
    """Length of the runs that unpack to `size` bytes (TIFF 6.0 section 9).

    Raises:
        DamagedTile: a run goes on past that, or the data are too long to be looked through.
    """
    position = unpacked = 0
    while unpacked < size and position < min(len(data), MAX_RUN_BYTES):
        head = data[position]
        position += head + 2 if head < NO_RUN else 1 + (head > NO_RUN)
        unpacked += head + 1 if head < NO_RUN else (257 - head) * (head > NO_RUN)
    if unpacked != size:
        raise DamagedTile("runs that do not end with the tile")
    return position


def _by_libtiff(layout: Layout, directory: Directory) -> TileDecoder:
    """A decoder by libtiff, which gets the tile as a TIFF file of one strip, and undoes predictor and byte order.

    imagecodecs' own LZW decoder and predictor take half as long again, its other decoders a tenth more, and its floating
    point predictor twice as long.
    """
    if not layout.type.is_whole or layout.subsampling != NO_SUBSAMPLING:
        return _bytes_by_libtiff(layout)
    shape, kind, samples = layout.shape, layout.type, layout.stored_bands
    fields = strip_fields(layout, layout.tile.width, layout.tile.height, (kind.bits,) * samples)
    fields |= {
        tags.PHOTOMETRIC: Photometric.RGB if samples > 2 else Photometric.BLACK_IS_ZERO,
        tags.PREDICTOR: layout.predictor,
        tags.SAMPLE_FORMAT: (SAMPLE_FORMATS[kind.kind],) * samples,
    }
    read = strip_reader(fields, layout.byte_order, kind.stored)
    return lambda data: read(data).reshape(shape)


def _in_place(layout: Layout, directory: Directory) -> TileDecoder:
    """A decoder of deflate and zstd. Wide samples in native byte order are unpacked in place, which takes a twelfth
    (zstd: a sixth) less time than by libtiff; samples of 8 bits would take longer.
    """
    by_libtiff, kind, shape = _by_libtiff(layout, directory), layout.type.stored, layout.shape
    as_stored = kind.newbyteorder(">" if layout.byte_order == ">" else "<")
    plain = layout.type.is_whole and layout.subsampling == NO_SUBSAMPLING and not layout.bits_reversed
    if not plain or layout.predictor == 3 or kind.itemsize == 1 or not as_stored.isnative:
        return by_libtiff
    unpack, error, unpack_beginning = UNPACKERS[layout.compression]
    size, differs, whole = layout.tile_bytes, layout.predictor == 2, np.dtype(f"u{kind.itemsize}")

    def decode(data: bytes) -> Samples:
        room = np.empty(size, np.uint8)
        try:
            length = len(unpack(data, out=room.data))
        except error:
            # the stream continues past the end of the tile, or is damaged
            if unpack_beginning is None:
                return by_libtiff(data)
            room = np.frombuffer(bytearray(unpack_beginning(data, size)), np.uint8)
            length = len(room)
        if length != size:
            raise DamagedTile("fewer pixels than the tile has")
        samples = room.view(whole).reshape(shape)
        if differs:
            imagecodecs.delta_decode(samples, axis=1, out=samples)
        return samples.view(kind)

    return decode


def _beginning_of_deflate(data: bytes, size: int) -> bytes:
    """The first `size` bytes of a longer stream, of which libdeflate cannot unpack a part."""
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise DamagedTile("not a deflate stream") from error


DEFLATE = (imagecodecs.deflate_decode, imagecodecs.DeflateError, _beginning_of_deflate)
UNPACKERS: Mapping[int, tuple[Callable[..., Any], type[Exception], Callable[[bytes, int], bytes] | None]] = {
    Compression.ADOBE_DEFLATE: DEFLATE,
    Compression.DEFLATE: DEFLATE,
    Compression.ZSTD: (imagecodecs.zstd_decode, imagecodecs.ZstdError, None),
}
"""By compression: decoder, its exception, and a decoder of the beginning of longer streams (None: libtiff's)."""


def _bytes_by_libtiff(layout: Layout) -> TileDecoder:
    """A decoder by libtiff of samples that are passed as bytes."""
    if layout.predictor != 1:
        raise UnsupportedImage(f"a predictor with samples of {layout.type.bits} bits or shared colors")
    fields = strip_fields(layout, layout.row_bytes, layout.rows, (8,))
    return _arranged(layout, strip_reader(fields, "<", np.dtype(np.uint8)))


LERC_PACKERS = {0: None, 1: imagecodecs.zlib_decode, 2: imagecodecs.zstd_decode}
"""By the second value of LercParameters: decoder of an additional compression."""


def _lerc(layout: Layout, directory: Directory) -> TileDecoder:
    """A decoder of limited error raster compression (LERC)."""
    if not layout.type.is_whole or (layout.type.bits == 16 and layout.type.kind == "f"):
        raise UnsupportedImage(f"TIFF with LERC compression of samples of {layout.type.bits} bits")
    packing = (*directory.integers(LERC_PARAMETERS), 0, 0)[1]
    if packing not in LERC_PACKERS:
        raise UnsupportedImage(f"TIFF with LERC compression and unknown additional compression {packing}")
    unpack = LERC_PACKERS[packing]
    height, width, bands = layout.shape
    maximum = layout.max_encoded_bytes
    invalid = np.nan if layout.type.kind == "f" and layout.nodata is None else layout.empty

    def decode(data: bytes) -> Samples:
        blob = data if unpack is None else unpack(data, out=maximum)
        out: Samples = np.empty((height, width) if bands == 1 else layout.shape, layout.type.stored)
        # checks size and type before it decodes; pixels that are marked as invalid are 0
        _, valid = imagecodecs.lerc_decode(blob, masks=True, out=out)
        if valid is not None:
            out[~valid.reshape(-1, height, width)[0]] = invalid
        return out.reshape(layout.shape)

    return decode


DECODERS: Mapping[int, Callable[[Layout, Directory], TileDecoder]] = {
    Compression.NONE: _stored,
    Compression.LZW: _by_libtiff,
    Compression.ADOBE_DEFLATE: _in_place,
    Compression.DEFLATE: _in_place,
    Compression.ZSTD: _in_place,
    Compression.LZMA: _by_libtiff,
    Compression.PACKBITS: _packbits,
    **dict.fromkeys(sorted(CCITT_SCHEMES), fax_decoder),
    Compression.LERC: _lerc,
    Compression.JPEG: lambda layout, directory: image_codecs.JpegDecoder(layout, directory.data(JPEG_TABLES)),
    Compression.WEBP: image_codecs.webp,
    Compression.APERIO_YCBCR: image_codecs.jpeg2000,
    Compression.JPEG2000_LOSSY: image_codecs.jpeg2000,
    Compression.APERIO_RGB: image_codecs.jpeg2000,
    Compression.JPEG2000: image_codecs.jpeg2000,
}
"""By the number of the compression: (layout, directory) -> decoder."""
