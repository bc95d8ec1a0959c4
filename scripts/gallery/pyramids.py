"""How the gallery's images are written: as TIFF pyramids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

TILE = 256
JPEG_PYRAMID = {
    "compression": "jpeg", "tile": True, "tile_width": TILE, "tile_height": TILE, "pyramid": True,
}  # fmt: skip
"""Options of libvips."""


def write_layers(
    path: Path, layers: Sequence[NDArray[Any]], *, photometric: str, names: Sequence[str] = ()
) -> None:
    """Write each layer as a page of a TIFF, with its smaller levels in SubIFDs."""
    with tifffile.TiffWriter(path) as file:
        for number, layer in enumerate(layers):
            levels = [level if photometric != "cielab" else _signed_bytes(level) for level in _levels(layer)]
            options: dict[str, Any] = {
                "photometric": photometric,
                "tile": (TILE, TILE),
                "compression": "zlib",
                "compressionargs": {"level": 4},
                "predictor": photometric != "cielab",
                "metadata": None,
            }
            named = [(269, "s", 0, names[number], False)] if names else []
            file.write(
                levels[0],
                subifds=len(levels) - 1,
                subfiletype=2 if names else 0,
                extratags=named,
                **options,
            )
            for level in levels[1:]:
                file.write(level, subfiletype=1, **options)


def _signed_bytes(pixels: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Numbers from -128 to 255 as bytes, negative ones in two's complement."""
    return pixels.astype(np.uint8)


def _levels(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """The pixels, then halves of them until one fits in a tile."""
    levels = [pixels]
    while max(levels[-1].shape[:2]) > TILE:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Means of two by two pixels, of the numbers among them; a last odd row or column is left out."""
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    cells = pixels[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2, *pixels.shape[2:])
    known = np.isfinite(cells)
    sums = np.where(known, cells, 0).sum(axis=(1, 3), dtype=np.float64)
    counts = known.sum(axis=(1, 3))
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(means).astype(pixels.dtype)
