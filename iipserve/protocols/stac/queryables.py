"""What items can be filtered by (OGC API - Features - Part 3, 19-079r2, section 6.2): a schema in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from iipserve.collections.expressions import DataType
from iipserve.collections.queryables import QUERYABLES
from iipserve.collections.values import Collection
from iipserve.protocols.resource_links import Json
from iipserve.protocols.stac.site import Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES: Mapping[DataType, Json] = MappingProxyType(
    {
        DataType.TEXT: {"type": "string"},
        DataType.NUMBER: {"type": "number"},
        DataType.BOOLEAN: {"type": "boolean"},
        DataType.INSTANT: {"type": "string", "format": "date-time"},
        DataType.GEOMETRY: {"$ref": "https://geojson.org/schema/Geometry.json"},
    }
)
"""Schemas of values."""


def queryables_document(collection: Collection | None, site: Site) -> Json:
    """The schema of the properties of items that are known; others that items have can be filtered by too.

    Args:
        collection: whose items; None for those of all.
        site: addresses.
    """
    path = ("collections", collection.name, "queryables") if collection else ("queryables",)
    return {
        "$schema": DIALECT,
        "$id": site.addresses.of(*path),
        "type": "object",
        "title": f"Queryables of {collection.title or collection.name}" if collection else "Queryables",
        "properties": {
            name: {"title": known.title, **TYPES[known.type]} for name, known in QUERYABLES.items()
        },
        "additionalProperties": True,
    }
