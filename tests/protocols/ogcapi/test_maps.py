"""Maps of OGC API: the plans of WMS and of tiles, boxes in any system, sizes, and what is refused."""

from __future__ import annotations

from typing import Any

import pyproj
import pytest

from iipserve.geometry import Region, Size
from iipserve.plan import Answer, Crop, RenderPlan, Warp
from tests.protocols.ogcapi.services import ask, linked, plan, read, refusal
from tests.protocols.wms.services import MAP
from tests.protocols.wms.services import ask as ask_wms
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import ENTRIES, kvp

DEGREES = "/ogc/collections/degrees/map"
REL_MAP = "http://www.opengis.net/def/rel/ogc/1.0/map"
EPSG = "http://www.opengis.net/def/crs/EPSG/0"
STRANGE_PATH = "%E5%BD%B1%E5%83%8F%202024%3Aa%2Fb%26c"


def of_wms(**changes: Any) -> RenderPlan:
    answer = ask_wms(kvp(MAP, **changes)).answer
    assert answer is not None
    assert isinstance(answer.content, RenderPlan)
    return answer.content


def target(address: str, *args: Any) -> Any:
    view = plan(address, *args).view
    assert isinstance(view, Warp)
    return view.target


def headers(address: str) -> dict[str, str]:
    answer = ask(address)
    assert isinstance(answer, Answer), answer.document.body
    return dict(answer.headers)


# -- one map, one plan -----------------------------------------------------------------------------


@pytest.mark.parametrize("transparent", ["true", "false"])
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_map_is_that_of_wms(format: str, transparent: str) -> None:
    address = f"{DEGREES}?bbox=11.003,47,12,49&crs=EPSG:4326&width=200&height=400&f={format}&transparent={transparent}"
    theirs = of_wms(bbox="11.003,47,12,49", format=f"image/{format}", transparent=transparent)
    assert plan(address).digest == theirs.digest


def test_a_map_of_another_system_is_that_of_wms() -> None:
    box = "1200000,5900000,1300000,6000000"
    address = f"/ogc/collections/utm/map?bbox={box}&bbox-crs={EPSG}/3857&crs=%5BEPSG:3857%5D&width=300&height=300&f=png"
    theirs = of_wms(layers="utm", crs="EPSG:3857", bbox=box, width="300", height="300", transparent="true")
    assert plan(address).digest == theirs.digest


def test_a_map_of_a_tile_is_the_tile() -> None:
    tile = plan("/ogc/collections/world/map/tiles/WorldCRS84Quad/1/0/1?f=png")
    assert plan("/ogc/collections/world/map?bbox=-90,0,0,90&width=256&height=256&f=png").digest == tile.digest


def test_styles() -> None:
    ramp = plan(f"/ogc/collections/{STRANGE_PATH}/styles/ramp/map?f=png")
    assert ramp.digest == plan(f"/ogc/collections/{STRANGE_PATH}/map?f=png").digest
    assert refusal(f"/ogc/collections/{STRANGE_PATH}/styles/none/map")[0] == 404


def test_without_parameters_a_map_is_the_whole_image() -> None:
    found = plan("/ogc/collections/utm/map")
    assert found.encoding.format == "png"
    assert isinstance(found.view, Crop)
    assert (found.view.level, found.view.region) == (0, Region(0, 0, 600, 400))
    assert plan("/ogc/collections/world/map").view.size == Size(1024, 512)
    assert plan("/ogc/collections/plain/map").view.size == Size(400, 300)


# -- boxes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", ["", "&crs=CRS:84", f"&crs={EPSG}/4326", "&crs=EPSG:3857"])
def test_the_order_of_the_box_is_that_of_its_system(crs: str) -> None:
    """The system of the box has no part in that of the map."""
    spellings = [
        f"bbox=47,11,49,12&bbox-crs={EPSG}/4326",
        "bbox=47,11,49,12&bbox-crs=%5BEPSG:4326%5D",
        "bbox=11,47,12,49&bbox-crs=http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "bbox=11,47,12,49&bbox-crs=%5BOGC:CRS84%5D",
        "bbox=11,47,12,49",
    ]
    answers = [ask(f"{DEGREES}?{each}{crs}&width=200") for each in spellings]
    plans = {answer.content.digest for answer in answers if isinstance(answer, Answer)}  # type: ignore[union-attr]
    assert len(plans) == 1
    assert len({answer.headers for answer in answers if isinstance(answer, Answer)}) == 1


def test_boxes_are_around_theirs_in_another_system() -> None:
    found = target("/ogc/collections/utm/map?bbox=15,45,15.1,45.1&width=500").bounds
    theirs = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True).transform_bounds(
        15, 45, 15.1, 45.1
    )
    assert tuple(found) == pytest.approx(theirs, rel=1e-6)


def test_boxes_across_the_antimeridian() -> None:
    found = target("/ogc/collections/world/map?bbox=170,-10,-170,10&width=201")
    assert tuple(found.bounds) == pytest.approx((170, -10, 190, 10))
    assert found.size == Size(201, 201)


def test_headers_say_where_a_map_is() -> None:
    box = "bbox=11,47,12,49&width=200"
    assert headers(f"{DEGREES}?{box}&crs=CRS:84&f=png") == {"Content-Bbox": "11,47,12,49"}
    assert headers(f"{DEGREES}?{box}&f=png") == {
        "Content-Crs": f"<{EPSG}/4326>",
        "Content-Bbox": "47,11,49,12",
    }
    assert headers(f"{DEGREES}?{box}")["Vary"] == "Accept"


# -- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "size"),
    [
        ("width=200", (200, 400)),
        ("height=200", (100, 200)),
        ("width=200&height=77", (200, 77)),
        ("", (100, 200)),
        ("width=1", (1, 2)),
        ("height=1", (1, 1)),
        ("height=200&width=", (100, 200)),
    ],
)
def test_what_is_not_stated_follows_from_the_box(stated: str, size: tuple[int, int]) -> None:
    assert plan(f"{DEGREES}?bbox=11,47,12,49&{stated}").view.size == size


def test_clear_unless_a_background_is_stated() -> None:
    maps = [
        plan(f"{DEGREES}?f=png&width=64{more}").digest
        for more in ("", "&transparent=true", "&bgcolor=0xFFFFFF", "&transparent=false")
    ]
    assert maps[0] == maps[1] != maps[2] == maps[3]
    assert plan(f"{DEGREES}?datetime=2020-01-01&f=png&width=64").digest == maps[0]


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [
    "bbox=1,2,3", "bbox=11,49,12,47", "bbox=a,b,c,d", "bbox=nan,0,1,1", "bbox=1e999,0,1,1", "bbox=11,47,11,49",
    "bbox=1,2,3,4&bbox-crs=EPSG:1", "crs=nothing", "width=0", "width=-1", "width=a", "width=9999", "height=1e3",
    "bgcolor=red1", "transparent=perhaps", "f=bmp", "f=json", "bbox=0,0,1e-200,1e-200&width=9",
    "bbox=10,45,10.000001,46&width=5000", "bbox=0,0,180,1e-9&height=9", "bbox=%FF",
    "bbox=1,2,3,4&bbox-crs=http://www.opengis.net/def/crs/OGC/0/imageCRS", "bbox=1e300,1e300,2e300,2e300&crs=EPSG:3857",
])  # fmt: skip
def test_what_is_malformed(query: str) -> None:
    assert refusal(f"{DEGREES}?{query}")[0] == 400


def test_what_does_not_exist() -> None:
    assert refusal("/ogc/collections/none/map") == (404, "there is no layer 'none'")
    off = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    off.metadata = type(off.metadata)("Maps", options={"wms.enabled": False})  # type: ignore[arg-type]
    assert refusal(DEGREES, off)[0] == 403
    assert not linked(read("/ogc/collections/degrees", off), REL_MAP)
    assert not any("ogcapi-maps" in each for each in read("/ogc/conformance", off)["conformsTo"])


# -- documents -------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["utm", "maps%2Flaea", STRANGE_PATH, "plain", "mars"])
def test_layers_link_to_their_maps(identifier: str) -> None:
    value = read(f"/ogc/collections/{identifier}")
    found = linked(value, REL_MAP)
    assert [plan(href).encoding.format for href in found] == ["png", "jpeg", "webp", "tiff"]
    for style in value.get("styles", ()):
        assert all(plan(href) for href in linked(style, REL_MAP))
    for system in value["crs"]:
        assert plan(f"/ogc/collections/{identifier}/map?crs={system}&width=20").view.size.width == 20
    assert value["storageCrs"] in value["crs"]


def test_conformance() -> None:
    classes = read("/ogc/conformance")["conformsTo"]
    for name in ("core", "collection-map", "crs", "png", "jpeg"):
        assert f"http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/{name}" in classes
