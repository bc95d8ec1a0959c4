"""The landing page and the conformance classes."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.collections.values import Collection
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.layer import ServiceMetadata
from iipserve.protocols.resource_links import HTML, JSON, Json, link
from iipserve.protocols.stac.objects import QUERYABLES_REL, VERSION
from iipserve.protocols.stac.site import GEOJSON, OPENAPI, SCHEMA, Site

STAC_API = "https://api.stacspec.org/v1.0.0/"
FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
FILTER = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
CQL2_CLASSES = (
    "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
    "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
    "temporal-functions", "arithmetic", "property-property",
)  # fmt: skip
"""What `collections.filters` reads (OGC 21-065r2): all but arrays and functions of a server's own."""
CONFORMANCE = (
    *(STAC_API + name for name in ("core", "collections", "ogcapi-features", "item-search")),
    *(
        f"{STAC_API}{part}#{name}"
        for part in ("item-search", "ogcapi-features")
        for name in ("fields", "sort", "query", "filter")
    ),
    *(FEATURES + name for name in ("core", "geojson", "html", "oas30")),
    *(FILTER + name for name in ("queryables", "filter", "features-filter")),
    *(CQL2 + name for name in CQL2_CLASSES),
)
TRANSACTIONS = (
    f"{STAC_API}ogcapi-features/extensions/transaction",
    f"{STAC_API}collections/extensions/transaction",
)
"""Where collections may be changed."""
DESCRIPTION = "Collections of georeferenced images"


def conformance(*, editable: bool) -> list[str]:
    """The conformance classes."""
    return [*CONFORMANCE, *(TRANSACTIONS if editable else ())]


def landing_document(
    metadata: ServiceMetadata, stated: CollectionSettings, collections: Iterable[Collection], site: Site
) -> Json:
    """The landing page: a catalog with the collections as children (STAC API 1.0.0, core)."""
    of = site.addresses.of
    search = link(of("search"), "search", GEOJSON, "Search for items")
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": stated.name,
        "title": metadata.title,
        "description": stated.description or metadata.abstract or DESCRIPTION,
        "conformsTo": conformance(editable=stated.editable),
        "links": [
            *site.own_links(),
            link(of("api"), "service-desc", OPENAPI, "The definition of this API"),
            link(of("api.html"), "service-doc", HTML, "The documentation of this API"),
            link(of("conformance"), "conformance", JSON, "Conformance classes"),
            link(of("collections"), "data", JSON, "Collections"),
            {**search, "method": "GET"},
            {**search, "method": "POST"},
            link(of("queryables"), QUERYABLES_REL, SCHEMA, "What items can be filtered by"),
            *(
                link(site.collection(each.name), "child", JSON, each.title or each.name)
                for each in collections
            ),
        ],
    }
