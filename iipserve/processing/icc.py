"""Conversion by ICC profiles to sRGB. A transform is built once per profile and shared by all threads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, ClassVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import color_bands, first_bands, with_opacity

log = logging.getLogger(__name__)

MAX_PROFILE_LENGTH = 16 << 20
"""Bytes; longer profiles are treated as broken."""
MODES = {"GRAY": ("L", 1), "RGB": ("RGB", 3), "CMYK": ("CMYK", 4)}
"""Pillow's mode and number of bands by the ICC signature of the color space."""
MODE_SPACES = {"RGB": "rgb", "CMYK": "cmyk"}
"""imagecodecs' names of color spaces by Pillow's mode."""
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE
"""NOCACHE: without the one-pixel cache a transform has no state, so threads may share it (Little CMS, 'Cached
transforms')."""
EXACT = FLAGS | ImageCms.Flags.NOOPTIMIZE
"""Without approximations: Little CMS treats the sRGB curve as a power of 2.2 in gray, and has tables for others."""


class Transform:
    """Conversion from one profile to sRGB: relative colorimetric, black point compensation, 8 or 16 bits."""

    def __init__(self, mode: str, profile: bytes, transform: ImageCms.ImageCmsTransform) -> None:
        """Wrap a transform, for 8 bits, whose input has Pillow's `mode`."""
        self._mode = mode
        self._profile = profile
        self._transform = transform

    def __call__(self, pixels: Pixels) -> Pixels:
        """Convert pixels with the profile's number of bands to RGB, or gray to gray, of the same depth."""
        if self._mode == "L":
            codes: NDArray[Any] = pixels
            return gray_table(self._profile, 8 * pixels.itemsize).take(codes)
        if pixels.itemsize == 2:
            return _exactly(pixels, self._profile, MODE_SPACES[self._mode])
        height, width = pixels.shape[:2]
        data: Any = np.ascontiguousarray(pixels).data
        image = Image.frombuffer(self._mode, (width, height), data, "raw", self._mode, 0, 1)
        return np.asarray(self._transform.apply(image))


@lru_cache(maxsize=8)
def gray_table(profile: bytes, bits: int) -> NDArray[Any]:
    """The sRGB gray of every code of 8 or 16 bits of a gray profile."""
    codes = np.arange(1 << bits).astype(f"uint{bits}").reshape(1, -1, 1)
    return np.ascontiguousarray(_exactly(codes, profile, "gray")[0, :, 1])


def _exactly(pixels: Pixels, profile: bytes, space: str) -> Pixels:
    """RGB of pixels of 8 or 16 bits by Little CMS without its approximations (which Pillow offers for 8 bits alone)."""
    shape = pixels.shape[:2] if pixels.shape[2] == 1 else pixels.shape
    converted = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels).reshape(shape), profile, srgb_profile(), colorspace=space,
        outcolorspace="rgb", outdtype=pixels.dtype, intent=ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=EXACT,
    )  # fmt: skip
    return converted.reshape(*pixels.shape[:2], 3)


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """A profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@lru_cache(maxsize=16)
def to_srgb(profile: bytes, bands: int) -> Transform | None:
    """The transform of pixels; None if the profile is broken or its color space has not `bands` bands."""
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
    return Transform(mode, profile, built)


@dataclass(frozen=True, slots=True)
class ToSRGB(Operation):
    """Convert colors from the image's embedded profile to sRGB; opacity is kept.

    Pixels stay unchanged without a profile, or with one that is broken or has another number of color bands.
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
        color = transform(first_bands(pixels, colors))
        return color if colors == bands else with_opacity(color, pixels[..., -1])

    def bound(self, context: Context) -> Operation:
        return self if self.profile is not None else ToSRGB(context.info.icc or b"")
