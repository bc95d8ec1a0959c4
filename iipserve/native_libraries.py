"""Load order that binds imagecodecs to its bundled C libraries instead of the system's.

A distribution's libvips loads its modules with global symbols. Codecs loaded after it bind to the system's libaom,
libtiff and OpenJPEG, whose versions differ from those they were built for (observed with libvips 8.14 of Debian 12:
wrong opacity in AVIF, no JPEG XL). Codecs loaded first bind to their own. The pyvips-binary wheel exports no symbols.
But pip installs it before pyvips, and where libvips' headers are installed, pyvips then puts a module of its own, for the
system's libvips, in the place of the wheel's.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec

import imagecodecs

CODECS = (
    "jpeg8", "jpeg2k", "htj2k", "webp", "avif", "jpegxl",
    "png", "tiff", "deflate", "lzw", "zstd", "packbits",
)  # fmt: skip


def load_before_libvips() -> None:
    """Load the codecs this server uses if libvips is the system's. Call it before pyvips is imported."""
    if _has_wheel():
        return
    for codec in CODECS:
        getattr(imagecodecs, f"{codec}_decode")


def _has_wheel() -> bool:
    """Whether the module through which pyvips calls libvips is that of the wheel."""
    try:
        own = files("pyvips") or ()
    except PackageNotFoundError:
        own = ()
    return find_spec("_libvips") is not None and not any(file.name.startswith("_libvips.") for file in own)
