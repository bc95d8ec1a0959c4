"""Whatever map is asked for by WMS: a picture of that size whose corners are right, or the exception that fits."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyproj")

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.http import Response  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, positions, write_geotiff  # noqa: E402
from tests.projections import begins_with_north, transformer  # noqa: E402
from tests.properties.images import ask  # noqa: E402
from tests.properties.test_requests import STABLE  # noqa: E402

LAYERS = ("utm", "wgs84", "cgcs2000", "mercator", "south_up", "rotated", "feet", "sinusoidal")
SYSTEMS = ("EPSG:4326", "EPSG:3857", "EPSG:32633", "EPSG:3035", "EPSG:4490", "EPSG:25832", "CRS:84")
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
EDGE = 1e-2
"""Pixels of the raster from an edge between two, within which either of them is right."""


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Rasters whose red and green tell the column and the row."""
    folder = tmp_path_factory.mktemp("maps")
    columns, rows = positions(dtype="uint8")
    for name in LAYERS:
        crs, transform = GRIDS[name]
        pixels = np.stack([columns, rows, np.full_like(rows, 77)])
        write_geotiff(
            folder / f"{name}.tif", pixels, crs=crs, transform=transform, tile=32, photometric="RGB"
        )
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


def known(crs: str) -> str:
    """The name of a system for PROJ."""
    return "OGC:CRS84" if crs == "CRS:84" else crs


@st.composite
def maps(draw: st.DrawFn) -> dict[str, Any]:
    """A box of up to one pixel of the raster a pixel of the map, about some place of the raster."""
    layer, crs = draw(st.sampled_from(LAYERS)), draw(st.sampled_from(SYSTEMS))
    own, transform = GRIDS[layer]
    assert own is not None
    assert transform is not None
    column, row = draw(st.floats(-20, WIDTH + 20)), draw(st.floats(-20, HEIGHT + 20))
    project = transformer(own, known(crs)).transform
    (x, y), (beside, _), (_, below) = (
        project(*(transform * place)) for place in ((column, row), (column + 1, row), (column, row + 1))
    )
    width, height = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    step = draw(st.floats(0.05, 0.9)) * max(abs(beside - x), abs(below - y))
    return {
        "layer": layer, "crs": crs, "version": draw(st.sampled_from(("1.1.1", "1.3.0"))), "size": (width, height),
        "box": (x - step * width / 2, y - step * height / 2, x + step * width / 2, y + step * height / 2),
        "format": draw(st.sampled_from(tuple(FORMATS))), "transparent": draw(st.booleans()),
    }  # fmt: skip


def address_of(asked: dict[str, Any], **changes: str) -> str:
    """The request of a map."""
    west, south, east, north = asked["box"]
    later = asked["version"] == "1.3.0"
    swapped = later and begins_with_north(known(asked["crs"]))
    box = (south, west, north, east) if swapped else (west, south, east, north)
    parameters = {
        "SERVICE": "WMS", "VERSION": asked["version"], "REQUEST": "GetMap", "LAYERS": asked["layer"], "STYLES": "",
        "CRS" if later else "SRS": asked["crs"], "BBOX": ",".join(map(repr, map(float, box))),
        "WIDTH": asked["size"][0], "HEIGHT": asked["size"][1], "FORMAT": asked["format"],
        "TRANSPARENT": str(asked["transparent"]).upper(),
    }  # fmt: skip
    return f"/wms?{urlencode(parameters | changes)}"


def corners(asked: dict[str, Any]) -> list[tuple[tuple[int, int], tuple[float, float]]]:
    """Row and column of the corners of a map, and where in the raster their centers are, column and row."""
    own, transform = GRIDS[asked["layer"]]
    project = transformer(known(asked["crs"]), own).transform
    (width, height), (west, south, east, north) = asked["size"], asked["box"]
    found = []
    for row in {0, height - 1}:
        for column in {0, width - 1}:
            x = west + (column + 0.5) * (east - west) / width
            y = north - (row + 0.5) * (north - south) / height
            found.append(((row, column), ~transform * project(x, y)))  # type: ignore[operator]
    return found


def picture(response: Response, asked: dict[str, Any]) -> NDArray[np.int16]:
    """The answer as RGBA, which has to be a picture of the size and format that are asked for."""
    assert response.status == 200
    assert isinstance(response.body, bytes)
    media_type = dict(response.headers)["Content-Type"]
    assert media_type == asked["format"], response.body[:500]
    with Image.open(io.BytesIO(response.body), formats=[FORMATS[media_type]]) as opened:
        assert opened.size == asked["size"]
        return np.asarray(opened.convert("RGBA")).astype(np.int16)


def test_corners_of_maps_are_right(application: Application) -> None:
    @settings(STABLE, max_examples=300)
    @given(asked=maps())
    def answered(asked: dict[str, Any]) -> None:
        pixels = picture(ask(application, address_of(asked)), asked)
        for place, (left, top) in corners(asked):
            if min(abs(left - round(left)), abs(top - round(top))) < EDGE:
                continue
            has_data = 0 < left < WIDTH and 0 < top < HEIGHT
            assert pixels[place][3] == (
                255 if has_data or "jpeg" in asked["format"] or not asked["transparent"] else 0
            )
            if asked["format"] == "image/png" and (has_data or not asked["transparent"]):
                assert pixels[place][:3].tolist() == (
                    [int(left), int(top), 77] if has_data else [255, 255, 255]
                )

    answered()


STRANGE = (
    "", "0", "-1", "1", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "9" * 400, "0x10", "1.5", "%00", "\0", "\n", "a,b", ",",
    ",,,", "0,0,0,0", "0,0,1,1", "1,1,0,0", "-1e308,-1e308,1e308,1e308", "-180,-90,180,90", "1,2,3", "nan,nan,nan,nan",
    "utm", "utm,utm", "utm," * 50, "nothing", "<x>", "&amp;", "\u5f71\u50cf", "../../etc/passwd", "EPSG:4326", "EPSG:999999",
    "EPSG:99999999999999", "CRS:1", "CRS:84", "AUTO2:42001,1,-100,45", "AUTO2:42003,1,nan,1e9", "urn:ogc:def:crs:EPSG::4326",
    "image/png", "image/gif", "text/html", "application/json", "TRUE", "0xFFFFFF", "#12", "INIMAGE", "BLANK", "XML", "2000000000",
    "1.1.1", "1.3.0", "1.2.0", "GetMap", "GetFeatureInfo", "GetCapabilities", "GetLegendGraphic", "DescribeLayer", "GetStyles",
    "<StyledLayerDescriptor version='1.0.0'><NamedLayer><Name>utm</Name></NamedLayer></StyledLayerDescriptor>", "2015/2016/P1D",
)  # fmt: skip
NAMES = (
    "VERSION", "REQUEST", "LAYERS", "STYLES", "CRS", "SRS", "BBOX", "WIDTH", "HEIGHT", "FORMAT", "TRANSPARENT", "BGCOLOR",
    "EXCEPTIONS", "TIME", "ELEVATION", "DIM_X", "QUERY_LAYERS", "INFO_FORMAT", "FEATURE_COUNT", "I", "J", "X", "Y", "SLD",
    "SLD_BODY", "LAYER", "STYLE", "UPDATESEQUENCE", "BANDS", "RANGE", "GAMMA", "COLORMAP", "RESAMPLING",
)  # fmt: skip
CODES = {
    "InvalidFormat", "InvalidCRS", "InvalidSRS", "LayerNotDefined", "StyleNotDefined", "LayerNotQueryable", "InvalidPoint",
    "CurrentUpdateSequence", "InvalidUpdateSequence", "MissingDimensionValue", "InvalidDimensionValue", "OperationNotSupported",
}  # fmt: skip
"""Of 06-042, table E.1, and 01-068r3, table A.1."""


def test_spoiled_requests_are_refused_or_answered(application: Application) -> None:
    values = st.one_of(
        st.sampled_from(STRANGE), st.text(max_size=20), st.floats().map(str), st.integers().map(str)
    )

    @settings(STABLE, max_examples=600)
    @given(asked=maps(), changes=st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=4))
    def survived(asked: dict[str, Any], changes: dict[str, str]) -> None:
        changes = {name: value.encode("utf-8", "replace").decode() for name, value in changes.items()}
        response = ask(application, address_of(asked, **changes))
        assert isinstance(response.body, bytes)
        assert response.status in (200, 400), response.body
        assert b"Traceback" not in response.body
        assert not re.search(rb"/tmp/|/home/", response.body)
        codes = re.findall(rb'<ServiceException[^>]*\bcode="([^"]*)"', response.body)
        assert {code.decode() for code in codes} <= CODES

    survived()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"LAYERS": "nothing"}, "LayerNotDefined"),
        ({"STYLES": "nothing"}, "StyleNotDefined"),
        ({"FORMAT": "image/nothing"}, "InvalidFormat"),
        ({"CRS": "EPSG:999999"}, "InvalidCRS"),
    ],
)
def test_fault_has_its_code(application: Application, changes: dict[str, str], code: str) -> None:
    """Whatever else the request says."""

    @settings(STABLE, max_examples=25)
    @given(asked=maps())
    def refused(asked: dict[str, Any]) -> None:
        response = ask(application, address_of(asked | {"version": "1.3.0"}, **changes))
        assert response.status == 200
        assert isinstance(response.body, bytes)
        assert f'code="{code}"'.encode() in response.body

    refused()
