"""What the settings add to every rendered image: conversion to sRGB, and the watermark."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Set
from dataclasses import replace
from itertools import takewhile
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.config import Config
from iipserve.errors import ConfigError, Forbidden
from iipserve.image import ColorSpace, ImageInfo
from iipserve.libvips import pyvips
from iipserve.plan import Blank, Composite, ImageRef, Mosaic, MosaicPart, RenderPlan, StyledView
from iipserve.processing import Operation, pipeline
from iipserve.processing.icc import ToSRGB
from iipserve.processing.watermark import BLENDS, Watermark, trimmed

Part = TypeVar("Part", StyledView, MosaicPart)

MAX_MARK_PIXELS = 16_000_000
"""Pixels of a watermark, at most."""
DEPTHS = {"uchar": 1, "ushort": 257}
"""libvips' sample types that a mark may have, with the size of a step of 8 bits in each."""


class OutputPolicy:
    """Adds to plans what the settings require, for all protocols."""

    def __init__(self, config: Config) -> None:
        """Read the watermark.

        Raises:
            ConfigError: it cannot be read.
        """
        self._to_srgb = config.icc_to_srgb
        self._watermark = load_watermark(config)
        self._gives_samples = self._watermark is None or config.watermark_samples
        self.adds_nothing = not self._to_srgb and self._watermark is None
        """`apply` returns every plan as it is."""

    def apply(self, plan: RenderPlan, shown: Iterable[ImageInfo]) -> RenderPlan:
        """The plan with what the settings add; the same object if they add nothing.

        Args:
            plan: with any kind of view, of any output format, raw samples included.
            shown: all images of its view. The conversion to sRGB is added if one of them needs it: it is bound to
                each image by itself, and leaves those without a profile as they are.
        """
        if isinstance(plan.view, Blank):
            return plan
        operations = plan.operations
        view = plan.view
        if self._to_srgb and isinstance(view, (Composite, Mosaic)):
            infos = zip(view.images, shown, strict=True)
            converted = {image for image, info in infos if _has_convertible_colors(info)}
            plan = replace(plan, view=_with_converted_parts(view, converted))
        elif self._to_srgb and any(map(_has_convertible_colors, shown)):
            operations = _with_conversion(operations)
        if self._watermark is not None:
            operations = pipeline.ordered((*operations, self._watermark))
        return plan if operations is plan.operations else replace(plan, operations=operations)

    def check_samples(self) -> None:
        """Refuse samples and files where a watermark is set: they have none, and many samples are the image.

        Raises:
            Forbidden: the settings do not allow it.
        """
        if not self._gives_samples:
            raise Forbidden(
                "samples, histograms and files are not given here: images have a watermark, which these would lack"
            )


def _with_converted_parts(view: Composite | Mosaic, converted: Set[ImageRef]) -> Composite | Mosaic:
    """Pictures of several images, of which some are converted, each by itself."""
    if isinstance(view, Mosaic):
        return _with_converted_images(view, converted)
    return replace(view, parts=tuple(_with_converted_layer(part, converted) for part in view.parts))


def _with_converted_layer(part: StyledView, converted: Set[ImageRef]) -> StyledView:
    if isinstance(part.view, Mosaic):
        return replace(part, view=_with_converted_images(part.view, converted))
    return _with_converted(part, converted)


def _with_converted_images(view: Mosaic, converted: Set[ImageRef]) -> Mosaic:
    return replace(view, parts=tuple(_with_converted(part, converted) for part in view.parts))


def _with_converted(part: Part, converted: Set[ImageRef]) -> Part:
    """An image with a conversion, if it is one of those."""
    if part.view.images[0] not in converted:
        return part
    return replace(part, operations=_with_conversion(part.operations))


def _has_convertible_colors(info: ImageInfo) -> bool:
    """Whether a profile describes the display pixels; CIELAB and CMYK are converted to sRGB in any case."""
    return info.icc is not None and info.color_space in (ColorSpace.GRAY, ColorSpace.SRGB)


def _with_conversion(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The operations with a conversion to sRGB, unless the ones before it make other colors."""
    converted = pipeline.ordered((*operations, ToSRGB()))
    before = takewhile(lambda operation: not isinstance(operation, ToSRGB), converted)
    return converted if all(operation.keeps_profile for operation in before) else operations


def load_watermark(config: Config) -> Watermark | None:
    """The watermark of the settings; None if none is set, or if it would never show.

    Raises:
        ConfigError: the file is missing, damaged, too large, clear, or not an image that libvips reads.
    """
    if not config.watermark:
        return None
    if not os.path.isfile(config.watermark):
        raise ConfigError(f"WATERMARK is {config.watermark!r}, which is not a file; an image is required")
    try:
        pixels = _read(config.watermark)
    except pyvips.Error as error:
        raise ConfigError(
            f"WATERMARK is {config.watermark!r}; a readable image is required: {libvips.reason(error)}"
        ) from error
    if not config.watermark_probability or not config.watermark_opacity:
        return None
    kind = BLENDS[config.watermark_blend]
    pixels = trimmed(pixels, kind.visible(pixels, config.watermark_opacity))
    if not pixels.size:
        raise ConfigError(
            f"WATERMARK is {config.watermark!r}, of which nothing is visible with WATERMARK_BLEND="
            f"{config.watermark_blend} and WATERMARK_OPACITY={config.watermark_opacity:g}"
        )
    mark = kind(pixels, config.watermark_opacity)
    return Watermark(_fingerprint(pixels, config), mark, config.watermark_probability)


def _read(path: str) -> NDArray[np.uint8]:
    """Red, green, blue and opacity of the image.

    Raises:
        pyvips.Error: it cannot be read.
        ConfigError: it cannot be used as a mark.
    """
    image = pyvips.Image.new_from_file(path, fail_on="error")
    if image.width * image.height > MAX_MARK_PIXELS:
        raise ConfigError(
            f"WATERMARK is {path!r}, of {image.width} x {image.height} pixels; "
            f"one of at most {MAX_MARK_PIXELS // 1_000_000} megapixels is required"
        )
    if image.format not in DEPTHS:
        raise ConfigError(
            f"WATERMARK is {path!r}, with samples of type {image.format}; 8 or 16 bits are required"
        )
    mark = _with_opacity(image.autorot())
    if mark.bands != 4:
        raise ConfigError(
            f"WATERMARK is {path!r}, with {image.bands} bands; gray, RGB or CMYK, with or without opacity, is required"
        )
    return libvips.to_pixels(mark).astype(np.uint8, copy=False)


def _with_opacity(image: pyvips.Image) -> pyvips.Image:
    """The image as sRGB and opacity, 8 bits each."""
    if not image.hasalpha():
        return _to_srgb(image).bandjoin(255)
    bands = image.bands - 1
    opacity = (image[bands] / DEPTHS[image.format]).rint().cast("uchar")
    return _to_srgb(image.extract_band(0, n=bands)).bandjoin(opacity)


def _to_srgb(image: pyvips.Image) -> pyvips.Image:
    """The image, without opacity, as 8-bit sRGB, converted by its ICC profile if it has a suitable one."""
    if image.get_typeof("icc-profile-data"):
        try:
            return image.icc_transform("srgb", embedded=True).cast("uchar")
        except pyvips.Error:
            image = image.copy()
            image.remove("icc-profile-data")
    return image.colourspace("srgb").cast("uchar")


def _fingerprint(pixels: NDArray[np.uint8], config: Config) -> str:
    """Hash of everything that determines what the mark does to an image."""
    settings = (pixels.shape, config.watermark_probability, config.watermark_opacity, config.watermark_blend)
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return digest.hexdigest()
