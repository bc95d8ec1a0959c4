"""Documents of MapML: links to tiles or maps, what clicks ask for, other projections and styles, legend and license.

The dialect of the living viewer (`@maps4html/mapml`) has elements of the namespace of XHTML with the prefix `map-`. That
of MapServer's RFC 123 of 2020 has none, and states the projection in a media type.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from iipserve.errors import InvalidRequest
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

    @classmethod
    def of(cls, text: str) -> Dialect:
        """That of a name in any case; the viewer's if it is empty. Raises `InvalidRequest` if there is none."""
        word = text.strip().lower() or cls.VIEWER.value
        if word not in [each.value for each in cls]:
            known = ", ".join(each.value for each in cls)
            raise InvalidRequest(f"dialect {word[:100]!r} is unknown; {known} are written")
        return cls(word)


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


class TileLinks(NamedTuple):
    """Addresses of tiles by their zoom level, row and column."""

    linked: LinkedSet
    """The tiles; its matrices are zoom levels from 0 on."""
    tiles: str
    """Address of tiles with `{z}`, `{y}`, `{x}`."""
    query: str = ""
    """Address of what there is at pixel `{i}`, `{j}` of such a tile; empty: clicks ask for nothing."""

    @property
    def bounds(self) -> Bounds:
        """The box of what is shown, in the projection."""
        return self.linked.bounds

    @property
    def zoom(self) -> Zoom:
        """The levels at which there are tiles."""
        return Zoom(len(self.linked.limits) - 1, len(self.linked.limits) - 1)


class MapLinks(NamedTuple):
    """Addresses of maps by their boxes: of tiles, or of the whole window."""

    bounds: Bounds
    """The box of what is shown, in the projection."""
    zoom: Zoom
    is_tiled: bool
    maps: str
    """Address with `{xmin}`, `{ymin}`, `{xmax}`, `{ymax}`; of maps of the window also `{w}`, `{h}`, their sides in pixels."""
    query: str = ""
    """Address of what there is at pixel `{i}`, `{j}` of such a map; empty: clicks ask for nothing."""


class Zoom(NamedTuple):
    """Zoom levels from 0 on."""

    finest: int
    """At which there still is something to ask for."""
    value: int
    """At which everything that the image has is seen."""


class Sheet(NamedTuple):
    """What a document says. All addresses are absolute."""

    title: str
    projection: Projection
    links: TileLinks | MapLinks
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
    zoom, projection = sheet.links.zoom, sheet.projection.name
    if name.dialect is Dialect.RFC123:
        content = f"{MEDIA_TYPE};projection={projection}"
        yield name.element("meta", attributes={"http-equiv": "Content-Type", "content": content})
    else:
        yield name.empty("meta", name="projection", content=projection)
    box = corners(sheet.links.bounds, is_geographic=sheet.projection.is_geographic)
    yield name.empty("meta", name="extent", content=box)
    yield name.empty("meta", name="zoom", content=f"min=0,max={zoom.finest},value={zoom.value}")
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
    """The links, and the variables in them."""
    links = sheet.links
    finest, value = map(str, links.zoom)
    parts = [name.empty("input", name="z", type="zoom", min="0", max=finest, value=value)]
    if isinstance(links, TileLinks):
        parts += [*_axes(links.linked, name), name.empty("link", rel="tile", tref=links.tiles)]
    else:
        rel = "tile" if links.is_tiled else "image"
        parts += [*_sides(sheet, links, name), name.empty("link", rel=rel, tref=links.maps)]
    if links.query:
        units = "map" if isinstance(links, MapLinks) and not links.is_tiled else "tile"
        parts += [_pixel(name, axis, units) for axis in ("i", "j")]
        parts.append(name.empty("link", rel="query", tref=links.query))
    attributes = {"units": sheet.projection.name}
    if name.dialect is Dialect.VIEWER:
        attributes |= {"checked": "checked"}
    return name.element("extent", joined(parts), attributes=attributes)


def _axes(linked: LinkedSet, name: _Names) -> Iterator[Xml]:
    """Column and row. The box, in tiles with fractions, is that of the zoom level that `value` states.

    The viewer answers clicks inside the box only, and draws all tiles that it touches.
    """
    limits, box = linked.limits[-1], linked.bounds
    (left, top), cell, tile = limits.matrix.top_left, limits.matrix.cell_size, limits.matrix.tile
    columns = [(x - left) / (cell * tile.width) for x in (box.min_x, box.max_x)]
    rows = [(top - y) / (cell * tile.height) for y in (box.max_y, box.min_y)]
    yield _axis(name, "x", "column", *_inside(columns, limits.min_column, limits.max_column))
    yield _axis(name, "y", "row", *_inside(rows, limits.min_row, limits.max_row))


def _sides(sheet: Sheet, links: MapLinks, name: _Names) -> Iterator[Xml]:
    """The sides of maps, and their box; `min` and `max` are those of what there is to see."""
    if links.is_tiled:
        # the viewer takes boxes of tiles in the units of the projection for `tilematrix` by their axes
        common = {"type": "location", "units": "tilematrix", "rel": "tile"}
    else:
        yield name.empty("input", name="w", type="width")
        yield name.empty("input", name="h", type="height")
        common = {"type": "location", "units": "gcrs" if sheet.projection.is_geographic else "pcrs"}
    across, up = ("longitude", "latitude") if sheet.projection.is_geographic else ("easting", "northing")
    min_x, min_y, max_x, max_y = map(number_text, links.bounds)
    x, y = {"axis": across, "min": min_x, "max": max_x}, {"axis": up, "min": min_y, "max": max_y}
    yield name.empty("input", name="xmin", position="top-left", **common, **x)
    yield name.empty("input", name="ymin", position="bottom-left", **common, **y)
    yield name.empty("input", name="xmax", position="top-right", **common, **x)
    yield name.empty("input", name="ymax", position="top-left", **common, **y)


def _inside(ends: list[float], first: int, last: int) -> tuple[str, str]:
    """Both ends of a box in tiles, inside the tiles that are answered."""
    low, high = (round(min(max(end, first), last + 1 - EDGE), 6) for end in ends)
    return number_text(low), number_text(high)


def _axis(name: _Names, variable: str, axis: str, first: str, last: str) -> Xml:
    return name.empty(
        "input", name=variable, type="location", units="tilematrix", axis=axis, min=first, max=last
    )


def _pixel(name: _Names, axis: str, units: str) -> Xml:
    return name.empty("input", name=axis, type="location", units=units, axis=axis)
