"""JSON for the gallery page: what is in a folder or found below it, and the description of one image."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from iipserve import __version__
from iipserve.engine.folder_tree import Names, Summary
from iipserve.engine.natural_order import folded
from iipserve.errors import IIPServeError, ImageNotFound, InvalidRequest
from iipserve.formats import Formats
from iipserve.image import ImageInfo
from iipserve.viewer.reasons import NOT_UTF_8, Files, reason

MAX_OFFSET = 1_000_000
MAX_PAGE = 200
"""Maximum number of entries in one response, as each image has to be opened."""
MAX_SKIPPED = 20
"""Images before or after another that are tried until one can be read."""


class Library(Protocol):
    """Images by their names."""

    def info(self, identifier: str) -> ImageInfo:
        """The description of an image. Raises `IIPServeError` if it cannot be read."""


class Tree(Files, Protocol):
    """The folders that the gallery shows. The methods raise `IIPServeError` if there is no such folder."""

    def names(self, folder: str) -> Names:
        """What is in a folder."""

    def below(self, folder: str) -> Names:
        """All images in a folder and below it."""

    def summary(self, folder: str) -> Summary | None:
        """What is in a folder, about; None if it cannot be read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The requested part of the list: folders first, then images."""

    folder: str = ""
    """Path below the prefix; empty for that of the prefix."""
    words: tuple[str, ...] = ()
    """Words that a name must contain, in any case and with any accents. With words, all folders below are searched."""
    offset: int = 0
    limit: int = 60
    around: str = ""
    """Name of an image, or of a folder with a slash behind it, around which the part is chosen; then `offset` does not count."""

    @classmethod
    def from_query(cls, query: str) -> Selection:
        """Read `folder`, `filter`, `offset`, `limit` and `around`.

        Raises:
            InvalidRequest: a number is invalid or out of range.
        """
        fields = _fields(query, "the list accepts only the fields folder, filter, offset, limit and around")
        return cls(
            fields.get("folder", [""])[0].strip("/"),
            tuple(folded(fields.get("filter", [""])[0]).split()),
            _number(fields, "offset", 0, 0, MAX_OFFSET),
            _number(fields, "limit", 60, 1, MAX_PAGE),
            fields.get("around", [""])[0],
        )

    def names(self, tree: Tree) -> Names:
        """The whole list.

        Raises:
            IIPServeError: there is no such folder.
        """
        if not self.words:
            return tree.names(self.folder)
        found = tree.below(self.folder)
        begin = len(self.folder) + 1 if self.folder else 0
        images = tuple(name for name in found.images if self._matches(name[begin:]))
        return found._replace(images=images)

    def _matches(self, name: str) -> bool:
        text = folded(name)
        return all(word in text for word in self.words)

    def begin(self, names: Names) -> int:
        """Index of the first entry in the list."""
        if not self.around:
            return self.offset
        try:
            if self.around.endswith("/"):
                index = names.folders.index(self.around.strip("/"))
            else:
                index = len(names.folders) + names.images.index(self.around)
        except ValueError:
            return 0
        # rows of the page begin with the first image that is there: from the beginning they are as they were
        return 0 if index < self.limit * 3 // 4 else index - self.limit // 2


def _fields(query: str, complaint: str) -> dict[str, list[str]]:
    try:
        return parse_qs(query, max_num_fields=8)
    except ValueError as error:
        raise InvalidRequest(complaint) from error


def _number(fields: dict[str, list[str]], name: str, default: int, low: int, high: int) -> int:
    text = fields.get(name, [str(default)])[0]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise InvalidRequest(f"{name} is {text!r}; it must be a whole number from {low} to {high}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Offers:
    """What the settings let the page offer."""

    max_size: int | None = None
    """Maximum side of an export in pixels; None for no limit."""
    collections: bool = False
    """Whether folders are IIIF collections."""


def listing(library: Library, tree: Tree, selection: Selection, offers: Offers) -> bytes:
    """The selected folders and images as JSON. Images that cannot be read are listed with the reason.

    Args:
        library: describes the images.
        tree: knows their names.
        selection: the requested part.
        offers: what the page offers.

    Raises:
        IIPServeError: there is no such folder.
    """
    names = selection.names(tree)
    begin = selection.begin(names)
    end, split = begin + selection.limit, len(names.folders)
    total = split + len(names.images)
    answer = {
        "server": f"iipserve {__version__}",
        "folder": selection.folder,
        "folders_total": split,
        "total": len(names.images),
        "complete": names.is_complete,
        "offset": begin,
        "next": end if end < total else None,
        "max_export": offers.max_size,
        "collection": offers.collections and not selection.words,
        "folders": [_folder(library, tree, selection.folder, name) for name in names.folders[begin:end]],
        "images": [
            _entry(library, tree, name) for name in names.images[max(0, begin - split) : max(0, end - split)]
        ],
    }
    return _encoded(answer)


def neighbours(library: Library, tree: Tree, query: str) -> bytes:
    """The images before and after one in a list, as JSON: those that can be read, and its place.

    Args:
        library: describes the images.
        tree: knows their names.
        query: `name`, and `folder` and `filter` of the list; an image that is not in it is looked for in its own folder.

    Raises:
        InvalidRequest: the name is missing.
        IIPServeError: there is no such folder.
    """
    name = _fields(query, "the fields are name, folder and filter").get("name", [""])[0]
    images = Selection.from_query(query).names(tree).images
    if name not in images:
        images = tree.names(name.rpartition("/")[0]).images
    try:
        index = images.index(name)
    except ValueError:
        raise ImageNotFound(f"there is no image {name!r}") from None
    before = reversed(images[max(0, index - MAX_SKIPPED) : index])
    answer = {
        "previous": _first_readable(library, before),
        "next": _first_readable(library, images[index + 1 : index + 1 + MAX_SKIPPED]),
        "position": index + 1,
        "total": len(images),
    }
    return _encoded(answer)


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
    return _encoded(answer)


def _entry(library: Library, tree: Tree, name: str) -> dict[str, Any]:
    if not _is_addressable(name):
        return {"name": _printable(name), "reason": NOT_UTF_8}
    try:
        info = library.info(name)
    except IIPServeError as error:
        return {"name": name, "reason": reason(error, name, tree), "detail": str(error)}
    return _facts(name, info)


def _folder(library: Library, tree: Tree, parent: str, name: str) -> dict[str, Any]:
    if not _is_addressable(name):
        return {"name": _printable(name), "reason": NOT_UTF_8}
    summary = tree.summary(f"{parent}/{name}" if parent else name)
    if summary is None:
        return {"name": name, "reason": "The server is not allowed to read this folder."}
    return {"name": name, **summary._asdict(), "first": _first_readable(library, summary.first)}


def _first_readable(library: Library, names: Iterable[str]) -> str | None:
    for name in filter(_is_addressable, names):
        try:
            library.info(name)
        except IIPServeError:
            continue
        return name
    return None


def _is_addressable(name: str) -> bool:
    """Whether a name is text: POSIX names are bytes, and Python reads those that are not UTF-8 as lone surrogates."""
    return _printable(name) == name


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _encoded(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")


def _facts(name: str, info: ImageInfo) -> dict[str, Any]:
    return {
        "name": name,
        "width": info.size.width,
        "height": info.size.height,
        "format": info.format,
        "levels": len(info.levels),
        "pages": max(1, sum(not layer.is_auxiliary for layer in info.stack)),
        "views": len(info.angles.horizontal) * len(info.angles.vertical) if info.angles else 1,
        "bands": info.color_bands,
        "samples": f"{info.bits}-bit {_sample_kind(info.dtype)}",
        "tile": [info.tile.width, info.tile.height],
        "bytes": info.version.length,
    }


def _sample_kind(dtype: str) -> str:
    """A word for a numpy sample type."""
    kinds = {"f": "floating point", "i": "signed"}
    return kinds.get(dtype[0], "integer")
