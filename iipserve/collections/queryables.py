"""The properties of items that filters and sorting know, and of what type they are.

Others can be used too: what an item has in `properties` under the name, of whatever type the filter compares it with.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from iipserve.collections.expressions import DataType


class Queryable(NamedTuple):
    """One property, for documents about queryables and for checks of filters."""

    title: str
    type: DataType


QUERYABLES: Final = {
    "id": Queryable("Identifier of the item", DataType.TEXT),
    "collection": Queryable("Collection of the item", DataType.TEXT),
    "geometry": Queryable("Footprint", DataType.GEOMETRY),
    "datetime": Queryable("Acquisition date and time", DataType.INSTANT),
    "start_datetime": Queryable("Start of the acquisition", DataType.INSTANT),
    "end_datetime": Queryable("End of the acquisition", DataType.INSTANT),
    "created": Queryable("When the item was added", DataType.INSTANT),
    "updated": Queryable("When the item was changed last", DataType.INSTANT),
    "gsd": Queryable("Ground sample distance in metres", DataType.NUMBER),
    "eo:cloud_cover": Queryable("Share of clouds in percent", DataType.NUMBER),
    "platform": Queryable("Platform", DataType.TEXT),
    "constellation": Queryable("Constellation", DataType.TEXT),
    "title": Queryable("Title", DataType.TEXT),
    "proj:code": Queryable("Coordinate reference system", DataType.TEXT),
    "view:off_nadir": Queryable("Angle from nadir in degrees", DataType.NUMBER),
    "view:sun_elevation": Queryable("Elevation of the sun in degrees", DataType.NUMBER),
}


def type_of(name: str) -> DataType | None:
    """Type of a property, if that is known."""
    queryable = QUERYABLES.get(name)
    return None if queryable is None else queryable.type
