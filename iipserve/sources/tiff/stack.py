"""Names of the images of a stack: from their own fields, or from the OME-XML (OME-TIFF 6) or labels of the first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from xml.etree import ElementTree

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import STO_NITS
from iipserve.image import StackLayer
from iipserve.sources.tiff.metadata import TEXT_TAGS
from iipserve.sources.tiff.microscopy import read_labels
from iipserve.sources.tiff.pages import Page

MAX_NAME = 1000
"""Length of the longest name that is read."""
MAX_XML = 8 * 1024 * 1024
"""Characters of the longest OME-XML text that is read."""
MAX_PLANES = 100_000
"""Planes of an OME-XML text that are named."""
ORDERS = frozenset({"XYCZT", "XYCTZ", "XYZCT", "XYZTC", "XYTCZ", "XYTZC"})


def read_stack(pages: Sequence[Page]) -> tuple[StackLayer, ...]:
    """Name and scale of each image; empty if there is only one."""
    if len(pages) < 2:
        return ()
    first = min(pages, key=lambda page: page.index).first
    names = _ome_names(first.text(TEXT_TAGS["description"])) or dict(enumerate(read_labels(first)))
    return _shared(
        tuple(_layer(page, names.get(page.index) or f"layer{layer}") for layer, page in enumerate(pages))
    )


@lru_cache(maxsize=16)
def _shared(stack: tuple[StackLayer, ...]) -> tuple[StackLayer, ...]:
    """An equal stack that was made before, so that all images of a file share one in memory."""
    return stack


def _layer(page: Page, name: str) -> StackLayer:
    """An image of the stack, by `name` if its directory gives it none."""
    directory = page.first
    title = _name_in(directory, TEXT_TAGS["title"]) or _name_in(directory, TEXT_TAGS["pagename"])
    scale = next(iter(directory.reals(STO_NITS)), 1.0)
    known = math.isfinite(scale) and scale != 0
    name = page.role.value if page.role else title or name
    return StackLayer(name, scale if known else 1.0, is_auxiliary=page.role is not None)


def _name_in(directory: Directory, tag: int) -> str:
    """A text, or nothing if it is long, as thousands of directories could have one."""
    return directory.text(tag) if directory.count(tag) <= MAX_NAME else ""


@dataclass(frozen=True, slots=True)
class _Series:
    """One `Pixels` element."""

    order: str
    """Dimensions, fastest first, e.g. XYCZT."""
    sizes: dict[str, int]
    """Of C, Z and T; that of C may count samples of RGB."""
    channels: list[str] = field(default_factory=list)
    places: list[tuple[int, int, dict[str, int]]] = field(default_factory=list)
    """Of each `TiffData`: index of the first directory, number of planes, and indices of the first plane."""


def _ome_names(text: str) -> Mapping[int, str]:
    """Names of planes by the index of their directory; empty if the text is not OME-XML of one file.

    OME-XML has no document type, in which entities could be declared; a text that has one is not read.
    """
    if "<OME" not in text[:4096] or len(text) > MAX_XML or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    found = _SeriesReader()
    try:
        parser = ElementTree.XMLParser(target=found)
        parser.feed(text)
        parser.close()
    except (ElementTree.ParseError, ValueError):
        return {}
    if len(found.files) > 1:
        return {}
    names: dict[int, str] = {}
    for one, index, indices in islice(_planes(found.series), MAX_PLANES):
        names.setdefault(index, _name(one, indices))
    return names


class _SeriesReader:
    """A target of the XML parser that collects series, without building a tree."""

    def __init__(self) -> None:
        self.series: list[_Series] = []
        self.files: set[str] = set()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins. Raises ValueError for an invalid integer."""
        kind = tag.rpartition("}")[2]
        if kind == "Pixels":
            sizes = {axis: max(1, int(attributes.get(f"Size{axis}", 1))) for axis in "CZT"}
            self.series.append(_Series(attributes.get("DimensionOrder", "XYCZT"), sizes))
        elif kind == "Channel" and self.series:
            self.series[-1].channels.append(" ".join(attributes.get("Name", "").split()))
        elif kind == "TiffData" and self.series and "IFD" in attributes:
            first = {axis: int(attributes.get(f"First{axis}", 0)) for axis in "CZT"}
            count = int(attributes.get("PlaneCount", 1))
            self.series[-1].places.append((int(attributes["IFD"]), count, first))
        elif kind == "UUID" and "FileName" in attributes:
            self.files.add(attributes["FileName"])

    def close(self) -> None:
        """The text has ended."""


def _planes(series: Iterable[_Series]) -> Iterator[tuple[_Series, int, dict[str, int]]]:
    """Series, index of the directory, and indices in the series, of each plane."""
    following = 0
    for one in series:
        if one.order not in ORDERS:
            return
        sizes = one.sizes | ({"C": len(one.channels)} if one.channels else {})
        whole = [(following, math.prod(sizes.values()), dict.fromkeys("CZT", 0))]
        for directory, count, first in one.places or whole:
            for step in range(count):
                yield one, directory + step, _indices(one.order[2:], sizes, first, step)
        following += whole[0][1]


def _indices(axes: str, sizes: Mapping[str, int], first: Mapping[str, int], step: int) -> dict[str, int]:
    """Indices of the plane `step` planes after the first; `axes` are from the fastest to the slowest."""
    indices, rest = {}, step
    for axis in axes:
        indices[axis] = (first[axis] + rest) % sizes[axis]
        rest = (first[axis] + rest) // sizes[axis]
    return indices


def _name(series: _Series, indices: Mapping[str, int]) -> str:
    """The name of a plane: its channel, and its indices along Z and T if there are several planes along them."""
    channel = indices["C"]
    named = series.channels[channel] if channel < len(series.channels) else ""
    parts = [named or (f"channel {channel}" if len(series.channels) > 1 else "")]
    parts += [f"{axis.lower()}{indices[axis]}" for axis in "ZT" if series.sizes[axis] > 1]
    return " ".join(filter(None, parts))
