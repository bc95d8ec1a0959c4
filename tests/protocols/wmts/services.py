"""A service of layers without files, and requests of it."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.geo import crs
from iipserve.geo.georeference import GeoImage, Georeference, in_pixel_space
from iipserve.geo.grid import Affine
from iipserve.geo.layer import LayerEntry, Style
from iipserve.http import Body, Request
from iipserve.image import ImageInfo
from iipserve.plan import Answer
from iipserve.protocols import ErrorAnswer, Images, Server
from iipserve.protocols.wmts import PROTOCOL
from iipserve.router import Router
from tests.protocols.client import FORMATS, image
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog, layer

MARS = (
    'GEOGCRS["Mars",DATUM["Mars",ELLIPSOID["Mars",3396190,169.8944]],CS[ellipsoidal,2],AXIS["lat",north],'
    'AXIS["lon",east],ANGLEUNIT["degree",0.0174532925199433]]'
)


def north_up(pixel: float, x: float, y: float) -> Affine:
    """Square pixels from the upper left corner."""
    return Affine(pixel, 0.0, x, 0.0, -pixel, y)


def entry(
    identifier: str, key: str, affine: Affine, size: tuple[int, int] = (600, 400), **fields: Any
) -> LayerEntry:
    """A layer of an image without a file."""
    info = image(*size, identifier=f"{identifier}.tif")
    return LayerEntry(layer(identifier, **fields), info, GeoImage(Georeference(key, affine, info.size), ()))


PLAIN = image(400, 300, identifier="plain.tif")
RAMPS = (Style("default"), Style("ramp", "Ramp", "Abstract"))
ENTRIES = [
    entry("utm", "EPSG:32633", north_up(20, 500000, 5000000), title="A <map> & more", abstract="\u00fcber", keywords=("a", "b")),
    entry("degrees", "EPSG:4326", north_up(0.01, 10, 50)),
    # exactly tiles 10/550..552/355..356
    entry("mercator", "EPSG:3857", north_up(152.8740565703525, 1487158.8223163895, 6144314.081675608), (768, 512)),
    # exactly tiles 7/104/18..19 of the Chinese map platform
    entry("maps/cgcs", "EPSG:4490", north_up(360 / 2**7 / 256, 112.5, 39.375), (256, 512)),
    entry("maps/laea", "EPSG:3035", north_up(25, 4321000, 3210000)),
    entry("polar", "EPSG:3413", north_up(10000, -3000000, 3000000)),
    entry("dateline", "EPSG:32660", north_up(1000, 600000, 6000000)),
    entry("rotated", "EPSG:32633", Affine(20, 5, 500000, 5, -20, 5000000)),
    entry("world", "EPSG:4326", north_up(0.125, -180, 90), (2880, 1440)),
    entry("mars", crs.key_of_wkt(MARS) or "", north_up(0.1, 10, 50)),
    entry(STRANGE, "EPSG:4326", north_up(0.01, 10, 50), title="\u5f71\u50cf", styles=RAMPS),
    LayerEntry(layer("plain"), PLAIN, in_pixel_space(PLAIN)),
]  # fmt: skip
CATALOG = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
TILE = {
    "SERVICE": "WMTS", "VERSION": "1.0.0", "REQUEST": "GetTile", "LAYER": "degrees", "STYLE": "default",
    "FORMAT": "image/png", "TILEMATRIXSET": "native", "TILEMATRIX": "2", "TILEROW": "0", "TILECOL": "0",
}  # fmt: skip
BY_INFO = {each.info: each.geo for each in ENTRIES}
INFOS = {each.layer.name: each.info for each in ENTRIES}


class Asked(NamedTuple):
    """A request at a server."""

    answer: Answer | None
    error: ErrorAnswer | None


def server_of(catalog: Any = CATALOG, config: Config | None = None) -> Server:
    """A server of a catalog."""
    return Server(
        config or Config(), FORMATS, catalog=lambda: catalog, listed=lambda: catalog, geo_image=BY_INFO.get
    )


def ask(
    query: str = "",
    path: str = "/wmts",
    catalog: Any = CATALOG,
    config: Config | None = None,
    *,
    form: bytes | None = None,
    **environ: str,
) -> Asked:
    """What the protocol answers to a request as the router hands it over: a plan or an error document."""
    server = server_of(catalog, config)
    environ = {"HTTP_HOST": "a.example", **environ}
    if form is not None:
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    body = None if form is None else Body(io.BytesIO(form), len(form))
    request = Request("GET" if form is None else "POST", path, query, environ, body)
    found = Router(server.config, {"wmts": PROTOCOL}).route(request)
    assert found is not None
    try:
        parsed = PROTOCOL.parse(found.routed, server)
        images: dict[Any, ImageInfo] = {name: INFOS[name] for name in parsed.names}
        return Asked(PROTOCOL.plan(parsed, Images(images), server), None)
    except IIPServeError as error:
        return Asked(None, PROTOCOL.error(error, found.routed, None))


def kvp(fields: dict[str, str], **changes: str | None) -> str:
    """A query string; None leaves a parameter out."""
    merged = {**fields, **{name.upper(): value for name, value in changes.items()}}
    return "&".join(f"{name}={value}" for name, value in merged.items() if value is not None)
