"""Every kind of JPEG 2000, and of what libvips opens, as small files made from one picture; goes with `tests.kinds`.

`KINDS["jp2-cmyk"](path)` writes a file of 600 x 450 pixels and returns what it `Written`. Smaller levels of
JPEG 2000 are those that glymur decodes from the bare components; all else is known from the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import glymur
import imagecodecs
import numpy as np
import pyvips
import tifffile
from PIL import Image, ImageCms

from iipserve.image import ColorSpace
from tests import jp2_files as jp2
from tests import kinds as tiff_kinds
from tests.kinds import TURNS, Layout, Maker, Written, scene, span, whole
from tests.tiff_writer import LONG, SHORT, Page, Samples, write_tiff

SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cmyk_profile() -> bytes:
    """A profile for CMYK: the one that is built into libvips."""
    return bytes(pyvips.Operation.call("profile_load", "cmyk"))


# -- JPEG 2000 -------------------------------------------------------------------------------------


def halvings(path: Path, count: int = 3) -> list[Samples]:
    """The components as they are stored, at every halving."""
    file = glymur.Jp2k(path)
    file.ignore_pclr_cmap_cdef = True
    levels = [file[:: 1 << level, :: 1 << level] for level in range(count)]
    return [level.reshape(*level.shape[:2], -1) for level in levels]


def components(
    bits: int,
    count: int,
    *header: bytes,
    space: ColorSpace = ColorSpace.GRAY,
    order: Sequence[int] = (),
    has_alpha: bool = False,
    tile: tuple[int, int] | None = None,
) -> Maker:
    """Components of any depth, which become bands in `order`; those in tiles have 8 or 16 bits."""

    def make(path: Path) -> Written:
        (stored,) = whole([scene(count)], bits)
        stream = jp2.tiled_codestream(stored, tile) if tile else jp2.codestream(stored, bits)
        jp2.write_boxes(path, stream, *header)
        levels = halvings(path)
        assert np.array_equal(levels[0], stored)
        bands = [level[:, :, list(order or range(count))] for level in levels]
        return Written(bands, space, bits, has_alpha, span(count, 0, 2**bits - 1))

    return make


def shallow(path: Path) -> Written:
    """Gray of 4 bits, which fills the range of 8."""
    (stored,) = whole([scene(1)], 4)
    # encoded as 8 bits around 128, then declared to be 4 around 8 (15444-1 G.1)
    stream = bytearray(jp2.codestream(stored + 120, 8, resolutions=1))
    stream[42] = 3
    jp2.write_boxes(path, bytes(stream), jp2.enumerated(jp2.GRAY))
    return Written([stored * 17], bits=4, ranges=span(1, 0, 255))


def indexed(bits: int) -> Maker:
    """Indices into a palette of RGB; smaller levels would be means of indices, so there are none."""

    def make(path: Path) -> Written:
        (stored,) = whole([scene(1)], 8)
        table = np.random.default_rng(bits).integers(0, 1 << bits, (256, 3))
        header = jp2.enumerated(jp2.SRGB), jp2.palette(table, bits)
        jp2.write_picture(path, stored, 8, *header)
        shown = table[stored[:, :, 0]].astype(np.uint8 if bits <= 8 else np.uint16)
        return Written([shown], ColorSpace.SRGB, bits, ranges=span(3, 0, 2**bits - 1))

    return make


def cielab(bits: int, ranges: Sequence[tuple[int, int]] = ()) -> Maker:
    """L*, a* and b* of any depth, by the standard's own ranges or others (15444-2 M.11.7.4.1)."""
    most = 2**bits - 1

    def make(path: Path) -> Written:
        (stored,) = whole([scene(3)], bits)
        parameters = [number for pair in ranges for number in pair] + [0x00443530] * bool(ranges)
        jp2.write_picture(path, stored, bits, jp2.enumerated(jp2.CIELAB, parameters))
        coded = ranges or ((100, 0), (170, 2 ** (bits - 1)), (200, 2 ** (bits - 2) + 2 ** (bits - 3)))
        extents, offsets = np.array(coded, np.float64).T
        levels = [((level - offsets) * extents / most).astype(np.float32) for level in halvings(path)]
        shown = ((0, 100), (-128, 127), (-128, 127))
        return Written(levels, ColorSpace.CIELAB, bits, ranges=shown, tolerance=1e-3)

    return make


def luma(bits: int) -> Maker:
    """Luma and chroma, which become RGB."""
    most, half = 2**bits - 1, 2 ** (bits - 1)

    def make(path: Path) -> Written:
        (stored,) = whole([scene(3) * [0.5, 0.3, 0.3] + [0.25, 0.35, 0.35]], bits)
        jp2.write_picture(path, stored, bits, jp2.enumerated(jp2.SYCC))
        matrix = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
        levels = [(level - np.array([0, half, half])) @ matrix.T for level in halvings(path)]
        shown = [np.rint(level).clip(0, most).astype(stored.dtype) for level in levels]
        return Written(shown, ColorSpace.SRGB, bits, ranges=span(3, 0, most), tolerance=1)

    return make


def high_throughput(bits: int) -> Maker:
    """A bare codestream of the HT kind (15444-15)."""

    def make(path: Path) -> Written:
        (stored,) = whole([scene(3)], bits)
        data = bytes(imagecodecs.htj2k_encode(stored, reversible=True))
        path.write_bytes(data)
        levels = [np.asarray(imagecodecs.htj2k_decode(data, skipres=level)) for level in range(3)]
        return Written(levels, ColorSpace.SRGB, bits, ranges=span(3, 0, 2**bits - 1))

    return make


BEHIND = jp2.channels(*((number, jp2.COLOR, number + 1) for number in range(3)), (3, jp2.OPACITY, 0))
IN_FRONT = jp2.channels((0, jp2.OPACITY, 0), *((number, jp2.COLOR, number) for number in range(1, 4)))
GRAY, RGB = jp2.enumerated(jp2.GRAY), jp2.enumerated(jp2.SRGB)

JPEG_2000: Mapping[str, Maker] = {
    **{f"jp2-gray{bits}": components(bits, 1, GRAY) for bits in (8, 10, 12, 16)},
    **{f"jp2-rgb{bits}": components(bits, 3, RGB, space=ColorSpace.SRGB) for bits in (8, 12, 14, 16)},
    "jp2-rgb16-tiles": components(16, 3, RGB, space=ColorSpace.SRGB, tile=(128, 128)),
    "jp2-rgb16-profile": components(16, 3, jp2.profiled(SRGB_PROFILE), space=ColorSpace.SRGB),
    "jp2-gray4": shallow,
    "jp2-gray16-opacity": components(
        16, 2, GRAY, jp2.channels((0, 0, 1), (1, jp2.OPACITY, 0)), has_alpha=True
    ),
    **{
        f"jp2-rgb{bits}-opacity": components(bits, 4, RGB, BEHIND, space=ColorSpace.SRGB, has_alpha=True)
        for bits in (8, 12, 16)
    },
    "jp2-opacity-first": components(
        16, 4, RGB, IN_FRONT, space=ColorSpace.SRGB, order=(1, 2, 3, 0), has_alpha=True
    ),
    **{f"jp2-palette{bits}": indexed(bits) for bits in (8, 12)},
    **{
        f"jp2-cmyk{bits}": components(bits, 4, jp2.enumerated(jp2.CMYK), space=ColorSpace.CMYK)
        for bits in (8, 16)
    },
    "jp2-cmyk-profile": components(8, 4, jp2.profiled(cmyk_profile(), 3), space=ColorSpace.CMYK),
    **{f"jp2-cielab{bits}": cielab(bits) for bits in (8, 16)},
    "jp2-cielab12-ranges": cielab(12, ((100, 0), (256, 2048), (256, 2048))),
    **{f"jp2-sycc{bits}": luma(bits) for bits in (8, 12)},
    "jp2-bands2": components(8, 2, jp2.channels((0, 0, 1), (1, 0, 2))),
    "jp2-bands5": components(12, 5),
    "jp2-high-throughput16": high_throughput(16),
}

# -- plain pictures --------------------------------------------------------------------------------


def as_image(pixels: Samples) -> Image.Image:
    """8-bit pixels for Pillow, which tells gray, gray and opacity, RGB and RGBA by the number of bands."""
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])


def oriented(format: str, orientation: int) -> Maker:
    """RGB that is stored in another order of rows and columns, as Exif tells."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(3)], 8)
        exif = Image.Exif()
        exif[274] = orientation
        options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {"lossless": True, "exact": True}
        as_image(TURNS[orientation](shown).copy()).save(path, format, exif=exif, **options)
        tolerance = 4 if format == "JPEG" else 0
        return Written([shown], ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=tolerance)

    return make


def jpeg_inks(**options: Any) -> Maker:
    """CMYK as Adobe writes it, upside down."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(4)], 8)
        Image.fromarray(shown, "CMYK").save(path, "JPEG", quality=95, subsampling=0, **options)
        return Written([shown], ColorSpace.CMYK, ranges=span(4, 0, 255), tolerance=4)

    return make


def png(bits: int, bands: int) -> Maker:
    """Gray and RGB, with opacity or without."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(bands)], bits)
        path.write_bytes(imagecodecs.png_encode(shown if bands > 1 else shown[:, :, 0]))
        space = ColorSpace.SRGB if bands > 2 else ColorSpace.GRAY
        return Written([shown], space, bits, bands in (2, 4), span(bands, 0, 2**bits - 1))

    return make


def png_palette(path: Path) -> Written:
    """Indices of 8 bits into a table of colors."""
    (stored,) = whole([scene(1)], 8)
    colors = np.random.default_rng(3).integers(0, 256, (256, 3)).astype(np.uint8)
    image = Image.fromarray(stored[:, :, 0], "P")
    image.putpalette(colors.tobytes())
    image.save(path, "PNG")
    return Written([colors[stored[:, :, 0]]], ColorSpace.SRGB, ranges=span(3, 0, 255))


def png_one_bit(path: Path) -> Written:
    """Black and white."""
    shown = scene(1) > 0.5
    Image.fromarray(shown[:, :, 0]).save(path, "PNG")
    return Written([shown.astype(np.uint8) * 255], bits=1, ranges=span(1, 0, 255))


def animation(format: str, **options: Any) -> Maker:
    """Three pictures; those of GIF come with opacity."""

    def make(path: Path) -> Written:
        (wide,) = whole([scene(5)], 8)
        frames = [wide[:, :, number : number + 3] // 51 * 51 for number in range(3)]
        images = [as_image(frame.copy()) for frame in frames]
        if format == "GIF":  # 6 x 6 x 6 colors, so that nothing is dithered
            images = [image.quantize(216, dither=Image.Dither.NONE) for image in images]
        images[0].save(path, format, save_all=True, append_images=images[1:], duration=100, **options)
        if format == "GIF":
            frames = [np.concatenate((frame, np.full_like(frame[:, :, :1], 255)), axis=2) for frame in frames]
        layers = [(f"layer{number}", [frame]) for number, frame in enumerate(frames)]
        bands = frames[0].shape[2]
        return Written([frames[0]], ColorSpace.SRGB, 8, bands == 4, span(bands, 0, 255), layers=layers)

    return make


def avif(bits: int) -> Maker:
    """RGB of 8 to 12 bits."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(3)], bits)
        path.write_bytes(imagecodecs.avif_encode(shown, level=100, bitspersample=bits))
        return Written([shown], ColorSpace.SRGB, bits, ranges=span(3, 0, 2**bits - 1))

    return make


PLAIN: Mapping[str, Maker] = {
    **{f"jpeg-orientation{number}": oriented("JPEG", number) for number in range(1, 9)},
    **{f"webp-orientation{number}": oriented("WEBP", number) for number in (5, 6)},
    "jpeg-cmyk": jpeg_inks(),
    "jpeg-cmyk-profile": jpeg_inks(icc_profile=cmyk_profile()),
    **{f"png{bits}-{bands}": png(bits, bands) for bits in (8, 16) for bands in (1, 2, 3, 4)},
    "png-palette": png_palette,
    "png1": png_one_bit,
    "gif-animation": animation("GIF"),
    "webp-animation": animation("WEBP", lossless=True),
    **{f"avif{bits}": avif(bits) for bits in (8, 10, 12)},
}


# -- TIFF in strips --------------------------------------------------------------------------------


STRIP_ROWS = 37
"""Rows of a strip: no divisor of the height."""


def striped_page(
    layout: Layout, pixels: Samples, *, kind: int = 0, reduced: Sequence[Page] = ()
) -> Page:
    """As `Layout.page`, in strips."""
    height, width, bands = pixels.shape
    planes = np.split(pixels, bands, axis=2) if layout.planar else [pixels]
    strips = [
        layout.encoded(np.ascontiguousarray(plane[top : top + STRIP_ROWS]))
        for plane in planes
        for top in range(0, height, STRIP_ROWS)
    ]
    fields = {
        254: (LONG, [kind]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [layout.bits] * bands),
        259: (SHORT, [layout.compression]), 262: (SHORT, [layout.photometric]), 277: (SHORT, [bands]),
        278: (LONG, [STRIP_ROWS]), 284: (SHORT, [1 + layout.planar]), 317: (SHORT, [layout.predictor]),
        339: (SHORT, [layout.format] * bands),
    }  # fmt: skip
    extra = {338: (SHORT, layout.extra)} if layout.extra else {}
    return Page({**fields, **extra, **layout.fields}, strips, reduced, striped=True)


def striped(name: str) -> Maker:
    """A kind of `tests.kinds` in strips, of which only the full size is shown."""

    def make(path: Path) -> Written:
        with mock.patch.object(Layout, "page", striped_page):
            written = tiff_kinds.KINDS[name](path)
        layers = [(title, levels[:1]) for title, levels in written.layers]
        return replace(written, levels=written.levels[:1], layers=layers)

    return make


def one_strip(path: Path) -> Written:
    """Uncompressed, all of it in one strip, whose height nobody tells."""
    (shown,) = whole([scene(3)], 16)
    tifffile.imwrite(path, shown, photometric="rgb", rowsperstrip=2**31 - 1, metadata=None)
    return Written([shown], ColorSpace.SRGB, 16, ranges=span(3, 0, 65535))


def jpeg_strips(path: Path) -> Written:
    """YCbCr in JPEG with halved chroma, by libtiff."""
    (shown,) = whole([scene(3)], 8)
    as_image(shown).save(path, "TIFF", compression="jpeg", quality=95)
    return Written([shown], ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=12)


def old_jpeg(bands: int) -> Maker:
    """A JPEG file that is the only strip, in the compression of 1992 (TIFF 6.0 section 22)."""

    def make(path: Path) -> Written:
        (shown,) = whole([scene(bands)], 8)
        options = {"subsampling": "444"} if bands == 3 else {}
        stream = bytes(imagecodecs.jpeg8_encode(shown if bands == 3 else shown[:, :, 0], level=95, **options))
        height, width = shown.shape[:2]
        fields = {
            254: (LONG, [0]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [8] * bands),
            259: (SHORT, [6]), 262: (SHORT, [6 if bands == 3 else 1]), 277: (SHORT, [bands]), 278: (LONG, [height]),
            512: (SHORT, [1]), 513: (LONG, [8]), 514: (LONG, [len(stream)]), 530: (SHORT, [1, 1]),
        }  # fmt: skip
        # the writer puts the first strip behind the header of 8 bytes, to where 513 leads
        write_tiff(path, [Page(fields, [stream], striped=True)])
        space = ColorSpace.SRGB if bands == 3 else ColorSpace.GRAY
        return Written([shown], space, ranges=span(bands, 0, 255), tolerance=4)

    return make


def luma_strips(across: int, down: int) -> Maker:
    """YCbCr without compression, whose chroma several pixels share (TIFF 6.0 section 21)."""

    def make(path: Path) -> Written:
        (stored,) = whole([scene(3) * [0.5, 0.3, 0.3] + [0.25, 0.35, 0.35]], 8)
        height, width = stored.shape[:2]
        padded = np.pad(stored, ((0, -height % down), (0, -width % across), (0, 0)), mode="edge")
        blocks = padded.reshape(padded.shape[0] // down, down, -1, across, 3).transpose(0, 2, 1, 3, 4)
        luma = blocks[..., 0].reshape(*blocks.shape[:2], -1)
        chroma = blocks[:, :, 0, 0, 1:]
        rows = np.concatenate((luma, chroma), axis=2)
        at_once = 8
        strips = [rows[top : top + at_once].tobytes() for top in range(0, rows.shape[0], at_once)]
        fields = {
            254: (LONG, [0]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [8] * 3), 259: (SHORT, [1]),
            262: (SHORT, [6]), 277: (SHORT, [3]), 278: (LONG, [at_once * down]), 530: (SHORT, [across, down]),
        }  # fmt: skip
        write_tiff(path, [Page(fields, strips, striped=True)])
        spread = chroma.repeat(down, axis=0).repeat(across, axis=1)[:height, :width] - 128.0
        matrix = np.array([[1.402, 0], [-0.714136, -0.344136], [0, 1.772]])[:, ::-1]
        shown = np.rint(stored[:, :, :1] + spread @ matrix.T).clip(0, 255).astype(np.uint8)
        return Written([shown], ColorSpace.SRGB, ranges=span(3, 0, 255), tolerance=1)

    return make


STRIPS: Mapping[str, Maker] = {
    **{f"strips-{name}": striped(name) for name in tiff_kinds.KINDS},
    "strips-one": one_strip,
    "strips-jpeg": jpeg_strips,
    "strips-old-jpeg": old_jpeg(3),
    "strips-old-jpeg-gray": old_jpeg(1),
    "strips-ycc-1x1": luma_strips(1, 1),
    "strips-ycc-2x2": luma_strips(2, 2),
}

KINDS: Mapping[str, Maker] = {**JPEG_2000, **PLAIN, **STRIPS}
"""By name: writes the file, and tells what it shows."""
