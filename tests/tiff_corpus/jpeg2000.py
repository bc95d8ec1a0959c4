"""Kinds of JPEG 2000 files.

Smaller levels are those that glymur decodes from the bare components; all else is known from the picture.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np

from iipserve.image import ColorSpace
from iipserve.sources.jpeg2000.openjpeg_library import glymur
from tests.tiff_corpus import jp2_files as jp2
from tests.tiff_corpus.jp2_encoder import Grid, Part, encode, pack_headers, reduced
from tests.tiff_corpus.layout import Maker, Written, scene, span, whole
from tests.tiff_corpus.profiles import SRGB_PROFILE, cmyk_profile
from tests.tiff_corpus.tiff_writer import Samples


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


def luma(bits: int, number: int = jp2.SYCC) -> Maker:
    """Luma and chroma, which become RGB."""
    most, half = 2**bits - 1, 2 ** (bits - 1)

    def make(path: Path) -> Written:
        (stored,) = whole([scene(3) * [0.5, 0.3, 0.3] + [0.25, 0.35, 0.35]], bits)
        jp2.write_picture(path, stored, bits, jp2.enumerated(number))
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


def in_tiles(count: int, step: int = 1, pack: Callable[[bytes], bytes] = bytes) -> Maker:
    """Components in tiles that do not halve, which begin at odd places of the reference grid."""

    def make(path: Path) -> Written:
        (stored,) = whole([scene(count)], 8)
        height, width, _ = stored.shape
        left, top = 5 * step, 3 * step
        grid = Grid(
            left, top, left + width * step, top + height * step, (201 * step, 151 * step), (step, step)
        )
        part, planes = Part(dx=step, dy=step), list(np.moveaxis(stored.astype(np.int64), 2, 0))
        path.write_bytes(pack(encode(grid, [part] * count, planes, csty=6)))
        levels = [[reduced(grid, part, plane, level).clip(0, 255) for plane in planes] for level in range(3)]
        shown = [np.stack(bands, axis=-1).astype(np.uint8) for bands in levels]
        space = ColorSpace.SRGB if count == 3 else ColorSpace.GRAY
        return Written(shown, space, ranges=span(count, 0, 255))

    return make


def upside_down(path: Path) -> Written:
    """A photograph that is to be turned by half, as its Exif block says (Exif 2.32 section 4.6.4)."""
    (stored,) = whole([scene(3)], 8)
    jp2.write_picture(path, stored, 8, jp2.enumerated(jp2.SRGB))
    levels = [np.rot90(level, 2) for level in halvings(path)]
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 3, 0, 0)
    with path.open("ab") as file:
        file.write(jp2.box(b"uuid", b"JpgTiffExif->JP2" + block))
    return Written(levels, ColorSpace.SRGB, ranges=span(3, 0, 255))


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
    "jp2-esycc8": luma(8, jp2.ESYCC),
    "jp2-profile-before-unknown": components(
        8, 3, jp2.profiled(SRGB_PROFILE), jp2.enumerated(jp2.ROMM_RGB), space=ColorSpace.SRGB
    ),
    "jp2-odd-tiles": in_tiles(3),
    "jp2-all-subsampled": in_tiles(1, step=4),
    "jp2-headers-in-main": in_tiles(3, pack=partial(pack_headers, main=True)),
    "jp2-headers-in-tiles": in_tiles(3, pack=partial(pack_headers, main=False)),
    "jp2-orientation3": upside_down,
    "jp2-high-throughput16": high_throughput(16),
}
