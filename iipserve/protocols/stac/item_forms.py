"""Items as clients can change them: what a patch is applied to."""

from __future__ import annotations

from iipserve.collections.values import Item
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.objects import instant


def editable_item(item: Item) -> Json:
    """What of an item clients can change, as `item_edits.item_edit` reads it."""
    times = {"datetime": item.datetime, "start_datetime": item.start, "end_datetime": item.end}
    stated = {name: instant(time) for name, time in times.items() if time is not None}
    members = {name: value for name, value in item.members.items() if name != "assets"}
    assets = dict(item.members.get("assets", {}))
    if item.href:
        assets["image"] = {"href": item.href}
    bbox = item.bbox
    return {
        **members,
        "type": "Feature",
        "id": item.id,
        "collection": item.collection,
        "geometry": None if item.geometry is None else dict(item.geometry),
        **({} if bbox is None else {"bbox": list(bbox)}),
        "properties": {**item.properties, "datetime": None, **stated},
        "assets": assets,
    }
