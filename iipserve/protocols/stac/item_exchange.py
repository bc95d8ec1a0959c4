"""Items as STAC 1.1 in files: what other programs read, and all that is needed to have the same items again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType, NoneType
from typing import Any, BinaryIO

from iipserve.collections.edits import GEOMETRY, edited_of, marked
from iipserve.collections.footprints import stated_footprint
from iipserve.collections.times import parse_instant
from iipserve.collections.values import OK, Item, Json, split_box
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Affine, Bounds
from iipserve.protocols.stac.bodies import parsed
from iipserve.protocols.stac.earlier_bands import with_bands
from iipserve.protocols.stac.item_assets import FILE, IMAGE, media_type
from iipserve.protocols.stac.objects import PROJECTION, RASTER, STATUS, VERSION, properties
from iipserve.protocols.stac.references import foreign_assets, foreign_links, kept_members

MAX_LINE = 4 << 20
"""Bytes of an item in NDJSON, and of a row of GeoParquet as such."""
SEPARATORS = b"\x1e \t\r\n"
"""What is around an item: RFC 8142 begins each with U+001E."""
OWN = "iipserve:"
"""Begins members of assets that only this server understands."""
MODIFIED = "mtime_ns"
"""The time of the file, by which changed ones are known."""
KEPT: Mapping[str, tuple[type, ...]] = MappingProxyType({
    MODIFIED: (int,),
    "driver": (str,),
    "width": (int,),
    "height": (int,),
    "dtype": (str,),
    "crs": (str,),
    "gsd_min": (int, float, NoneType),
    "gsd_max": (int, float, NoneType),
    "visible_min": (int, float),
    "visible_max": (int, float, NoneType),
})  # fmt: skip
"""Fields of items that are such members, with the types of their values."""
STATED: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"file:size": (int,), "file:checksum": (str,), "bands": (list,), "nodata": (int, float, str, NoneType)}
)
"""Members of assets that become fields, with their types."""
DERIVED = ("datetime", "start_datetime", "end_datetime", "created", "updated", "gsd", STATUS)
"""Properties that follow from fields of items, as do those of the projection extension."""
PROJECTED = "proj:"


def line_of(item: Item, *, whole: bool = True) -> bytes:
    """A line of NDJSON (see `to_stac`)."""
    text = json.dumps(to_stac(item, whole=whole), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode()


def read_lines(file: BinaryIO) -> Iterator[Mapping[str, Any]]:
    """The items of NDJSON, of a sequence of GeoJSON (RFC 8142), or of FeatureCollections, one in each line.

    Raises:
        InvalidRequest: a line is no item.
    """
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
        if text := line.strip(SEPARATORS):
            yield from _features(text, f"line {number}")


def _features(line: bytes, of: str) -> Iterator[Mapping[str, Any]]:
    found = parsed(line, of)
    kind = found.get("type") if isinstance(found, dict) else None
    if kind == "FeatureCollection" and isinstance(found.get("features"), list):
        yield from found["features"]
    elif kind == "Feature":
        yield found
    elif kind != "Collection":
        raise InvalidRequest(f"{of} is no item of STAC")


def to_stac(item: Item, *, whole: bool = True) -> Json:
    """An item for a file. Its asset refers to the file as the store does: by the identifier of the image.

    Args:
        item: the item.
        whole: with size, time and checksum of the file; without them, it is read when the item is imported.
    """
    members = dict(item.members)
    found: dict[str, Any] = {
        **members,
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(
            dict.fromkeys([*members.get("stac_extensions", ()), PROJECTION, FILE, RASTER])
        ),
        "id": item.id,
        "geometry": item.geometry,
        "properties": properties(item),
        "assets": {**members.get("assets", {}), IMAGE: _asset(item, whole=whole)},
        "links": list(members.get("links", ())),
    }
    if item.bbox is not None:
        found["bbox"] = list(item.bbox)
    return found


def _asset(item: Item, *, whole: bool) -> dict[str, Any]:
    asset: dict[str, Any] = {"href": item.href, "type": media_type(item), "roles": ["data"]}
    if whole:
        asset["file:size"] = item.size
    if whole and item.checksum:
        asset["file:checksum"] = item.checksum
    if item.bands:
        asset["bands"] = [dict(band) for band in item.bands]
    if item.nodata is not None:
        asset["nodata"] = "nan" if math.isnan(item.nodata) else item.nodata
    return asset | {f"{OWN}{name}": getattr(item, name) for name in KEPT if whole or name != MODIFIED}


def href_of(document: Mapping[str, Any]) -> str:
    """The reference to the image of an item.

    Raises:
        InvalidRequest: it has none.
    """
    href = _image_of(document).get("href")
    if not isinstance(href, str):
        raise InvalidRequest("the item has no asset that is its image: one with the role data")
    return href


def _image_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The asset that is the image of an item; nothing where there is none."""
    assets = document.get("assets")
    found = (
        [each for each in assets.values() if isinstance(each, Mapping)] if isinstance(assets, Mapping) else []
    )
    chosen = [each for each in found if "data" in (each.get("roles") or ())]
    if isinstance(assets, Mapping) and isinstance(assets.get(IMAGE), Mapping):
        chosen = [assets[IMAGE]]
    return next(iter(chosen or found), {})


def is_complete(document: Mapping[str, Any]) -> bool:
    """Whether `from_stac` knows all that the file would say."""
    asset = (document.get("assets") or {}).get(IMAGE) or {}
    return f"{OWN}{MODIFIED}" in asset


def from_stac(document: Mapping[str, Any], collection: str) -> Item:
    """The item that `to_stac` has written.

    Raises:
        InvalidRequest: something is of another form.
    """
    asset = document["assets"][IMAGE]
    _check_types(asset, {f"{OWN}{name}": types for name, types in KEPT.items()} | dict(STATED))
    kept = {name: asset[f"{OWN}{name}"] for name in KEPT if f"{OWN}{name}" in asset}
    stated, transform = document["properties"], document["properties"].get("proj:transform")
    bbox, nodata = document.get("bbox"), asset.get("nodata")
    item = Item(
        collection=collection,
        id=document["id"],
        href=asset["href"],
        size=asset.get("file:size", 0),
        checksum=asset.get("file:checksum", ""),
        bands=tuple(map(dict, asset.get("bands", ()))),
        nodata=None if nodata is None else float(nodata),
        transform=None if transform is None else Affine(*map(float, transform)),
        geometry=document["geometry"],
        bounds=split_box(Bounds(*map(float, bbox))) if bbox else (),
        status=str(stated.get(STATUS, OK)),
        **kept,
    )
    return with_statements(item, document)


def _check_types(asset: Mapping[str, Any], types: Mapping[str, tuple[type, ...]]) -> None:
    for name, allowed in types.items():
        if name in asset and (not isinstance(asset[name], allowed) or isinstance(asset[name], bool)):
            raise InvalidRequest(f"{name} of the image is {asset[name]!r:.80}, which it cannot be")


def with_statements(item: Item, document: Mapping[str, Any]) -> Item:
    """An item with what a STAC item says that a file does not know: id, time, bands, further properties and members. What it
    says otherwise than a file that has been read stays when that is read again.

    Raises:
        InvalidRequest: a time is of another form.
    """
    base, stated = item, document.get("properties") or {}
    own = {
        key: value for key, value in stated.items() if key not in DERIVED and not key.startswith(PROJECTED)
    }
    members = kept_members(dict(document), FIXED)
    if is_complete(document):
        links = foreign_links(document.get("links") or [], "")
        members |= {"links": links} if links else {}
        others = foreign_assets({key: value for key, value in document["assets"].items() if key != IMAGE}, "")
        members |= {"assets": others} if others else {}
    item = replace(item, properties={**item.properties, **own}, members=members)
    if GEOMETRY in edited_of(item) and document.get("geometry") is not None:
        item = replace(item, **stated_footprint(document["geometry"], document.get("bbox"))._asdict())
    moment, start, end = (
        _instant(stated.get(name)) for name in ("datetime", "start_datetime", "end_datetime")
    )
    if moment or (start and end):
        item = replace(item, datetime=moment, start=start, end=end)
    if is_complete(document):
        return item
    return marked(replace(item, bands=_bands(item, document)), base, edited_of(item))


def _bands(item: Item, document: Mapping[str, Any]) -> tuple[Json, ...]:
    """The bands of a file with what an item of STAC 1.0 or 1.1 says of them: wavelengths, say."""
    stated = with_bands(dict(_image_of(document))).get("bands")
    if not isinstance(stated, list) or len(stated) != len(item.bands):
        return item.bands
    return tuple(
        {**own, **band} if isinstance(own, dict) else band
        for own, band in zip(stated, item.bands, strict=True)
    )


def _instant(text: Any) -> datetime | None:
    return None if text is None else parse_instant(str(text))


FIXED = frozenset({
    "type", "stac_version", "stac_extensions", "id", "collection", "geometry", "properties", "assets", "links", "bbox",
})  # fmt: skip
"""Members of a STAC item that are not kept as they come."""
