"""What GeoTIFF cannot hold, and which combinations of its parameters are none."""

from __future__ import annotations

import numpy as np

from iipserve.coverage_formats import Raster
from iipserve.coverage_formats.geo_keys import refusal_of_system
from iipserve.coverage_formats.tiff_compressions import FLOATING_POINT, NO_PREDICTOR, PREDICTORS, SCHEMES
from iipserve.geo.crs import quoted
from iipserve.geometry import Size

MAX_BANDS = 65535
"""SamplesPerPixel has 16 bits."""
TILE_UNIT = 16
"""Sides of tiles are multiples of it (TIFF 6.0, 15)."""
MAX_TILE_SIDE = 8192
MAX_JPEG_SIDE = 65500
JPEG_BANDS = (1, 3)
INTERLEAVES = ("pixel", "band")


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as GeoTIFF with the parameters of its encoding, or None."""
    return _samples(raster) or _structure(raster) or _compression(raster) or _predictor(raster)


def _samples(raster: Raster) -> str | None:
    if raster.dtype.kind not in "uif":
        return f"GeoTIFF does not hold samples of the type {raster.dtype.name} here"
    if raster.bands > MAX_BANDS:
        return f"GeoTIFF holds up to {MAX_BANDS} bands, not {raster.bands}; ask for some of them"
    return refusal_of_system(raster.grid.crs)


def _structure(raster: Raster) -> str | None:
    encoding = raster.encoding
    if encoding.interleave not in INTERLEAVES:
        return f"the interleaving {quoted(encoding.interleave)} is unknown; write pixel or band"
    if encoding.tile is not None and not all(map(_is_tile_side, encoding.tile)):
        width, height = encoding.tile
        return (
            f"tiles of {width} x {height} pixels are not written; write multiples of 16 up to {MAX_TILE_SIDE}"
        )
    return None


def _is_tile_side(side: int) -> bool:
    return side % TILE_UNIT == 0 and 0 < side <= MAX_TILE_SIDE


def _compression(raster: Raster) -> str | None:
    compression = raster.encoding.compression or "none"
    if compression not in SCHEMES:
        return f"the compression {quoted(compression)} is unknown; write one of {', '.join(SCHEMES)}"
    if compression == "jpeg":
        return _jpeg(raster)
    if compression == "huffman" and (raster.description.bits != 1 or raster.bands != 1):
        return "the compression huffman is of one band of 1 bit; write deflate for others"
    return None


def _jpeg(raster: Raster) -> str | None:
    if raster.dtype != np.uint8:
        return (
            f"the compression jpeg is of 8 bits, these samples are {raster.dtype.name}; write deflate or lzw"
        )
    if raster.description.palette and raster.bands == 1:
        return "the compression jpeg would change samples of a color table to others; write deflate or lzw"
    if raster.bands not in JPEG_BANDS and raster.encoding.interleave != "band":
        return f"the compression jpeg is of 1 or 3 bands, these are {raster.bands}; write the interleaving band, or deflate"
    block: Size = raster.encoding.tile or raster.size
    if block.width > MAX_JPEG_SIDE:
        return f"the compression jpeg is of up to {MAX_JPEG_SIDE} pixels; write tiles, or deflate"
    return None


def _predictor(raster: Raster) -> str | None:
    word, compression = raster.encoding.predictor, raster.encoding.compression or "none"
    predictor = PREDICTORS.get(word)
    if predictor is None:
        return f"the predictor {quoted(word)} is unknown; write none, horizontal or floatingpoint"
    if predictor != NO_PREDICTOR and not SCHEMES[compression].predicts:
        return f"a predictor is of the compressions lzw, deflate and zstd, not of {compression}"
    if predictor == FLOATING_POINT and raster.dtype.kind != "f":
        return f"the predictor floatingpoint is not of {raster.dtype.name} samples; write horizontal"
    return None
