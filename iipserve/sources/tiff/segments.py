"""Code shared by tiles and strips: their bytes in the file, and masks that become opacity."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from iipserve.containers.ifd import Directory, Reader
from iipserve.containers.tables import Table
from iipserve.containers.tags import Compression, Photometric
from iipserve.geometry import Size
from iipserve.processing.layout import chosen_bands
from iipserve.sources import Bands
from iipserve.sources.color import Samples, Step
from iipserve.sources.tiff.layout import Layout, counts_tag, offsets_tag

MIN_OFFSET = 8
"""Length of the file header; no tile or strip begins inside it."""
MASK_THRESHOLD = 127
"""Samples of a mask above this are opaque where opacity has more than 8 bits."""


def read_tables(directory: Directory, layout: Layout) -> tuple[Sequence[int], Sequence[int]]:
    """Offset and byte count of every tile or strip, row by row and plane by plane.

    Byte counts that are all 0 or left out are estimated as in libtiff: uncompressed data have a known length, others
    reach to the next tile or strip, or to the end of the file.

    Raises:
        DecodeError: the fields are damaged.
    """
    count = layout.grid.tile_count * layout.planes
    offsets, tag = directory.paged_table(offsets_tag(directory), count), counts_tag(directory)
    if directory.count(tag):
        counts = directory.paged_table(tag, count)
        # nearly always the first one is not 0, and any() takes a generator for a paged table
        if counts[0] or any(counts) or not any(offsets):
            return offsets, counts
    return offsets, _estimated(offsets, layout, directory.reader.length)


def holds_tables(directory: Directory, layout: Layout) -> bool:
    """Whether `read_tables` succeeds and its byte counts are those of the file."""
    count = layout.grid.tile_count * layout.planes
    return directory.holds_table(offsets_tag(directory), count) and directory.holds_table(
        counts_tag(directory), count
    )


def _estimated(offsets: Sequence[int], layout: Layout, length: int) -> Table:
    """Byte counts; `length` is that of the file."""
    if layout.compression == Compression.NONE:
        return array(
            "Q", (min(layout.tile_bytes, max(0, length - offset)) if offset else 0 for offset in offsets)
        )
    ends = [*sorted(offset for offset in set(offsets) if offset < length), length]
    room = (
        ends[min(bisect_right(ends, offset), len(ends) - 1)] - offset if offset else 0 for offset in offsets
    )
    return array("Q", (min(max(0, one), layout.max_encoded_bytes) for one in room))


def unwritten_pixel(layout: Layout, convert: Step | None) -> Samples:
    """The output samples of a pixel that was never written: missing data if the file declares a sample for it, else 0
    as stored. Opacity is clear. Shape (1, 1, bands).
    """
    bands = layout.bands
    if layout.nodata is None and bands.photometric == Photometric.YCBCR:
        return np.zeros((1, 1, bands.count), layout.output_type.output_dtype)
    stored: Samples = np.full((1, 1, bands.stored), layout.empty, layout.type.stored)
    pixel = np.array(convert(stored) if convert else stored)
    if bands.has_alpha:
        pixel[..., -1] = 0
    return pixel


def stored_planes(layout: Layout, bands: Bands) -> Bands:
    """The planes that are read for some bands as the file has them; all where they are converted together."""
    return bands if layout.planes > 1 and not is_converted(layout) else tuple(range(layout.planes))


def is_converted(layout: Layout) -> bool:
    """Whether output samples count as those of the file: YCbCr is another form of RGB."""
    return layout.bands.photometric == Photometric.YCBCR


def as_stored(
    pixels: Samples | None, bands: Bands, size: Size, layout: Layout, convert: Step | None
) -> Samples:
    """Samples as the file has them.

    Args:
        pixels: as decoded, of `stored_planes`; None if they were never written: missing data, else 0.
        bands: of the result, in its order.
        size: of what was read.
        layout: of the level.
        convert: makes output samples of decoded ones.
    """
    if pixels is None:
        pixel: Samples = np.full((1, 1, len(bands)), layout.empty, layout.type.stored)
        if is_converted(layout):
            pixel = chosen_bands(unwritten_pixel(layout, convert), bands)
        return np.broadcast_to(pixel, (size.height, size.width, len(bands)))
    if is_converted(layout):
        return chosen_bands(convert(pixels) if convert else pixels, bands)
    return pixels if layout.planes > 1 else chosen_bands(pixels, bands)


def read_segment(
    reader: Reader, offset: int, count: int, maximum: int, *, proves_length: bool = False
) -> bytes | None:
    """The bytes of a tile or strip; None if it was never written, which a byte count of 0 says.

    Args:
        reader: the open file.
        offset: in the file, in bytes.
        count: in bytes.
        maximum: a larger `count` is considered damage.
        proves_length: `Layout.proves_length`; the count is then cut to the maximum, and at the end of the file.

    Raises:
        ValueError: the bytes are not in the file, or too many.
    """
    if count == 0:
        return None
    if proves_length:
        count = min(count, maximum, max(1, reader.length - offset))
    if offset < MIN_OFFSET or count > maximum or offset + count > reader.length:
        raise ValueError(f"{count} bytes at {offset}")
    data = reader.read(count, offset)
    if len(data) != count:
        raise ValueError(f"{len(data)} bytes of {count}")
    return data


def with_opacity(pixels: Samples, mask: Samples, full_scale: float) -> Samples:
    """The pixels with a mask as their last band.

    Args:
        pixels: of any sample type.
        mask: uint8, of one band; used unchanged for pixels of 8 bits, and as all or nothing for others.
        full_scale: the sample that is fully opaque.
    """
    result = np.empty((*pixels.shape[:2], pixels.shape[2] + 1), pixels.dtype)
    result[:, :, :-1] = pixels
    result[:, :, -1:] = mask if pixels.dtype == np.uint8 else np.where(mask > MASK_THRESHOLD, full_scale, 0)
    return result
