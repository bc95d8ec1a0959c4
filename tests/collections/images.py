"""Items and collections for tests, of images that do not exist."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from iipserve.collections.values import Collection, Item, split_box
from iipserve.geo.grid import Affine, Bounds


def polygon(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """A box as GeoJSON; over 180 degrees, with west greater than east, as two polygons."""
    rings = [
        [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]
        for x0, y0, x1, y1 in split_box(Bounds(west, south, east, north))
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def item(id: str = "a.tif", box: tuple[float, ...] = (10.0, 50.0, 11.0, 51.0), **fields: Any) -> Item:
    """An item of the collection `aerial` that covers a box of 1 degree."""
    box = Bounds(*box)
    given = {
        "collection": "aerial",
        "href": f"aerial/{id}",
        "geometry": polygon(*box),
        "bounds": split_box(box),
        "datetime": datetime(2020, 6, 1, tzinfo=UTC),
    }
    return Item(id=id, **(given | fields))


def picture(id: str = "plain.jpg", **fields: Any) -> Item:
    """An item without a place and without a time."""
    return item(id, **({"geometry": None, "bounds": (), "datetime": None} | fields))


def full_item(id: str = "full.tif") -> Item:
    """An item all of whose fields have a value."""
    return item(
        id,
        size=12_345_678_901,
        mtime_ns=1_700_000_000_123_456_789,
        checksum="1220" + "ab" * 32,
        driver="tiff",
        width=20_000,
        height=10_000,
        bands=({"name": "red", "data_type": "uint16"}, {"name": "近红外"}),
        dtype="uint16",
        nodata=-9999.5,
        crs="EPSG:32633",
        transform=Affine(0.1, 0.0, 500000.123456789, 0.0, -0.1, 5000000.3),
        gsd_min=0.1,
        gsd_max=6.4,
        visible_min=0.0,
        visible_max=64.0,
        datetime=datetime(2020, 6, 1, 12, 30, 15, 123456, tzinfo=UTC),
        start=datetime(2020, 6, 1, 12, tzinfo=UTC),
        end=datetime(2020, 6, 1, 13, tzinfo=UTC),
        properties={
            "eo:cloud_cover": 12.5,
            "名称": 'a "quoted" text',
            "none": None,
            "list": [1, 2.5, {"a": True}],
        },
        members={"stac_extensions": ["https://example.org/x"], "assets": {"thumbnail": {"href": "t.png"}}},
        status="broken: truncated",
    )


def collection(name: str = "aerial", **fields: Any) -> Collection:
    """A collection."""
    return Collection(name=name, **fields)
