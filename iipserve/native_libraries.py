"""Keeps imagecodecs' own C libraries from being mixed up with the system's.

A distribution's libvips loads its modules with global symbols, so that codecs loaded after it are bound
to the system's libaom, libtiff and OpenJPEG, of other versions than they were built for (seen with
libvips 8.14 of Debian 12: wrong opacity in AVIF). Codecs loaded first are bound to their own. The
pyvips-binary wheel keeps its symbols to itself.
"""

from __future__ import annotations

from importlib.util import find_spec

import imagecodecs

CODECS = (
    "jpeg8", "jpeg2k", "htj2k", "webp", "avif", "jpegxl",
    "png", "tiff", "deflate", "lzw", "zstd", "packbits",
)  # fmt: skip


def load_before_libvips() -> None:
    """Load the codecs this server uses, if libvips is the system's; to be called before pyvips is imported."""
    if find_spec("_libvips") is not None:  # the wheel's
        return
    for codec in CODECS:
        getattr(imagecodecs, f"{codec}_decode")
