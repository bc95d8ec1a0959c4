"""Requests of the map services that ask for enormous work: refused before anything is opened or decoded.

Work is counted in calls of functions, in Python and in C, and in allocated bytes, which no load of the machine changes.
"""

from __future__ import annotations

import io
import json
import socket
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import pytest

pytest.importorskip("cql2")
pytest.importorskip("rasterio")

from iipserve import app
from iipserve.http import FORM, Body, Request, Response
from iipserve.http.local_clients import OVER_HTTP
from tests.published import NAME, Published
from tests.test_app import body

Result = TypeVar("Result")
MAX_CALLS = 250_000
"""Some milliseconds; a map of 256 x 256 pixels takes more."""
MAX_BYTES = 12 << 20
JSON, XML = "application/json", "text/xml"
HUGE = "9" * 300


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Application]:
    folder = tmp_path_factory.mktemp("bombs")
    published = Published(folder)
    with (folder / "services.toml").open("a") as file:
        file.write("editable = true\n")
    yield published.application()
    published.store.close()


class Sent(NamedTuple):
    """A request."""

    address: str
    content: bytes | None = None
    media_type: str = FORM
    method: str = "POST"


def send(application: app.Application, sent: Sent) -> Response:
    path, _, query = sent.address.partition("?")
    environ = {"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", OVER_HTTP: "http"}
    if sent.content is None:
        return application.handle(Request("GET", path, query, environ))
    environ |= {"CONTENT_TYPE": sent.media_type, "CONTENT_LENGTH": str(len(sent.content))}
    content = Body(io.BytesIO(sent.content), len(sent.content))
    return application.handle(Request(sent.method, path, query, environ, content))


def counted(call: Callable[[], Result]) -> tuple[Result, int, int]:
    """A result, the calls that it took, and the most bytes that were allocated meanwhile."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        result = call()
    finally:
        sys.setprofile(None)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return result, calls, most


WMS = (
    "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=2014&STYLES=&CRS=EPSG:32633&BBOX=500000,4997440,502560,5000000"
    "&WIDTH=256&HEIGHT=256&FORMAT=image/png"
)
WCS = "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID=2014"
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{index} "{f"&a{index - 1};" * 10}">' for index in range(1, 12))
    + "]>"
)
CLAUSES = " OR ".join(f"number = {number}" for number in range(1000))
TREE = {"op": "or", "args": [{"op": "=", "args": [{"property": "number"}, number]} for number in range(2001)]}


def form(**changes: str) -> bytes:
    """GetMap as a form, with other values."""
    fields = dict(pair.split("=", 1) for pair in WMS.split("&")) | changes
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items()).encode()


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


BOMBS = {
    "width": Sent("/wms", form(WIDTH="1000000")),
    "height of many digits": Sent("/wms", form(HEIGHT=HUGE)),
    "width and height": Sent("/wms", form(WIDTH="2147483647", HEIGHT="2147483647")),
    "infinite box": Sent("/wms", form(BBOX="-1e400,0,1e400,1")),
    "layers": Sent("/wms", form(LAYERS=",".join(["2014"] * 9000))),
    "layers and styles": Sent("/wms", form(LAYERS=",".join(["2014"] * 5000), STYLES="," * 4999)),
    "bands": Sent("/wms", form(BANDS=",".join(["1"] * 9000))),
    "range": Sent("/wms", form(RANGE=",".join(["0"] * 9000))),
    "color map": Sent("/wms", form(COLORMAP="x" * 60_000)),
    "system": Sent("/wms", form(CRS="EPSG:" + "9" * 50_000)),
    "system by parameters": Sent("/wms", form(CRS=f"AUTO2:42001,{HUGE},{HUGE},1")),
    "times": Sent("/wms", form(LAYERS=NAME, TIME=",".join(["2015"] * 9000))),
    "identifiers": Sent("/wms", form(LAYERS=NAME, IDS=",".join(["2014.tif"] * 6000))),
    "clauses": Sent("/wms", form(LAYERS=NAME, CQL_FILTER=CLAUSES)),
    "style with entities": Sent("/wms", form(SLD_BODY=f"{ENTITIES}<a>&a11;</a>")),
    "deep style": Sent("/wms", form(SLD_BODY="<a>" * 4000)),
    "place of feature info": Sent(
        "/wms", form(REQUEST="GetFeatureInfo", QUERY_LAYERS="2014", I=HUGE, J="1", INFO_FORMAT="text/xml")
    ),
    "form": Sent("/wms", b"A=1&" * 16_300),
    "map": Sent("/ogc/collections/2014/map?width=1000000&height=1000000&f=png"),
    "map of many layers": Sent(f"/ogc/map?collections={'2014,' * 1500}2014&width=64&f=png"),
    "scale": Sent("/ogc/collections/2014/map?scale-denominator=1e-300&f=png"),
    "tile": Sent(f"/xyz/2014/{HUGE}/0/0.png"),
    "tile of WMTS": Sent(f"/wmts/2014/default/WebMercatorQuad/10/{HUGE}/{HUGE}.png"),
    "scale of a coverage": Sent(f"{WCS}&SCALEFACTOR=1e9"),
    "size of a coverage": Sent(f"{WCS}&SCALESIZE=x(2000000000),y(2000000000)"),
    "extent of a coverage": Sent(f"{WCS}&SCALEEXTENT=x(0:{HUGE}),y(0:1)"),
    "bands of a coverage": Sent(f"{WCS}&RANGESUBSET={'1,' * 3500}9"),
    "axes of a coverage": Sent(WCS + "&SUBSET=x(0,1)" * 400),
    "resolution of a coverage": Sent(
        "/wcs?SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE=2014&CRS=EPSG:32633&FORMAT=GeoTIFF"
        "&BBOX=500000,4997440,502560,5000000&RESX=1e-300&RESY=1e-300"
    ),
    "coverage with entities": Sent("/wcs", f"{ENTITIES}<GetCoverage>&a11;</GetCoverage>".encode(), XML),
    "deep coverage": Sent("/wcs", b"<GetCoverage>" + b"<a>" * 30_000, XML),
    "attributes of a coverage": Sent(
        "/wcs", b"<GetCoverage " + b" ".join(b"a%d='1'" % each for each in range(9000)) + b"/>", XML
    ),
    "coverage of a file": Sent(
        "/wcs",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><GetCoverage><CoverageId>&b;</CoverageId></GetCoverage>',
        XML,
    ),
    "style of a file": Sent("/wms", form(SLD="file:///etc/passwd")),
    "style of an address": Sent("/wms", form(SLD="http://127.0.0.1:1/style.xml")),
    "text of a filter": Sent(f"/stac/search?filter={quote(CLAUSES[:7000])}%20AND"),
    "clauses of a search": Sent(
        "/stac/search", json.dumps({"filter-lang": "cql2-json", "filter": TREE}).encode(), JSON
    ),
    "deep search": Sent("/stac/search", nested(50_000), JSON),
    "digits of a search": Sent("/stac/search", b'{"limit": ' + b"9" * 100_000 + b"}", JSON),
    "corners of a search": Sent(
        "/stac/search",
        json.dumps({"intersects": {"type": "MultiPoint", "coordinates": [[0, 0]] * 10_001}}).encode(),
        JSON,
    ),
    "geometries of a search": Sent(
        "/stac/search",
        json.dumps(
            {"intersects": {"type": "GeometryCollection", "geometries": [{"type": "Point"}] * 10_001}}
        ).encode(),
        JSON,
    ),
    "parts of a search": Sent(
        "/stac/search",
        b'{"intersects": {"type": "MultiPolygon", "coordinates": [' + b"[]," * 30_000 + b"[]]}}",
        JSON,
    ),
    "sort keys": Sent("/stac/search?sortby=" + ",".join(f"a{number}" for number in range(1500))),
    "deep item": Sent(f"/stac/collections/{NAME}/items", nested(50_000), JSON),
    "change of another type": Sent(f"/stac/collections/{NAME}/items", b"<a/>", XML),
}


def is_refused(response: Response) -> bool:
    """A status of a refusal, or an exception document of WMS and WCS 1.0.0, whose status is 200."""
    if response.status in (400, 404, 413, 414, 415, 422, 501):
        return True
    return response.status == 200 and b"<ServiceException" in body(response)


@pytest.mark.parametrize("name", BOMBS)
def test_refused_with_little_work(application: app.Application, name: str) -> None:
    send(application, BOMBS[name])  # imports, and tables that are made once
    response, calls, most = counted(lambda: send(application, BOMBS[name]))
    assert is_refused(response), (response.status, body(response)[:200])
    assert b"root:" not in body(response)
    assert len(body(response)) < 20_000
    assert (calls < MAX_CALLS, most < MAX_BYTES) == (True, True), (calls, most)


def test_a_map_takes_more(application: app.Application) -> None:
    """So what is counted is work."""
    response, calls, _ = counted(lambda: send(application, Sent(f"/wms?{WMS}")))
    assert response.status == 200
    assert calls > 500


HREFS = (
    "/etc/passwd", "file:///etc/passwd", "../services.toml", "/vsicurl/http://127.0.0.1:1/a.tif",
    "/vsizip/a.zip/a.tif", "a.vrt", "GTI:a.gti", "WMS:http://127.0.0.1:1/", "x" * 100_000,
)  # fmt: skip


def item(href: str) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": "a", "geometry": None, "links": [],
        "properties": {"datetime": "2020-01-01T00:00:00Z"}, "assets": {"image": {"href": href, "roles": ["data"]}},
    }  # fmt: skip


@pytest.mark.parametrize("href", HREFS, ids=lambda href: href[:40])
def test_references_to_elsewhere_are_refused(application: app.Application, href: str) -> None:
    sent = Sent(f"/stac/collections/{NAME}/items", json.dumps(item(href)).encode(), JSON)
    response, calls, most = counted(lambda: send(application, sent))
    assert response.status in (400, 403, 415, 422), (response.status, body(response)[:200])
    assert b"root:" not in body(response)
    assert (calls < MAX_CALLS, most < MAX_BYTES) == (True, True), (calls, most)


def test_addresses_are_links_that_nobody_follows(application: app.Application) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        href = f"http://127.0.0.1:{listener.getsockname()[1]}/a.tif"
        items = f"/stac/collections/{NAME}/items"
        assert send(application, Sent(items, json.dumps(item(href)).encode(), JSON)).status == 201
        assert send(application, Sent(f"{items}/a")).status == 200
        assert send(application, Sent(f"/wms?{WMS}".replace("2014", NAME))).status == 200
        with pytest.raises(BlockingIOError):
            listener.accept()
