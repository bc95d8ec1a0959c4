"""Collections as layers through the whole application: one mosaic in every service, and changes at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iipserve import app
from iipserve.collections import sqlite
from tests.published import GRAYS, NAME, NORTH, SERVICES, SIDE, STEP, WEST, Published
from tests.test_app import ask, body, header, picture

WIDTH = 2 * SIDE
BOX = f"{WEST},{NORTH - SIDE * STEP},{WEST + WIDTH * STEP},{NORTH}"
MAP = (
    f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={NAME}&STYLES=&CRS=EPSG:32633&BBOX={BOX}"
    f"&WIDTH={WIDTH}&HEIGHT={SIDE}&FORMAT=image/png&TRANSPARENT=TRUE"
)
MOSAIC = np.repeat([40, 120, 200], [64, 64, 128])
"""Of each row: the newest image is uppermost."""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    found = Published(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def application(published: Published) -> app.Application:
    return published.application()


def row(application: app.Application, address: str) -> np.ndarray:
    """Gray, and 0 where a picture is clear, of the middle row."""
    shown = np.asarray(picture(ask(application, address)).convert("RGBA"))[SIDE // 2].astype(int)
    return np.where(shown[:, 3] == 255, shown[:, 0], 0)


def test_a_map_is_the_mosaic(application: app.Application) -> None:
    np.testing.assert_array_equal(row(application, MAP), MOSAIC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Application]:
    """One that no test changes."""
    found = Published(tmp_path_factory.mktemp("shared"))
    yield found.application()
    found.store.close()


TILE = "WebMercatorQuad/11/735/1109"
SAME_TILE = [
    pytest.param(
        f"/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={NAME}&STYLE=&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=11"
        "&TILEROW=735&TILECOL=1109&FORMAT=image/png",
        id="parameters of WMTS",
    ),
    pytest.param(f"/wmts/{NAME}/{TILE}.png", id="paths of WMTS"),
    pytest.param(f"/ogc/collections/{NAME}/map/tiles/{TILE}?f=png", id="OGC API"),
    pytest.param(f"/xyz/{NAME}/11/1109/735.png", id="XYZ"),
]


@pytest.mark.parametrize("address", SAME_TILE)
def test_services_share_a_tile(shared: app.Application, address: str) -> None:
    first = ask(shared, f"/wmts/{NAME}/{TILE}.png")
    assert picture(first).getextrema() != ((0, 0), (0, 0))
    assert body(ask(shared, address)) == body(first)
    assert header(ask(shared, address), "ETag") == header(first, "ETag")


DOCUMENTS = [
    pytest.param("wmts", "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", id="wmts"),
    pytest.param("wmts-china", "/wmts-china?SERVICE=WMTS&REQUEST=GetCapabilities", id="wmts-china"),
    pytest.param("wms", "/wms?SERVICE=WMS&REQUEST=GetCapabilities", id="wms"),
    pytest.param("wcs", "/wcs?SERVICE=WCS&REQUEST=GetCapabilities", id="wcs"),
    pytest.param("rest", "/ogc/collections?f=json", id="rest"),
    pytest.param("mapml", f"/mapml/{NAME}/OSMTILE", id="mapml"),
    pytest.param("rest", f"/xyz/{NAME}/tiles.json", id="xyz"),
    pytest.param(
        "wcs", f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=DescribeCoverage&COVERAGEID={NAME}", id="describe"
    ),
]


@pytest.mark.parametrize(("service", "address"), DOCUMENTS)
def test_documents_tell_of_the_collection(shared: app.Application, service: str, address: str) -> None:
    response = ask(shared, address)
    assert response.status == 200, response.body
    assert NAME.encode() in body(response)


@pytest.mark.parametrize("without", SERVICES)
def test_a_service_that_is_not_listed_does_not_know_the_collection(tmp_path: Path, without: str) -> None:
    application = Published(tmp_path, [name for name in SERVICES if name != without]).application()
    for service, address in ((each.values[0], each.values[1]) for each in DOCUMENTS):
        response = ask(application, str(address))
        has_it = (
            response.status == 200
            and b"ExceptionReport" not in body(response)
            and NAME.encode() in body(response)
        )
        assert has_it is (service != without), (address, response.body)


def test_a_change_shows_in_the_next_request_of_every_worker(published: Published) -> None:
    workers = [published.application() for _ in range(2)]
    for _ in range(2):
        for worker in workers:
            np.testing.assert_array_equal(row(worker, MAP), MOSAIC)
    published.store.delete_item(NAME, "2016.tif")
    for worker in workers:
        np.testing.assert_array_equal(row(worker, MAP), np.repeat([40, 120, 0], [64, 128, 64]))
        assert json.loads(body(ask(worker, f"/xyz/{NAME}/tiles.json")))["bounds"][2] < 15.06
    published.add([2016])
    for worker in workers:
        np.testing.assert_array_equal(row(worker, MAP), MOSAIC)
        assert json.loads(body(ask(worker, f"/xyz/{NAME}/tiles.json")))["bounds"][2] > 15.06


@pytest.mark.parametrize("address", [each.values[1] for each in DOCUMENTS[:5]])
def test_documents_change_with_the_store(published: Published, address: str) -> None:
    workers = [published.application() for _ in range(2)]
    before = [body(ask(worker, address)) for worker in workers]
    assert all(NAME.encode() in each for each in before)
    published.store.delete(NAME)
    for worker in workers:
        assert NAME.encode() not in body(ask(worker, address))


def test_clients_are_to_ask_whether_an_answer_is_current(published: Published) -> None:
    worker = published.application()
    first = ask(worker, MAP)
    assert header(first, "Cache-Control") == "no-cache"
    assert header(first, "Last-Modified") is None
    tag = header(first, "ETag") or ""
    assert ask(worker, MAP, if_none_match=tag).status == 304
    published.store.delete_item(NAME, "2014.tif")
    assert ask(worker, MAP, if_none_match=tag).status == 200


def test_an_image_that_is_missing_leaves_its_hole(published: Published) -> None:
    worker = published.application()
    (published.images / "2015.tif").rename(published.images / "away")
    response = ask(worker, MAP)
    np.testing.assert_array_equal(row(worker, MAP), np.repeat([40, 200], [128, 128]))
    assert "2015.tif" in (header(response, "Warning") or "")
    (published.images / "away").rename(published.images / "2015.tif")
    np.testing.assert_array_equal(row(worker, MAP), MOSAIC)


def test_an_empty_collection_is_no_layer_yet(published: Published) -> None:
    worker = published.application()
    published.store.delete_items(NAME, [f"{year}.tif" for year in GRAYS])
    for address in (*(each.values[0] for each in SAME_TILE), f"/ogc/collections/{NAME}/map?f=png"):
        assert ask(worker, str(address)).status in (400, 404)
    assert b"LayerNotDefined" in body(ask(worker, MAP))
    published.add([2014])
    assert ask(worker, f"/wmts/{NAME}/{TILE}.png").status == 200


def test_images_are_answered_while_the_store_is_away(published: Published) -> None:
    """And documents list collections as they were before."""
    worker = published.application()
    before = body(ask(worker, "/wms?SERVICE=WMS&REQUEST=GetCapabilities"))
    assert row(worker, MAP).any()
    published.store.close()
    for path in published.images.parent.glob("store.sqlite*"):
        path.write_bytes(b"not a database " * 1000)
    assert ask(worker, "/xyz/2014/11/1109/735.png").status == 200
    assert body(ask(worker, "/wms?SERVICE=WMS&REQUEST=GetCapabilities")) == before
    for address in (f"/xyz/{NAME}/11/1109/735.png", MAP, f"/xyz/{NAME}/11/1109/735.png?time=2015"):
        response = ask(worker, address)
        assert (response.status, header(response, "Retry-After")) == (503, "5"), response.body


def test_a_search_that_takes_too_long_is_not_to_be_tried_again(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = published.application()
    monkeypatch.setattr(sqlite, "READ_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "STEPS", 1)
    response = ask(worker, f"/stac/search?collections={NAME}")
    assert (response.status, header(response, "Retry-After")) == (503, None), response.body


@pytest.mark.parametrize("operation", ["DescribeCoverage", "GetCoverage"])
def test_a_collection_whose_first_image_is_missing_is_described(published: Published, operation: str) -> None:
    worker = published.application()
    (published.images / "2014.tif").rename(published.images / "away")
    address = f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST={operation}&COVERAGEID={NAME}"
    assert ask(worker, address).status == 200


def test_maps_show_a_collection_over_an_image(application: app.Application) -> None:
    layers = MAP.replace(f"LAYERS={NAME}", f"LAYERS=2016,{NAME}").replace("STYLES=", "STYLES=,")
    np.testing.assert_array_equal(row(application, layers), MOSAIC)
    np.testing.assert_array_equal(
        row(application, f"{layers}&IDS=2015.tif"), np.repeat([0, 120, 200], [64, 128, 64])
    )


def test_legends_are_those_of_the_style_of_the_collection(tmp_path: Path) -> None:
    published = Published(tmp_path, style={"range": [0, 200], "invert": True})
    worker = published.application()
    np.testing.assert_array_equal(row(worker, MAP), 255 - np.round(MOSAIC * 255 / 200).astype(int))
    for address in (
        f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetLegendGraphic&LAYER={NAME}&FORMAT=image/png&SLD_VERSION=1.1.0",
        f"/wmts/{NAME}/legend.png",
    ):
        assert picture(ask(worker, address)).size[0] > 0
    published.store.close()
