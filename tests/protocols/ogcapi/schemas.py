"""JSON schemas of documents, as the standards state them: members, types, which are required."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

URI: Schema = {"type": "string", "pattern": "^https?://[^ ]+$"}
POINT: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
LINK: Schema = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {
        "href": {"type": "string", "pattern": "^https?://[!-~]+$"},
        "rel": {"type": "string"},
        "type": {"type": "string"},
        "title": {"type": "string"},
        "templated": {"type": "boolean"},
    },
}
"""OGC API - Common 19-072, schema `link.yaml`; templates in braces are ASCII too."""
COUNT: Schema = {"type": "integer", "minimum": 1}

TILE_MATRIX: Schema = {
    "type": "object",
    "required": [
        "id", "scaleDenominator", "cellSize", "pointOfOrigin", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight"
    ],
    "properties": {
        "id": {"type": "string"},
        "scaleDenominator": {"type": "number", "exclusiveMinimum": 0},
        "cellSize": {"type": "number", "exclusiveMinimum": 0},
        "cornerOfOrigin": {"enum": ["topLeft", "bottomLeft"]},
        "pointOfOrigin": POINT,
        "tileWidth": COUNT, "tileHeight": COUNT, "matrixWidth": COUNT, "matrixHeight": COUNT,
    },
}  # fmt: skip
TILE_MATRIX_SET: Schema = {
    "type": "object",
    "required": ["crs", "tileMatrices"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "uri": URI,
        "crs": URI,
        "orderedAxes": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "wellKnownScaleSet": URI,
        "tileMatrices": {"type": "array", "items": TILE_MATRIX, "minItems": 1},
    },
}
"""17-083r4, section 7.1 and schema `tileMatrixSet.json`."""

LIMITS: Schema = {
    "type": "object",
    "required": ["tileMatrix", "minTileRow", "maxTileRow", "minTileCol", "maxTileCol"],
    "properties": {
        "tileMatrix": {"type": "string"},
        **{
            name: {"type": "integer", "minimum": 0}
            for name in ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
        },
    },
    "additionalProperties": False,
}
TILE_SET: Schema = {
    "type": "object",
    "required": ["dataType", "crs", "links"],
    "properties": {
        "title": {"type": "string"},
        "dataType": {"enum": ["map", "vector", "coverage"]},
        "crs": URI,
        "tileMatrixSetURI": URI,
        "tileMatrixSetLimits": {"type": "array", "items": LIMITS, "minItems": 1},
        "boundingBox": {
            "type": "object",
            "required": ["lowerLeft", "upperRight"],
            "properties": {"lowerLeft": POINT, "upperRight": POINT, "crs": URI},
        },
        "links": {"type": "array", "items": LINK},
    },
}
"""17-083r4, section 8 and schema `tileSet.json`."""

COLLECTION: Schema = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "extent": {
            "type": "object",
            "properties": {
                "spatial": {
                    "type": "object",
                    "required": ["bbox"],
                    "properties": {
                        "bbox": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "array",
                                "items": {"type": "number"},
                                "minItems": 4,
                                "maxItems": 4,
                            },
                        },
                        "crs": URI,
                    },
                }
            },
        },
        "links": {"type": "array", "items": LINK},
    },
}
"""20-024, schema `collectionDesc.yaml`."""

ZOOM: Schema = {"type": "integer", "minimum": 0, "maximum": 30}
LONGITUDE: Schema = {"type": "number", "minimum": -180, "maximum": 180}
LATITUDE: Schema = {"type": "number", "minimum": -90, "maximum": 90}
TILEJSON: Schema = {
    "type": "object",
    "required": ["tilejson", "tiles"],
    "properties": {
        "tilejson": {"type": "string", "pattern": r"^3\.\d+\.\d+$"},
        "tiles": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^https?://.*\{z\}"},
            "minItems": 1,
        },
        "name": {"type": "string"},
        "description": {"type": "string"},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+[\w+.-]*$"},
        "scheme": {"enum": ["xyz", "tms"]},
        "minzoom": ZOOM,
        "maxzoom": ZOOM,
        "bounds": {"type": "array", "prefixItems": [LONGITUDE, LATITUDE] * 2, "minItems": 4, "items": False},
        "center": {
            "type": "array",
            "prefixItems": [LONGITUDE, LATITUDE, ZOOM],
            "minItems": 3,
            "items": False,
        },
    },
    "additionalProperties": False,
}
"""TileJSON 3.0.0, section 3 and its schema."""
