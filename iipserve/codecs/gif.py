"""GIF output: one frame of at most 256 colors, without transparency or metadata.

Gray is exact: its palette is all grays. Colors are reduced by libvips, and are those of sRGB, as GIF states no profile
(GIF89a specification, appendix D).
"""

from __future__ import annotations

import imagecodecs

from iipserve import libvips
from iipserve.codecs import Encoder, Metadata
from iipserve.codecs.metadata import check_sides, select
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.icc import ToSRGB

if not (imagecodecs.GIF.available and libvips.knows("gifsave_buffer")):
    raise ModuleNotFoundError("libvips was built without cgif", name="pyvips")

MAX_SIDE = 65535
"""The sides have 16 bits."""
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
    return bytes(image.gifsave_buffer(effort=EFFORT, keep="none"))


ENCODER = Encoder(
    Format(name="gif", extension="gif", media_type="image/gif", bands=frozenset({1, 3}), position=20),
    encode=encode,
    memory_factor=8,
    library=libvips.library_version,
)
