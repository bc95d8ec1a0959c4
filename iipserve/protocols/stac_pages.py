"""Resources of the STAC API as HTML for people: footprints on a map, tables of images, a form to search with.

`page` takes the document that is also sent as JSON, of any kind, and reads nothing else. Links to other resources are
those of the document: addresses of this server answer HTML to a browser by content negotiation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from iipserve.protocols import resource_pages
from iipserve.protocols.footprint_pictures import Footprint, footprint_picture
from iipserve.protocols.resource_pages import POLICY, Crumb, anchor

__all__ = ["POLICY", "page"]

Json = Mapping[str, Any]

SEARCHED = {
    "bbox": ("Box", "west,south,east,north"),
    "datetime": ("Time", "2024-01-01T00:00:00Z/.."),
    "filter": ("Filter (CQL2)", "gsd < 10"),
    "sortby": ("Sort by", "-datetime"),
    "limit": ("Images on a page", "10"),
}
"""Parameters of a search with their labels and examples."""
ABOVE = ("root", "parent", "collection")
"""Relations of links to the pages above, from the topmost."""


def page(title: str, value: Json) -> bytes:
    """A document of the STAC API as a page.

    Args:
        title: of the page.
        value: the document: a catalog, a collection, a list of collections or of items, an item, or any other.
    """
    return resource_pages.page(title, value, _parts(value), _crumbs(value))


def _parts(value: Json) -> Iterator[str]:
    """What is shown above the members of the document."""
    kind = value.get("type")
    if kind == "FeatureCollection":
        yield from _search_form(value)
        yield from _list_of_items(value)
    elif kind == "Feature":
        yield _map([value])
        yield from _pictures(value)
        yield from _facts(_object(value.get("properties")))
        yield from _assets(_object(value.get("assets")))
    elif kind == "Collection":
        yield from _collection(value)
    elif isinstance(value.get("collections"), list):
        yield from _list_of_collections([*map(_object, value["collections"])])
    elif kind == "Catalog":
        yield from _catalog(value)


# -- lists -----------------------------------------------------------------------------------------


def _list_of_items(value: Json) -> Iterator[str]:
    items = [each for each in _list(value.get("features")) if isinstance(each, Mapping)]
    yield _map(items)
    matched = value.get("numberMatched")
    yield f"<p>{len(items)} {'image' if len(items) == 1 else 'images'}{'' if matched is None else f' of {matched}'}</p>"
    rows = ((_thumbnail(each), anchor(_link(each, "self"), _name(each)), *_columns(each)) for each in items)
    yield _table(("", "Image", "Time", "Pixels", "Pixel size"), rows)
    steps = [anchor(_link(value, rel), text) for rel, text in (("prev", "Previous page"), ("next", "Next page"))
             if _link(value, rel)]  # fmt: skip
    if steps:
        yield f"<p>{' · '.join(steps)}</p>"


def _columns(item: Json) -> tuple[str, str, str]:
    """Time, size and size of pixels of an item."""
    properties = _object(item.get("properties"))
    shape, gsd = _list(properties.get("proj:shape")), properties.get("gsd")
    pixels = f"{shape[1]} x {shape[0]}" if len(shape) == 2 else ""
    size = f"{gsd:.4g} m" if isinstance(gsd, (int, float)) else ""
    return escape(_time(properties).replace("T00:00:00Z", "")), escape(pixels), size


def _time(properties: Json) -> str:
    """The instant of an item, or its interval."""
    if properties.get("datetime"):
        return str(properties["datetime"])
    ends = [properties.get("start_datetime"), properties.get("end_datetime")]
    return " to ".join(str(end) for end in ends if end)


def _list_of_collections(collections: Sequence[Json]) -> Iterator[str]:
    yield _map_of_extents(collections)
    rows = (
        (
            anchor(_link(each, "self"), _name(each)),
            escape(str(each.get("description") or "")),
            escape(_interval(each)),
            anchor(_link(each, "items"), "Images"),
        )
        for each in collections
    )
    yield _table(("Collection", "Description", "Time", ""), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells of the rows are HTML."""
    titles = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<table class="rows"><thead><tr>{titles}</tr></thead><tbody>\n{lines}</tbody></table>'


def _search_form(value: Json) -> Iterator[str]:
    """A form that asks for the same resource with other parameters; none if its address is not known."""
    address = urlsplit(_link(value, "self"))
    if not address.netloc:
        return
    asked = dict(parse_qsl(address.query))
    action = escape(address._replace(query="", fragment="").geturl())
    fields = "".join(
        f'<label>{escape(label)}<input name="{name}" value="{escape(asked.get(name, ""))}" placeholder="{escape(example)}"/></label>'
        for name, (label, example) in SEARCHED.items()
    )
    form = f'<input type="hidden" name="f" value="html"/>{fields}<button>Search</button>'
    yield f'<form action="{action}" role="search">{form}</form>'


# -- one resource ----------------------------------------------------------------------------------


def _collection(value: Json) -> Iterator[str]:
    if value.get("description"):
        yield f"<p>{escape(str(value['description']))}</p>"
    yield _map_of_extents([value])
    links = [(_link(value, rel), text) for rel, text in (("items", "Images"), ("queryables", "Queryables"))]
    extra = [
        (each["href"], str(each.get("title") or each["rel"]))
        for each in _links(value)
        if each["rel"] == "preview"
    ]
    yield "<p>" + " · ".join(anchor(href, text) for href, text in (*links, *extra) if href) + "</p>"
    yield from _facts(
        {"Time": _interval(value), "License": value.get("license"), "Keywords": value.get("keywords")}
    )


def _catalog(value: Json) -> Iterator[str]:
    if value.get("description"):
        yield f"<p>{escape(str(value['description']))}</p>"
    shown = [
        each
        for each in _links(value)
        if each["rel"] in ("data", "search", "child", "service-doc", "conformance")
    ]
    gets = (each for each in shown if each.get("method", "GET") == "GET")
    yield (
        "<ul>"
        + "".join(f"<li>{anchor(each['href'], str(each.get('title') or each['rel']))}</li>" for each in gets)
        + "</ul>"
    )


def _facts(properties: Json) -> Iterator[str]:
    """Properties with a single value."""
    shown = {
        name: each
        for name, each in properties.items()
        if each not in (None, "", []) and not isinstance(each, Mapping)
    }
    if shown:
        yield _table(("", ""), ((escape(name), escape(_value(each))) for name, each in shown.items()))


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _assets(assets: Json) -> Iterator[str]:
    shown = ((name, each) for name, each in assets.items() if isinstance(each, Mapping) and each.get("href"))
    rows = [
        (anchor(str(each["href"]), str(each.get("title") or name)), escape(str(each.get("type") or "")))
        for name, each in shown
    ]
    if rows:
        yield _table(("Asset", "Media type"), rows)


def _pictures(item: Json) -> Iterator[str]:
    if picture := _thumbnail(item):
        yield f"<figure>{picture}</figure>"


def _thumbnail(item: Json) -> str:
    """The picture that the item names for it."""
    assets = _object(item.get("assets")).values()
    found = (each for each in assets if isinstance(each, Mapping) and "thumbnail" in _list(each.get("roles")))
    href = next((str(each.get("href")) for each in found), "")
    return f'<img src="{escape(href)}" alt="" loading="lazy"/>' if href.startswith(resource_pages.WEB) else ""


# -- maps ------------------------------------------------------------------------------------------


def _map(items: Iterable[Json]) -> str:
    shown = [
        Footprint(_name(each), _link(each, "self"), each["geometry"])
        for each in items
        if isinstance(each.get("geometry"), Mapping)
    ]
    return footprint_picture(shown)


def _map_of_extents(collections: Iterable[Json]) -> str:
    shown = []
    for each in collections:
        boxes = _list(_object(_object(each.get("extent")).get("spatial")).get("bbox"))
        shown += [
            Footprint(_name(each), _link(each, "items") or _link(each, "self"), _polygon(box))
            for box in boxes[:1]
            if len(_numbers(box)) in (4, 6)
        ]
    return footprint_picture(shown)


def _numbers(value: Any) -> Sequence[float]:
    """A list of numbers, empty if the value is none."""
    return _list(value) if all(isinstance(each, (int, float)) for each in _list(value)) else ()


def _polygon(box: Sequence[float]) -> Json:
    """A box of 4 or 6 numbers as GeoJSON; across the 180th meridian its east is more than 180."""
    west, south, east, north = (*box[:2], *box[len(box) // 2 :][:2])
    east = east + 360 if east < west else east
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [ring]}


# -- members, which clients may have written --------------------------------------------------------


def _object(value: Any) -> Json:
    """An object, without members if the value is none."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    """A list, empty if the value is none."""
    return value if isinstance(value, (list, tuple)) else ()


def _links(value: Json) -> list[Json]:
    links = map(_object, _list(value.get("links")))
    return [each for each in links if isinstance(each.get("href"), str) and isinstance(each.get("rel"), str)]


def _link(value: Json, rel: str) -> str:
    """The address of a related resource; empty where there is none."""
    return next(
        (
            str(each["href"])
            for each in _links(value)
            if each["rel"] == rel and each.get("method", "GET") == "GET"
        ),
        "",
    )


def _crumbs(value: Json) -> Iterator[Crumb]:
    own = _link(value, "self").partition("?")[0]
    found = {_link(value, rel): _title(value, rel) for rel in ABOVE}
    return (Crumb(title, href) for href, title in found.items() if href and href.partition("?")[0] != own)


def _title(value: Json, rel: str) -> str:
    return next(
        (str(each["title"]) for each in _links(value) if each["rel"] == rel and each.get("title")),
        rel.capitalize(),
    )


def _name(value: Json) -> str:
    return str(value.get("title") or value.get("id") or "")


def _interval(collection: Json) -> str:
    """The first interval of a collection."""
    intervals = _list(_object(_object(collection.get("extent")).get("temporal")).get("interval"))
    ends = [str(end)[:10] for end in (_list(intervals[0]) if intervals else ()) if end]
    return " to ".join(dict.fromkeys(ends))
