"""Whatever map is asked for by OGC API: its center is where the request says, or the problem that fits."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyproj")

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.http import Response  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, KINDS, WIDTH, positions, write_geotiff  # noqa: E402
from tests.projections import begins_with_north, transformer  # noqa: E402
from tests.properties.images import ask  # noqa: E402
from tests.properties.test_maps import EDGE, LAYERS, STRANGE  # noqa: E402
from tests.properties.test_requests import STABLE  # noqa: E402

GLOBAL = ("EPSG:4326", "EPSG:3857", "OGC:CRS84")
EUROPEAN = (*GLOBAL, "EPSG:32633", "EPSG:3035")
OVERSEAS = ("cgcs2000", "feet")
"""Rasters that are not in Europe."""
PIXEL = 0.00028


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Rasters whose red and green tell the column and the row, and a plain picture."""
    folder = tmp_path_factory.mktemp("maps")
    columns, rows = positions(dtype="uint8")
    for name in LAYERS:
        crs, transform = GRIDS[name]
        pixels = np.stack([columns, rows, np.full_like(rows, 77)])
        write_geotiff(
            folder / f"{name}.tif", pixels, crs=crs, transform=transform, tile=32, photometric="RGB"
        )
    KINDS["plain"](folder)
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


@st.composite
def centers(draw: st.DrawFn) -> dict[str, Any]:
    """A place of a raster, in the middle of a map whose pixels are none of several pixels of the raster."""
    layer = draw(st.sampled_from(LAYERS))
    column, row = draw(st.floats(0, WIDTH)), draw(st.floats(0, HEIGHT))
    systems = st.sampled_from(GLOBAL if layer in OVERSEAS else EUROPEAN)
    odd = st.integers(0, 40).map(lambda number: 2 * number + 1)
    return {
        "layer": layer, "place": (column, row), "crs": draw(systems),
        "center-crs": draw(systems), "size": (draw(odd), draw(odd)),
        "metres": draw(st.one_of(st.none(), st.floats(1e-3, 0.3))),
    }  # fmt: skip


def address_of(asked: dict[str, Any]) -> str:
    own, transform = GRIDS[asked["layer"]]
    assert transform is not None
    assert own is not None
    x, y = transformer(own, asked["center-crs"]).transform(*(transform * asked["place"]))
    center = (y, x) if begins_with_north(asked["center-crs"]) else (x, y)
    width, height = asked["size"]
    query = {
        "center": ",".join(map(repr, center)), "center-crs": f"[{asked['center-crs']}]", "crs": f"[{asked['crs']}]",
        "width": width, "height": height, "f": "png",
    }  # fmt: skip
    if asked["metres"] is not None:
        query["scale-denominator"] = repr(asked["metres"] / PIXEL)
    return f"/ogc/collections/{asked['layer']}/map?{urlencode(query)}"


def test_centers_of_maps_are_where_they_are_asked_for(application: Application) -> None:
    @settings(STABLE, max_examples=100)
    @given(asked=centers())
    def answered(asked: dict[str, Any]) -> None:
        response = ask(application, address_of(asked))
        assert isinstance(response.body, bytes)
        assert response.status == 200, response.body
        with Image.open(io.BytesIO(response.body)) as opened:
            assert opened.size == asked["size"]
            pixels = np.asarray(opened.convert("RGBA"))
        (left, top), (width, height) = asked["place"], asked["size"]
        if min(abs(left - round(left)), abs(top - round(top))) < EDGE:
            return
        assert pixels[height // 2, width // 2].tolist() == [int(left), int(top), 77, 255]

    answered()


NAMES = (
    "bbox", "bbox-crs", "subset", "subset-crs", "center", "center-crs", "crs", "width", "height", "scale-denominator",
    "mm-per-pixel", "datetime", "bgcolor", "transparent", "collections", "f",
)  # fmt: skip
VALUES = (
    *STRANGE, "Lat(40:50),Lon(10:20)", "Lat(50:40)", "Lon(170:-170)", "E(0:1e308),N(-1e308:*)", "x(0:1),y(-1:0)", "time(\"2020\")",
    "Lat(*:*)", "Lat()", "Lat(", "()", "a(b:c)", "2020-01-01T00:00:00Z/..", "../2020", "..", "9999-12-31T23:59:59+23:59",
    "0,0", "0,90", "180,-90", "1e308,1e308", "11,48", "[OGC:CRS84]", "[EPSG:3857]", "[EPSG:3413]", "1e-300", "1e300",
    "utm,wgs84", "utm,plain", "png", "json", "http://h/ogc/collections/utm",
)  # fmt: skip


def is_problem(response: Response) -> bool:
    assert isinstance(response.body, bytes)
    problem = json.loads(response.body)
    return bool(problem["status"] == response.status and problem["detail"])


def test_spoiled_requests_are_refused_or_answered(application: Application) -> None:
    paths = st.sampled_from(
        ["/ogc/map", *(f"/ogc/collections/{name}/map" for name in ("utm", "wgs84", "plain"))]
    )
    values = st.one_of(st.sampled_from(VALUES), st.text(max_size=20), st.floats().map(str))

    @settings(STABLE, max_examples=400)
    @given(path=paths, stated=st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4))
    def survived(path: str, stated: list[tuple[str, str]]) -> None:
        query = "&".join(f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in stated)
        response = ask(application, f"{path}?width=20&{query}")
        assert response.status in (200, 400, 404, 413), (query, response.body)
        assert response.status == 200 or is_problem(response)

    survived()
