"""SVG, drawn by librsvg through libvips at the resolution that SVG_DPI states."""

from __future__ import annotations

import os
import re
import weakref
from typing import Any
from xml.parsers import expat

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace, PhysicalResolution
from iipserve.libvips import pyvips
from iipserve.sources import OpenFile, Source, SourceFormat, Support, closed_on_error
from iipserve.sources.rows import check_single, plain_info
from iipserve.sources.spooled import UPRIGHT, SpooledSource, StoredImage, spool_image

MAX_BYTES = 10_000_000
MAX_TEXT = 50_000_000
"""Characters of a file with its entities replaced."""
MAX_SIDE = 32_767
"""Pixels that cairo draws."""
PIXELS_PER_INCH = 96
"""Of CSS, in which lengths without units are given."""
SIGNATURE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<svg|<!DOCTYPE\s+svg|<!--)")
OUTSIDE_URL = re.compile(r"@import|url\(\s*[\"']?\s*(?!#|data:|\s|[\"'])", re.IGNORECASE)
SVG, XLINK, XINCLUDE = (
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/2001/XInclude",
)
REFERENCES = ("href", f"{XLINK} href")


class SvgSource(SpooledSource):
    """One opened file. Safe for many threads."""

    def __init__(self, file: OpenFile) -> None:
        """Take the file's descriptor over.

        Raises:
            UnsupportedImage: the file is no SVG, refers to other files, or cannot be drawn.
        """
        super().__init__(UPRIGHT)
        self._descriptor, self._scale = file.descriptor, file.config.svg_dpi / PIXELS_PER_INCH
        with closed_on_error(file):
            check_single(file)
            data = self._data()
            check_content(data)
            size = self._size(data)
            density = file.config.svg_dpi / 0.0254
            self.info = plain_info(
                file, "svg", size, "uint8", ColorSpace.SRGB, ((0.0, 255.0),) * 4, bands=4, bits=8, has_alpha=True,
                resolution=PhysicalResolution(density, density),
            )  # fmt: skip
        weakref.finalize(self, os.close, file.descriptor)

    def _data(self) -> bytes:
        data = os.pread(self._descriptor, MAX_BYTES + 1, 0)
        if len(data) > MAX_BYTES:
            raise UnsupportedImage(f"the SVG file is longer than {MAX_BYTES} bytes")
        return data

    def _size(self, data: bytes) -> Size:
        try:
            image = self._drawn(data)
        except pyvips.Error as error:
            raise UnsupportedImage(f"the SVG file cannot be read: {libvips.reason(error)}") from error
        if max(image.width, image.height) > MAX_SIDE:
            raise UnsupportedImage(
                f"the SVG file has {image.width} x {image.height} pixels; at most {MAX_SIDE} on a side are supported"
            )
        if image.bands != 4 or image.format != "uchar":
            raise UnsupportedImage("the installed libvips draws SVG without opacity")
        return Size(image.width, image.height)

    def _drawn(self, data: bytes) -> pyvips.Image:
        # without a file's name there is no place from which librsvg would load others
        return pyvips.Image.svgload_buffer(data, scale=self._scale)

    def _decode(self, shrink: int) -> StoredImage:
        if shrink > 1:
            return self._reduced(shrink)
        return spool_image(self._drawn(self._data()), has_alpha=True)


def check_content(data: bytes) -> None:
    """Check that a file is SVG, and complete without other files.

    Raises:
        UnsupportedImage: it is not.
    """
    try:
        _Checker().check(data)
    except expat.ExpatError as error:
        raise UnsupportedImage(f"the file is no valid SVG: {expat.ErrorString(error.code)}") from error


class _Checker:
    """Reads a file once; expat bounds what entities may become."""

    def __init__(self) -> None:
        self._root = ""
        self._style: list[str] | None = None
        self._length = 0
        parser = self._parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction

    def check(self, data: bytes) -> None:
        self._parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._root:
            self._root = name
            if local != "svg" or space not in ("", SVG):
                raise UnsupportedImage(f"the file is XML, but its root is {local!r} and not svg")
        if space == XINCLUDE:
            raise _outside("an XInclude element")
        if space not in ("", SVG):
            return
        if local == "style":
            self._style = []
        for attribute, value in attributes.items():
            self._count(value)
            is_link = attribute in REFERENCES and local != "a"
            if is_link and not value.strip().startswith(("#", "data:")) and value.strip():
                raise _outside(f"the element {local}")
            if OUTSIDE_URL.search(value) and not attribute.startswith(("xmlns", "on")):
                raise _outside(f"the attribute {attribute.rpartition(' ')[2]}")

    def _end(self, name: str) -> None:
        if self._style is not None and OUTSIDE_URL.search("".join(self._style)):
            raise _outside("a style sheet")
        self._style = None

    def _text(self, text: str) -> None:
        self._count(text)
        if self._style is not None:
            self._style.append(text)

    def _count(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise UnsupportedImage(
                f"the SVG file has more than {MAX_TEXT} characters with its entities replaced"
            )

    def _entity(
        self, name: str, is_parameter: bool, value: str | None, base: Any, system: str | None, *rest: Any
    ) -> None:
        if system is not None:
            raise _outside(f"the entity {name}")

    def _instruction(self, target: str, data: str) -> None:
        if target == "xml-stylesheet":
            raise _outside("an xml-stylesheet instruction")


def _outside(what: str) -> UnsupportedImage:
    return UnsupportedImage(f"the SVG file refers to another file in {what}; only complete files are drawn")


def _open(file: OpenFile) -> Source:
    """The drawing of a file.

    Raises:
        UnsupportedImage: the file is no SVG, refers to other files, or cannot be drawn.
    """
    if not libvips.allow("svgload_buffer", "SvgBuffer"):
        os.close(file.descriptor)
        raise UnsupportedImage(f"the installed libvips {libvips.library_version()} was built without librsvg")
    return SvgSource(file)


def _support() -> list[Support]:
    library = f"libvips {libvips.library_version()}"
    is_there = libvips.knows("svgload_buffer")
    return [Support("SVG", library, "" if is_there else f"{library} was built without librsvg")]


FORMAT = SourceFormat(
    "svg", lambda head: SIGNATURE.match(head) is not None, _open, optional=True, support=_support
)
