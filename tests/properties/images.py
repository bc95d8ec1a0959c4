"""Small images of many kinds that generated requests ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from iipserve.app import Application
from iipserve.config import Config
from iipserve.http import Request, Response
from tests.images import gradient, smooth, write_jp2, write_tiff_pyramid

SIZE = (300, 211)
TILE = (128, 128)


@dataclass(frozen=True, slots=True)
class Subject:
    """An image as the server describes it."""

    identifier: str
    sizes: tuple[tuple[int, int], ...]
    """(width, height) of IIP's resolutions, the smallest first."""
    tile: tuple[int, int]
    square_tile: int
    """Side of the tiles of DeepZoom and Zoomify."""
    bands: int
    is_color: bool
    views: tuple[str, ...] = ()
    """Arguments of SDS, if there is more than one picture."""

    @property
    def size(self) -> tuple[int, int]:
        """The full size."""
        return self.sizes[-1]


def settings(folder: Path) -> Config:
    """Settings under which every request is answered soon, and every extension is on."""
    return Config(
        filesystem_prefix=f"{folder}/",
        max_cvt=500,
        max_render_memory=64,
        max_decode=20,
        iiif_delimiter=";",
        iiif_extensions=True,
        logfile="-",
    )


def ask(application: Application, address: str, **environ: str) -> Response:
    """The answer to one address, its body whole."""
    response = application.handle(Request.from_environ({"REQUEST_URI": address, "HTTP_HOST": "h"} | environ))
    return Response(response.status, response.headers, body_of(response))


def body_of(response: Response) -> bytes:
    """The body in one piece."""
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


def describe(application: Application, identifier: str) -> Subject:
    """What the server tells of an image."""
    objects = "&".join(
        f"OBJ={name}" for name in ("Resolutions", "Tile-size", "Min-Max-sample-values", "Colorspace,0,0")
    )
    response = ask(application, f"/iip?FIF={identifier}&{objects}")
    text = body_of(response).decode()
    assert response.status == 200, f"{identifier}: {text}"
    lines = dict(line.split(":", 1) for line in text.splitlines())
    sizes = tuple(_pair(size) for size in lines["Resolutions"].split(","))
    tile = _pair(lines["Tile-size"])
    described = body_of(ask(application, f"/deepzoom/{identifier}.dzi")).decode()
    square = int(described.partition('TileSize="')[2].partition('"')[0])
    bands = len(lines["Min-Max-sample-values"].split()) // 2
    is_color = bands >= 3 and " 3 0 1 2" in text
    return Subject(identifier, sizes, tile, square, bands, is_color, VIEWS.get(identifier, ()))


def _pair(text: str) -> tuple[int, int]:
    width, height = text.split()
    return int(width), int(height)


VIEWS = {"stack.tif": ("0", "1", "2"), "sequence": ("0", "45", "0,90", "45,90", "0,30")}
"""What SDS may name, by identifier."""


def make_subjects(folder: Path) -> tuple[str, ...]:
    """Write all images into `folder`; their identifiers."""
    for name, make in MAKERS.items():
        make(folder / name)
    return tuple(MAKERS)


def _tiff(pixels: np.ndarray[Any, Any], **options: Any) -> Callable[[Path], None]:
    """Writes a pyramid of every second pixel, so that any sample type will do."""

    def make(path: Path) -> None:
        levels = [pixels]
        while levels[-1].shape[1] > TILE[0] or levels[-1].shape[0] > TILE[1]:
            levels.append(
                np.ascontiguousarray(levels[-1][: -1 if levels[-1].shape[0] % 2 else None : 2, ::2])
            )
        common: dict[str, Any] = {"tile": TILE[::-1], "compression": "zlib", "metadata": None} | options
        with tifffile.TiffWriter(path) as writer:
            for number, level in enumerate(levels):
                writer.write(level, subfiletype=min(number, 1), **common)

    return make


def _float(path: Path) -> None:
    values = smooth(SIZE, 1)[..., 0].astype(np.float32) / 100 - 1
    values[20:40, 30:60] = np.nan
    _tiff(values, photometric="minisblack")(path)


def _palette(path: Path) -> None:
    colors = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 90)]).astype(np.uint16) * 257
    _tiff(smooth(SIZE, 1)[..., 0], photometric="palette", colormap=colors)(path)


def _stack(path: Path) -> None:
    """Three pages of full size, marked as pages."""
    with tifffile.TiffWriter(path) as writer:
        for number in range(3):
            page = np.roll(gradient(SIZE), 40 * number, axis=1)
            writer.write(
                page, photometric="rgb", tile=TILE[::-1], compression="zlib", subfiletype=2, metadata=None
            )


def _sequence(path: Path) -> None:
    for across, up in ((0, 90), (45, 90), (0, 30)):
        view = path.with_name(f"{path.name}_pyr_{across:03}_{up:03}.tif")
        write_tiff_pyramid(view, gradient(SIZE), tile=TILE, compression="zlib")


def _bilevel(path: Path) -> None:
    _tiff(gradient(SIZE, 1)[..., 0] > 127, photometric="minisblack")(path)


MAKERS: Mapping[str, Callable[[Path], None]] = {
    "rgb.tif": lambda path: _none(write_tiff_pyramid(path, gradient(SIZE), tile=TILE, compression="zlib")),
    "jpeg.tif": lambda path: _none(write_tiff_pyramid(path, smooth(SIZE), tile=TILE, compression="jpeg")),
    "gray.tif": lambda path: _none(write_tiff_pyramid(path, gradient(SIZE, 1), tile=TILE, compression="lzw")),
    "opacity.tif": lambda path: _none(write_tiff_pyramid(path, gradient(SIZE, 4), tile=TILE)),
    "gray16.tif": _tiff(gradient(SIZE, 1)[..., 0].astype(np.uint16) * 250, photometric="minisblack"),
    "signed16.tif": _tiff(gradient(SIZE, 1)[..., 0].astype(np.int16) * 100 - 9000, photometric="minisblack"),
    "rgb16.tif": _tiff(gradient(SIZE).astype(np.uint16) * 257, photometric="rgb"),
    "float.tif": _float,
    "lab.tif": _tiff(smooth(SIZE), photometric="cielab"),
    "cmyk.tif": _tiff(smooth(SIZE, 4), photometric="separated"),
    "palette.tif": _palette,
    "bands.tif": _tiff(np.concatenate([gradient(SIZE), gradient(SIZE, 2)], axis=2), photometric="minisblack", planarconfig="contig"),
    "bilevel.tif": _bilevel,
    "stack.tif": _stack,
    "sequence": _sequence,
    "one.tif": lambda path: _none(write_tiff_pyramid(path, gradient((1, 1)), tile=(16, 16))),
    "oblong.tif": lambda path: _none(write_tiff_pyramid(path, gradient(SIZE), tile=(96, 32), compression="zlib")),
    "picture.jp2": lambda path: _none(write_jp2(path, gradient(SIZE), numres=3)),
    "plain.png": lambda path: Image.fromarray(gradient(SIZE)).save(path),
    "plain.jpg": lambda path: Image.fromarray(smooth(SIZE)).save(path),
}  # fmt: skip
"""By identifier, which is the file's name (of a sequence the beginning of the files' names)."""


def _none(_: object) -> None:
    """Drops what a writer returns."""
