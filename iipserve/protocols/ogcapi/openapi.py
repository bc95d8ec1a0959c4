"""The definition of the API: an OpenAPI 3.0 document (19-072, section 9)."""

from __future__ import annotations

from collections.abc import Sequence

from iipserve.geo.layer import ServiceMetadata
from iipserve.protocols.map_options import max_size
from iipserve.protocols.ogcapi import coverages
from iipserve.protocols.ogcapi.coverage_documents import SCHEMA
from iipserve.protocols.ogcapi.maps import is_offered
from iipserve.protocols.ogcapi.requests import MAX_LIMIT, USUAL_LIMIT
from iipserve.protocols.openapi_parts import info, parameter_refs, path_parameter, query_parameter
from iipserve.protocols.resource_links import HTML, JSON, Addresses, Json

TILESETS = "/collections/{collectionId}/map/tiles"
STYLED = "/collections/{collectionId}/styles/{styleId}/map/tiles"
MAP = "/collections/{collectionId}/map"
STYLED_MAP = "/collections/{collectionId}/styles/{styleId}/map"
COVERAGE = "/collections/{collectionId}/coverage"
SCHEMA_PATH = "/collections/{collectionId}/schema"
OF_COVERAGES = (
    "subset", "subset-crs", "bbox", "bbox-crs", "crs", "resolution", "width", "height", "scale-factor", "scale-axes",
    "scale-size", "properties", "exclude-properties", "datetime",
)  # fmt: skip
DATASET_MAP = "/map"
OF_MAPS = (
    "bbox", "bbox-crs", "subset", "subset-crs", "center", "center-crs", "crs", "width", "height", "scale-denominator",
    "mm-per-pixel", "datetime", "bgcolor", "transparent",
)  # fmt: skip
TILE = "/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"


def document(metadata: ServiceMetadata, addresses: Addresses, extensions: Sequence[str]) -> Json:
    """The document.

    Args:
        metadata: of the service.
        addresses: of its resources.
        extensions: of the formats of tiles.
    """
    paths: Json = {
        "/": _resource("landingPage", "The landing page", "Service"),
        "/conformance": _resource("conformance", "The conformance classes", "Service"),
        "/api": _resource("api", "This definition", "Service"),
        "/tileMatrixSets": _resource(
            "getTileMatrixSetsList", "The tile matrix sets that layers share", "Tiles"
        ),
        "/tileMatrixSets/{tileMatrixSetId}": _resource(
            "getTileMatrixSet", "A tile matrix set", "Tiles", "tileMatrixSetId"
        ),
        "/collections": _resource("collections", "The layers", "Layers", "limit", "offset"),
        "/collections/{collectionId}": _resource("collection", "A layer", "Layers", "collectionId"),
    }
    for prefix, path, more in (("", TILESETS, ()), (".style", STYLED, ("styleId",))):
        paths |= _tiles(prefix, path, more)
    if is_offered(metadata):
        paths |= _maps()
    if coverages.is_offered(metadata):
        paths |= _coverages()
    return {
        "openapi": "3.0.3",
        "info": info(metadata) | _limits(metadata),
        "servers": [{"url": addresses.root.removesuffix("/")}],
        "tags": [{"name": name} for name in ("Service", "Layers", "Maps", "Tiles", "Coverages")],
        "paths": paths,
        "components": {
            "parameters": _parameters(extensions),
            "responses": {
                "Problem": {"description": "What is wrong", "content": {"application/problem+json": {}}}
            },
        },
    }


def _limits(metadata: ServiceMetadata) -> Json:
    """How large maps may be (20-058, /rec/scaling/max-width-height)."""
    size = max_size(metadata)
    return {"x-OGC-limits": {"maps": {"maxWidth": size.width, "maxHeight": size.height}}}


def _maps() -> Json:
    """The paths of the maps of a layer, of one of its styles, and of all layers (20-058, /req/api-operations/operation-id)."""
    return {
        path: _resource(name, "A map", "Maps", *known, *OF_MAPS, form="fTile", types=("image/*",))
        for name, path, known in (
            ("collection.getMap", MAP, ("collectionId",)),
            ("collection.style.getMap", STYLED_MAP, ("collectionId", "styleId")),
            ("dataset.getMap", DATASET_MAP, ("collections",)),
        )
    }


def _coverages() -> Json:
    """The paths of the coverage of a layer and of its schema."""
    return {
        COVERAGE: _resource(
            "coverage",
            "A coverage",
            "Coverages",
            "collectionId",
            *OF_COVERAGES,
            form="fCoverage",
            types=("image/tiff",),
        ),
        SCHEMA_PATH: _resource(
            "schema", "The fields of a coverage", "Coverages", "collectionId", types=(SCHEMA, JSON, HTML)
        ),
    }


def _tiles(prefix: str, path: str, more: Sequence[str]) -> Json:
    """The paths of the tile sets of a layer or of one of its styles (20-057, /req/oas30/oas-operation-id)."""
    name = f"collection{prefix}.map.getTile"
    known = ("collectionId", *more)
    one = (*known, "tileMatrixSetId")
    return {
        path: _resource(f"{name}SetsList", "The tile sets of a layer", "Tiles", *known),
        f"{path}/{{tileMatrixSetId}}": _resource(f"{name}Set", "A tile set", "Tiles", *one, form="fTileSet"),
        f"{path}{TILE}": _resource(
            name,
            "A tile",
            "Tiles",
            *one,
            "tileMatrix",
            "tileRow",
            "tileCol",
            form="fTile",
            types=("image/*",),
        ),
    }


def _resource(
    operation: str,
    summary: str,
    tag: str,
    *parameters: str,
    form: str = "f",
    types: Sequence[str] = (JSON, HTML),
) -> Json:
    """A path that answers GET."""
    problem = {"$ref": "#/components/responses/Problem"}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": [tag],
            "parameters": parameter_refs(*parameters, form),
            "responses": {
                "200": {"description": summary, "content": {each: {} for each in types}},
                "400": problem,
                "404": problem,
                "406": problem,
            },
        }
    }


def _parameters(extensions: Sequence[str]) -> Json:
    text: Json = {"type": "string"}
    index: Json = {"type": "integer", "minimum": 0}
    return {
        "collectionId": path_parameter("collectionId", "Identifier of a layer", text),
        "styleId": path_parameter("styleId", "Name of a style", text),
        "tileMatrixSetId": path_parameter("tileMatrixSetId", "Identifier of a tile matrix set", text),
        "tileMatrix": path_parameter("tileMatrix", "Identifier of a tile matrix", text),
        "tileRow": path_parameter("tileRow", "Row of a tile, from the top", index),
        "tileCol": path_parameter("tileCol", "Column of a tile, from the left", index),
        "limit": query_parameter(
            "limit",
            "How many layers are listed",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": USUAL_LIMIT},
        ),
        "offset": query_parameter("offset", "How many layers come before", {**index, "default": 0}),
        **_parameters_of_maps(),
        **_parameters_of_coverages(),
        "f": query_parameter("f", "The form of the document", {**text, "enum": ["json", "html"]}),
        "fTileSet": query_parameter(
            "f", "The form of the document", {**text, "enum": ["json", "html", "tilejson"]}
        ),
        "fTile": query_parameter("f", "The format of the picture", {**text, "enum": list(extensions)}),
    }


def _parameters_of_maps() -> Json:
    text: Json = {"type": "string"}
    side: Json = {"type": "integer", "minimum": 1}
    number: Json = {"type": "number", "exclusiveMinimum": True, "minimum": 0}
    texts: Json = {"type": "array", "items": text}
    return {
        "bbox": query_parameter("bbox", "The box of the map, four numbers; by default the whole layer", text),
        "bbox-crs": query_parameter("bbox-crs", "The system of the box; by default CRS84, in degrees", text),
        "crs": query_parameter("crs", "The system of the map; by default that of the layer", text),
        "width": query_parameter("width", "Width of the map in pixels", side),
        "height": query_parameter("height", "Height of the map in pixels", side),
        "subset": query_parameter(
            "subset", "Intervals of axes and other dimensions, as Lat(40:50),Lon(10:20)", texts
        ),
        "subset-crs": query_parameter("subset-crs", "The system of the intervals; by default CRS84", text),
        "center": query_parameter("center", "The center of the map, two numbers", text),
        "center-crs": query_parameter("center-crs", "The system of the center; by default CRS84", text),
        "scale-denominator": query_parameter("scale-denominator", "The scale of the map", number),
        "mm-per-pixel": query_parameter(
            "mm-per-pixel", "The size of pixels on the screen; by default 0.28", number
        ),
        "collections": query_parameter("collections", "The layers of the map, the lowest first", texts),
        "datetime": query_parameter(
            "datetime", "A time, or an interval; layers without a time have every time", text
        ),
        "bgcolor": query_parameter("bgcolor", "The color where there is no data, 0xRRGGBB", text),
        "transparent": query_parameter("transparent", "Clear where there is no data", {"type": "boolean"}),
    }


def _parameters_of_coverages() -> Json:
    text: Json = {"type": "string"}
    factor: Json = {"type": "number", "exclusiveMinimum": True, "minimum": 0}
    texts: Json = {"type": "array", "items": text}
    return {
        "resolution": query_parameter("resolution", "Distances between samples by axes, E(20),N(20)", texts),
        "scale-factor": query_parameter(
            "scale-factor", "Samples of the layer for each of the coverage", factor
        ),
        "scale-axes": query_parameter("scale-axes", "The same by axes, E(2),N(2)", texts),
        "scale-size": query_parameter("scale-size", "Numbers of samples by axes, E(300),N(200)", texts),
        "properties": query_parameter("properties", "The fields, in the order of the coverage", texts),
        "exclude-properties": query_parameter("exclude-properties", "The fields that are left out", texts),
        "fCoverage": query_parameter("f", "The format of the file", text),
    }
