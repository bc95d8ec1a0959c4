"""The definition of the API: an OpenAPI 3.0 document (STAC API 1.0.0, core; 17-069r4, section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from iipserve.collections.filters import JSON as JSON_FILTER
from iipserve.collections.filters import LANGUAGES
from iipserve.collections.filters import TEXT as TEXT_FILTER
from iipserve.geo.layer import ServiceMetadata
from iipserve.protocols.openapi_parts import info, parameter_refs, path_parameter, query_parameter
from iipserve.protocols.resource_links import HTML, JSON, Json
from iipserve.protocols.stac.jobs import MEMBERS as KINDS_OF_JOBS
from iipserve.protocols.stac.searches import MAX_LIMIT, USUAL_LIMIT
from iipserve.protocols.stac.site import EXPORTS, FORMS, GEOJSON, OPENAPI, SCHEMA, Site

COLLECTION, ITEMS = "/collections/{collectionId}", "/collections/{collectionId}/items"
ITEM = f"{ITEMS}/{{featureId}}"
IMAGE = f"{ITEM}/assets/image"
JOBS, JOB = f"{COLLECTION}/jobs", f"{COLLECTION}/jobs/{{jobId}}"
OF_ITEM = ("collectionId", "featureId")
ANY_IMAGE = "image/*"
FILE: Json = {"type": "string", "format": "binary"}
OF_ITEMS = (
    "limit", "bbox", "datetime", "ids", "filter", "filter-lang", "filter-crs", "query", "sortby", "fields", "token",
)  # fmt: skip
"""Parameters of searches for items of one collection."""
OF_SEARCH = ("collections", "intersects", *OF_ITEMS)
OBJECT: Json = {"type": "object"}
MEMBERS: Mapping[str, Json] = MappingProxyType(
    {
        "collections": {"type": "array", "items": {"type": "string"}},
        "ids": {"type": "array", "items": {"type": "string"}},
        "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
        "intersects": OBJECT,
        "datetime": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": USUAL_LIMIT},
        "filter-lang": {"type": "string", "enum": list(LANGUAGES), "default": JSON_FILTER},
        "filter": {"oneOf": [OBJECT, {"type": "string"}]},
        "query": OBJECT,
        "sortby": {"type": "array", "items": OBJECT},
        "fields": OBJECT,
        "token": {"type": "string"},
    }
)
"""Of the body of a search."""


def openapi_document(
    metadata: ServiceMetadata, site: Site, *, editable: bool, downloadable: bool = False
) -> Json:
    """The document.

    Args:
        metadata: of the service.
        site: addresses.
        editable: collections and items may be changed.
        downloadable: the files of images may be fetched.
    """
    paths = _reading()
    if downloadable:
        paths[IMAGE] = {"get": _operation("getImage", "The file of an image", "Items", OF_ITEM, (ANY_IMAGE,))}
    if editable:
        for path, methods in _changing().items():
            paths.setdefault(path, {}).update(methods)
    return {
        "openapi": "3.0.3",
        "info": info(metadata),
        "servers": [{"url": site.addresses.root.removesuffix("/")}],
        "tags": [{"name": name} for name in ("Service", "Collections", "Items", "Jobs")],
        "paths": paths,
        "components": {
            "parameters": _parameters(),
            "responses": {
                "Error": {"description": "What is wrong", "content": {JSON: {"schema": _error()}}},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _error() -> Json:
    text: Json = {"type": "string"}
    return {
        "type": "object",
        "required": ["code", "description"],
        "properties": {"code": text, "description": text},
    }


# -- paths -----------------------------------------------------------------------------------------


def _reading() -> dict[str, Json]:
    """The paths, with what reads them."""
    items, usual, listed = (GEOJSON, HTML), (JSON, HTML), (GEOJSON, HTML, *EXPORTS)
    search = _operation("postItemSearch", "Items that meet all conditions", "Items", (), (GEOJSON,))
    schema: Json = {"type": "object", "properties": dict(MEMBERS)}
    search["requestBody"] = {"content": {JSON: {"schema": schema}}}
    found = {
        "/": _operation("getLandingPage", "The landing page", "Service", ("f",), usual),
        "/conformance": _operation(
            "getConformance", "The conformance classes", "Service", ("f",), usual
        ),
        "/api": _operation("getApi", "This definition", "Service", ("f",), (OPENAPI, HTML)),
        "/queryables": _operation(
            "getQueryables", "What items can be filtered by", "Items", ("f",), (SCHEMA, HTML)
        ),
        "/search": _operation(
            "getItemSearch", "Items that meet all conditions", "Items", (*OF_SEARCH, "f"), items
        ),
        "/collections": _operation("getCollections", "The collections", "Collections", ("f",), usual),
        COLLECTION: _operation(
            "describeCollection", "A collection", "Collections", ("collectionId", "f"), usual
        ),
        f"{COLLECTION}/queryables": _operation(
            "getCollectionQueryables", "What its items can be filtered by", "Items", ("collectionId", "f"),
            (SCHEMA, HTML),
        ),
        ITEMS: _operation(
            "getFeatures", "Items of a collection", "Items", ("collectionId", *OF_ITEMS, "f"), listed
        ),
        ITEM: _operation("getFeature", "An item", "Items", ("collectionId", "featureId", "f"), items),
    }  # fmt: skip
    paths: dict[str, Json] = {path: {"get": operation} for path, operation in found.items()}
    paths["/search"]["post"] = search
    return paths


def _changing() -> dict[str, Json]:
    """What changes collections and items, by path (STAC API extensions Transaction and Collection Transaction)."""
    found: dict[str, Json] = {}
    for plural, single, kind, key in (
        ("/collections", COLLECTION, "Collection", ()),
        (ITEMS, ITEM, "Item", ("collectionId",)),
    ):
        tag, one = f"{kind}s", ("collectionId",) if kind == "Collection" else ("collectionId", "featureId")
        created = _change(f"post{kind}", f"Add a{'n' if kind == 'Item' else ''} {kind.lower()}", tag, key)
        if kind == "Item":
            created["requestBody"]["content"] |= {each: {"schema": FILE} for each in EXPORTS}
        found[plural] = {"post": created | {"responses": _responses("201", "Added", (JSON,))}}
        found[single] = {
            method: _change(
                f"{method}{kind}", f"{verb} the {kind.lower()}", tag, one, has_body=method != "delete"
            )
            for method, verb in (("put", "Replace"), ("patch", "Change"), ("delete", "Delete"))
        }
    upload = _change("putImage", "Upload the image of an item", "Items", OF_ITEM, has_body=False)
    found |= _jobs()
    found[IMAGE] = {"put": upload | {"requestBody": {"content": {ANY_IMAGE: {"schema": FILE}}}}}
    return found


def _jobs() -> dict[str, Json]:
    """What is done after the answer."""
    usual, of = (JSON, HTML), ("collectionId", "jobId")
    secured: Json = {"security": [{"token": []}]}
    started = _change("postJob", "Start a job on the collection", "Jobs", ("collectionId",))
    kind: Json = {"type": "string", "enum": list(KINDS_OF_JOBS)}
    body: Json = {"type": "object", "required": ["kind"], "properties": {"kind": kind}}
    started["requestBody"] = {"content": {JSON: {"schema": body}}}
    return {
        JOBS: {
            "get": _operation("getJobs", "Jobs on the collection", "Jobs", ("collectionId", "f"), usual)
            | secured,
            "post": started | {"responses": _responses("202", "Accepted", (JSON,))},
        },
        JOB: {
            "get": _operation("getJob", "How far a job is", "Jobs", (*of, "f"), usual) | secured,
            "delete": _change("deleteJob", "End a job, or forget it", "Jobs", of, has_body=False),
        },
    }


def _change(name: str, summary: str, tag: str, parameters: Sequence[str], *, has_body: bool = True) -> Json:
    found = _operation(name, summary, tag, parameters, (JSON,)) | {"security": [{"token": []}]}
    if has_body:
        found["requestBody"] = {"content": {JSON: {"schema": OBJECT}}}
    return found


def _operation(name: str, summary: str, tag: str, parameters: Sequence[str], types: Sequence[str]) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": parameter_refs(*parameters),
        "responses": _responses("200", summary, types),
    }


def _responses(status: str, description: str, types: Sequence[str]) -> Json:
    return {
        status: {"description": description, "content": {each: {} for each in types}},
        "default": {"$ref": "#/components/responses/Error"},
    }


# -- parameters ------------------------------------------------------------------------------------


def _parameters() -> Json:
    text: Json = {"type": "string"}
    language: Json = {**text, "enum": list(LANGUAGES), "default": TEXT_FILTER}
    listed: Json = {"type": "array", "items": text}
    numbers: Json = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    stated = (
        path_parameter("collectionId", "Identifier of a collection", text),
        path_parameter("featureId", "Identifier of an item", text),
        path_parameter("jobId", "Identifier of a job", text),
        query_parameter("limit", "Items of one page", MEMBERS["limit"]),
        _listed("bbox", "A box in CRS84: west, south, east, north, or with heights", numbers),
        query_parameter("intersects", "A geometry in GeoJSON that items meet", text),
        query_parameter(
            "datetime", "A time of RFC 3339, or an interval of two, of which one may be ..", text
        ),
        _listed("ids", "Identifiers of items", listed),
        _listed("collections", "Identifiers of collections", listed),
        query_parameter("filter", "A condition in CQL2", text),
        query_parameter("filter-lang", "The language of the filter", language),
        query_parameter("filter-crs", "The system of places in the filter: CRS84", text),
        query_parameter("query", "Conditions on properties, in JSON", text),
        query_parameter("sortby", "Properties to sort by, with - before those in descending order", text),
        query_parameter("fields", "Members of items, with - before those that are left out", text),
        query_parameter("token", "Of a link to the next page", text),
        query_parameter("f", "The form of the document", {**text, "enum": list(FORMS)}),
    )
    return {each["name"]: each for each in stated}


def _listed(name: str, description: str, schema: Json) -> Json:
    """A parameter of values with commas between them."""
    return {**query_parameter(name, description, schema), "style": "form", "explode": False}
