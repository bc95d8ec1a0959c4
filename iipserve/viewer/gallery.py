"""JSON for the gallery page: the list of images, and the description of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from iipserve import __version__
from iipserve.errors import IIPServeError, InvalidRequest
from iipserve.formats import Formats
from iipserve.image import ImageInfo

MAX_LISTED = 10_000
"""Maximum number of images to find below the prefix; the page says if there are more."""
MAX_PAGE = 200
"""Maximum number of images in one response, as each has to be opened."""


class Library(Protocol):
    """The images that the gallery shows."""

    def identifiers(self, limit: int) -> Sequence[str]:
        """The identifiers of images below the prefix, sorted, at most `limit`."""

    def info(self, identifier: str) -> ImageInfo:
        """The description of an image. Raises `IIPServeError` if it cannot be read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The requested part of the list."""

    offset: int = 0
    limit: int = 60
    words: tuple[str, ...] = ()
    """Words that a name must contain, in any case."""

    @classmethod
    def from_query(cls, query: str) -> Selection:
        """Read `offset`, `limit` and `filter`.

        Raises:
            InvalidRequest: a number is invalid or out of range.
        """
        try:
            fields = parse_qs(query, max_num_fields=8)
        except ValueError as error:
            raise InvalidRequest("the list accepts only the fields offset, limit and filter") from error
        return cls(
            _number(fields, "offset", 0, 0, MAX_LISTED),
            _number(fields, "limit", 60, 1, MAX_PAGE),
            tuple(fields.get("filter", [""])[0].casefold().split()),
        )

    def matches(self, name: str) -> bool:
        """Whether every word is part of `name`."""
        folded = name.casefold()
        return all(word in folded for word in self.words)


def _number(fields: dict[str, list[str]], name: str, default: int, low: int, high: int) -> int:
    text = fields.get(name, [str(default)])[0]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise InvalidRequest(f"{name} is {text!r}; it must be a whole number from {low} to {high}")
    return int(text)


def listing(library: Library, selection: Selection, max_size: int | None) -> bytes:
    """The selected images as JSON. Images that cannot be read are listed with the reason.

    Args:
        library: provides the images.
        selection: the requested part.
        max_size: maximum side of an export in pixels; None for no limit.
    """
    known = library.identifiers(MAX_LISTED)
    names = [name for name in known if selection.matches(name)]
    end = selection.offset + selection.limit
    answer = {
        "server": f"iipserve {__version__}",
        "total": len(names),
        "complete": len(known) < MAX_LISTED,
        "next": end if end < len(names) else None,
        "max_export": max_size,
        "images": [_entry(library, name) for name in names[selection.offset : end]],
    }
    return json.dumps(answer, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class OfferedFormat:
    """A format of exports."""

    name: str
    """As in `Format.name`, which is also what IIP's CVT takes."""
    max_side: int | None
    """Maximum width and height in pixels; None for no limit."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The named choices offered to users."""

    colormaps: tuple[str, ...]
    filters: tuple[str, ...]
    """Convolution kernels."""
    formats: tuple[OfferedFormat, ...] = ()
    mirador: bool = False
    """Mirador is installed."""


def offered_formats(formats: Formats) -> tuple[OfferedFormat, ...]:
    """The formats that are files, in advertised order."""
    return tuple(OfferedFormat(each.name, each.max_side) for each in formats.by_extension.values())


def image_name(query: str) -> str:
    """The image named by a query `name=...`.

    Raises:
        InvalidRequest: the name is missing, or there are other fields.
    """
    try:
        (name,) = parse_qs(query, max_num_fields=1)["name"]
    except (ValueError, KeyError) as error:
        raise InvalidRequest("the query must name an image, such as image.json?name=map.tif") from error
    return name


def description(library: Library, name: str, offered: Offered) -> bytes:
    """The description of one image as JSON, with the choices that the page offers.

    Args:
        library: provides the image.
        name: of the image.
        offered: the named choices.

    Raises:
        IIPServeError: the image cannot be read.
    """
    info = library.info(name)
    views = info.angles
    answer = {
        **_facts(name, info),
        "layers": [layer.name for layer in info.stack],
        "angles": [*views.horizontal] if views else [],
        "heights": [*views.vertical] if views else [],
        "resolution": info.resolution.per_inch if info.resolution else None,
        **asdict(offered),
    }
    return json.dumps(answer, ensure_ascii=False).encode()


def _entry(library: Library, name: str) -> dict[str, Any]:
    printable = name.encode("utf-8", "replace").decode()
    if printable != name:
        # POSIX names are bytes: Python reads those that are not UTF-8 as lone surrogates
        return {"name": printable, "reason": "the file name is not UTF-8, so no URL can address it"}
    try:
        info = library.info(name)
    except IIPServeError as error:
        return {"name": name, "reason": str(error)}
    return _facts(name, info)


def _facts(name: str, info: ImageInfo) -> dict[str, Any]:
    return {
        "name": name,
        "width": info.size.width,
        "height": info.size.height,
        "format": info.format,
        "levels": len(info.levels),
        "bands": info.color_bands,
        "samples": f"{info.bits}-bit {_sample_kind(info.dtype)}",
        "tile": [info.tile.width, info.tile.height],
        "bytes": info.version.length,
    }


def _sample_kind(dtype: str) -> str:
    """A word for a numpy sample type."""
    kinds = {"f": "floating point", "i": "signed"}
    return kinds.get(dtype[0], "integer")
