"""Conversion by ICC profiles to sRGB. A transform is built once per profile and shared by all threads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageCms

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.bit_depth import convert_depth
from iipserve.processing.layout import color_bands, first_bands, with_opacity

log = logging.getLogger(__name__)

MAX_PROFILE_LENGTH = 16 << 20
"""Bytes; longer profiles are treated as broken."""
MODES = {"GRAY": ("L", 1), "RGB": ("RGB", 3), "CMYK": ("CMYK", 4)}
"""Pillow's mode and number of bands by the ICC signature of the color space."""
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE
"""NOCACHE: without the one-pixel cache a transform has no state, so threads may share it (Little CMS, 'Cached
transforms')."""


class Transform:
    """Conversion from one profile to sRGB: relative colorimetric, black point compensation, 8 bits."""

    def __init__(self, mode: str, transform: ImageCms.ImageCmsTransform) -> None:
        """Wrap a transform whose input has Pillow's `mode`."""
        self._mode = mode
        self._transform = transform

    def __call__(self, pixels: Pixels) -> Pixels:
        """Convert 8-bit pixels with the profile's number of bands to RGB, or gray to gray."""
        height, width = pixels.shape[:2]
        data: Any = np.ascontiguousarray(pixels).data
        image = Image.frombuffer(self._mode, (width, height), data, "raw", self._mode, 0, 1)
        converted = np.asarray(self._transform.apply(image))
        return converted if self._mode != "L" else np.ascontiguousarray(converted[..., 1:2])


@lru_cache(maxsize=16)
def to_srgb(profile: bytes, bands: int) -> Transform | None:
    """The transform of 8-bit pixels; None if the profile is broken or its color space has not `bands` bands."""
    if len(profile) > MAX_PROFILE_LENGTH:
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
        log.debug("unusable ICC profile of %d bytes: %s", len(profile), error)
        return None
    return Transform(mode, built)


@dataclass(frozen=True, slots=True)
class ToSRGB(Operation):
    """Convert colors from the image's embedded profile to sRGB; opacity is kept.

    Pixels stay unchanged without a profile, or with one that is broken or has another number of color bands.
    The conversion has 8 bits: the upper 8 of 16-bit pixels are converted, and expanded to 16 again.
    """

    stage: ClassVar[Stage] = Stage.DISPLAY
    keeps_profile: ClassVar[bool] = False
    needs_profile: ClassVar[bool] = True

    profile: bytes | None = None
    """The profile; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        colors = color_bands(bands)
        transform = to_srgb(self.profile, colors) if self.profile else None
        if transform is None:
            return pixels
        bits = 8 * pixels.itemsize
        color = transform(convert_depth(first_bands(pixels, colors), bits, 8))
        color = convert_depth(color, 8, bits)
        return color if colors == bands else with_opacity(color, pixels[..., -1])

    def bound(self, context: Context) -> Operation:
        return self if self.profile is not None else ToSRGB(context.info.icc or b"")
