"""Which images of a collection requests show: by their time, a filter, ids and an order, in every service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from lxml import etree

from iipserve import app
from iipserve.collections.values import TimePolicy
from iipserve.http import Response
from tests.published import NAME, Published
from tests.test_app import ask, body, header
from tests.test_app_collections import BOX, MAP, MOSAIC, TILE, WIDTH, row

ALL = "all of them"
ONLY = {
    ALL: MOSAIC,
    "2014": np.repeat([40, 0], [128, 128]),
    "2015": np.repeat([0, 120, 0], [64, 128, 64]),
    "2016": np.repeat([0, 200], [128, 128]),
    "2014 2015": np.repeat([40, 120, 0], [64, 128, 64]),
}
"""Gray of each column of the mosaic of some images."""
EXACT, NEAREST = TimePolicy(), TimePolicy("nearest", 100 * 86400.0)
BEFORE, NEWEST = TimePolicy("before"), TimePolicy(default="newest")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[TimePolicy, app.Application]]:
    """A service for each rule about times."""
    found = {
        policy: Published(tmp_path_factory.mktemp("images"), times=policy)
        for policy in (EXACT, NEAREST, BEFORE, NEWEST)
    }
    yield {policy: each.application() for policy, each in found.items()}
    for each in found.values():
        each.store.close()


SHOWN = [
    pytest.param(EXACT, "", ALL, id="all by default"),
    pytest.param(EXACT, "TIME=2015", "2015", id="a year"),
    pytest.param(EXACT, "TIME=2015-07", "2015", id="a month"),
    pytest.param(EXACT, "TIME=20150701", "2015", id="a day without separators"),
    pytest.param(EXACT, "TIME=2015-07-01T00:00:00.000Z", "2015", id="an instant"),
    pytest.param(EXACT, "TIME=2014,2015", "2014 2015", id="a list"),
    pytest.param(EXACT, "TIME=2014-01-01/2015-12-31", "2014 2015", id="a range"),
    pytest.param(EXACT, "TIME=2014-07-01/2015-07-01/P1Y", "2014 2015", id="a range with a step"),
    pytest.param(EXACT, "TIME=current", "2016", id="the newest"),
    pytest.param(NEWEST, "", "2016", id="the newest by default"),
    pytest.param(NEWEST, "TIME=default", "2016", id="the default by its name"),
    pytest.param(NEAREST, "TIME=2015-09-01", "2015", id="the nearest"),
    pytest.param(NEAREST, "TIME=2016-05-01", "2016", id="a later one that is nearest"),
    pytest.param(BEFORE, "TIME=2016-06-30", "2015", id="the last one before"),
    pytest.param(
        EXACT,
        "CQL_FILTER=" + quote("datetime < TIMESTAMP('2016-01-01T00:00:00Z')"),
        "2014 2015",
        id="a filter",
    ),
    pytest.param(
        EXACT, "filter=" + quote("id = '2015.tif'") + "&filter-lang=cql2-text", "2015", id="a filter by id"
    ),
    pytest.param(
        EXACT,
        "filter=" + quote('{"op": "=", "args": [{"property": "id"}, "2014.tif"]}'),
        "2014",
        id="a filter in JSON",
    ),
    pytest.param(EXACT, "IDS=2014.tif,2015.tif", "2014 2015", id="ids"),
]


@pytest.mark.parametrize(("policy", "stated", "shown"), SHOWN)
def test_requests_say_which_images_a_map_shows(
    workers: dict[TimePolicy, app.Application], policy: TimePolicy, stated: str, shown: str
) -> None:
    np.testing.assert_array_equal(row(workers[policy], f"{MAP}&{stated}"), ONLY[shown])


OTHER_SERVICES = [
    pytest.param(f"/wmts/{NAME}/{TILE}.png?time=2015", id="paths of WMTS"),
    pytest.param(f"/wmts/{NAME}/{TILE}.png?time=20150701", id="a day of WMTS without separators"),
    pytest.param(f"/wmts/{NAME}/{TILE}.png?time=2015-07-01T00:00:00.000Z", id="an instant of WMTS"),
    pytest.param(
        f"/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={NAME}&STYLE=&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=11"
        "&TILEROW=735&TILECOL=1109&FORMAT=image/png&TIME=2015-07-01",
        id="parameters of WMTS",
    ),
    pytest.param(
        f"/ogc/collections/{NAME}/map/tiles/{TILE}?f=png&datetime=2015-01-01T00:00:00Z/2015-12-31T00:00:00Z",
        id="OGC API",
    ),
    pytest.param(f"/xyz/{NAME}/11/1109/735.png?time=2015", id="XYZ"),
    pytest.param(f"/xyz/{NAME}/11/1109/735.png?filter=" + quote("id = '2015.tif'"), id="a filter of XYZ"),
]


@pytest.mark.parametrize("address", OTHER_SERVICES)
def test_tiles_of_a_time_are_the_same_in_all_services(
    workers: dict[TimePolicy, app.Application], address: str
) -> None:
    worker = workers[EXACT]
    assert body(ask(worker, address)) == body(ask(worker, f"/wmts/{NAME}/{TILE}.png?TIME=2015-07-01"))
    assert body(ask(worker, address)) != body(ask(worker, f"/wmts/{NAME}/{TILE}.png"))


def test_a_map_of_ogc_api_has_a_time(workers: dict[TimePolicy, app.Application]) -> None:
    area = f"bbox={BOX}&bbox-crs=EPSG:32633&crs=EPSG:32633&width={WIDTH}&height=128&f=png"
    for stated, shown in (("datetime=2015-07-01T00:00:00Z", "2015"), ("datetime=../2015-12-31", "2014 2015")):
        address = f"/ogc/collections/{NAME}/map?{area}&{stated}"
        np.testing.assert_array_equal(row(workers[EXACT], address), ONLY[shown])
    assert ask(workers[EXACT], f"/ogc/collections/{NAME}/map?{area}&datetime=2013-07-01").status == 404


def _code(response: Response) -> tuple[str | None, str | None]:
    found = etree.fromstring(body(response)).find(".//{*}ServiceException")
    return (None, None) if found is None else (found.get("code"), found.get("locator"))


REFUSED = [
    pytest.param(EXACT, "TIME=2015-09-01", ("InvalidDimensionValue", "time"), id="a time without an image"),
    pytest.param(
        NEAREST, "TIME=2014-12-31", ("InvalidDimensionValue", "time"), id="too far from the nearest"
    ),
    pytest.param(BEFORE, "TIME=2013", ("InvalidDimensionValue", "time"), id="nothing before"),
    pytest.param(EXACT, "TIME=summer", ("InvalidDimensionValue", "time"), id="no time"),
    pytest.param(EXACT, "TIME=2015-13-45", ("InvalidDimensionValue", "time"), id="no month"),
    pytest.param(EXACT, "CQL_FILTER=id%20=", (None, "filter"), id="half a filter"),
    pytest.param(EXACT, "CQL_FILTER=id='a';id='b'", (None, "filter"), id="two filters"),
    pytest.param(EXACT, "ORDER=oldest", (None, "order"), id="an unknown order"),
]


@pytest.mark.parametrize(("policy", "stated", "code"), REFUSED)
def test_what_no_image_meets_is_refused(
    workers: dict[TimePolicy, app.Application], policy: TimePolicy, stated: str, code: tuple[str | None, str]
) -> None:
    assert _code(ask(workers[policy], f"{MAP}&{stated}")) == code


def test_a_time_that_wmts_does_not_have_is_invalid(workers: dict[TimePolicy, app.Application]) -> None:
    response = ask(workers[EXACT], f"/wmts/{NAME}/{TILE}.png?time=2015-09-01")
    assert response.status == 400
    assert b'exceptionCode="InvalidParameterValue" locator="time"' in body(response)


def test_headers_tell_the_time_that_is_shown(workers: dict[TimePolicy, app.Application]) -> None:
    """06-042, C.4.2 and C.4.3; OGC API - Maps, /rec/datetime/actual-datetime."""
    nearest = ask(workers[NEAREST], f"{MAP}&TIME=2015-09-01")
    assert header(nearest, "Warning") == "99 Nearest value used: time=2015-07-01T00:00:00Z ISO8601"
    assert header(nearest, "OGCAPI-datetime") == "2015-07-01T00:00:00Z"
    default = ask(workers[NEWEST], MAP)
    assert header(default, "Warning") == "99 Default value used: time=2016-07-01T00:00:00Z ISO8601"
    several = ask(workers[EXACT], f"{MAP}&TIME=2014,2015")
    assert header(several, "OGCAPI-datetime") == "2014-07-01T00:00:00Z/2015-07-01T00:00:00Z"
    assert header(several, "Warning") is None


ORDERS = [
    pytest.param("newest", MOSAIC, id="newest"),
    pytest.param("number", MOSAIC, id="number"),
    # the centers of the first and the last image are as far from that of the map
    pytest.param("center", np.repeat([40, 120, 200], [64, 128, 64]), id="center"),
]


@pytest.mark.parametrize(("order", "expected"), ORDERS)
def test_an_order_says_which_image_is_uppermost(
    workers: dict[TimePolicy, app.Application], order: str, expected: np.ndarray
) -> None:
    np.testing.assert_array_equal(row(workers[EXACT], f"{MAP}&ORDER={order}"), expected)


def test_documents_list_the_times(workers: dict[TimePolicy, app.Application]) -> None:
    root = etree.fromstring(body(ask(workers[NEAREST], "/wms?SERVICE=WMS&REQUEST=GetCapabilities")))
    (found,) = root.iter("{*}Dimension")
    assert found.text == "2014-07-01,2015-07-01,2016-07-01"
    assert dict(found.attrib) == {
        "name": "time", "units": "ISO8601", "default": "2014-07-01T00:00:00Z/2016-07-01T00:00:00Z", "multipleValues": "1",
        "nearestValue": "1", "current": "1",
    }  # fmt: skip
    root = etree.fromstring(body(ask(workers[NEWEST], "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities")))
    (found,) = root.iter("{*}Dimension")
    assert [each.text for each in found.iter("{*}Value")] == ["2014-07-01", "2015-07-01", "2016-07-01"]
    assert found.findtext("{*}Default") == "2016-07-01T00:00:00Z"


def test_the_newest_image_is_none_of_the_future(tmp_path: Path) -> None:
    published = Published(tmp_path)
    later = replace(
        published.store.item(NAME, "2014.tif"), id="later", datetime=datetime.now(UTC) + timedelta(days=1000)
    )
    published.store.add_items(NAME, [later])
    np.testing.assert_array_equal(row(published.application(), f"{MAP}&TIME=current"), ONLY["2016"])
    published.store.close()


def test_ids_are_found_below_more_images_than_a_map_shows(tmp_path: Path) -> None:
    published = Published(tmp_path)
    newest = published.store.item(NAME, "2016.tif")
    copies = [
        replace(newest, id=f"copy {number}", datetime=datetime(2020, 1, 1, tzinfo=UTC))
        for number in range(60)
    ]
    published.store.add_items(NAME, copies)
    worker = published.application()
    np.testing.assert_array_equal(row(worker, f"{MAP}&IDS=2014.tif"), ONLY["2014"])
    address = f"{MAP}&IDS=2014.tif,2015.tif&CQL_FILTER=" + quote("id <> '2015.tif'")
    np.testing.assert_array_equal(row(worker, address), ONLY["2014"])
    np.testing.assert_array_equal(row(worker, f"{MAP}&TIME=2014,2015"), ONLY["2014 2015"])
    published.store.close()
