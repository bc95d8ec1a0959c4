"""What this installation reads of TIFF, for `--check`."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs

from iipserve.sources import Support

COMPRESSIONS = {
    "LZW": "LZW", "deflate": "DEFLATE", "PackBits": "PACKBITS", "zstd": "ZSTD", "LZMA": "LZMA", "LERC": "LERC",
    "JPEG": "JPEG8", "WebP": "WEBP", "JPEG 2000": "JPEG2K", "CCITT": "TIFF",
}  # fmt: skip
"""Compressions and the codecs of imagecodecs that read them."""


def support() -> Iterator[Support]:
    """TIFF, and each compression that cannot be read."""
    library = f"imagecodecs {imagecodecs.__version__}"
    yield Support("TIFF", library)
    for name, codec in COMPRESSIONS.items():
        if not getattr(imagecodecs, codec).available:
            yield Support(f"TIFF in {name}", library, f"{library} was built without it")
