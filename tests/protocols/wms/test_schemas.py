"""Descriptions of layers, styles and exceptions of both versions, by the schemas and DTDs of the standards."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from iipserve.app import Application
from iipserve.http import Request
from iipserve.protocols import coverage_offerings
from tests.protocols.sld.test_writing import app as app
from tests.protocols.wms.services import INFO, MAP, ask
from tests.protocols.wmts.catalogs import STRANGE
from tests.protocols.wmts.services import ENTRIES, kvp, server_of
from tests.schemas import validated, validated_by_dtd

NAMES = [entry.layer.identifier for entry in ENTRIES]
HREF = "{http://www.w3.org/1999/xlink}href"
SLD, SE = "{http://www.opengis.net/sld}", "{http://www.opengis.net/se}"


def described(version: str, layers: str) -> Any:
    query = f"SERVICE=WMS&VERSION={version}&REQUEST=DescribeLayer&SLD_VERSION=1.1.0&LAYERS={layers}"
    answer = ask(query).answer
    assert answer is not None
    body = answer.content.body  # type: ignore[union-attr]
    return validated(body) if version == "1.3.0" else validated_by_dtd(body)


@pytest.mark.parametrize(
    "names", [*([name] for name in NAMES), NAMES], ids=lambda names: "+".join(names)[:20]
)
def test_descriptions_of_layers(names: list[str]) -> None:
    layers = ",".join(quote(name, safe="") for name in names)
    root = described("1.3.0", layers)
    assert len(root.findall(f"{SLD}LayerDescription")) == len(names)
    assert {each.text for each in root.iter(f"{SLD}owsType")} == {"wcs"}
    assert {each.get(HREF) for each in root.iter(f"{SE}OnlineResource")} == {"http://a.example/wms?"}
    root = described("1.1.1", layers)
    assert [each.get("name") for each in root] == names
    assert {each.get("owsURL") for each in root} == {"http://a.example/wms?"}
    for name, each in zip(names, root, strict=True):
        layer = coverage_offerings.find_layer(each[0].get("typeName"), server_of())
        assert layer is not None
        assert layer.identifier == name


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_styles(app: Application, version: str) -> None:
    query = f"SERVICE=WMS&VERSION={version}&REQUEST=GetStyles&LAYERS=a,b"
    response = app.handle(Request("GET", "/wms", query, {"HTTP_HOST": "a.example"}))
    assert isinstance(response.body, bytes)
    root = validated(response.body)
    assert root.get("version") == ("1.0.0" if version == "1.1.1" else "1.1.0")
    names = [
        each.findtext(f"{SE if version == '1.3.0' else SLD}Name") for each in root.iter(f"{SLD}UserStyle")
    ]
    assert "relief & more" in names
    assert len(names) > 3


FAULTS: dict[str, tuple[str, str]] = {
    # request -> codes of 06-042, table E.1, and 01-068r3, table A.1
    kvp(MAP, format="image/x"): ("InvalidFormat", "InvalidFormat"),
    kvp(MAP, crs="EPSG:1", srs="EPSG:1"): ("InvalidCRS", "InvalidSRS"),
    kvp(MAP, layers="none"): ("LayerNotDefined", "LayerNotDefined"),
    kvp(MAP, layers="%3C%26%22%01%EF%BF%BE"): ("LayerNotDefined", "LayerNotDefined"),
    kvp(MAP, styles="none"): ("StyleNotDefined", "StyleNotDefined"),
    kvp(MAP, bbox="1,2"): ("", ""),
    kvp(MAP, width=None): ("", ""),
    kvp(MAP, request="Nothing"): ("OperationNotSupported", ""),
    kvp(MAP, request=None): ("", ""),
    kvp(INFO, query_layers="none"): ("LayerNotDefined", "LayerNotDefined"),
    kvp(INFO, i="-1", x="-1"): ("InvalidPoint", ""),
    kvp(INFO, info_format="text/x"): ("InvalidFormat", "InvalidFormat"),
    f"SERVICE=WMS&REQUEST=DescribeLayer&LAYERS={quote(STRANGE)}x": ("LayerNotDefined", "LayerNotDefined"),
    "SERVICE=WMS&REQUEST=GetStyles&LAYERS=none": ("LayerNotDefined", "LayerNotDefined"),
    "SERVICE=WMS&REQUEST=GetMapML&LAYER=utm&PROJECTION=none": ("InvalidCRS", "InvalidSRS"),
}


@pytest.mark.parametrize("query", FAULTS)
@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_exceptions(query: str, version: str) -> None:
    asked = "&".join(part for part in query.split("&") if not part.startswith("VERSION="))
    error = ask(f"{asked}&VERSION={version}").error
    assert error is not None
    root = (validated if version == "1.3.0" else validated_by_dtd)(error.document.body)
    assert (root.get("version"), len(root)) == (version, 1)
    assert root[0].get("code", "") == FAULTS[query][version == "1.1.1"]
