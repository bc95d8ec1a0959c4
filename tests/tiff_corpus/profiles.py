"""ICC profiles to put into test images."""

from __future__ import annotations

import pyvips
from PIL import ImageCms

SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cmyk_profile() -> bytes:
    """A profile for CMYK: the one that is built into libvips."""
    return bytes(pyvips.Operation.call("profile_load", "cmyk"))
