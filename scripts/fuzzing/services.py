"""Requests of map services, coverages and collections, by GET and with bodies of XML and JSON, and what spoils them."""

from __future__ import annotations

import random
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from iipserve.app import Application, build
from iipserve.http import Body, Request, Response
from tests.geo_rasters import positions, write_geotiff
from tests.properties.images import body_of, settings
from tests.properties.mutations import WORDS

LAYER = "located"
STORE = """
[collections]
store = "{folder}/collections.sqlite"
editable = true
"""
XML, JSON, NDJSON, FORM = (
    "text/xml",
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
)
ODD = (
    *WORDS, "EPSG:0", "EPSG:99999999", "urn:ogc:def:crs:OGC:1.3:CRS84", "AUTO2:42001,1,0,0", "-180", "90.0000001", "1e400",
    "current", "../..", "2020-01-01T00:00:00Z/P1D", "0001-01-01/9999-12-31", "," * 2000, "(" * 400, "a," * 2000, "NOT " * 500,
    "&#x0;", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "<a>" * 300, '{"a":' * 300, "[" * 500, "http://127.0.0.1:1/", "file:///etc/passwd",
    "9" * 400, "\x00", "\ud7ff", "{{", "Infinity", "\\u0000", "''", "' OR 1=1 --", "%25%32%65",
)  # fmt: skip
"""What is put into requests."""
BOX = "500000,5000000,500300,5000200"
WMS = "/wms?SERVICE=WMS&LAYERS=located&QUERY_LAYERS=located&STYLES=&WIDTH=64&HEIGHT=48&FORMAT=image/png"
WCS = "/wcs?SERVICE=WCS&REQUEST=GetCoverage"
WMTS = "/wmts?SERVICE=WMTS&LAYER=located&STYLE=default&TILEMATRIXSET=native&TILEMATRIX=0&TILEROW=0&TILECOL=0"
ADDRESSES = (
    f"{WMS}&REQUEST=GetMap&VERSION=1.3.0&CRS=EPSG:32633&BBOX={BOX}&TRANSPARENT=TRUE&BGCOLOR=0xFF0000&TIME=current",
    f"{WMS}&REQUEST=GetMap&VERSION=1.1.1&SRS=EPSG:4326&BBOX=14.9,45.1,15.1,45.2&EXCEPTIONS=application/vnd.ogc.se_xml",
    f"{WMS}&REQUEST=GetFeatureInfo&VERSION=1.3.0&CRS=EPSG:32633&BBOX={BOX}&I=3&J=4&INFO_FORMAT=text/html&FEATURE_COUNT=2",
    "/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION=1.3.0&UPDATESEQUENCE=1&LANGUAGE=en",
    "/wms?SERVICE=WMS&REQUEST=GetLegendGraphic&LAYER=located&FORMAT=image/png&WIDTH=20&HEIGHT=20&SLD_VERSION=1.1.0",
    "/wms?SERVICE=WMS&REQUEST=DescribeLayer&LAYERS=located&VERSION=1.1.1",
    f"{WMTS}&REQUEST=GetTile&VERSION=1.0.0&FORMAT=image/png",
    f"{WMTS}&REQUEST=GetFeatureInfo&VERSION=1.0.0&I=1&J=1&INFOFORMAT=application/json&FORMAT=image/png",
    "/wmts/located/default/WebMercatorQuad/0/0/0.png",
    "/xyz/located/0/0/0.png",
    f"{WCS}&VERSION=2.0.1&COVERAGEID=located&SUBSET=E(500000,500100)&SUBSET=N(4999900,5000000)&SCALEFACTOR=0.5&FORMAT=image/tiff",
    f"{WCS}&VERSION=1.0.0&COVERAGE=located&CRS=EPSG:32633&BBOX={BOX}&WIDTH=20&HEIGHT=20&FORMAT=GeoTIFF",
    f"{WCS}&VERSION=1.1.1&IDENTIFIER=located&BOUNDINGBOX={BOX},urn:ogc:def:crs:EPSG::32633&FORMAT=image/tiff&STORE=false",
    "/wcs?SERVICE=WCS&REQUEST=DescribeCoverage&VERSION=2.0.1&COVERAGEID=located",
    "/wcs?SERVICE=WCS&REQUEST=DescribeEOCoverageSet&VERSION=2.0.1&EOID=c&SUBSET=Lat(0,50)&COUNT=3",
    "/ogc/collections/located/map?bbox=14,45,16,46&width=64&height=48&crs=EPSG:4326&bgcolor=0xff0000&f=png",
    "/ogc/collections/located/map/tiles/WebMercatorQuad/0/0/0?f=png",
    "/ogc/collections/located/coverage?subset=E(500000:500100),N(4999900:5000000)&subset-crs=EPSG:32633&scale-factor=2&f=geotiff",
    "/ogc/map?collections=located,located&width=64&f=png&datetime=2020-01-01T00:00:00Z/..",
    "/ogc/collections?limit=2&bbox=1,2,3,4&f=json",
    "/stac/search?collections=c&bbox=1,2,3,4&datetime=2020-01-01T00:00:00Z/..&limit=3&sortby=-datetime&fields=id,-bbox&f=json",
    "/stac/collections/c/items?filter=eo:cloud_cover<10 AND S_INTERSECTS(geometry,POINT(1 2))&filter-lang=cql2-text",
    "/stac/collections/c/queryables",
)
"""What is spoiled; `c` is a collection without images."""
ITEM = (
    '{"type":"Feature","stac_version":"1.0.0","id":"a","geometry":{"type":"Point","coordinates":[1,2]},"bbox":[1,2,1,2],'
    '"properties":{"datetime":"2020-01-01T00:00:00Z"},"links":[],"assets":{"image":{"href":"located.tif"}}}'
)
GET_MAP = (
    '<?xml version="1.0"?><GetMap version="1.3.0" xmlns="http://www.opengis.net/sld"><StyledLayerDescriptor version="1.0.0">'
    "<NamedLayer><Name>located</Name></NamedLayer></StyledLayerDescriptor></GetMap>"
)
GET_COVERAGE = (
    '<wcs:GetCoverage xmlns:wcs="http://www.opengis.net/wcs/2.0" service="WCS" version="2.0.1">'
    "<wcs:CoverageId>located</wcs:CoverageId><wcs:DimensionTrim><wcs:Dimension>E</wcs:Dimension><wcs:TrimLow>500000</wcs:TrimLow>"
    "<wcs:TrimHigh>500100</wcs:TrimHigh></wcs:DimensionTrim></wcs:GetCoverage>"
)
CQL2 = '{"filter-lang":"cql2-json","filter":{"op":"and","args":[{"op":"<","args":[{"property":"eo:cloud_cover"},10]}]},"limit":2}'
BODIES = (
    ("POST", "/wms", XML, GET_MAP),
    ("POST", "/wcs", XML, GET_COVERAGE),
    ("POST", "/wms", FORM, ADDRESSES[0].partition("?")[2]),
    ("POST", "/wcs", FORM, ADDRESSES[10].partition("?")[2]),
    ("POST", "/stac/search", JSON, CQL2),
    ("POST", "/stac/collections", JSON, '{"id": "d", "description": "e", "extent": {}, "links": []}'),
    ("POST", "/stac/collections/c/items", JSON, ITEM),
    ("POST", "/stac/collections/c/items", NDJSON, f"{ITEM}\n{ITEM}\n"),
    ("PUT", "/stac/collections/c/items/a", JSON, ITEM),
    ("PATCH", "/stac/collections/c", JSON, '{"description": "f", "rule": "mean"}'),
    ("DELETE", "/stac/collections/c/items/a", JSON, ""),
)
"""Method, address, media type and body."""


class Sent(NamedTuple):
    """A request."""

    method: str
    address: str
    media_type: str
    body: bytes

    def __str__(self) -> str:
        """All that is needed to repeat it, for people."""
        return f"{self.method} {self.address} {self.media_type} {self.body[:2000]!r}"


class Services:
    """An application with a layer that has a place, and a collection."""

    def __init__(self, folder: Path) -> None:
        """Write the layer into the folder of images, and the rest next to it."""
        write_geotiff(folder / f"{LAYER}.tif", positions(300, 200), tile=64)
        for old in folder.parent.glob("collections.sqlite*"):
            old.unlink()
        services = folder.parent / "services.toml"
        services.write_text(STORE.format(folder=folder.parent))
        self._folder = folder
        self._application: Application = build(
            replace(settings(folder), services=str(services), max_render_memory=256)
        )

    def create(self) -> Response:
        """Make the collection, unless it is still there."""
        return self.answer(
            Sent("POST", "/stac/collections", JSON, b'{"id": "c", "description": "to be changed"}')
        )

    def sent(self, chance: random.Random) -> Sent:
        """A request with one to four things wrong, or none."""
        method, address, media_type, body = chance.choice(
            (*BODIES, *(("GET", each, "", "") for each in ADDRESSES))
        )
        for _ in range(chance.choice((0, 1, 1, 2, 3, 4))):
            if body and chance.random() < 0.8:
                body = changed(body, chance)
            else:
                address = f"/{changed(address[1:], chance)}"
        return Sent(method, address, media_type, body.encode("utf-8", "surrogatepass"))

    def answer(self, sent: Sent) -> Response:
        """The answer to a request, its body whole."""
        environ = {
            "REQUEST_URI": sent.address,
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
        }
        method = {"REQUEST_METHOD": sent.method, "CONTENT_TYPE": sent.media_type}
        request = Request.from_environ(environ | method)
        if sent.body:
            request = request._replace(body=Body(BytesIO(sent.body), len(sent.body)))
        response = self._application.handle(request, over_http=True)
        return response._replace(body=body_of(response))

    def flaw(self, response: Response) -> str | None:
        """What is wrong with an answer, whatever was asked."""
        body = body_of(response)
        if response.status >= 500 and response.status != 501:
            return f"status {response.status}: {body[:300]!r}"
        if response.status >= 400 and (str(self._folder).encode() in body or b"Traceback" in body):
            return f"the error shows the server's insides: {body[:300]!r}"
        if any("\n" in value or "\r" in value for _, value in response.headers):
            return "a header contains a line break"
        return None


def changed(text: str, chance: random.Random) -> str:
    """A text with a word of `ODD` put in, or in place of a part, or with a part left out or doubled."""
    start = chance.randrange(len(text) + 1)
    stop = min(len(text), start + chance.choice((0, 1, 3, 12, 40)))
    kind = chance.randrange(4)
    middle = {0: chance.choice(ODD), 1: "", 2: 2 * text[start:stop], 3: chance.choice(ODD)}[kind]
    return text[:start] + middle + text[start if kind == 3 else stop :]
