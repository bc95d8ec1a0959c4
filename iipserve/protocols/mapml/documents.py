"""Documents of MapML about one layer: tiles, what clicks ask for, other projections and styles, legend and license.

The dialect of the living viewer (`@maps4html/mapml`) has elements of the namespace of XHTML with the prefix `map-`. That
of MapServer's RFC 123 of 2020 has none, and states the projection in a media type.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from iipserve.geo.grid import Bounds
from iipserve.geo.matrixset import LinkedSet, number_text
from iipserve.geo.ows.xml import Xml, document, element, joined
from iipserve.protocols.mapml.projections import Projection

MEDIA_TYPE = "text/mapml"
EDGE = 1e-5
"""Part of a tile by which a box ends before the next one, which would be asked for."""
NAMESPACE = "http://www.w3.org/1999/xhtml"


class Dialect(enum.Enum):
    """How elements are called."""

    VIEWER = "viewer"
    RFC123 = "rfc123"


class StyleLink(NamedTuple):
    """The same map in a style."""

    title: str
    href: str
    is_shown: bool
    """It is the one of this document."""


class Alternate(NamedTuple):
    """The same map in another projection."""

    projection: str
    href: str


class Sheet(NamedTuple):
    """What a document says. All addresses are absolute."""

    title: str
    projection: Projection
    linked: LinkedSet
    """The tiles; its matrices are zoom levels from 0 on."""
    tiles: str
    """Address of tiles with `{z}`, `{y}`, `{x}`."""
    query: str = ""
    """Address of what there is at pixel `{i}`, `{j}` of such a tile; empty: clicks ask for nothing."""
    alternates: tuple[Alternate, ...] = ()
    styles: tuple[StyleLink, ...] = ()
    legend: str = ""
    license_title: str = ""
    license_href: str = ""


def write(sheet: Sheet, dialect: Dialect = Dialect.VIEWER) -> bytes:
    """The document, XML in UTF-8."""
    name = _Names(dialect)
    head = name.element("head", *_head(sheet, name))
    body = name.element("body", _extent(sheet, name))
    if dialect is Dialect.RFC123:
        return document(element("mapml", head, body))
    return document(element("mapml-", head, body, attributes={"xmlns": NAMESPACE}))


class _Names:
    """Makes elements of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._prefix = "map-" if dialect is Dialect.VIEWER else ""

    def element(self, name: str, *content: str, attributes: Mapping[str, str] | None = None) -> Xml:
        return element(f"{self._prefix}{name}", *content, attributes=attributes or {})

    def empty(self, kind: str, /, **attributes: str) -> Xml:
        return self.element(kind, attributes=attributes)


# -- head ------------------------------------------------------------------------------------------


def _head(sheet: Sheet, name: _Names) -> Iterator[Xml]:
    yield name.element("title", sheet.title)
    yield name.empty("meta", charset="utf-8")
    finest, projection = len(sheet.linked.limits) - 1, sheet.projection.name
    if name.dialect is Dialect.RFC123:
        content = f"{MEDIA_TYPE};projection={projection}"
        yield name.element("meta", attributes={"http-equiv": "Content-Type", "content": content})
    else:
        yield name.empty("meta", name="projection", content=projection)
    box = corners(sheet.linked.bounds, is_geographic=sheet.projection.is_geographic)
    yield name.empty("meta", name="extent", content=box)
    yield name.empty("meta", name="zoom", content=f"min=0,max={finest},value={finest}")
    for style in sheet.styles:
        rel = "self style" if style.is_shown else "style"
        yield name.empty("link", rel=rel, title=style.title, href=style.href)
    for other in sheet.alternates:
        yield name.empty("link", rel="alternate", projection=other.projection, href=other.href)
    if sheet.legend:
        yield name.empty("link", rel="legend", href=sheet.legend)
    if sheet.license_href:
        yield name.empty(
            "link", rel="license", title=sheet.license_title or sheet.license_href, href=sheet.license_href
        )


def corners(bounds: Bounds, *, is_geographic: bool) -> str:
    """A box as the content of the meta element `extent`."""
    across, up = ("longitude", "latitude") if is_geographic else ("easting", "northing")
    sides = {
        f"top-left-{across}": bounds.min_x,
        f"top-left-{up}": bounds.max_y,
        f"bottom-right-{across}": bounds.max_x,
        f"bottom-right-{up}": bounds.min_y,
    }
    return ",".join(f"{key}={number_text(value)}" for key, value in sides.items())


# -- body ------------------------------------------------------------------------------------------


def _extent(sheet: Sheet, name: _Names) -> Xml:
    """The tiles. The box in columns and rows, with fractions, is that of the zoom level that `value` states.

    The viewer answers clicks inside the box only, and draws all tiles that it touches.
    """
    limits, box = sheet.linked.limits[-1], sheet.linked.bounds
    (left, top), cell, tile = limits.matrix.top_left, limits.matrix.cell_size, limits.matrix.tile
    columns = [(x - left) / (cell * tile.width) for x in (box.min_x, box.max_x)]
    rows = [(top - y) / (cell * tile.height) for y in (box.max_y, box.min_y)]
    finest = str(len(sheet.linked.limits) - 1)
    parts = [
        name.empty("input", name="z", type="zoom", min="0", max=finest, value=finest),
        _axis(name, "x", "column", *_inside(columns, limits.min_column, limits.max_column)),
        _axis(name, "y", "row", *_inside(rows, limits.min_row, limits.max_row)),
        name.empty("link", rel="tile", tref=sheet.tiles),
    ]
    if sheet.query:
        parts += [_pixel(name, "i"), _pixel(name, "j"), name.empty("link", rel="query", tref=sheet.query)]
    attributes = {"units": sheet.projection.name}
    if name.dialect is Dialect.VIEWER:
        attributes |= {"checked": "checked"}
    return name.element("extent", joined(parts), attributes=attributes)


def _inside(ends: list[float], first: int, last: int) -> tuple[str, str]:
    """Both ends of a box in tiles, inside the tiles that are answered."""
    low, high = (round(min(max(end, first), last + 1 - EDGE), 6) for end in ends)
    return number_text(low), number_text(high)


def _axis(name: _Names, variable: str, axis: str, first: str, last: str) -> Xml:
    return name.empty(
        "input", name=variable, type="location", units="tilematrix", axis=axis, min=first, max=last
    )


def _pixel(name: _Names, axis: str) -> Xml:
    return name.empty("input", name=axis, type="location", units="tile", axis=axis)
