"""JSON schemas of the fields of extensions that items have, as the extensions state them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _fields(prefix: str, properties: Schema) -> Schema:
    """An object whose members with a prefix are these and no others."""
    others = {f"^(?!{prefix}:)": {}}
    return {
        "type": "object",
        "properties": {f"{prefix}:{name}": each for name, each in properties.items()},
        "patternProperties": others,
        "additionalProperties": False,
    }


PROJECTION = _fields(
    "proj",
    {
        "code": {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_]+:[A-Za-z0-9]+$"},
        "epsg": {"type": ["integer", "null"]},
        "wkt2": {"type": ["string", "null"]},
        "shape": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}},
        "transform": {"type": "array", "minItems": 6, "maxItems": 6, "items": {"type": "number"}},
    },
)
"""Projection 1.2.0, of properties."""
FILE = _fields(
    "file",
    {"size": {"type": "integer", "minimum": 0}, "checksum": {"type": "string", "pattern": "^[a-f0-9]+$"}},
)
"""File 2.1.0, of assets."""
BANDS: Schema = {
    "type": "object",
    "properties": {
        "bands": {
            "type": "array",
            "items": _fields("raster", {"scale": {"type": "number"}, "offset": {"type": "number"}}),
        }
    },
}
"""Raster 2.0.0, of assets."""


def _assets(each: Schema) -> Schema:
    return {"type": "object", "properties": {"assets": {"type": "object", "additionalProperties": each}}}


DIALECT: Schema = {"$schema": "http://json-schema.org/draft-07/schema#"}
ADDRESS = "https://stac-extensions.github.io/{}/schema.json"
MAP_LINKS: Schema = {
    "type": "object",
    "properties": {
        "links": {"contains": {"properties": {"rel": {"enum": ["wms", "wmts", "xyz", "tilejson"]}}}}
    },
}
"""Web map links 1.2.0, of collections."""
OF_COLLECTIONS: dict[str, Schema] = {ADDRESS.format("web-map-links/v1.2.0"): DIALECT | MAP_LINKS}
EXTENSIONS: dict[str, Schema] = {
    ADDRESS.format("projection/v1.2.0"): DIALECT
    | {"type": "object", "properties": {"properties": PROJECTION}},
    ADDRESS.format("file/v2.1.0"): DIALECT | _assets(FILE),
    ADDRESS.format("raster/v2.0.0"): DIALECT | _assets(BANDS),
}
"""Schemas of items, by the addresses that items state."""
