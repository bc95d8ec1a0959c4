"""GIF output: one frame of at most 256 colors, without transparency or metadata.

Gray is exact: its palette is all grays. Colors are reduced by libvips, and are those of sRGB, as GIF has no place for a
profile. libvips takes eight times the memory of the pixels for that. So a large image takes the palette of a smaller copy,
and each pixel the nearest color of it.
"""

from __future__ import annotations

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.codecs import Encoder, Metadata
from iipserve.codecs.metadata import check_sides, select
from iipserve.formats import Format
from iipserve.geometry import Size, ceil_div
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.icc import ToSRGB

if not (imagecodecs.GIF.available and libvips.knows("gifsave_buffer")):
    raise ModuleNotFoundError("libvips was built without cgif", name="pyvips")

MAX_SIDE = 65535
"""The sides have 16 bits."""
MAX_DITHERED_PIXELS = 1 << 21
COPY_SIDE = 1024
"""Maximum side of the copy, in pixels."""
EFFORT = 4
"""Of 1 to 10: a tile of 256 x 256 pixels takes 17 ms; 7, libvips' default, takes 61 ms and saves a sixth."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a GIF file.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels.shape, MAX_SIDE, "GIF")
    bands = pixels.shape[2]
    profile = select(metadata, encoding, bands).icc
    if profile:
        pixels = ToSRGB(profile)(pixels)
    if bands == 1:
        return bytes(imagecodecs.gif_encode(pixels[:, :, 0]))
    image = libvips.from_pixels(pixels).copy(interpretation="srgb")
    if image.width * image.height <= MAX_DITHERED_PIXELS:
        return bytes(image.gifsave_buffer(effort=EFFORT, **libvips.NO_METADATA))
    size = Size(image.width, image.height)
    copy = libvips.resized(image, size.ceil_scaled(ceil_div(max(size.width, size.height), COPY_SIDE)))
    palette = _palette(copy.gifsave_buffer(effort=EFFORT, **libvips.NO_METADATA))
    return bytes(imagecodecs.gif_encode(_indices(pixels, palette), colormap=palette))


def _palette(body: bytes) -> NDArray[np.uint8]:
    """The global color table of a GIF file, shape (256, 3) (GIF89a sections 18 and 19)."""
    count = 2 << (body[10] & 7)
    palette = np.zeros((256, 3), np.uint8)
    palette[:count] = np.frombuffer(body, np.uint8, 3 * count, 13).reshape(-1, 3)
    palette[count:] = palette[0]
    return palette


def _indices(pixels: Pixels, palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The index of the color nearest to each pixel, by way of a table for the upper 5 bits of each band."""
    steps = np.arange(32, dtype=np.int32) * 8 + 4
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    table = np.empty(len(cells), np.uint8)
    for start in range(0, len(cells), 1024):
        distances = np.square(cells[start : start + 1024] - palette.astype(np.int32)).sum(axis=2)
        table[start : start + 1024] = distances.argmin(axis=1)
    high = np.right_shift(pixels.astype(np.uint8, copy=False), 3)
    keys = high[..., 0].astype(np.uint16) << np.uint16(10)
    keys |= high[..., 1].astype(np.uint16) << np.uint16(5)
    keys |= high[..., 2]
    return table[keys]


ENCODER = Encoder(
    Format(
        name="gif",
        extension="gif",
        media_type="image/gif",
        bands=frozenset({1, 3}),
        max_side=MAX_SIDE,
        position=20,
    ),
    encode=encode,
    memory_factor=3,
    small_pixels=MAX_DITHERED_PIXELS,
    small_memory_factor=8,
    library=libvips.library_version,
)
