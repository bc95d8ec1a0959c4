"""What the settings add to every picture: conversion to sRGB, and the watermark."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.image import ColorSpace, ImageInfo
from iipserve.libvips import pyvips
from iipserve.plan import RenderPlan
from iipserve.processing import Operation, pipeline
from iipserve.processing.icc import ToSRGB
from iipserve.processing.watermark import BLENDS, Watermark

MAX_MARK_PIXELS = 16_000_000
DEPTHS = {"uchar": 1, "ushort": 257}
"""libvips' sample types that a mark may have, and what a step of 8 bits is in them."""


class OutputPolicy:
    """Adds to plans what the settings ask for. No protocol does, so that none can forget it."""

    def __init__(self, config: Config) -> None:
        """Reads the watermark.

        Raises:
            ConfigError: it cannot be read.
        """
        self._to_srgb = config.icc_to_srgb
        self._watermark = load_watermark(config)

    def apply(self, plan: RenderPlan, info: ImageInfo) -> RenderPlan:
        """The plan with everything that is due; the same object when nothing is.

        Args:
            plan: of any format, raw samples too.
            info: its image.
        """
        operations = plan.operations
        if self._to_srgb and info.icc is not None and info.color_space in (ColorSpace.GRAY, ColorSpace.SRGB):
            operations = _with_conversion(operations)
        if self._watermark is not None:
            operations = pipeline.ordered((*operations, self._watermark))
        return plan if operations is plan.operations else replace(plan, operations=operations)


def _with_conversion(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The operations with a conversion to sRGB among them, unless those before it make colors of their own."""
    converted = pipeline.ordered((*operations, ToSRGB()))
    before = takewhile(lambda operation: not isinstance(operation, ToSRGB), converted)
    return converted if all(operation.keeps_profile for operation in before) else operations


def load_watermark(config: Config) -> Watermark | None:
    """The watermark of the settings; None when there is none, or when it would show nowhere.

    Raises:
        ConfigError: the file is missing, is no image that libvips reads, is damaged, or is too large.
    """
    if not config.watermark:
        return None
    if not os.path.isfile(config.watermark):
        raise ConfigError(f"WATERMARK is {config.watermark!r}, which is no file; an image is needed")
    try:
        pixels = _read(config.watermark)
    except pyvips.Error as error:
        raise ConfigError(
            f"WATERMARK is {config.watermark!r}; an image that can be read is needed: {libvips.reason(error)}"
        ) from error
    if not config.watermark_probability or not config.watermark_opacity:
        return None
    mark = BLENDS[config.watermark_blend](pixels, config.watermark_opacity)
    return Watermark(_fingerprint(pixels, config), mark, config.watermark_probability)


def _read(path: str) -> NDArray[np.uint8]:
    """Red, green, blue and opacity of the image.

    Raises:
        pyvips.Error: it cannot be read.
        ConfigError: it is not fit to be a mark.
    """
    image = pyvips.Image.new_from_file(path, fail_on="error")
    if image.width * image.height > MAX_MARK_PIXELS:
        raise ConfigError(
            f"WATERMARK is {path!r}, of {image.width} x {image.height} pixels; "
            f"one of at most {MAX_MARK_PIXELS // 1_000_000} megapixels is needed"
        )
    if image.format not in DEPTHS:
        raise ConfigError(
            f"WATERMARK is {path!r}, with samples of type {image.format}; one of 8 or 16 bits is needed"
        )
    mark = _with_opacity(image.autorot())
    if mark.bands != 4:
        raise ConfigError(
            f"WATERMARK is {path!r}, with {image.bands} bands; gray, RGB or CMYK is needed, with or without opacity"
        )
    return libvips.to_pixels(mark).astype(np.uint8, copy=False)


def _with_opacity(image: pyvips.Image) -> pyvips.Image:
    """The image as sRGB and opacity, of 8 bits each."""
    if not image.hasalpha():
        return _to_srgb(image).bandjoin(255)
    bands = image.bands - 1
    opacity = (image[bands] / DEPTHS[image.format]).rint().cast("uchar")
    return _to_srgb(image.extract_band(0, n=bands)).bandjoin(opacity)


def _to_srgb(image: pyvips.Image) -> pyvips.Image:
    """The image, without opacity, as sRGB of 8 bits, by its ICC profile if it has one that fits."""
    if image.get_typeof("icc-profile-data"):
        try:
            return image.icc_transform("srgb", embedded=True).cast("uchar")
        except pyvips.Error:
            image = image.copy()
            image.remove("icc-profile-data")
    return image.colourspace("srgb").cast("uchar")


def _fingerprint(pixels: NDArray[np.uint8], config: Config) -> str:
    """Stands for everything that decides on what the mark does to a picture."""
    settings = (pixels.shape, config.watermark_probability, config.watermark_opacity, config.watermark_blend)
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return digest.hexdigest()
