"""Collections and items as rows of tables, and rows as these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from iipserve.collections.summaries import Statistics
from iipserve.collections.values import Collection, Item, TimePolicy, split_box
from iipserve.geo.grid import Affine, Bounds


def collection_values(collection: Collection) -> dict[str, Any]:
    """Columns of what a client says of a collection; version, times and summary are the store's."""
    return {
        "name": collection.name,
        "title": collection.title,
        "description": collection.description,
        "keywords": list(collection.keywords),
        "license": collection.license,
        "style": plain(collection.style),
        "rule": collection.rule,
        "order": collection.order,
        "times": list(collection.times),
        "members": plain(collection.members),
    }


def collection_from_row(row: Any) -> Collection:
    """The collection of a row of all columns of `collection`."""
    return Collection(
        name=row.name,
        title=row.title,
        description=row.description,
        keywords=tuple(row.keywords),
        license=row.license,
        style=row.style,
        rule=row.rule,
        order=row.order,
        times=TimePolicy(*row.times),
        members=row.members,
        version=row.version,
        created=row.created,
        updated=row.updated,
        summary=Statistics.read(row.summary).summary(),
    )


def item_values(
    item: Item, number: int, revision: int, created: datetime, updated: datetime
) -> dict[str, Any]:
    """All columns of an item but `sequence`. `number` is that of its collection."""
    west, south, east, north = item.bbox or (None, None, None, None)
    return {
        "collection": number,
        "id": item.id,
        "href": item.href,
        "size": item.size,
        "mtime_ns": item.mtime_ns,
        "checksum": item.checksum,
        "driver": item.driver,
        "width": item.width,
        "height": item.height,
        "bands": [plain(band) for band in item.bands],
        "dtype": item.dtype,
        "nodata": None if item.nodata is None else repr(float(item.nodata)),
        "crs": item.crs,
        "transform": None if item.transform is None else list(item.transform),
        "geometry": None if item.geometry is None else plain(item.geometry),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "gsd_min": item.gsd_min,
        "gsd_max": item.gsd_max,
        "visible_min": item.visible_min,
        "visible_max": item.visible_max,
        "datetime": item.datetime,
        "start_datetime": item.start,
        "end_datetime": item.end,
        "earliest": item.earliest,
        "latest": item.latest,
        "properties": plain(item.properties),
        "members": plain(item.members),
        "status": item.status,
        "revision": revision,
        "created": created,
        "updated": updated,
    }


def item_from_row(row: Sequence[Any], name: str) -> Item:
    """The item of a row of `Tables.item_columns`, further columns ignored. `name` is that of its collection."""
    (sequence, _, id, href, size, mtime_ns, checksum, driver, width, height, bands, dtype, nodata, crs, transform,
     geometry, west, south, east, north, gsd_min, gsd_max, visible_min, visible_max, instant, start, end, _, _,
     properties, members, status, revision, created, updated) = row[:35]  # fmt: skip
    return Item(
        collection=name,
        id=id,
        sequence=sequence,
        href=href,
        size=size,
        mtime_ns=mtime_ns,
        checksum=checksum,
        driver=driver,
        width=width,
        height=height,
        bands=tuple(bands),
        dtype=dtype,
        nodata=None if nodata is None else float(nodata),
        crs=crs,
        transform=None if transform is None else Affine(*transform),
        geometry=geometry,
        bounds=() if west is None else split_box(Bounds(west, south, east, north)),
        gsd_min=gsd_min,
        gsd_max=gsd_max,
        visible_min=visible_min,
        visible_max=visible_max,
        datetime=instant,
        start=start,
        end=end,
        properties=properties,
        members=members,
        status=status,
        revision=revision,
        created=created,
        updated=updated,
    )


def plain(value: Any) -> Any:
    """A JSON value of any mappings and sequences, as dictionaries and lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def to_json(value: Any) -> str:
    """JSON text. Raises `ValueError` for numbers that JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
