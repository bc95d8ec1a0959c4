"""What images of a collection hold: GetFeatureInfo and coverages, and which images made a tile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyproj
import pytest

from iipserve import app
from tests.published import NAME, NORTH, SIDE, STEP, WEST, YEARS, Published
from tests.test_app import ask, body, header, picture
from tests.test_app_collections import BOX, MOSAIC, TILE, WIDTH
from tests.test_app_coverages import samples

INFO = (
    f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetFeatureInfo&LAYERS={NAME}&QUERY_LAYERS={NAME}&STYLES=&CRS=EPSG:32633"
    f"&BBOX={BOX}&WIDTH={WIDTH}&HEIGHT={SIDE}&J=30"
)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Application]:
    found = Published(tmp_path_factory.mktemp("images"))
    yield found.application()
    found.store.close()


AT = [
    pytest.param(10, "", 40, ["2014.tif"], id="one image"),
    pytest.param(100, "", 120, ["2015.tif", "2014.tif"], id="the newest of two"),
    pytest.param(100, "&TIME=2014", 40, ["2014.tif"], id="of a time"),
    pytest.param(150, "&IDS=2015.tif", 120, ["2015.tif"], id="of an id"),
]


@pytest.mark.parametrize(("column", "stated", "value", "images"), AT)
def test_feature_info_names_the_images_at_the_point(
    application: app.Application, column: int, stated: str, value: int, images: list[str]
) -> None:
    address = f"{INFO}&I={column}{stated}"
    (feature,) = json.loads(body(ask(application, f"{address}&INFO_FORMAT=application/json")))["features"]
    assert feature["properties"]["bands"][0]["value"] == value
    assert feature["properties"]["images"] == images
    for media_type in (
        "text/plain",
        "text/xml",
        "text/html",
        "text/mapml",
        "application/gml+xml; version=3.1",
    ):
        text = body(ask(application, f"{address}&INFO_FORMAT={quote(media_type)}")).decode()
        assert " ".join(images) in text, text


def test_there_is_nothing_where_no_image_is(application: app.Application) -> None:
    answer = ask(application, f"{INFO}&I=200&TIME=2014&INFO_FORMAT=application/json")
    assert json.loads(body(answer))["features"] == []


def test_feature_info_of_a_tile_is_that_of_its_picture(application: app.Application) -> None:
    tile = f"/wmts/{NAME}/{TILE}"
    shown = np.asarray(picture(ask(application, f"{tile}.png")).convert("RGBA"))
    rows, columns = np.nonzero(shown[..., 3] == 255)
    for index in np.linspace(0, len(rows) - 1, 9).astype(int):
        row, column = rows[index], columns[index]
        (feature,) = json.loads(body(ask(application, f"{tile}/{row}/{column}.json")))["features"]
        assert feature["properties"]["bands"][0]["value"] == shown[row, column, 0]


COVERAGE = f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={NAME}"


def test_a_coverage_is_the_mosaic(application: app.Application) -> None:
    np.testing.assert_array_equal(samples(ask(application, COVERAGE)), np.tile(MOSAIC, (1, SIDE, 1)))
    part = f"&SUBSET=E({WEST + 50 * STEP},{WEST + 150 * STEP})&SUBSET=N({NORTH - 20 * STEP},{NORTH})"
    expected = np.tile(MOSAIC[50:150], (1, 20, 1))
    np.testing.assert_array_equal(samples(ask(application, COVERAGE + part)), expected)


def test_a_coverage_of_a_time_has_its_images_alone(application: app.Application) -> None:
    expected = np.tile(np.repeat([0, 120, 0], [64, 128, 64]), (1, SIDE, 1))
    for time in ("2015-07-01", "2015", "2015-01-01T00:00:00Z/2015-12-31T00:00:00Z"):
        for address in (
            f"/wcs?SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE={NAME}&CRS=EPSG:32633&BBOX={BOX}&WIDTH={WIDTH}"
            f"&HEIGHT={SIDE}&FORMAT=geotiff&TIME={time}",
            f"/ogc/collections/{NAME}/coverage?f=geotiff&datetime={time}",
        ):
            np.testing.assert_array_equal(samples(ask(application, address)), expected)


CHOSEN = [
    pytest.param("FILTER=id%20%3D%20'2015.tif'", [0, 120, 120, 0], id="CQL2 as text"),
    pytest.param(f"FILTER={quote(json.dumps({'op': '<', 'args': [{'property': 'datetime'}, {'timestamp': '2016-01-01T00:00:00Z'}]}))}",
                 [40, 120, 120, 0], id="CQL2 as JSON"),
    pytest.param("IDS=2014.tif,2016.tif", [40, 40, 200, 200], id="identifiers"),
    pytest.param("ORDER=number", [40, 120, 200, 200], id="order"),
]  # fmt: skip
EACH_SERVICE = {
    "1.0.0": f"/wcs?SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE={NAME}&CRS=EPSG:32633&BBOX={BOX}&WIDTH={WIDTH}"
    f"&HEIGHT={SIDE}&FORMAT=geotiff",
    "2.0.1": COVERAGE,
    "OGC API": f"/ogc/collections/{NAME}/coverage?f=geotiff",
}


@pytest.mark.parametrize(("stated", "quarters"), CHOSEN)
def test_a_coverage_has_the_images_that_are_chosen(
    application: app.Application, stated: str, quarters: list[int]
) -> None:
    expected = np.tile(np.repeat(quarters, 64), (1, SIDE, 1))
    for address in EACH_SERVICE.values():
        np.testing.assert_array_equal(samples(ask(application, f"{address}&{stated}")), expected)


def test_choices_of_images_that_are_none_are_refused(application: app.Application) -> None:
    for service, address in EACH_SERVICE.items():
        for stated in ("FILTER=no(", "ORDER=best", "FILTER-LANG=sql"):
            response = ask(application, f"{address}&{stated}")
            # exceptions of WCS 1.0.0 have 200
            assert response.status == (200 if service == "1.0.0" else 400), body(response)
            assert stated.partition("=")[0].lower().encode() in body(response)


def test_documents_list_times_of_the_coverage(application: app.Application) -> None:
    text = body(
        ask(application, f"/wcs?SERVICE=WCS&VERSION=1.0.0&REQUEST=DescribeCoverage&COVERAGE={NAME}")
    ).decode()
    assert all(f"{year}-07-01T00:00:00Z" in text for year in (2014, 2015, 2016))


def test_a_coverage_of_no_image_has_no_data(application: app.Application) -> None:
    part = f"&SUBSET=E({WEST + 200 * STEP},{WEST + 220 * STEP})&SUBSET=N({NORTH - 20 * STEP},{NORTH})"
    found = samples(
        ask(application, f'{COVERAGE}{part}&SUBSET=time("2014-07-01T00:00:00Z")'.replace('"', "%22"))
    )
    np.testing.assert_array_equal(found, np.zeros((1, 20, 20)))


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(f"/xyz/{NAME}/11/1109/735.json", id="XYZ"),
        pytest.param(f"/ogc/collections/{NAME}/map/tiles/{TILE}.json", id="OGC API"),
        pytest.param(f"/ogc/collections/{NAME}/map/tiles/{TILE}?f=json", id="f"),
    ],
)
def test_a_document_tells_which_images_made_a_tile(application: app.Application, address: str) -> None:
    found = json.loads(body(ask(application, address)))
    assert [each["id"] for each in found["images"]] == ["2016.tif", "2015.tif", "2014.tif"]
    assert {each["resampling"] for each in found["images"]} == {"average"}
    assert found["collection"]["id"] == NAME
    assert (found["tileMatrix"], found["tileRow"], found["tileCol"]) == ("11", 735, 1109)
    assert header(ask(application, f"/xyz/{NAME}/11/1109/735.png"), "ETag") == f'"{found["etag"]}"'


@pytest.mark.parametrize(("zoom", "column", "row"), [(11, 1109, 735), (12, 2218, 1471), (13, 4437, 2942)])
def test_the_document_states_how_much_of_a_tile_is_inside_of_each_image(
    application: app.Application, zoom: int, column: int, row: int
) -> None:
    """Against PROJ, at the center of each pixel."""
    found = json.loads(body(ask(application, f"/xyz/{NAME}/{zoom}/{column}/{row}.json")))
    west, south, east, north = found["bounds"]
    places = (np.arange(256) + 0.5) / 256
    xs, ys = np.meshgrid(west + places * (east - west), north - places * (north - south))
    x, y = pyproj.Transformer.from_crs("EPSG:3857", "EPSG:32633", always_xy=True).transform(xs, ys)
    shares = {each["id"]: each["share"] for each in found["images"]}
    for index, year in enumerate(YEARS):
        left = WEST + index * SIDE // 2 * STEP
        inside = (x >= left) & (x < left + SIDE * STEP) & (y <= NORTH) & (y > NORTH - SIDE * STEP)
        # 32 x 32 places are looked at
        assert shares.get(f"{year}.tif", 0) == pytest.approx(inside.mean(), abs=0.04)
    assert any(shares.values())


def test_the_document_about_a_tile_is_of_the_images_that_are_meant(application: app.Application) -> None:
    found = json.loads(body(ask(application, f"/xyz/{NAME}/11/1109/735.json?time=2015")))
    assert [each["id"] for each in found["images"]] == ["2015.tif"]
    assert found["datetime"] == "2015-07-01T00:00:00Z"
    of_image = json.loads(body(ask(application, "/xyz/2015/11/1109/735.json")))
    assert [each["image"] for each in of_image["images"]] == ["2015.tif"]
    assert "collection" not in of_image


def test_small_coverages_are_made_of_images_that_maps_of_their_scale_do_not_show(tmp_path: Path) -> None:
    published = Published(tmp_path)
    for item in [published.store.item(NAME, f"{year}.tif") for year in YEARS]:
        published.store.replace_item(replace(item, visible_max=100.0))
    worker = published.application()
    small = samples(ask(worker, f"{COVERAGE}&SCALEFACTOR=0.0625"))
    np.testing.assert_array_equal(small, np.tile(MOSAIC[::16], (1, SIDE // 16, 1)))
    blank = picture(ask(worker, f"/xyz/{NAME}/8/138/91.png")).convert("RGBA")
    assert blank.getchannel("A").getextrema() == (0, 0)
    published.store.close()
