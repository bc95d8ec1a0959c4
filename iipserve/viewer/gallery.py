"""What the page shows of the images, as JSON: the list of them, and what is known of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from iipserve import __version__
from iipserve.errors import IIPServeError, InvalidRequest
from iipserve.image import ImageInfo

LISTED = 10_000
"""Images looked for below the prefix; the page says so when there are more."""
MAX_PAGE = 200
"""Images in one answer at most, as each has to be opened."""


class Library(Protocol):
    """What the gallery needs to know of the images."""

    def identifiers(self, limit: int) -> Sequence[str]:
        """The images below the prefix, in order, at most `limit`."""

    def info(self, identifier: str) -> ImageInfo:
        """What is known of an image. Raises `IIPServeError`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the list that is asked for."""

    offset: int = 0
    limit: int = 60
    words: tuple[str, ...] = ()
    """Each is part of the name, whatever its case."""

    @classmethod
    def from_query(cls, query: str) -> Selection:
        """Read `offset`, `limit` and `filter`.

        Raises:
            InvalidRequest: a number is none, or out of range.
        """
        try:
            fields = parse_qs(query, max_num_fields=8)
        except ValueError as error:
            raise InvalidRequest("the list takes offset, limit and filter, and nothing more") from error
        return cls(
            _number(fields, "offset", 0, 0, LISTED),
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
        raise InvalidRequest(f"{name} is {text!r}; a whole number from {low} to {high} is needed")
    return int(text)


def listing(library: Library, selection: Selection, max_size: int | None) -> bytes:
    """The selected images as JSON. One that cannot be read is listed with the reason.

    Args:
        library: knows the images.
        selection: the part that is asked for.
        max_size: longest side of an export in pixels; None is no limit.
    """
    known = library.identifiers(LISTED)
    names = [name for name in known if selection.matches(name)]
    end = selection.offset + selection.limit
    answer = {
        "server": f"iipserve {__version__}",
        "total": len(names),
        "complete": len(known) < LISTED,
        "next": end if end < len(names) else None,
        "max_export": max_size,
        "images": [_entry(library, name) for name in names[selection.offset : end]],
    }
    return json.dumps(answer, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Offered:
    """What a person can choose from by name."""

    colormaps: tuple[str, ...]
    filters: tuple[str, ...]
    """Kernels of convolution."""


def image_name(query: str) -> str:
    """The image that the query `name=...` names.

    Raises:
        InvalidRequest: it names none, or says more.
    """
    try:
        (name,) = parse_qs(query, max_num_fields=1)["name"]
    except (ValueError, KeyError) as error:
        raise InvalidRequest("an image is described by its name, as in image.json?name=map.tif") from error
    return name


def description(library: Library, name: str, offered: Offered) -> bytes:
    """What the page has to know of one image to show it in several ways, as JSON.

    Args:
        library: knows the images.
        name: of the image.
        offered: what the server can do with it.

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
        **asdict(offered),
    }
    return json.dumps(answer, ensure_ascii=False).encode()


def _entry(library: Library, name: str) -> dict[str, Any]:
    printable = name.encode("utf-8", "replace").decode()
    if printable != name:
        # POSIX names are bytes: Python reads those that are not UTF-8 as lone surrogates
        return {"name": printable, "reason": "the name of the file is not UTF-8; no address leads to it"}
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
    """What the samples of a numpy type are, in a word."""
    kinds = {"f": "floating point", "i": "signed"}
    return kinds.get(dtype[0], "integer")
