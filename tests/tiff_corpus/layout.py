"""The picture that `tests.tiff_corpus` is made of, and how a file stores it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import imagecodecs
import numpy as np

from iipserve.image import ColorSpace
from tests.tiff_corpus.tiff_writer import (
    LONG,
    SHORT,
    Fields,
    Page,
    Samples,
    differenced,
    float_differenced,
    packed_bits,
    padded_tiles,
    write_tiff,
)

SIZE, TILE, LEVELS = (600, 450), (128, 128), 4
NONE, CCITT_RLE, CCITT3, CCITT4, LZW, JPEG, DEFLATE = 1, 2, 3, 4, 5, 7, 8
PACKBITS, JPEG2000, LERC, LZMA, ZSTD, WEBP = 32773, 34712, 34887, 34925, 50000, 50001
UNSIGNED, SIGNED, REAL = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR = range(7)
CIELAB, ICCLAB, ITULAB = 8, 9, 10
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2


@dataclass(frozen=True)
class Written:
    """What a file shows."""

    levels: Sequence[Samples]
    """Full size first, (height, width, bands) as a source must hand them out."""
    color_space: ColorSpace = ColorSpace.GRAY
    bits: int = 8
    """As `ImageInfo.bits`."""
    has_alpha: bool = False
    """The last band is opacity."""
    ranges: tuple[tuple[float, float], ...] = ()
    """As `ImageInfo.band_ranges`; empty where they have to be measured."""
    tolerance: float = 0
    """Largest difference of a sample, of lossy and rounded kinds."""
    layers: Sequence[tuple[str, Sequence[Samples]]] = field(default_factory=tuple)
    """Of a stack: name and levels of every picture; the first is `levels`."""


Maker: TypeAlias = Callable[[Path], Written]
Encode: TypeAlias = Callable[[Samples], bytes]


def scene(bands: int, level: int = 0) -> Samples:
    """A picture of 0 to 1 in float64 with slow ramps and waves, unlike everywhere and in every band."""
    height, width = SIZE[1] >> level, SIZE[0] >> level
    y, x = np.mgrid[0:height, 0:width] + 0.5
    across, down = x * 2**level / SIZE[0], y * 2**level / SIZE[1]
    parts = [
        0.5 + 0.36 * np.cos(2.1 * across + 1.3 * band) * np.sin(1.7 * down + 0.9 * band + 0.4)
        + 0.12 * np.sin(9 * across + (5 + band) * down)
        for band in range(bands)
    ]  # fmt: skip
    return np.stack(parts, axis=2).clip(0, 1)


def scenes(bands: int) -> list[Samples]:
    """The picture at every level."""
    return [scene(bands, level) for level in range(LEVELS)]


def whole(levels: Iterable[Samples], bits: int) -> list[Samples]:
    """Pictures of 0 to 1 as unsigned integers over the whole range of `bits`, in the smallest type."""
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return [np.rint(level * (2**bits - 1)).astype(kind) for level in levels]


PACKERS: Mapping[int, Callable[[bytes], bytes]] = {
    NONE: bytes,
    LZW: lambda data: bytes(imagecodecs.lzw_encode(data)),
    DEFLATE: zlib.compress,
    PACKBITS: lambda data: bytes(imagecodecs.packbits_encode(data)),
    LZMA: lambda data: bytes(imagecodecs.lzma_encode(data)),
    ZSTD: lambda data: bytes(imagecodecs.zstd_encode(data)),
}
"""By number of the compression."""


@dataclass(frozen=True)
class Layout:
    """How a file is to store its samples."""

    bits: int = 8
    format: int = UNSIGNED
    photometric: int = BLACK_IS_ZERO
    compression: int = NONE
    predictor: int = 1
    planar: bool = False
    extra: tuple[int, ...] = ()
    """ExtraSamples."""
    order: Literal["<", ">"] = "<"
    encode: Encode | None = None
    """Makes stored bytes of a tile; otherwise depth, predictor and compression say how."""
    fields: Fields = field(default_factory=dict)
    """Further ones, of every level."""

    def page(self, pixels: Samples, *, kind: int = 0, reduced: Sequence[Page] = ()) -> Page:
        """A directory that holds these samples in tiles; `kind` is NewSubfileType."""
        height, width, bands = pixels.shape
        planes = np.split(pixels, bands, axis=2) if self.planar else [pixels]
        tiles = [
            (self.encode or self.encoded)(tile) for plane in planes for tile in padded_tiles(plane, TILE)
        ]
        fields = {
            254: (LONG, [kind]), 256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [self.bits] * bands),
            259: (SHORT, [self.compression]), 262: (SHORT, [self.photometric]), 277: (SHORT, [bands]),
            284: (SHORT, [1 + self.planar]), 317: (SHORT, [self.predictor]), 322: (LONG, [TILE[0]]),
            323: (LONG, [TILE[1]]), 339: (SHORT, [self.format] * bands),
        }  # fmt: skip
        extra = {338: (SHORT, self.extra)} if self.extra else {}
        return Page({**fields, **extra, **self.fields}, tiles, reduced)

    def encoded(self, tile: Samples) -> bytes:
        """A tile as it is stored."""
        if self.predictor == 3:
            data = float_differenced(tile).tobytes()
        elif self.bits == 24:
            whole_bytes = tile.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
            data = whole_bytes[:, :: 1 if self.order == "<" else -1].tobytes()
        elif self.bits in (8, 16, 32, 64):
            values = differenced(tile) if self.predictor == 2 else tile
            data = values.astype(values.dtype.newbyteorder(self.order)).tobytes()
        else:
            data = packed_bits(tile, self.bits)
        return PACKERS[self.compression](data)

    def pages(self, levels: Sequence[Samples]) -> list[Page]:
        """A pyramid, the smaller levels marked as reduced."""
        return [self.page(level, kind=int(number > 0)) for number, level in enumerate(levels)]

    def write(self, path: Path, levels: Sequence[Samples]) -> None:
        """Write a pyramid of further directories."""
        write_tiff(path, self.pages(levels), order=self.order)


def span(bands: int, low: float, high: float) -> tuple[tuple[float, float], ...]:
    """The same range for each band."""
    return ((low, high),) * bands


def spread(samples: Samples, bits: int) -> Samples:
    """Samples of less than 8 bits over the range of 8, by repeating their bits; others as they are."""
    if bits >= 8:
        return samples
    digits = np.unpackbits(samples[..., None], axis=-1)[..., 8 - bits :]
    return np.packbits(np.concatenate([digits] * 8, axis=-1)[..., :8], axis=-1)[..., 0]
