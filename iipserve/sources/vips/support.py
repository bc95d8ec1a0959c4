"""What the installed libvips reads, for `--check`."""

from __future__ import annotations

from collections.abc import Iterator

from iipserve import libvips
from iipserve.sources import Support
from iipserve.sources.vips import decoders

LOADERS = {
    "JPEG": "jpegload",
    "PNG": "pngload",
    "WebP": "webpload",
    "GIF": "gifload",
    "JPEG XL in other colors": "jxlload",
}
"""Formats that have one codec, and the operation that reads them."""
HEIF = {"AVIF": b"av01", "HEIC": b"hvc1"}
"""By type of item."""


def support() -> Iterator[Support]:
    """A line for each format."""
    library = f"libvips {libvips.library_version()}"
    for kind, loader in LOADERS.items():
        yield Support(kind, library, "" if libvips.knows(loader) else f"{library} was built without it")
    for kind, item in HEIF.items():
        failure = f"{library} was built without libheif"
        if libvips.knows("heifload"):
            failure = decoders.heif_failure(item) or ""
        yield Support(kind, library, failure)
