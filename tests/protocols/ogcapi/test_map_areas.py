"""What maps of OGC API show: intervals, centers, scales, times and several layers; each the plan of WMS for its box."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pyproj
import pytest

from iipserve.geometry import Size
from iipserve.plan import Answer, Composite, RenderPlan
from tests.protocols.ogcapi.services import ROOT, ask, linked, read, refusal
from tests.protocols.wms.services import MAP
from tests.protocols.wms.services import ask as ask_wms
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import ENTRIES, kvp

DEGREES = "/ogc/collections/degrees/map"
DATASET = "/ogc/map"
EPSG = "http://www.opengis.net/def/crs/EPSG/0"
REL_MAP = "http://www.opengis.net/def/rel/ogc/1.0/map"
GEOD = pyproj.Geod(ellps="WGS84")
PIXEL = 0.00028
SWAPPED = ("4326", "3035")
"""Codes of systems with north before east."""


def asked(address: str, catalog: Any = None) -> tuple[RenderPlan, dict[str, str]]:
    """The plan of a map and its headers."""
    answer = ask(address, catalog) if catalog else ask(address)
    assert isinstance(answer, Answer), answer.document.body
    assert isinstance(answer.content, RenderPlan)
    return answer.content, dict(answer.headers)


def shown(address: str, layers: str = "degrees") -> tuple[tuple[float, ...], Size]:
    """The box, x before y, and the size of a map, which is that of WMS for them."""
    plan, headers = asked(f"{address}&f=png")
    system = headers.get("Content-Crs", "").rpartition("/")[2].rstrip(">")
    text, size = headers["Content-Bbox"], plan.view.size
    query = kvp(
        MAP, layers=layers, crs=f"EPSG:{system}" if system else "CRS:84", bbox=text, width=str(size.width),
        height=str(size.height), transparent="TRUE",
    )  # fmt: skip
    theirs = ask_wms(query).answer
    assert theirs is not None
    assert isinstance(theirs.content, RenderPlan)
    assert theirs.content.digest == plan.digest
    box = tuple(map(float, text.split(",")))
    return (box[1], box[0], box[3], box[2]) if system in SWAPPED else box, size


# -- intervals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [
    "subset=Lat(47:49),Lon(11:12)", "subset=Lon(11:12)&subset=Lat(47:49)", "subset=lat(47.0:49),LONG(1.1e1:12)",
    "subset=Latitude(%2247%22:%2249%22),Longitude(11:12)", "subset=%20Lat(%2047%20:%2049%20)%20,%20Lon(11:12)",
    f"subset=Lat(47:49),Lon(11:12)&subset-crs={EPSG}/4326", "subset=y(47:49),x(11:12)&subset-crs=%5BEPSG:4326%5D",
    "subset=Lat(47:49),Lon(11:12)&subset=time(%222020-01-01%22)",
])  # fmt: skip
def test_intervals_are_boxes(spelling: str) -> None:
    box, size = shown(f"{DEGREES}?{spelling}&width=200")
    assert box == (11, 47, 12, 49)
    assert size == Size(200, 400)
    assert (
        asked(f"{DEGREES}?{spelling}&width=64")[0].digest
        == asked(f"{DEGREES}?bbox=11,47,12,49&width=64")[0].digest
    )


def test_intervals_of_another_system() -> None:
    box = "bbox=1200000,5900000,1300000,6000000&bbox-crs=EPSG:3857"
    subset = "subset=N(5900000:6000000),E(1200000:1300000)&subset-crs=EPSG:3857"
    other = subset.replace("N(", "northing(").replace("E(", "X(")
    plans = {
        asked(f"{DEGREES}?{each}&width=99&crs=EPSG:3857&f=png")[0].digest for each in (box, subset, other)
    }
    assert len(plans) == 1
    shown(f"{DEGREES}?{subset}&crs=EPSG:3857&width=99")


def test_what_an_interval_leaves_out_is_that_of_the_layer() -> None:
    assert shown(f"{DEGREES}?subset=Lat(47:49)&width=300")[0] == (10, 47, 16, 49)
    assert shown(f"{DEGREES}?subset=Lon(*:12),Lat(48:*)&width=300")[0] == (10, 48, 12, 50)
    box, _ = shown("/ogc/collections/utm/map?subset=E(503000:*)&subset-crs=EPSG:32633&width=300", "utm")
    assert box == (503000, 4992000, 512000, 5000000)


def test_intervals_across_the_antimeridian() -> None:
    box, size = shown("/ogc/collections/world/map?subset=Lon(170:-170),Lat(-10:10)&width=201", "world")
    assert (box, size) == ((170, -10, 190, 10), (201, 201))


# -- centers and scales ----------------------------------------------------------------------------


def test_a_center_shows_the_pixels_of_the_layer_around_it() -> None:
    assert shown(f"{DEGREES}?center=11,48&width=200&height=100") == ((10, 47.5, 12, 48.5), (200, 100))
    assert shown(f"{DEGREES}?center=48,11&center-crs={EPSG}/4326&width=200&height=100")[0] == (
        10,
        47.5,
        12,
        48.5,
    )
    box, size = shown(f"{DEGREES}?center=11,48&width=200")
    assert (box, size) == ((10, 47, 12, 49), (200, 200))
    box, size = shown(f"{DEGREES}?center=13,48")
    assert size == (1024, 1024)
    assert box == pytest.approx((7.88, 42.88, 18.12, 53.12))
    box, size = shown("/ogc/collections/utm/map?center=15,45.1&width=100&height=50", "utm")
    x, y = pyproj.Transformer.from_crs(4326, 32633, always_xy=True).transform(15, 45.1)
    assert box == pytest.approx((x - 1000, y - 500, x + 1000, y + 500), abs=1e-6)


@pytest.mark.parametrize("denominator", [2_500, 100_000])
@pytest.mark.parametrize("system", [4326, 3857, 32633, 3035])
def test_a_scale_is_that_of_the_ground(system: int, denominator: int) -> None:
    """Lengths of the lines through the center, by PROJ along the ellipsoid."""
    address = f"{DEGREES}?center=12,48&width=300&height=200&crs=EPSG:{system}&scale-denominator={denominator}"
    (left, bottom, right, top), size = shown(address.replace("EPSG:4326", f"{EPSG}/4326"))
    assert size == (300, 200)
    to_degrees = pyproj.Transformer.from_crs(system, 4326, always_xy=True)
    x, y = (left + right) / 2, (bottom + top) / 2
    assert to_degrees.transform(x, y) == pytest.approx((12, 48), abs=1e-8)
    for ends, pixels in ((((left, y), (right, y)), 300), (((x, bottom), (x, top)), 200)):
        (west, south), (east, north) = (to_degrees.transform(*end) for end in ends)
        length = GEOD.inv(west, south, east, north)[2]
        assert length == pytest.approx(pixels * denominator * PIXEL, rel=2e-4)


def test_a_box_and_a_scale_give_the_size() -> None:
    _, size = shown(f"{DEGREES}?bbox=11,47.9,12,48.1&scale-denominator=1000000")
    width = GEOD.inv(11, 48, 12, 48)[2] / 280
    height = GEOD.inv(11.5, 47.9, 11.5, 48.1)[2] / 280
    assert size == pytest.approx((width, height), abs=1)
    same = f"{DEGREES}?bbox=11,47.9,12,48.1&scale-denominator=2000000&mm-per-pixel=0.14"
    assert shown(same)[1] == size


def test_a_scale_alone_shows_the_whole_layer_or_its_middle() -> None:
    box, size = shown("/ogc/collections/utm/map?scale-denominator=142857.142857", "utm")
    assert box == pytest.approx((500000, 4992000, 512000, 5000000), abs=20)
    assert size == pytest.approx((300, 200), abs=1)
    box, size = shown("/ogc/collections/utm/map?scale-denominator=10000&height=50", "utm")
    assert size == (50, 50)
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((506000, 4996000))
    assert shown("/ogc/collections/utm/map?scale-denominator=1000", "utm")[1] == (1024, 1024)


def test_width_and_height_alone_show_all_of_the_layer_without_distortion() -> None:
    assert shown(f"{DEGREES}?width=300&height=300") == ((10, 45, 16, 51), (300, 300))
    assert shown(f"{DEGREES}?width=300&height=200") == ((10, 46, 16, 50), (300, 200))


@pytest.mark.parametrize("query", [
    "subset=Lat(47:49", "subset=Lat", "subset=Lat(47:49),Lat(47:48)", "subset=Lat(47)",
    "subset=Lat(47:49),latitude(47:48)", "subset=E(1:2)", "subset=Lat(1:2)&subset-crs=EPSG:3857", "subset=Lat(49:47)",
    "subset=Lat(a:b)", "subset=h(1:2)", "subset=Lat(47:49)&bbox=11,47,12,49", "subset=Lon(5:5)", "subset=Lat(NaN:*)",
    "center=11,48&bbox=11,47,12,49", "center=11,48&subset=Lat(47:49)", "center=11", "center=a,b", "center=1,2,3",
    "center=11,48&center-crs=nothing", "bbox=11,47,12,49&scale-denominator=1000000&width=5", "scale-denominator=0",
    "bbox=11,47,12,49&scale-denominator=1", "scale-denominator=-5", "scale-denominator=x", "mm-per-pixel=0",
    "mm-per-pixel=x", "center=0,90&scale-denominator=1000", "center=11,95&crs=EPSG:3857",
    "center=11,48&width=99999", "datetime=yesterday", "datetime=2020/2021/2022", "datetime=../..", "datetime=/",
    "datetime=2020-01-01&subset=time(%222020%22)", f"subset={'Lat(1:2),' * 400}",
])  # fmt: skip
def test_what_is_refused(query: str) -> None:
    assert refusal(f"{DEGREES}?{query}")[0] == 400, query


def test_latitudes_beyond_the_poles_are_not_there() -> None:
    assert refusal(f"{DEGREES}?subset=Lat(91:95)")[0] == 404


def test_plain_pictures_have_centers_and_no_scale() -> None:
    image = "http://www.opengis.net/def/crs/OGC/0/imageCRS"
    plan, headers = asked(f"/ogc/collections/plain/map?center=100,-50&center-crs={image}&width=40&height=20")
    assert headers["Content-Bbox"] == "80,-60,120,-40"
    assert plan.view.size == (40, 20)
    plan, headers = asked(f"/ogc/collections/plain/map?subset=x(0:40),y(-20:0)&subset-crs={image}")
    assert headers["Content-Bbox"] == "0,-20,40,0"
    assert refusal("/ogc/collections/plain/map?scale-denominator=1000")[0] == 400


# -- times -----------------------------------------------------------------------------------------

ITEMS = {
    "timeextent": "2014-01-01,2015-01-01/2016-07-01/P1D", "dimensionlist": "elevation,band", "elevation_extent": "0/500/10",
    "band_extent": "a,b",
}  # fmt: skip
TIMED = [
    replace(each, layer=replace(each.layer, metadata=MappingProxyType(ITEMS)))
    if each.layer.identifier == "degrees" else each
    for each in ENTRIES
]  # fmt: skip
DATED = FakeCatalog([each.layer for each in TIMED], entries=TIMED)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("datetime=2014-01-01", 200),
        ("datetime=2014-01-01T00:00:00Z", 200),
        ("datetime=2015-09-01T02:00:00%2B02:00", 200),
        ("datetime=2015-09-01T12:00:00Z", 200),
        ("datetime=2014-02-01/2014-03-01", 404),
        ("datetime=2013-01-01", 404),
        ("datetime=../2013-01-01", 404),
        ("datetime=/2014-06-01", 200),
        ("datetime=2016-01-01/..", 200),
        ("datetime=2017-01-01/..", 404),
        ("subset=time(%222014-01-01%22)", 200),
        ("subset=time(%222013-01-01%22:%222013-02-01%22)", 404),
        ("subset=time(*:%222013-02-01T00:00:00Z%22)", 404),
        ("subset=elevation(100)", 200),
        ("subset=elevation(501)", 404),
        ("subset=elevation(400:600)", 200),
        ("subset=elevation(*:50)", 200),
        ("subset=elevation(501:*)", 404),
        ("subset=band(%22b%22),Lat(47:49)", 200),
        ("subset=band(%22c%22)", 404),
        ("subset=dim_band(b)", 200),
        ("subset=other(1)", 400),
        ("", 200),
    ],
)
def test_times_and_other_dimensions(query: str, status: int) -> None:
    address = f"{DEGREES}?{query}&width=64&f=png"
    if status != 200:
        assert refusal(address, DATED)[0] == status
        return
    _, headers = asked(address, DATED)
    assert headers["OGCAPI-datetime"] == "2014-01-01T00:00:00Z/2016-07-01T00:00:00Z"


def test_layers_without_a_time_have_every_time() -> None:
    plan, headers = asked(f"{DEGREES}?datetime=2013-01-01&width=64")
    assert plan.digest == asked(f"{DEGREES}?width=64")[0].digest
    assert "OGCAPI-datetime" not in headers


@pytest.mark.parametrize(("name", "size", "metres"), [("utm", 20, 20), ("degrees", 0.01, 1113.1949079327358)])
def test_collections_tell_of_the_size_of_their_pixels(name: str, size: float, metres: float) -> None:
    """A degree is as long as at the equator (06-042, 7.2.4.6.9)."""
    found = read(f"/ogc/collections/{name}")
    assert found["minCellSize"] == size
    assert found["minScaleDenominator"] == found["scaleDenominator"] == pytest.approx(metres / PIXEL)
    assert "minCellSize" not in read("/ogc/collections/plain")


def test_collections_tell_of_their_times() -> None:
    assert read("/ogc/collections/degrees", DATED)["extent"]["temporal"] == {
        "interval": [["2014-01-01T00:00:00Z", "2016-07-01T00:00:00Z"]]
    }
    assert "temporal" not in read("/ogc/collections/utm", DATED)["extent"]


# -- several layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["degrees,utm", "utm,degrees", "utm,degrees,maps%2Flaea"])
def test_several_layers_are_those_of_wms(names: str) -> None:
    shown(f"{DATASET}?collections={names}&bbox=12,46,15.5,49&width=200", names)
    shown(f"{DATASET}?collections={names}&bbox=12,46,15.5,49&width=200&crs=EPSG:3857", names)
    plan, _ = asked(f"{DATASET}?collections={names}&width=100")
    assert isinstance(plan.view, Composite)


def test_layers_by_their_addresses() -> None:
    one = asked(f"{DATASET}?collections=degrees,maps%2Flaea&width=64")[0].digest
    two = asked(f"{DATASET}?collections={ROOT}collections/degrees,{ROOT}collections/maps%252Flaea&width=64")[
        0
    ].digest
    assert one == two


def test_without_names_all_layers_on_the_earth_are_shown() -> None:
    plan, headers = asked(f"{DATASET}?width=360&f=png")
    assert isinstance(plan.view, Composite)
    assert headers["Content-Bbox"] == "-180,-90,180,90"
    assert plan.view.size == (360, 180)
    (link,) = [href for href in linked(read("/ogc/"), REL_MAP) if "png" in href]
    assert isinstance(asked(link)[0].view, Composite)


def test_the_landing_page_tells_of_the_whole_dataset() -> None:
    page = read("/ogc/")
    assert page["extent"]["spatial"]["bbox"] == [[-180, -90, 180, 90]]
    for system in page["crs"]:
        assert asked(f"{DATASET}?collections=degrees,utm&crs={system}&width=20")


def test_the_definition_has_the_operations_and_parameters_of_the_standard() -> None:
    """Identifiers of operations by 20-058, clause 23; what a parameter's description promises is answered."""
    definition = read("/ogc/api")
    operations = {path: each["get"] for path, each in definition["paths"].items() if path.endswith("/map")}
    assert {path: each["operationId"] for path, each in operations.items()} == {
        "/map": "dataset.getMap",
        "/collections/{collectionId}/map": "collection.getMap",
        "/collections/{collectionId}/styles/{styleId}/map": "collection.style.getMap",
    }
    stated = [each["$ref"].rpartition("/")[2] for each in operations["/map"]["parameters"]]
    assert {
        "collections",
        "bbox",
        "subset",
        "center",
        "scale-denominator",
        "mm-per-pixel",
        "datetime",
    } <= set(stated)
    assert definition["info"]["x-OGC-limits"]["maps"] == {"maxWidth": 8192, "maxHeight": 8192}
    assert refusal(f"{DEGREES}?width=8193")[0] == refusal(f"{DEGREES}?height=8193")[0] == 400


def test_a_time_leaves_layers_out() -> None:
    plan, _ = asked(
        f"{DATASET}?collections=degrees,utm&datetime=2013-01-01&bbox=14,44,16,46&width=50&f=png", DATED
    )
    assert (
        plan.digest == asked("/ogc/collections/utm/map?bbox=14,44,16,46&crs=CRS:84&width=50&f=png")[0].digest
    )


def test_what_is_refused_of_several_layers() -> None:
    assert refusal(f"{DATASET}?collections=degrees,nothing")[0] == 404
    assert refusal(f"{DATASET}?collections={ROOT}other/degrees")[0] == 404
    assert refusal(f"{DATASET}?collections=degrees,plain")[0] == 400
    assert refusal(f"{DATASET}?collections={'degrees,' * 100}utm")[0] == 400
    assert refusal(DATASET, FakeCatalog([]))[0] == 404
