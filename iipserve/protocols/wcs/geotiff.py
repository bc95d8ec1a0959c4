"""Parameters of the GeoTIFF extension (OGC 12-100r1): how a GeoTIFF file is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from iipserve.geo.crs import quoted
from iipserve.geometry import Size
from iipserve.plan import CoverageEncoding
from iipserve.protocols.wcs.exceptions import fault

COMPRESSION_INVALID = "CompressionInvalid"
COMPRESSION_NOT_SUPPORTED = "CompressionNotSupported"
QUALITY_INVALID = "JpegQualityInvalid"
PREDICTOR_INVALID = "PredictorInvalid"
PREDICTOR_NOT_SUPPORTED = "PredictorNotSupported"
INTERLEAVING_INVALID = "InterleavingInvalid"
TILING_INVALID = "TilingInvalid"

COMPRESSIONS = {
    "none": "none", "packbits": "packbits", "huffman": "huffman", "lzw": "lzw", "jpeg": "jpeg", "deflate": "deflate", "zip": "deflate",
    "zstd": "zstd",
}  # fmt: skip
"""By names in lower case."""
PREDICTORS = {"none": "none", "horizontal": "horizontal", "floatingpoint": "floatingpoint"}
INTERLEAVINGS = {"pixel": "pixel", "band": "band"}
WITH_PREDICTOR = ("lzw", "deflate", "zstd")
TILE, MAX_TILE, UNIT = 256, 4096, 16
"""Sides of tiles: by default, at most, and of which they are multiples."""
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def encoding_of(options: Mapping[str, str], plain: CoverageEncoding, dtype: str) -> CoverageEncoding:
    """How a GeoTIFF file is written.

    Args:
        options: parameters by name in lower case, without prefix; those that are unknown are passed over.
        plain: how it is written without any.
        dtype: of the samples.

    Raises:
        OwsError: a value is invalid, or two of them do not go together.
    """
    compression = _compression(options, plain)
    return replace(
        plain,
        compression=compression,
        predictor=_predictor(options, compression, dtype) or plain.predictor,
        interleave=_choice(options, "interleave", INTERLEAVINGS, INTERLEAVING_INVALID) or plain.interleave,
        tile=_tile(options, plain),
        quality=_quality(options, compression) or plain.quality,
    )


def _choice(options: Mapping[str, str], name: str, known: Mapping[str, str], code: str) -> str | None:
    text = options.get(name, "").strip()
    if not text:
        return None
    if text.lower() not in known:
        raise fault(code, f"{name} {quoted(text)} is unknown; {', '.join(known)} are offered", text)
    return known[text.lower()]


def _compression(options: Mapping[str, str], plain: CoverageEncoding) -> str:
    found = _choice(options, "compression", COMPRESSIONS, COMPRESSION_INVALID)
    return plain.compression if found is None else found


def _quality(options: Mapping[str, str], compression: str) -> int:
    """1 to 100; 0 where none is stated."""
    text = options.get("jpeg_quality", "").strip()
    if not text:
        return 0
    is_number = text.isascii() and text.isdecimal() and len(text) <= 3
    if not is_number or not 1 <= int(text) <= 100:
        raise fault(QUALITY_INVALID, f"jpeg_quality {quoted(text)} is not a whole number from 1 to 100", text)
    if compression != "jpeg":
        raise fault(QUALITY_INVALID, "jpeg_quality goes with the compression JPEG", text)
    return int(text)


def _predictor(options: Mapping[str, str], compression: str, dtype: str) -> str:
    found = _choice(options, "predictor", PREDICTORS, PREDICTOR_INVALID)
    if found in (None, "none"):
        return found or ""
    text = options["predictor"]
    if compression not in WITH_PREDICTOR:
        raise fault(
            PREDICTOR_NOT_SUPPORTED,
            f"a predictor goes with one of the compressions {', '.join(WITH_PREDICTOR)}",
            text,
        )
    if found == "floatingpoint" and not dtype.startswith("float"):
        raise fault(
            PREDICTOR_NOT_SUPPORTED,
            f"the predictor {quoted(text)} is of floating point samples; these are {dtype}",
            text,
        )
    return found


def _tile(options: Mapping[str, str], plain: CoverageEncoding) -> Size | None:
    """The size of tiles; None for strips."""
    switch = options.get("tiling", "").strip()
    sides = [options.get(name, "").strip() for name in ("tilewidth", "tileheight")]
    if switch and switch.lower() not in SWITCHES:
        raise fault(TILING_INVALID, f"tiling {quoted(switch)} is neither true nor false", switch)
    tiled = SWITCHES[switch.lower()] if switch else any(sides) or None
    if tiled is None:
        return plain.tile
    if not tiled:
        if any(sides):
            raise fault(TILING_INVALID, "tilewidth and tileheight go with tiling=true", switch)
        return None
    if not any(sides):
        return Size(TILE, TILE)
    # one of them alone makes squares
    return Size(_side(sides[0] or sides[1]), _side(sides[1] or sides[0]))


def _side(text: str) -> int:
    side = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    if side % UNIT or not UNIT <= side <= MAX_TILE:
        raise fault(
            TILING_INVALID, f"side {quoted(text)} of tiles is not a multiple of {UNIT} up to {MAX_TILE}", text
        )
    return side
