"""Makes test images: pictures whose pixels encode their position, and files that hold them.

Pixels are `uint8` arrays of shape (height, width, bands), 1 to 4 bands (2 and 4 end in opacity).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.sources.jpeg2000.openjpeg_library import glymur

Picture: TypeAlias = NDArray[np.uint8]

EXTRA_SAMPLES = {1: None, 2: ["unassalpha"], 3: None, 4: ["unassalpha"]}


def gradient(size: tuple[int, int], bands: int = 3, *, level: int = 0) -> Picture:
    """A picture that locates itself: x mod 256, y mod 256, level x 40 plus the number of the 256 block.

    Args:
        size: (width, height) in pixels.
        bands: 1 gray (x + 3 y, mod 256), 2 gray and opacity, 3 RGB, 4 RGB and opacity.
        level: index of the pyramid level it represents.
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    red, green = x % 256, y % 256
    blue = (level * 40 + x // 256 + 7 * (y // 256)) % 256
    opacity = 255 - (x + 2 * y) % 200
    colors = {
        1: [(x + 3 * y) % 256],
        2: [(x + 3 * y) % 256, opacity],
        3: [red, green, blue],
        4: [red, green, blue, opacity],
    }
    return np.stack(colors[bands], axis=-1).astype(np.uint8)


def smooth(size: tuple[int, int], bands: int = 3) -> Picture:
    """Slow ramps without a jump, unlike everywhere, for lossy codecs; sides as in `gradient`."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / max(1, width - 1), y / max(1, height - 1)
    gray = 30 + 120 * across + 80 * down
    opacity = 255 - 100 * across
    colors = {
        1: [gray],
        2: [gray, opacity],
        3: [20 + 210 * across, 20 + 210 * down, 200 - 90 * across - 60 * down],
        4: [20 + 210 * across, 20 + 210 * down, 200 - 90 * across - 60 * down, opacity],
    }
    return np.rint(np.stack(colors[bands], axis=-1)).astype(np.uint8)


def halved(pixels: Picture, rounding: str = "floor") -> Picture:
    """Means of 2 x 2 pixels; an odd last column or row is dropped (`floor`) or kept (`ceil`)."""
    height, width = pixels.shape[:2]
    if rounding == "ceil":
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    elif min(width, height) > 1:
        pixels = pixels[: height // 2 * 2, : width // 2 * 2]
    else:
        pixels = np.repeat(pixels, 2, axis=0) if height == 1 else np.repeat(pixels, 2, axis=1)
        return halved(pixels)
    wide = pixels.astype(np.uint16)
    means = (wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2] + 2) // 4
    return np.ascontiguousarray(means.astype(np.uint8))


def pyramid(pixels: Picture, tile: tuple[int, int] = (256, 256), rounding: str = "floor") -> list[Picture]:
    """The picture and its halves, down to one that fits in a tile (width, height)."""
    levels = [pixels]
    while levels[-1].shape[1] > tile[0] or levels[-1].shape[0] > tile[1]:
        levels.append(halved(levels[-1], rounding))
    return levels


class PyramidSpec(TypedDict, total=False):
    """How `write_tiff_pyramid` stores the levels; what is left out has the value given here."""

    tile: tuple[int, int] | None
    """(width, height), multiples of 16; None writes strips. (256, 256)"""
    compression: str | int | None
    """Name or number as tifffile knows it: `lzw`, `deflate`, `zstd`, `jpeg`, `webp`, `jpeg2000`, `packbits`,
    33003 ... None"""
    compressionargs: dict[str, Any] | None
    """Options of that encoder. None"""
    predictor: bool
    """Horizontal differencing. False"""
    photometric: str
    """`minisblack`, `rgb`, `ycbcr` ... By the number of bands"""
    extrasamples: Sequence[str] | None
    """Meaning of bands behind the colors. By the number of bands"""
    subsampling: tuple[int, int] | None
    """Of `ycbcr` JPEG. None"""
    rounding: str
    """Of smaller levels, `floor` or `ceil`. `floor`"""
    subifds: bool
    """Smaller levels are SubIFDs of the first page (as in OME-TIFF), not further pages. False"""
    reduced_bit: bool
    """Smaller levels are marked in NewSubfileType. True"""
    byteorder: str
    """`<` or `>`. `<`"""
    bigtiff: bool
    """64-bit offsets. False"""
    icc: bytes | None
    """Profile of every level. None"""
    description: str | None
    """ImageDescription of the first page. None"""
    software: str | bool
    """Software of every level; False leaves the field out. False"""
    datetime: str | None
    """DateTime of every level. None"""
    resolution: tuple[float, float] | None
    """Pixels per `resolution_unit` of the first page. None"""
    resolution_unit: str
    """`none`, `inch` or `centimeter`. `centimeter`"""
    extra_tags: Sequence[tuple[Any, ...]]
    """Of the first page, as tifffile takes them. ()"""


def write_tiff_pyramid(
    path: Path | str, pixels: Picture | Sequence[Picture], **spec: Unpack[PyramidSpec]
) -> list[Picture]:
    """Write a tiled TIFF pyramid through tifffile, and return its levels, full size first.

    Args:
        path: file to write.
        pixels: the full picture (halves are made), or every level, full size first.
        spec: how it is stored.
    """
    assert not spec.keys() - PyramidSpec.__annotations__, "options that are not written"
    tile = spec.get("tile", (256, 256))
    rounding = spec.get("rounding", "floor")
    levels = pyramid(pixels, tile or (256, 256), rounding) if isinstance(pixels, np.ndarray) else list(pixels)
    bands = levels[0].shape[2]
    common: dict[str, Any] = {
        "photometric": spec.get("photometric") or ("rgb" if bands > 2 else "minisblack"),
        "planarconfig": "contig" if bands > 1 else None,
        "extrasamples": spec.get("extrasamples", EXTRA_SAMPLES.get(bands)),
        "tile": tile and (tile[1], tile[0]),
        "compression": spec.get("compression"),
        "compressionargs": spec.get("compressionargs"),
        "predictor": spec.get("predictor", False),
        "subsampling": spec.get("subsampling"),
        "iccprofile": spec.get("icc"),
        "metadata": None,
        "software": spec.get("software", False),
        "datetime": spec.get("datetime"),
    }
    resolution = spec.get("resolution")
    first_only: dict[str, Any] = {
        "subifds": len(levels) - 1 if spec.get("subifds") else None,
        "description": spec.get("description"),
        "resolution": resolution,
        "resolutionunit": spec.get("resolution_unit", "centimeter") if resolution else None,
        "extratags": list(spec.get("extra_tags", ())),
    }
    smaller_only = {"subfiletype": int(spec.get("reduced_bit", True))}
    form: dict[str, Any] = {"bigtiff": spec.get("bigtiff", False), "byteorder": spec.get("byteorder", "<")}
    with tifffile.TiffWriter(path, **form) as writer:
        for index, level in enumerate(levels):
            stored = level if bands > 1 else level[:, :, 0]
            writer.write(stored, **common, **(smaller_only if index else first_only))
    return levels


def write_jpeg_pyramid(
    path: Path | str,
    pixels: Picture | Sequence[Picture],
    *,
    tile: tuple[int, int] = (256, 256),
    photometric: str = "ycbcr",
    subsampling: tuple[int, int] = (2, 2),
    quality: int = 90,
    shared_tables: bool = True,
    marks: bool = True,
    **options: Any,
) -> list[Picture]:
    """Write a JPEG TIFF pyramid out of tiles encoded one by one, and return its levels.

    Args:
        path: file to write.
        pixels: the full picture (halves are made), or every level.
        tile: (width, height).
        photometric: `ycbcr`, `rgb` or `minisblack`: how the components are coded.
        subsampling: of `ycbcr`.
        quality: 1 to 100.
        shared_tables: put the tables into JPEGTables and leave bare tiles, as libtiff does.
        marks: leave the encoder's JFIF or Adobe marks in the tiles that have their own tables.
        options: of `write_tiff_pyramid`.
    """
    levels = pyramid(pixels, tile) if isinstance(pixels, np.ndarray) else list(pixels)
    bands = levels[0].shape[2]
    common: dict[str, Any] = {"photometric": photometric, "tile": (tile[1], tile[0]), "compression": "jpeg"}
    common |= {"metadata": None, "software": False}
    subifds, extra_tags = options.pop("subifds", False), list(options.pop("extra_tags", ()))
    byteorder, bigtiff = options.pop("byteorder", "<"), options.pop("bigtiff", False)
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as writer:
        for number, level in enumerate(levels):
            encoded = [jpeg_of(part, photometric, subsampling, quality) for part in padded_tiles(level, tile)]
            split = [split_jpeg(stream, marks=marks and not shared_tables) for stream in encoded]
            tables = b"".join(split[0][0]) if shared_tables else b""
            own = [b"" if shared_tables else b"".join(segments) for segments, _ in split]
            streams = [b"\xff\xd8" + before + rest for before, (_, rest) in zip(own, split, strict=True)]
            writer.write(
                iter(streams),
                shape=level.shape if bands > 1 else level.shape[:2],
                dtype="uint8",
                jpegtables=b"\xff\xd8" + tables + b"\xff\xd9" if shared_tables else None,
                subsampling=subsampling if photometric == "ycbcr" else None,
                compressionargs={"outcolorspace": photometric} if photometric == "rgb" else None,
                subfiletype=min(number, 1),
                subifds=len(levels) - 1 if subifds and not number else None,
                extratags=extra_tags if not number else (),
                **common,
                **options,
            )
    return levels


def padded_tiles(pixels: Picture, tile: tuple[int, int]) -> list[Picture]:
    """The picture's tiles row by row, those at the edges filled up by repeating the last pixels."""
    width, height = tile
    down, across = -pixels.shape[0] % height, -pixels.shape[1] % width
    whole = np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge")
    return [
        np.ascontiguousarray(whole[y : y + height, x : x + width])
        for y in range(0, whole.shape[0], height)
        for x in range(0, whole.shape[1], width)
    ]


def jpeg_of(pixels: Picture, photometric: str, subsampling: tuple[int, int], quality: int) -> bytes:
    """The pixels as a JPEG file whose components are coded as `photometric` says."""
    if pixels.shape[2] == 1:
        return bytes(imagecodecs.jpeg8_encode(pixels[:, :, 0], level=quality))
    coding = {"rgb": "RGB", "ycbcr": "YCbCr"}[photometric]
    return bytes(
        imagecodecs.jpeg8_encode(
            pixels, level=quality, colorspace="RGB", outcolorspace=coding,
            subsampling=subsampling if coding == "YCbCr" else (1, 1),
        )
    )  # fmt: skip


def split_jpeg(stream: bytes, *, marks: bool = False) -> tuple[list[bytes], bytes]:
    """The table segments (with application segments, if `marks`) of a JPEG file, and the frame with all behind it."""
    tables, rest, position = [], [], 2
    while stream[position + 1] != 0xDA:
        following = position + 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        marker, segment = stream[position + 1], stream[position:following]
        if marker in (0xDB, 0xC4) or (marks and 0xE0 <= marker < 0xF0):
            tables.append(segment)
        elif not 0xE0 <= marker < 0xF0:
            rest.append(segment)
        position = following
    return tables, b"".join((*rest, stream[position:]))


def write_jp2(path: Path | str, pixels: Picture, **options: Any) -> Picture:
    """Write a JPEG 2000 file through glymur, lossless unless `cratios` or `psnr` is given; return the pixels.

    Args:
        path: file to write; the ending `.j2k` makes a bare codestream.
        pixels: the picture.
        options: of `glymur.Jp2k`: `tilesize` (height, width), `cratios`, `numres`, `prog`, `psizes`, `irreversible` ...
    """
    stored = pixels if pixels.shape[2] > 1 else pixels[:, :, 0]
    glymur.Jp2k(path, data=stored, **options)
    return pixels


def size_of(pixels: Picture) -> Size:
    """The picture's width and height."""
    return Size(pixels.shape[1], pixels.shape[0])
