"""Whatever coverage is asked for, in whatever way: the samples that numpy and PROJ say, or the exception that fits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyproj")

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from tests.differential.wcs.reading import assert_located, read  # noqa: E402
from tests.differential.wcs.references import EDGE, assert_nearest, box_of, reduced, upright  # noqa: E402
from tests.differential.wcs.ways import WAYS, Asked, Wanted, answer  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, write_geotiff  # noqa: E402
from tests.projections import transformer  # noqa: E402
from tests.properties.test_requests import STABLE  # noqa: E402

LAYERS = {
    "utm": "int16", "wgs84": "uint8", "cgcs2000": "float64", "mercator": "uint16", "south_up": "int32", "feet": "float32",
}  # fmt: skip
"""Types of samples of rasters, by the names of their grids."""
SYSTEMS = ("EPSG:4326", "EPSG:3857", "EPSG:32633", "EPSG:3035", "EPSG:4490", "EPSG:25832")
BANDS = 3
BY_SUBSET = ("2.0.1", "2.0.1 XML", "OGC API", "OGC API by box")
"""Ways that are answered with the pixels of the coverage that an interval touches."""
BY_BOX = ("1.0.0", "1.0.0 by resolution", "1.1.2", "1.1.2 XML")
"""Ways that are answered with the box that is asked for, filled where there is nothing."""


def samples_of(layer: str) -> NDArray[Any]:
    """Shape (bands, rows, columns)."""
    random = np.random.default_rng(17)
    return random.integers(1, 250, (BANDS, HEIGHT, WIDTH)).astype(LAYERS[layer])


def grid_of(layer: str) -> tuple[str, Any]:
    crs, transform = GRIDS[layer]
    assert crs is not None
    return crs, transform


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("coverages")
    for layer in LAYERS:
        crs, transform = grid_of(layer)
        write_geotiff(folder / f"{layer}.tif", samples_of(layer), crs=crs, transform=transform, tile=32)
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


BANDS_ASKED = st.lists(st.integers(1, BANDS), max_size=4).map(tuple)


@st.composite
def intervals(draw: st.DrawFn, count: int) -> tuple[float, float]:
    """From a place of an axis to another, in pixels; parts of pixels, or not."""
    low, high = sorted(draw(st.tuples(st.floats(-5, count + 5), st.floats(-5, count + 5))))
    if draw(st.booleans()):
        low, high = float(round(low)), float(round(high))
    assume(high - low > 0.01 and high > 0.01 and low < count - 0.01)
    # clients round coordinates: within a thousandth of an edge either side is right
    assume(all(place == round(place) or abs(place - round(place)) > 5 * EDGE for place in (low, high)))
    return low, high


def touched(low: float, high: float, count: int) -> slice:
    """The pixels that an interval touches."""
    return slice(max(math.floor(low), 0), min(math.ceil(high), count))


@settings(STABLE, max_examples=120)
@given(
    layer=st.sampled_from(tuple(LAYERS)),
    way=st.sampled_from(BY_SUBSET),
    columns=intervals(WIDTH),
    rows=intervals(HEIGHT),
    bands=BANDS_ASKED,
    size=st.none() | st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def check_subsets(
    application: Application,
    layer: str,
    way: str,
    columns: tuple[float, float],
    rows: tuple[float, float],
    bands: tuple[int, ...],
    size: tuple[int, int] | None,
) -> None:
    crs, transform = grid_of(layer)
    samples, transform = upright(samples_of(layer), transform)
    across, down = touched(*columns, WIDTH), touched(*rows, HEIGHT)
    own = across.stop - across.start, down.stop - down.start
    box = box_of(transform, slice(*columns), slice(*rows))
    wanted = Wanted(layer, crs, box, size or own, bands, scales=size is not None)
    found = read(answer(application, WAYS[way](wanted)))
    if size is not None and way.startswith("OGC API"):
        # a stated size is of the whole interval (19-087, /req/scaling-spatial/width-and-height, D)
        chosen = samples[[band - 1 for band in bands] if bands else slice(None)]
        assert_located(found, crs, box)
        assert_nearest(found.samples, wanted, chosen, transform, crs, most_near=1.0)
        return
    part = samples[[band - 1 for band in bands] if bands else slice(None), down, across]
    expected = reduced(part, wanted.size)
    assert found.samples.dtype == expected.dtype
    np.testing.assert_array_equal(found.samples, expected)
    assert_located(found, crs, box_of(transform, across, down))


def test_subsets_are_the_pixels_that_they_touch(application: Application) -> None:
    check_subsets(application)


@settings(STABLE, max_examples=120)
@given(
    layer=st.sampled_from(tuple(LAYERS)),
    crs=st.sampled_from(SYSTEMS),
    way=st.sampled_from(BY_BOX),
    place=st.tuples(st.floats(-10, WIDTH + 10), st.floats(-10, HEIGHT + 10)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    step=st.floats(0.05, 3),
    bands=BANDS_ASKED,
)
def check_boxes(
    application: Application,
    layer: str,
    crs: str,
    way: str,
    place: tuple[float, float],
    size: tuple[int, int],
    step: float,
    bands: tuple[int, ...],
) -> None:
    own, transform = grid_of(layer)
    project = transformer(own, crs).transform
    x, y = project(*(transform * place))
    near, _ = project(*(transform * (place[0] + 1, place[1])))
    side = step * abs(near - x)
    assume(math.isfinite(x) and math.isfinite(y) and side > 0)
    half_width, half_height = side * size[0] / 2, side * size[1] / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    wanted = Wanted(layer, crs, box, size, bands, scales=True, native=own == crs)
    response = answer(application, WAYS[way](wanted))
    if response.status != 200 or b"ServiceException" in (response.body or b"")[:500]:
        assert not is_near(layer, wanted), response.body
        return
    found = read(response)
    samples = samples_of(layer)[[band - 1 for band in bands] if bands else slice(None)]
    assert_located(found, crs, box)
    assert_nearest(found.samples, wanted, samples, transform, own, most_near=1.0)


def is_near(layer: str, wanted: Wanted) -> bool:
    """Whether the center of a sample is in the raster."""
    own, transform = grid_of(layer)
    west, _, _, north = wanted.box
    across, down = wanted.steps
    rows, columns = np.mgrid[: wanted.size[1], : wanted.size[0]] + 0.5
    project = transformer(wanted.crs, own).transform
    left, top = ~transform * project(west + columns * across, north - rows * down)
    return bool(((left > 0) & (left < WIDTH) & (top > 0) & (top < HEIGHT)).any())


def test_boxes_are_the_nearest_pixels(application: Application) -> None:
    check_boxes(application)


# -- spoiled requests ------------------------------------------------------------------------------

STRANGE = (
    "", "0", "-1", "1", "1e308", "-1e308", "1e-320", "nan", "inf", "9" * 400, "1.5", "\0", "\n", "a,b", ",", ",,,", "0,0,0,0", "1,1,0,0",
    "-180,-90,180,90", "1,2,3", "nan,nan,nan,nan", "utm", "nothing", "<x>", "\u5f71\u50cf", "../../etc/passwd", "EPSG:4326", "EPSG:999999",
    "CRS:84", "imageCRS", "urn:ogc:def:crs:EPSG::4326", "http://www.opengis.net/def/crs/EPSG/0/3857", "image/png", "image/tiff", "image/jpeg",
    "image/jp2", "application/gml+xml", "application/x-netcdf", "cog", "text/html", "x(1,2)", "x(500000,501000)", "y(*,*)", "x(5)",
    "Lat(1,2)", "Lon(1:2)", "E(500000:500100)", "N(nan)", "x(1", "x(1e308,1e309)", "time(2015)", 'time("2015")', "x(0)", "x(-5)",
    "x(1000000),y(1000000)", "E(0.001),N(0.001)", "x(5:1)", "x(10:20),y(0:9)", "2000000000", "1e9", "0.5", "band1", "3,1", "band1:band3",
    "band3:band1", "range[bands[1]]", "contents:cubic", "NEAREST", "cubic", "http://www.opengis.net/def/interpolation/OGC/1/linear",
    "multipart/related", "1.0.0", "1.1.2", "2.0.1", "9.9.9", "GetCoverage", "DescribeCoverage", "GetCapabilities", "true", "deflate", "jpeg",
)  # fmt: skip
NAMES = (
    "VERSION", "REQUEST", "COVERAGE", "IDENTIFIER", "COVERAGEID", "CRS", "RESPONSE_CRS", "BBOX", "WIDTH", "HEIGHT", "RESX", "RESY", "FORMAT",
    "BANDS", "INTERPOLATION", "TIME", "BOUNDINGBOX", "GRIDBASECRS", "GRIDTYPE", "GRIDCS", "GRIDORIGIN", "GRIDOFFSETS", "RANGESUBSET", "STORE",
    "TIMESEQUENCE", "SUBSET", "SUBSETTINGCRS", "OUTPUTCRS", "SCALEFACTOR", "SCALEAXES", "SCALESIZE", "SCALEEXTENT", "SIZE", "RESOLUTION",
    "MEDIATYPE", "GEOTIFF:COMPRESSION", "GEOTIFF:JPEG_QUALITY", "GEOTIFF:PREDICTOR", "GEOTIFF:INTERLEAVE", "GEOTIFF:TILING",
    "GEOTIFF:TILEWIDTH", "GEOTIFF:TILEHEIGHT", "COVERAGEID", "SECTIONS", "ACCEPTVERSIONS", "UPDATESEQUENCE", "EXCEPTIONS",
)  # fmt: skip
OF_OGC_API = (
    "subset", "subset-crs", "bbox", "bbox-crs", "crs", "scale-factor", "scale-axes", "scale-size", "resolution", "width", "height", "properties",
    "exclude-properties", "datetime", "f",
)  # fmt: skip
GOOD = (
    {"SERVICE": "WCS", "VERSION": "1.0.0", "REQUEST": "GetCoverage", "COVERAGE": "utm", "CRS": "EPSG:32633", "BBOX": "500000,4999000,500400,4999400",
     "WIDTH": "20", "HEIGHT": "20", "FORMAT": "GeoTIFF"},
    {"SERVICE": "WCS", "VERSION": "1.1.2", "REQUEST": "GetCoverage", "IDENTIFIER": "utm", "FORMAT": "image/tiff",
     "BOUNDINGBOX": "500010,4999010,500390,4999390,urn:ogc:def:crs:EPSG::32633"},
    {"SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "utm", "SUBSET": "x(500000,500400)"},
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(STRANGE), st.text(max_size=15), st.floats().map(str), st.integers().map(str)
)


def encoded(values: dict[str, str]) -> str:
    return urlencode({name: value.encode("utf-8", "replace") for name, value in values.items()})


def assert_answered(application: Application, address: str) -> None:
    """An answer, or an exception that tells no secrets."""
    response = answer(application, Asked(address))
    assert isinstance(response.body, bytes)
    assert response.status in (200, 400, 403, 404, 406, 413, 501), (response.status, response.body[:500])
    if response.status != 200:
        assert b"Traceback" not in response.body
        assert not re.search(rb"/tmp/|/home/", response.body)
        assert b"xception" in response.body or b'"detail"' in response.body


@settings(STABLE, max_examples=300)
@given(
    good=st.sampled_from(GOOD),
    changes=st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=4),
)
def check_spoiled(application: Application, good: dict[str, str], changes: dict[str, str]) -> None:
    assert_answered(application, f"/wcs?{encoded(good | changes)}")


def test_spoiled_requests_of_wcs_are_refused_or_answered(application: Application) -> None:
    check_spoiled(application)


@settings(STABLE, max_examples=200)
@given(changes=st.dictionaries(st.sampled_from(OF_OGC_API), VALUES, min_size=1, max_size=4))
def check_spoiled_api(application: Application, changes: dict[str, str]) -> None:
    assert_answered(application, f"/ogc/collections/utm/coverage?{encoded(changes)}")


def test_spoiled_requests_of_ogc_api_are_refused_or_answered(application: Application) -> None:
    check_spoiled_api(application)
