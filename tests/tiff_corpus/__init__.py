"""Every kind of TIFF pyramid the server reads, as small files made from one picture.

`KINDS` maps a name to a maker: `KINDS["cmyk"](path)` writes a pyramid of 600 x 450, 300 x 225, 150 x 112 and
75 x 56 pixels in tiles of 128 x 128 and returns what it `Written`: for each level the samples that a source must
hand out (type, bands and values as documented at `ImageInfo`), known from the picture and not from any decoder.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.tiff_corpus.colors import (
    REC_709,
    STUDIO,
    further_band,
    icc_lab,
    inks,
    itu_lab,
    lab,
    masked,
    opacity,
    palette,
    palette_with_opacity,
    unspecified,
    ycc,
)
from tests.tiff_corpus.layout import (
    BLACK_IS_ZERO,
    DEFLATE,
    LZMA,
    LZW,
    NONE,
    PACKBITS,
    ZSTD,
    Layout,
    Maker,
    Written,
    scene,
    scenes,
    span,
    spread,
    whole,
)
from tests.tiff_corpus.samples import (
    CODED,
    bits_reversed,
    declared_range,
    typed,
    unsigned,
    white_is_zero,
    white_is_zero_real,
    white_is_zero_signed,
    with_nan,
)
from tests.tiff_corpus.stacks import TURNS, ome, pages, stack, upright

__all__ = ["KINDS", "TURNS", "Layout", "Maker", "Written", "scene", "scenes", "span", "spread", "whole"]

KINDS: Mapping[str, Maker] = {
    **{
        f"gray{bits}": unsigned(bits, compression=DEFLATE) for bits in (1, 2, 4, 6, 8, 10, 12, 14, 16, 24, 32)
    },
    "gray24-big-endian": unsigned(24, order=">"),
    **{f"rgb{bits}": unsigned(bits, 3, compression=LZW) for bits in (4, 8, 12, 16)},
    "rgb16-deflate-predictor": unsigned(16, 3, compression=DEFLATE, predictor=2),
    "rgb16-big-endian-predictor": unsigned(16, 3, compression=LZW, predictor=2, order=">"),
    "rgb16-zstd": unsigned(16, 3, compression=ZSTD, predictor=2),
    "gray12-packbits-big-endian": unsigned(12, compression=PACKBITS, order=">"),
    "gray16-lzma": unsigned(16, compression=LZMA),
    "gray32-big-endian-predictor": unsigned(32, compression=DEFLATE, predictor=2, order=">"),
    "rgb16-planar": unsigned(16, 3, compression=DEFLATE, predictor=2, planar=True),
    "rgb8-planar": unsigned(8, 3, compression=LZW, planar=True),
    "bands8": unsigned(8, 8, photometric=BLACK_IS_ZERO, extra=(0,) * 7, compression=DEFLATE, predictor=2),
    "bands8-16-planar": unsigned(
        16, 8, photometric=BLACK_IS_ZERO, extra=(0,) * 7, compression=DEFLATE, planar=True
    ),
    "bands2": unsigned(8, 2, extra=(0,)),
    "int8": typed("i1", -100, 120, "int16"),
    "int16": typed("i2", -3000, 20000, "int16", compression=LZW, predictor=2),
    "int32": typed("i4", -1e9, 2e9, "int32", compression=DEFLATE, predictor=2),
    "float16": typed("f2", -2, 5, "float32"),
    "float32": typed("f4", 0, 1, "float32"),
    "float32-deflate-predictor": typed("f4", -10, 900, "float32", compression=DEFLATE, predictor=3),
    "float32-big-endian-predictor": typed("f4", 0, 1, "float32", compression=LZW, predictor=3, order=">"),
    "rgb-float32": typed("f4", 0, 1, "float32", 3, compression=ZSTD, predictor=3),
    "float64": typed("f8", -1e3, 1e3, "float32", compression=DEFLATE),
    "float64-big-endian": typed("f8", 0, 1, "float32", order=">"),
    "float32-nan": with_nan,
    **{f"white-is-zero{bits}": white_is_zero(bits) for bits in (1, 4, 8, 16)},
    "white-is-zero-float": white_is_zero_real,
    "white-is-zero-signed": white_is_zero_signed,
    "bits-reversed": bits_reversed,
    **CODED,
    "palette4": palette(4),
    "palette8": palette(8),
    "palette8-of-8-bits": palette(8, factor=1),
    "palette-opacity": palette_with_opacity,
    "cmyk": inks(8),
    "cmyk16": inks(16),
    "cmyk-planar": inks(8, planar=True),
    "cmyk-opacity": inks(8, 5),
    "cielab8": lab("uint8"),
    "cielab16": lab("uint16"),
    "cielab-float": lab("float32"),
    "icclab8": icc_lab(8),
    "icclab16": icc_lab(16),
    "itulab8": itu_lab,
    "ycc-444": ycc((1, 1), NONE),
    "ycc-422-rec709": ycc((2, 1), DEFLATE, weights=REC_709),
    "ycc-420-studio": ycc((2, 2), LZW, levels=STUDIO),
    "ycc-411": ycc((4, 1), PACKBITS),
    "rgb8-unspecified": unspecified(8),
    "rgb16-unspecified": unspecified(16),
    "rgb8-opacity": opacity("u1", 3),
    "rgb16-opacity": opacity("u2", 3),
    "gray16-opacity": opacity("u2", 1),
    "rgb-float-opacity": opacity("f4", 3),
    "rgb8-premultiplied": opacity("u1", 3, premultiplied=True),
    "rgb16-premultiplied": opacity("u2", 3, premultiplied=True),
    "rgb-float-premultiplied": opacity("f4", 3, premultiplied=True),
    "rgb8-mask": masked,
    "rgb16-opacity-and-band": further_band,
    "gray16-range": declared_range,
    **{f"orientation{number}": upright(number) for number in range(2, 9)},
    "stack": stack(flat=False),
    "stack-flat": stack(flat=True),
    "stack-of-pages": pages,
    "stack-ome": ome,
}
"""By name: writes the file, and tells what it shows."""
