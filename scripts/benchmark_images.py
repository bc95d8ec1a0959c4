"""The benchmark's images: glymur's photograph, repeated, in the layouts that are compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import glymur.data
import numpy as np
import tifffile
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
TILE = 256


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


IMAGES: dict[str, Image] = {}


def image(name: str) -> Image:
    """One of the images made."""
    return IMAGES[name]


def make_images(folder: Path, width: int) -> Path:
    """Make what is missing in `folder`, and read what all are."""
    index = folder / "index.json"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        levels = _pyramid(_photograph(width))
        for name, write in WRITERS.items():
            print(f"making {name}", file=sys.stderr)
            write(folder / name, levels)
        height = levels[0].shape[0]
        index.write_text(json.dumps({"width": width, "height": height, "levels": len(levels)}))
    facts = json.loads(index.read_text())
    IMAGES.update({name: Image(name, **facts) for name in WRITERS})
    return folder


def _photograph(width: int) -> Picture:
    """glymur's photograph mirrored and repeated to `width`, three quarters as high and odd, with a gradient."""
    cell = glymur.Jp2k(glymur.data.nemo())[:]
    cell = np.concatenate((cell, cell[:, ::-1]), axis=1)
    cell = np.concatenate((cell, cell[::-1]), axis=0)
    height = width * 3 // 4 + 1
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


def _tiff(**options: object) -> Callable[[Path, list[Picture]], None]:
    def write(path: Path, levels: list[Picture]) -> None:
        with tifffile.TiffWriter(path) as file:
            for number, level in enumerate(levels):
                file.write(
                    level,
                    tile=(TILE, TILE),
                    photometric="rgb",
                    subfiletype=1 if number else 0,
                    metadata=None,
                    maxworkers=2,
                    **options,
                )

    return write


def _jpeg2000(**options: object) -> Callable[[Path, list[Picture]], None]:
    def write(path: Path, levels: list[Picture]) -> None:
        glymur.set_option("lib.num_threads", 2)
        glymur.Jp2k(
            path, data=levels[0], numres=len(levels), cratios=[10], irreversible=True, prog="RPCL", **options
        )

    return write


WRITERS: dict[str, Callable[[Path, list[Picture]], None]] = {
    "jpeg.tif": _tiff(compression="jpeg", compressionargs={"level": 75, "outcolorspace": "YCBCR"}),
    "deflate.tif": _tiff(compression="zlib", predictor=True),
    "lzw.tif": _tiff(compression="lzw", predictor=True),
    "zstd.tif": _tiff(compression="zstd", predictor=True),
    "tiled.jp2": _jpeg2000(tilesize=(512, 512)),
    "untiled.jp2": _jpeg2000(psizes=[(256, 256)] * 3 + [(128, 128)]),
}
