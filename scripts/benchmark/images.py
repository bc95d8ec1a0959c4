"""The benchmark's images: glymur's photograph, repeated, in the layouts that are compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyvips
import tifffile
from numpy.typing import NDArray

from iipserve.sources.jpeg2000.openjpeg_library import glymur
from scripts.benchmark.rasters import write_raster

Picture: TypeAlias = NDArray[Any]
TILE = 256
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "benchmark"
WATERMARK = "watermark.tif"
MAP = "map.tif"
"""Georeferenced, 8,192 pixels wide."""
COVERAGE = "coverage.tif"
"""The same, compressed without loss."""
MAP_WIDTH = 8192
DEEP = "deflate16.tif"
LARGE_PNG, LARGE_PNG_WIDTH = "large.png", 6000
"""A file that is decoded from top to bottom."""
PROCESSED_WIDTH = 4000
"""Of the images that are processed: wide enough for tiles by the hundred."""
CROWD_WIDTHS = {"crowd.tif": 8000, "crowd.jp2": 4000}
"""Of the images that stand for thousands. The first has six levels."""


@dataclass(frozen=True, slots=True)
class Image:
    """What the addresses need to know of a file."""

    name: str
    width: int
    height: int
    levels: int

    def grid(self, level: int) -> tuple[int, int]:
        """Columns and rows of 256 tiles of a level, sizes rounded down as the files have them."""
        return -(-(self.width >> level) // TILE), -(-(self.height >> level) // TILE)

    def link(self, number: int) -> Image:
        """One of the hard links to the file."""
        return replace(self, name=link_name(self.name, number))


def link_name(name: str, number: int) -> str:
    """The file name of one of the hard links to a file."""
    return f"{number:05}-{name}"


Writer: TypeAlias = Callable[[Path, list[Picture]], None]
"""Writes the levels of a picture."""
Converter: TypeAlias = Callable[[list[Picture]], list[Picture]]


def make_images(folder: Path, width: int) -> dict[str, Image]:
    """Make what is missing in `folder`; what all of them are, by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (CACHE / WATERMARK).exists():
        _write_watermark(CACHE / WATERMARK)
    images = _make(folder, width, WRITERS, list)
    for name, (convert, write) in PROCESSED.items():
        images |= _make(folder, min(width, PROCESSED_WIDTH), {name: write}, convert)
    for name, write in CROWD.items():
        images |= _make(folder, min(width, CROWD_WIDTHS[name]), {name: write}, list)
    return images | _make(folder, min(width, MAP_WIDTH), {MAP: write_raster, COVERAGE: _write_coverage}, list)


def make_pressure_images(folder: Path, width: int) -> dict[str, Image]:
    """Make what is missing of the images that `scripts/bench pressure` asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    (convert, write), deep_width = PROCESSED[DEEP], min(width, PROCESSED_WIDTH)
    return (
        _make(
            folder, width, {name: WRITERS[name] for name in ("jpeg.tif", "deflate.tif", "untiled.jp2")}, list
        )
        | _make(folder, deep_width, {DEEP: write}, convert)
        | _make(folder, min(width, LARGE_PNG_WIDTH), {LARGE_PNG: _write_png}, list)
    )


def _write_png(path: Path, levels: list[Picture]) -> None:
    pyvips.Image.new_from_array(levels[0]).pngsave(str(path), compression=1)


def _write_coverage(path: Path, levels: list[Picture]) -> None:
    write_raster(path, levels, compress="DEFLATE", predictor="YES")


def make_links(folder: Path, image: Image, count: int) -> None:
    """Make the missing ones of so many hard links: images that share nothing but their blocks on the disk."""
    for name in (image.link(number).name for number in range(count)):
        if not (folder / name).exists():
            os.link(folder / image.name, folder / name)


def _make(folder: Path, width: int, writers: Mapping[str, Writer], convert: Converter) -> dict[str, Image]:
    """Write the files that are missing; what all of these are, by name."""
    missing = [name for name in writers if not (folder / name).exists()]
    pictures = convert(_pyramid(_photograph(width))) if missing else []
    for name in missing:
        print(f"making {name}", file=sys.stderr)
        writers[name](folder / name, pictures)
    height = _height(width)
    levels = 1 + sum(max(width, height) >> level > TILE for level in range(32))
    return {name: Image(name, width, height, levels) for name in writers}


def _height(width: int) -> int:
    """Three quarters of the width, and odd."""
    return width * 3 // 4 + 1


def _write_watermark(path: Path) -> None:
    """A gray mark of 150 x 60 pixels, opaque in stripes."""
    y, x = np.mgrid[0:60, 0:150]
    stripes = (x + y) % 30 < 12
    mark = np.stack([np.full((60, 150), 90)] * 3 + [np.where(stripes, 200, 0)], axis=-1).astype(np.uint8)
    tifffile.imwrite(path, mark, photometric="rgb", extrasamples=["unassalpha"])


def _photograph(width: int) -> Picture:
    """glymur's photograph mirrored and repeated to `width`, with a gradient."""
    cell = glymur.Jp2k(glymur.data.nemo())[:]
    cell = np.concatenate((cell, cell[:, ::-1]), axis=1)
    cell = np.concatenate((cell, cell[::-1]), axis=0)
    height = _height(width)
    repeats = (-(-height // cell.shape[0]), -(-width // cell.shape[1]), 1)
    picture = np.tile(cell, repeats)[:height, :width]
    gain = (np.linspace(160, 255, width)[None, :] * np.linspace(0.8, 1, height)[:, None]).astype(np.uint16)
    return np.stack([(picture[..., band] * gain >> 8).astype(np.uint8) for band in range(3)], axis=-1)


def _pyramid(picture: Picture) -> list[Picture]:
    levels = [picture]
    while max(levels[-1].shape[:2]) > TILE:
        level = levels[-1][: levels[-1].shape[0] // 2 * 2, : levels[-1].shape[1] // 2 * 2]
        rows = level[0::2].astype(np.uint16) + level[1::2]
        levels.append(((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8))
    return levels


def _tiff(**options: Any) -> Writer:
    def write(path: Path, levels: list[Picture]) -> None:
        common = {"tile": (TILE, TILE), "photometric": "rgb", "metadata": None, "maxworkers": 2} | options
        with tifffile.TiffWriter(path) as file:
            for number, level in enumerate(levels):
                file.write(level, subfiletype=1 if number else 0, **common)

    return write


def _jpeg2000(**options: Any) -> Writer:
    def write(path: Path, levels: list[Picture]) -> None:
        glymur.set_option("lib.num_threads", 2)
        glymur.Jp2k(
            path, data=levels[0], numres=len(levels), cratios=[10], irreversible=True, prog="RPCL", **options
        )

    return write


def _gray(levels: list[Picture]) -> list[Picture]:
    return [level[..., 1] for level in levels]


def _deep(levels: list[Picture]) -> list[Picture]:
    """16 bits, of which the lower are noise as of a camera."""
    noise = np.random.default_rng(1)
    return [level.astype(np.uint16) * 256 + noise.integers(0, 64, level.shape, np.uint16) for level in levels]


def _heights(levels: list[Picture]) -> list[Picture]:
    """Elevations from 0 to 1000."""
    return [level[..., 1].astype(np.float32) * np.float32(1000 / 255) for level in levels]


def _cielab(levels: list[Picture]) -> list[Picture]:
    """The samples taken for L*, a* and b*: what they show does not matter, only that all are different."""
    return [level ^ np.array([0, 128, 128], np.uint8) for level in levels]


WRITERS: dict[str, Writer] = {
    "jpeg.tif": _tiff(compression="jpeg", compressionargs={"level": 75, "outcolorspace": "YCBCR"}),
    "deflate.tif": _tiff(compression="zlib", predictor=True),
    "lzw.tif": _tiff(compression="lzw", predictor=True),
    "zstd.tif": _tiff(compression="zstd", predictor=True),
    "tiled.jp2": _jpeg2000(tilesize=(512, 512)),
    "tiled1024.jp2": _jpeg2000(tilesize=(1024, 1024)),
    "untiled.jp2": _jpeg2000(psizes=[(256, 256)] * 3 + [(128, 128)]),
}

CROWD: dict[str, Writer] = {
    "crowd.tif": WRITERS["jpeg.tif"],
    "crowd.jp2": WRITERS["tiled.jp2"],
}

PROCESSED: dict[str, tuple[Converter, Writer]] = {
    "gray.tif": (_gray, _tiff(compression="jpeg", compressionargs={"level": 75}, photometric="minisblack")),
    DEEP: (_deep, _tiff(compression="zlib", predictor=True)),
    "float.tif": (
        _heights,
        _tiff(
            compression="zlib", predictor=True, photometric="minisblack",
            extratags=[(340, "f", 1, 0.0, True), (341, "f", 1, 1000.0, True)],
        ),
    ),
    "normals.tif": (list, _tiff(compression="jpeg", compressionargs={"level": 90})),
    "cielab.tif": (_cielab, _tiff(compression="zlib", predictor=True, photometric="cielab")),
}  # fmt: skip
"""How the pyramid is changed, and written."""
