"""PNG of 8 and 16 bits: samples as they are, with their color table (PNG specification, third edition)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import isal

from iipserve.codecs.png import COLOR_TYPES, END, compressed_rows
from iipserve.codecs.png_chunks import MAX_NUMBER, chunk
from iipserve.containers.png import SIGNATURE
from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.coverage_formats.nodata import common_nodata

PALETTE = 3
"""Color type of indices (11.2.1)."""
LEVEL = 1
"""Of compression."""
TYPES = {"uint8": 8, "uint16": 16}


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as PNG, or None."""
    if raster.dtype.name not in TYPES:
        return (
            f"PNG holds unsigned samples of 8 or 16 bits, these are {raster.dtype.name}; ask for image/tiff"
        )
    if raster.bands not in COLOR_TYPES:
        return f"PNG holds up to 4 bands, these are {raster.bands}; ask for fewer, or for image/tiff"
    if max(raster.size) > MAX_NUMBER:
        return f"PNG has at most {MAX_NUMBER} pixels per side"
    return None


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The file from beginning to end."""
    bits, palette = TYPES[raster.dtype.name], _palette(raster)
    color_type = PALETTE if palette else COLOR_TYPES[raster.bands]
    yield SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *raster.size, bits, color_type, 0, 0, 0))
    if palette:
        yield chunk(b"PLTE", palette)
    if transparent := _transparent(raster, is_palette=bool(palette)):
        yield chunk(b"tRNS", transparent)
    shape = (raster.size.height, raster.size.width, raster.bands)
    for data in compressed_rows(strips, shape, LEVEL):
        yield chunk(b"IDAT", data)
    yield END


def _palette(raster: Raster) -> bytes:
    """The color table, of as many colors as there are samples; empty where samples are no indices."""
    colors = raster.description.palette
    if not colors or raster.bands != 1 or raster.dtype.name != "uint8":
        return b""
    return colors[: 256 * 3].ljust(256 * 3, b"\0")


def _transparent(raster: Raster, *, is_palette: bool) -> bytes:
    """The sample, or color, that represents missing data (11.3.1.1); empty where there is none."""
    nodata = common_nodata(raster)
    if nodata is None or raster.bands in (2, 4):
        return b""
    if is_palette:
        return b"\xff" * int(nodata) + b"\0"
    return struct.pack(">H", int(nodata)) * raster.bands


COVERAGE_FORMAT = CoverageFormat(
    name="png",
    title="PNG",
    media_type="image/png",
    extension="png",
    refusal=refusal,
    pieces=pieces,
    names=("png8", "png16", "png24"),
    position=20,
    library=lambda: f"isal {isal.__version__}",
)
