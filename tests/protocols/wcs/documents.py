"""Documents of WCS about the layers of the tests of WMTS, and about others of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from iipserve.config import Config
from iipserve.geo import crs
from iipserve.geo.georeference import Band, ControlPoint, ControlPoints, GeoImage, Georeference
from iipserve.geo.grid import Affine
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.ows.addresses import Endpoint
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Images, Server
from iipserve.protocols.wcs.describe import plan_description
from iipserve.protocols.wcs.documents import plan_capabilities
from iipserve.protocols.wcs.query import CapabilitiesQuery, DescribeQuery, family_of
from iipserve.protocols.wcs.requests import SECTIONS
from tests.protocols.client import FORMATS, image
from tests.protocols.wmts.catalogs import FakeCatalog, layer
from tests.protocols.wmts.services import ENTRIES, north_up
from tests.schemas import validated

ADDRESS = "https://maps.example/img/wcs?map=a&b=<&"
VERSIONS = ("1.0.0", "1.1.0", "1.1.1", "1.1.2", "2.0.1")
NS = {
    "wcs10": "http://www.opengis.net/wcs", "gml": "http://www.opengis.net/gml", "w": "http://www.opengis.net/wcs/1.1",
    "ows": "http://www.opengis.net/ows/1.1", "wcs": "http://www.opengis.net/wcs/2.0", "ows2": "http://www.opengis.net/ows/2.0",
    "gml32": "http://www.opengis.net/gml/3.2", "swe": "http://www.opengis.net/swe/2.0", "xlink": "http://www.w3.org/1999/xlink",
    "gmlcov": "http://www.opengis.net/gmlcov/1.0",
}  # fmt: skip


def made(
    identifier: str,
    key: str = "EPSG:32633",
    mapping: Any = None,
    known: tuple[Band, ...] = (),
    is_palette: bool = False,
    items: Mapping[str, str] = MappingProxyType({}),
    **fields: Any,
) -> LayerEntry:
    """A layer of an image of 60 x 40 pixels without a file; `fields` are those of `ImageInfo`."""
    info = image(60, 40, identifier=f"{identifier}.tif", **fields)
    place = Georeference(key, mapping or north_up(20, 500000, 5000000), info.size)
    return LayerEntry(
        layer(identifier, metadata=MappingProxyType(dict(items))), info, GeoImage(place, known, is_palette)
    )


def _points() -> ControlPoints:
    grid = Affine(18, 8, 500000, 8, -18, 5000000)
    corners = [(float(x), float(y)) for x in (0, 30, 60) for y in (0, 20, 40)]
    return ControlPoints(tuple(ControlPoint(x, y, *grid.apply(x, y)) for x, y in corners), 1)


GRAY: dict[str, Any] = {"bands": 1, "color_space": ColorSpace.GRAY}
SINUSOIDAL = (
    'PROJCRS["Sinusoidal",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,'
    '298.257223563]]],CONVERSION["s",METHOD["Sinusoidal"]],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
    'LENGTHUNIT["metre",1]]'
)
KINDS = {
    each.layer.identifier: each
    for each in (
        *ENTRIES,
        made("south_up", "EPSG:4326", Affine(0.01, 0, 10, 0, 0.01, 49)),
        made("gcps", mapping=_points()),
        made("palette", is_palette=True),
        made("nan", dtype="float32", bits=32, nodata=(np.nan,), **GRAY),
        made(
            "scaled", known=(Band("temp\u00e9rature & co", "K", 0.1, 1000.0),), dtype="int16", bits=16,
            nodata=(-9999.0,), **GRAY,
        ),
        made("multispectral", known=tuple(Band(f"{n} nm", "W/m2 sr") for n in range(12)), **(GRAY | {"bands": 12})),
        made("rgba", bands=4, has_alpha=True),
        made("feet", "EPSG:2263", north_up(1, 980000, 200000)),
        made("sinusoidal", SINUSOIDAL, north_up(500, 300000, 5500000)),
        made("-x"),
    )
}  # fmt: skip
"""Layers of every kind of grid and samples, by name."""


def catalog_of(*entries: LayerEntry, version: str = "7", **options: Any) -> FakeCatalog:
    """A catalog of layers, all of `KINDS` without any, with options of `[wcs]`, and with metadata of the service."""
    shown = list(entries) or list(KINDS.values())
    catalog = FakeCatalog([each.layer for each in shown], entries=shown, version=version)
    said = options.pop("said", {})
    named = {f"wcs.{name}": value for name, value in options.items()}
    catalog.metadata = ServiceMetadata(**{"title": "Maps & <more>", **said}, options=MappingProxyType(named))
    return catalog


def server_of(catalog: Any) -> Server:
    """A server of a catalog."""
    by_info = {each.info: each.geo for each in catalog.entries()}
    return Server(Config(), FORMATS, catalog=lambda: catalog, listed=lambda: catalog, geo_image=by_info.get)


def capabilities(version: str, catalog: Any = None, *, sections: tuple[str, ...] = (), **fields: Any) -> Any:
    """The root element of a valid document."""
    catalog = catalog or catalog_of()
    chosen = frozenset(sections or SECTIONS[family_of(version)])
    query = CapabilitiesQuery(Endpoint(ADDRESS, ""), version, chosen, **fields)
    return validated(plan_capabilities(query, server_of(catalog)).describe(catalog).body)


def descriptions(version: str, *names: str, catalog: Any = None) -> Any:
    """The root element of a valid description of layers, of all without names."""
    catalog = catalog or catalog_of()
    server = server_of(catalog)
    entries = {each.layer.identifier: each for each in catalog.entries()}
    layers = tuple(entries[name].layer for name in names)
    images: dict[Any, ImageInfo] = {entries[name].layer.name: entries[name].info for name in names}
    query = DescribeQuery(tuple(images), layers, Endpoint(ADDRESS, ""), version)
    found = plan_description(query, Images(images), server)
    if isinstance(found, CatalogPlan):
        found = found.describe(catalog)
    assert isinstance(found, Document)
    return validated(found.body)


def texts(root: Any, path: str) -> list[str]:
    """The texts of elements, or of attributes."""
    return [
        str(each) if isinstance(each, str) else each.text or "" for each in root.xpath(path, namespaces=NS)
    ]


def with_items(shown: LayerEntry, **items: str) -> LayerEntry:
    """The layer with further items of metadata."""
    return replace(shown, layer=replace(shown.layer, metadata=MappingProxyType(items)))


def crs_name(key: str) -> str:
    """The URI of a system."""
    return crs.uri(key) or ""
