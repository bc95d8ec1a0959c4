"""Metadata of a file opened by libvips."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from iipserve import libvips
from iipserve.containers import exif, icc, png, tags
from iipserve.image import PhysicalResolution
from iipserve.libvips import pyvips

TEXT_FIELDS = {
    "image-description": "description",
    "exif-ifd0-ImageDescription": "description",
    "exif-ifd0-Artist": "creator",
    "exif-ifd0-Copyright": "rights",
    "exif-ifd0-DateTime": "date",
    "exif-ifd0-Software": "software",
    "exif-ifd0-Make": "make",
    "exif-ifd0-Model": "model",
}
PNG_KEYWORDS = {
    "Title": "title",
    "Author": "creator",
    "Description": "description",
    "Copyright": "rights",
    "Creation Time": "date",
    "Software": "software",
}
"""Keywords of PNG text chunks (PNG 3, section 11.3.3.1) by IIP object name."""
PNG_RAW_EXIF = re.compile(r"png-comment-\d+-Raw profile type (?:exif|APP1)", re.IGNORECASE)
"""Texts in which writers older than the eXIf chunk keep an Exif block."""
PROFILE_SPACES = {
    icc.GRAY: ("b-w", "grey16"),
    icc.RGB: ("srgb", "rgb16", "rgb", "scrgb"),
    icc.CMYK: ("cmyk",),
    icc.LAB: (),
}
"""By data color space of a profile (ICC.1 7.2.6): the interpretations it applies to. CIELAB needs no profile."""
NOT_UTF8 = re.compile("\ufffd|^<invalid utf-8 string>$")
"""What libvips returns in place of text that is not UTF-8: of a letter (8.18) or of all (8.14)."""
EXIF_TEXTS = {
    tags.IMAGE_DESCRIPTION: "description",
    tags.ARTIST: "creator",
    tags.COPYRIGHT: "rights",
    tags.DATE_TIME: "date",
    tags.MAKE: "make",
    tags.MODEL: "model",
}
"""IIP object name by tag."""
PNG_DEFAULT = 2.834
"""Pixels per millimetre of a PNG without a pHYs chunk: 72 dpi, which in a pHYs chunk would round to 2.835."""
EXIF_NOTE = re.compile(r", ASCII, \d+ components, \d+ bytes\)$")
"""libvips gives a text of Exif as `text (text, ASCII, 5 components, 5 bytes)`."""


@dataclass(frozen=True, slots=True, eq=False)
class VipsMetadata:
    """Fields of `ImageInfo` of the same names."""

    icc: bytes | None
    xmp: bytes | None
    exif: bytes | None
    resolution: PhysicalResolution | None
    text: Mapping[str, str]


def read_metadata(image: pyvips.Image, descriptor: int) -> VipsMetadata:
    """All metadata of an opened image; `descriptor` is of its file."""
    names = set(image.get_fields())
    block = _value(image, names, "exif-data") or _png_exif(image, names)
    return VipsMetadata(
        icc=_profile(image, names),
        xmp=_value(image, names, "xmp-data"),
        exif=block.removeprefix(exif.MARK) if block else None,
        resolution=_resolution(image, names),
        text=MappingProxyType(_texts(image, names, descriptor, block)),
    )


def _value(image: pyvips.Image, names: set[str], name: str) -> Any:
    """The field's value, or None if it is missing or not valid text."""
    if name not in names:
        return None
    try:
        return image.get(name)
    except pyvips.Error:
        return None


def read_orientation(image: pyvips.Image) -> int:
    """The value of Orientation; 1 if it is missing."""
    names = set(image.get_fields())
    if "orientation" in names:
        return int(image.get("orientation"))
    block = _png_exif(image, names)
    return exif.orientation(block) if block else exif.UPRIGHT


def _png_exif(image: pyvips.Image, names: set[str]) -> bytes | None:
    """Exif that ImageMagick and others keep as text: a line feed, a name, the length, and hexadecimal digits."""
    for name in sorted(names):
        if PNG_RAW_EXIF.fullmatch(name) and (value := _value(image, names, name)):
            with suppress(ValueError):
                return bytes.fromhex("".join(value.split()[2:])).removeprefix(exif.MARK)
    return None


def _profile(image: pyvips.Image, names: set[str]) -> bytes | None:
    """The ICC profile, if it applies to the image's color space."""
    profile: bytes | None = _value(image, names, "icc-profile-data")
    described = PROFILE_SPACES.get(icc.color_space(profile), (image.interpretation,))
    return profile if profile and image.interpretation in described else None


def _resolution(image: pyvips.Image, names: set[str]) -> PhysicalResolution | None:
    """Pixels per metre. libvips gives pixels per millimetre, of a default if the file has none."""
    is_known = _value(image, names, "resolution-unit") in ("in", "cm")
    if _value(image, names, "vips-loader") == "pngload_source":  # which gives no unit
        is_known = round(image.xres, 6) != PNG_DEFAULT
    if not is_known or image.xres <= 0 or image.yres <= 0:
        return None
    return PhysicalResolution(image.xres * 1000, image.yres * 1000)


def _texts(image: pyvips.Image, names: set[str], descriptor: int, block: bytes | None) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in sorted(names):
        meaning = TEXT_FIELDS.get(name) or _png_meaning(name)
        value = _value(image, names, name) if meaning else None
        if meaning and isinstance(value, str) and (text := _plain(name, value)):
            texts[meaning] = text
    if any(NOT_UTF8.search(text) for text in texts.values()):
        # libvips keeps nothing of such a text, and reads Latin-1 as UTF-8
        texts |= _exif_texts(block) | _png_texts(descriptor)
    return texts


def _exif_texts(block: bytes | None) -> dict[str, str]:
    fields = exif.read(block.removeprefix(exif.MARK)) if block else None
    return {
        EXIF_TEXTS[field.tag]: libvips.text(field.value).strip("\0 \n")
        for field in (fields.ifd0 if fields else ())
        if field.tag in EXIF_TEXTS
    }


def _png_texts(descriptor: int) -> dict[str, str]:
    if os.pread(descriptor, len(png.SIGNATURE), 0) != png.SIGNATURE:
        return {}
    texts = png.latin_texts(lambda count, offset: os.pread(descriptor, count, offset))
    return {PNG_KEYWORDS[keyword]: text.strip() for keyword, text in texts if keyword in PNG_KEYWORDS}


def _png_meaning(name: str) -> str | None:
    """`png-comment-0-Title` -> `title`."""
    keyword = re.fullmatch(r"png-comment-\d+-(.+)", name)
    return PNG_KEYWORDS.get(keyword[1]) if keyword else None


def _plain(name: str, value: str) -> str:
    """The text alone: libvips returns it twice, and with a note."""
    if name.startswith("exif-") and (note := EXIF_NOTE.search(value)):
        value = value[: (note.start() - 2) // 2]
    return value.strip("\0 \n")
