"""Transforms by ICC profiles, from an image's own to sRGB: built once for each profile, used by all threads."""

from __future__ import annotations

import logging
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from iipserve.processing import Pixels

log = logging.getLogger(__name__)

LARGEST_PROFILE = 16 << 20
"""Bytes; larger ones are taken for broken."""
MODES = {"GRAY": ("L", 1), "RGB": ("RGB", 3), "CMYK": ("CMYK", 4)}
"""Pillow's name and the number of bands of the color spaces that are converted, by ICC's name."""
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE
"""Without its memory of the last pixel, a transform has no state, and threads may share it (Little CMS, 'Cached
transforms')."""


class Transform:
    """From the colors of one profile to sRGB: relative colorimetric, black point compensated, 8 bits."""

    def __init__(self, mode: str, transform: ImageCms.ImageCmsTransform) -> None:
        """Convert pictures of Pillow's `mode`."""
        self._mode = mode
        self._transform = transform

    def __call__(self, pixels: Pixels) -> Pixels:
        """RGB of pixels of as many bands as the profile has; gray of gray."""
        height, width = pixels.shape[:2]
        data: Any = np.ascontiguousarray(pixels).data
        image = Image.frombuffer(self._mode, (width, height), data, "raw", self._mode, 0, 1)
        converted = np.asarray(self._transform.apply(image))
        return converted if self._mode != "L" else np.ascontiguousarray(converted[..., 1:2])


@lru_cache(maxsize=16)
def to_srgb(profile: bytes, bands: int) -> Transform | None:
    """The transform of 8-bit pixels; None if the profile is broken, or is not one of so many color bands."""
    if len(profile) > LARGEST_PROFILE:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode, needed = MODES.get(opened.profile.xcolor_space.strip(), ("", 0))
        if needed != bands:
            return None
        srgb = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        built = ImageCms.buildTransform(opened, srgb, mode, "RGB", intent, FLAGS)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        log.debug("an ICC profile of %d bytes cannot be used: %s", len(profile), error)
        return None
    return Transform(mode, built)
