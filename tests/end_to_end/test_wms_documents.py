"""Capabilities of WMS about every kind of raster, by a running server behind a proxy: valid, and true of GetMap."""

from __future__ import annotations

import io
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("lxml")

import numpy as np
from PIL import Image

from tests.end_to_end.running import map_server
from tests.geo_rasters import KINDS, write_geotiff
from tests.schemas import validated, validated_by_dtd

STRANGE = "\u5f71\u50cf 2024:a/b&c"
PREFIX = "https://maps.example/img/wms?"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("work")
    for make in KINDS.values():
        make(folder)
    (folder / STRANGE).parent.mkdir()
    write_geotiff(folder / f"{STRANGE}.tif", np.full((40, 60), 200, np.uint8), crs="EPSG:32633")
    with map_server(folder, work, TRUST_FORWARDED="1") as found:
        yield found


def read(address: str) -> bytes:
    headers = {
        "X-Forwarded-Proto": "https", "X-Forwarded-Host": "maps.example", "X-Forwarded-Prefix": "/img",
    }  # fmt: skip
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=120) as answer:
        return bytes(answer.read())


def capabilities(origin: str, version: str) -> Any:
    body = read(f"{origin}/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION={version}")
    root = validated(body) if version == "1.3.0" else validated_by_dtd(body)
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_every_box_of_every_layer_shows_something(origin: str, version: str) -> None:
    root = capabilities(origin, version)
    names = {each.findtext("Name") for each in root.iter("Layer")}
    assert names >= (KINDS.keys() - {"plain", "europa"}) | {STRANGE}
    for each in root.iter("OnlineResource"):
        assert each.get("{http://www.w3.org/1999/xlink}href").startswith(PREFIX)
    attribute = "CRS" if version == "1.3.0" else "SRS"
    for box in root.iter("BoundingBox"):
        name = box.getparent().findtext("Name")
        sides = ",".join(box.get(key) for key in ("minx", "miny", "maxx", "maxy"))
        query = {
            "SERVICE": "WMS", "REQUEST": "GetMap", "VERSION": version, "LAYERS": name, "STYLES": "", "FORMAT": "image/png",
            "TRANSPARENT": "TRUE", "WIDTH": "64", "HEIGHT": "64", attribute: box.get(attribute), "BBOX": sides,
        }  # fmt: skip
        body = read(f"{origin}/wms?{urllib.parse.urlencode(query)}")
        assert body.startswith(b"\x89PNG"), (name, box.get(attribute), body[:300])
        opacity = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))[:, :, 3]
        assert opacity.any(), (name, box.get(attribute), sides)
