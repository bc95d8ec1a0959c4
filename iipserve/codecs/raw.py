"""Samples without a file format, for clients that know their layout (IIP's TIL)."""

from __future__ import annotations

from iipserve.codecs import Encoder, Metadata
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The samples row by row and pixel by pixel, without a header; 16-bit samples in the byte order of the machine."""
    return pixels.tobytes()


ENCODER = Encoder(
    Format(
        name="raw",
        extension="",
        media_type="application/octet-stream",
        bands=frozenset({1, 2, 3, 4}),
        depths=frozenset({8, 16}),
        quality_range=(0, 0),
    ),
    encode=encode,
    quick=True,
)
