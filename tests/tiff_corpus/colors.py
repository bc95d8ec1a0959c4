"""Kinds of color and opacity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from iipserve.image import ColorSpace
from tests.tiff_corpus.layout import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    DEFLATE,
    ICCLAB,
    ITULAB,
    LEVELS,
    LZW,
    MASK,
    PACKERS,
    PALETTE,
    REAL,
    RGB,
    UNASSOCIATED,
    UNSIGNED,
    UNSPECIFIED,
    YCBCR,
    Layout,
    Maker,
    Written,
    scene,
    scenes,
    span,
    whole,
)
from tests.tiff_corpus.tiff_writer import RATIONAL, SHORT, Samples, write_tiff


def palette(bits: int, factor: int = 257) -> Maker:
    """Indexes into a table of colors; with `factor` 1 the table holds 8 bits, as some writers have it."""
    colors = np.random.default_rng(bits).integers(0, 256, (2**bits, 3))

    def make(path: Path) -> Written:
        stored = whole(scenes(1), bits)
        table = {320: (SHORT, [int(value) for value in (colors * factor).T.ravel()])}
        Layout(bits, photometric=PALETTE, compression=LZW, fields=table).write(path, stored)
        shown = [colors.astype(np.uint8)[level[:, :, 0]] for level in stored]
        return Written(shown, ColorSpace.SRGB, ranges=span(3, 0, 255))

    return make


def inks(bits: int, bands: int = 4, **options: Any) -> Maker:
    """CMYK, with opacity behind if there are five bands."""

    def make(path: Path) -> Written:
        levels = whole(scenes(bands), bits)
        extra = (UNASSOCIATED,) * (bands - 4)
        layout = Layout(bits, photometric=CMYK, compression=DEFLATE, extra=extra, **options)
        layout.write(path, levels)
        return Written(levels, ColorSpace.CMYK, bits, bands == 5, span(bands, 0, 2**bits - 1))

    return make


def lab(kind: str) -> Maker:
    """CIE L*a*b*: L* of 0 to 100, a* and b* around 0, as TIFF 6.0 section 23 and Technical Note 4 code them."""
    codes = {"uint8": (2.55, 1.0), "uint16": (655.35, 256.0), "float32": (1.0, 1.0)}
    light, chroma = codes[kind]

    def make(path: Path) -> Written:
        levels = []
        for level in scenes(3):
            values = level * [100 * light, 160 * chroma, 160 * chroma] - [0, 80 * chroma, 80 * chroma]
            if kind == "float32":
                levels.append(values.astype(np.float32))
            else:
                levels.append(np.rint(values).astype(np.int32).astype(kind))
        format, bits = (REAL, 32) if kind == "float32" else (UNSIGNED, 8 * np.dtype(kind).itemsize)
        Layout(bits, format, CIELAB, DEFLATE).write(path, levels)
        ranges = ((0, 100), (-128, 127), (-128, 127)) if format == REAL else span(3, 0, 2**bits - 1)
        return Written(levels, ColorSpace.CIELAB, bits, ranges=ranges)

    return make


def opacity(dtype: str, colors: int, *, premultiplied: bool = False) -> Maker:
    """Gray or RGB with opacity, in any type."""
    kind = np.dtype(dtype)
    most = 1.0 if kind.kind == "f" else np.iinfo(kind).max
    bits, format = 8 * kind.itemsize, REAL if kind.kind == "f" else UNSIGNED

    def make(path: Path) -> Written:
        straight, stored = [], []
        for level in scenes(colors + 1):
            alpha = level[:, :, -1:] * 0.5 + 0.5
            shown = np.concatenate((level[:, :, :-1], alpha), axis=2) * most
            held = shown * np.where(np.arange(colors + 1) < colors, alpha if premultiplied else 1.0, 1.0)
            shown, held = (shown, held) if kind.kind == "f" else (np.rint(shown), np.rint(held))
            straight.append(shown.astype(kind))
            stored.append(held.astype(kind))
        extra = (ASSOCIATED if premultiplied else UNASSOCIATED,)
        photometric = RGB if colors == 3 else BLACK_IS_ZERO
        Layout(bits, format, photometric, DEFLATE, extra=extra).write(path, stored)
        space = ColorSpace.SRGB if colors == 3 else ColorSpace.GRAY
        ranges = span(colors + 1, 0, most) if kind.kind != "f" else ()
        # a colour and its opacity were both rounded
        tolerance = (2 if kind.kind != "f" else 1e-5) if premultiplied else 0
        return Written(straight, space, bits, True, ranges, tolerance)

    return make


def masked(path: Path) -> Written:
    """RGB with a transparency mask for each level."""
    levels = whole(scenes(3), 8)
    masks = [(scene(1, level) > 0.4).astype(np.uint8) for level in range(LEVELS)]
    colors, mask = Layout(photometric=RGB, compression=LZW), Layout(1, photometric=MASK, compression=DEFLATE)
    pages = [
        page
        for number, (level, hole) in enumerate(zip(levels, masks, strict=True))
        for page in (colors.page(level, kind=int(number > 0)), mask.page(hole, kind=4 + int(number > 0)))
    ]
    write_tiff(path, pages)
    shown = [np.concatenate((a, 255 * b), axis=2) for a, b in zip(levels, masks, strict=True)]
    return Written(shown, ColorSpace.SRGB, has_alpha=True, ranges=span(4, 0, 255))


def further_band(path: Path) -> Written:
    """RGB with opacity before a fifth band: opacity comes last."""
    levels = whole(scenes(5), 16)
    Layout(16, photometric=RGB, extra=(UNASSOCIATED, UNSPECIFIED)).write(path, levels)
    shown = [level[:, :, [0, 1, 2, 4, 3]] for level in levels]
    return Written(shown, ColorSpace.SRGB, 16, True, span(5, 0, 65535))


def palette_with_opacity(path: Path) -> Written:
    """Indexes into a table of colors, and how opaque each pixel is."""
    colors = np.random.default_rng(5).integers(0, 256, (256, 3))
    stored = whole(scenes(2), 8)
    table = {320: (SHORT, [int(value) for value in (colors * 257).T.ravel()])}
    layout = Layout(photometric=PALETTE, compression=DEFLATE, extra=(UNASSOCIATED,), fields=table)
    layout.write(path, stored)
    shown = [np.dstack((colors.astype(np.uint8)[level[:, :, 0]], level[:, :, 1])) for level in stored]
    return Written(shown, ColorSpace.SRGB, has_alpha=True, ranges=span(4, 0, 255))


def unspecified(bits: int) -> Maker:
    """RGB with a fourth band that is declared to be something unspecified."""

    def make(path: Path) -> Written:
        levels = whole(scenes(4), bits)
        Layout(bits, photometric=RGB, compression=LZW, extra=(UNSPECIFIED,)).write(path, levels)
        return Written(levels, ColorSpace.SRGB, bits, False, span(4, 0, 2**bits - 1))

    return make


# -- colors that become others -----------------------------------------------------------------------


def icc_lab(bits: int) -> Maker:
    """ICC L*a*b* (TIFF Technical Note 4): a* and b* from 0, L* up to FF (FF00 in 16 bits)."""
    kind, factor = np.dtype(f"u{bits // 8}"), 1 if bits == 8 else 256
    white, coded = 255 * factor, 255 if bits == 8 else 65535

    def make(path: Path) -> Written:
        stored, shown = [], []
        for level in scenes(3):
            light = np.rint(level[:, :, :1] * white)
            chroma = np.rint((level[:, :, 1:] * 160 - 80) * factor)
            stored.append(np.concatenate((light, chroma + 128 * factor), axis=2).astype(kind))
            # L* of CIELAB reaches to the highest code; a* and b* are signed there
            parts = np.rint(light * coded / white), chroma
            shown.append(np.concatenate(parts, axis=2).astype(np.int32).astype(kind))
        Layout(bits, UNSIGNED, ICCLAB, DEFLATE).write(path, stored)
        return Written(
            shown, ColorSpace.CIELAB, bits, ranges=span(3, 0, coded), tolerance=0 if bits == 8 else 1
        )

    return make


def itu_lab(path: Path) -> Written:
    """ITU L*a*b* in its usual ranges (RFC 2301): a* from -85 to 85, b* from -75 to 125."""
    stored = whole(scenes(3), 8)
    shown = []
    for level in stored:
        light, red, blue = np.moveaxis(level / 255.0, 2, 0)
        axes = light * 255, red * 170 - 85, blue * 200 - 75
        shown.append(np.rint(np.dstack(axes)).astype(np.int32).astype(np.uint8))
    Layout(photometric=ITULAB, compression=DEFLATE).write(path, stored)
    return Written(shown, ColorSpace.CIELAB, ranges=span(3, 0, 255))


CCIR_601 = (299, 1000, 587, 1000, 114, 1000)
REC_709 = (2125, 10000, 7154, 10000, 721, 10000)
FULL, STUDIO = (0, 255, 128, 255, 128, 255), (16, 235, 128, 240, 128, 240)


def ycc(
    shared: tuple[int, int],
    compression: int,
    levels: tuple[int, ...] = FULL,
    weights: tuple[int, ...] = CCIR_601,
) -> Maker:
    """YCbCr that no codec turns into RGB (TIFF 6.0 section 21); Cb and Cr are shared by blocks of pixels."""
    fields = {
        529: (RATIONAL, weights),
        530: (SHORT, shared),
        532: (RATIONAL, [number for level in levels for number in (level, 1)]),
    }
    layout = Layout(
        photometric=YCBCR,
        compression=compression,
        fields=fields,
        encode=lambda tile: PACKERS[compression](blocks(tile, shared)),
    )

    def make(path: Path) -> Written:
        stored = [averaged(level, shared) for level in whole([level * 0.5 + 0.25 for level in scenes(3)], 8)]
        layout.write(path, stored)
        shown = [rgb_of(level, levels, weights) for level in stored]
        # half a step may fall to either side
        return Written(shown, ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=1)

    return make


def averaged(pixels: Samples, shared: tuple[int, int]) -> Samples:
    """Pixels with the same Cb and Cr in every block."""
    across, down = shared
    corners = pixels[
        np.arange(pixels.shape[0])[:, None] // down * down, np.arange(pixels.shape[1]) // across * across
    ]
    return np.concatenate((pixels[:, :, :1], corners[:, :, 1:]), axis=2)


def blocks(tile: Samples, shared: tuple[int, int]) -> bytes:
    """The pixels' Y block by block, each followed by its Cb and Cr."""
    across, down = shared
    parts = []
    for y in range(0, tile.shape[0], down):
        for x in range(0, tile.shape[1], across):
            block = tile[y : y + down, x : x + across]
            parts.append(block[:, :, 0].tobytes() + block[0, 0, 1:].tobytes())
    return b"".join(parts)


def rgb_of(codes: Samples, levels: tuple[int, ...], weights: tuple[int, ...]) -> Samples:
    """The formulas of TIFF 6.0 pages 91 to 94, as they stand there."""
    red, green, blue = (weights[at] / weights[at + 1] for at in (0, 2, 4))
    luma, cb, cr = (
        (codes[:, :, band] - float(levels[2 * band])) * coding / (levels[2 * band + 1] - levels[2 * band])
        for band, coding in enumerate((255, 127, 127))
    )
    r, b = cr * (2 - 2 * red) + luma, cb * (2 - 2 * blue) + luma
    g = (luma - blue * b - red * r) / green
    return np.rint(np.dstack((r, g, b))).clip(0, 255).astype(np.uint8)
