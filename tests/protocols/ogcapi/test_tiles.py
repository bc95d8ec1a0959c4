"""Tiles of OGC API and by zoom: where they are, in which form, one plan for one square, and what is refused."""

from __future__ import annotations

from typing import Any

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.geo.linked_sets import sets_of
from iipserve.geometry import Region, Size
from iipserve.plan import Answer, Crop, Warp
from iipserve.protocols import ErrorAnswer
from tests.protocols.ogcapi.services import ask, plan, refusal
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import CATALOG, ENTRIES, kvp

OGC = "/ogc/collections/mercator/map/tiles/WebMercatorQuad"
KVP = {
    "SERVICE": "WMTS", "VERSION": "1.0.0", "REQUEST": "GetTile", "LAYER": "mercator", "STYLE": "", "FORMAT": "image/png",
    "TILEMATRIXSET": "WebMercatorQuad", "TILEMATRIX": "10", "TILEROW": "356", "TILECOL": "551",
}  # fmt: skip
SPELLINGS = [
    f"{OGC}/10/356/551?f=png",
    f"{OGC}/10/356/551.png",
    f"{OGC}/010/356/551?f=PNG",
    f"{OGC}/WebMercatorQuad:10/356/551?f=image%2Fpng",
    f"{OGC}/10/356/551/",
    "/ogc/collections/mercator/styles/default/map/tiles/GoogleMapsCompatible/10/356/551?f=png",
    "/ogc/collections/mercator.tif/map/tiles/EPSG:900913/10/356/551?f=png",
    "/xyz/mercator/10/551/356.png",
    "/xyz/mercator/10/551/356",
    "/xyz/mercator/10/551/356.PNG?style=default",
    "/wmts/mercator/default/WebMercatorQuad/10/356/551.png",
    f"/wmts?{kvp(KVP)}",
    f"/wmts?{kvp(KVP, tilematrixset='mercator:native', tilematrix='2', tilerow='1', tilecol='1')}",
    "/ogc/collections/mercator/map/tiles/native/2/1/1?f=png",
]


def test_one_square_is_one_plan() -> None:
    digests = {plan(address).digest for address in SPELLINGS}
    assert len(digests) == 1
    view = plan(SPELLINGS[0]).view
    assert isinstance(view, Crop), "stored tiles are sent as they are"
    assert (view.region, view.size) == (Region(256, 256, 256, 256), Size(256, 256))


@pytest.mark.parametrize(
    "entry",
    [each for each in ENTRIES if each.layer.identifier in ("utm", "world", "polar", "rotated")],
    ids=lambda each: each.layer.identifier,
)
def test_warped_squares_are_one_plan(entry: Any) -> None:
    name = entry.layer.identifier
    found = [
        plan(f"/ogc/collections/{name}/map/tiles/WebMercatorQuad/0/0/0?f=webp"),
        plan(f"/xyz/{name}/0/0/0.webp"),
        plan(f"/wmts/{name}/WebMercatorQuad/0/0/0.webp"),
    ]
    assert len({each.digest for each in found}) == 1
    assert isinstance(found[0].view, Warp)
    assert found[0].encoding.format == "webp"


@pytest.mark.parametrize(("z", "x", "y"), [(10, 550, 355), (10, 552, 356), (9, 275, 178), (0, 0, 0)])
def test_tiles_are_where_other_implementations_put_them(z: int, x: int, y: int) -> None:
    theirs = morecantile.tms.get("WebMercatorQuad").xy_bounds(morecantile.Tile(x, y, z))
    view = plan(f"/xyz/world/{min(z, 3)}/{x >> max(0, z - 3)}/{y >> max(0, z - 3)}.png").view
    assert isinstance(view, Warp)
    view = plan(f"/xyz/utm/{z}/{x}/{y}.png", EMPTY).view
    assert isinstance(view, Warp)
    assert view.target.bounds == pytest.approx(tuple(theirs), abs=1e-6)
    assert view.target.size == (256, 256)


def test_dense_tiles_have_twice_the_pixels_of_the_same_ground() -> None:
    usual, dense = (plan(f"/xyz/utm/10/554/367{suffix}.png").view for suffix in ("", "@2x"))
    assert isinstance(usual, Warp)
    assert isinstance(dense, Warp)
    assert dense.target.size == (512, 512)
    assert dense.target.bounds == pytest.approx(usual.target.bounds)
    assert dense.target.affine.a == usual.target.affine.a / 2
    quarter = plan("/xyz/utm/11/1109/735.png").view
    assert isinstance(quarter, Warp)
    assert quarter.target.affine.a == dense.target.affine.a
    aligned = plan("/xyz/mercator/9/275/178@2x.png", EMPTY).view
    assert aligned.size == (512, 512)


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", "png"),
        ("*/*", "png"),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "webp"),
        ("image/jpeg", "jpeg"),
        ("image/png;q=0.5, image/jpeg;q=0.9", "jpeg"),
    ],
)
def test_the_format_that_a_client_prefers(accept: str, format: str) -> None:
    answer = ask(f"{OGC}/10/356/551", HTTP_ACCEPT=accept)
    assert isinstance(answer, Answer)
    assert answer.headers == (("Vary", "Accept"),)
    assert plan(f"{OGC}/10/356/551", HTTP_ACCEPT=accept).encoding.format == format
    answer = ask(f"{OGC}/10/356/551?f=jpeg", HTTP_ACCEPT=accept)
    assert isinstance(answer, Answer)
    assert answer.headers == ()
    assert plan(f"{OGC}/10/356/551?f=jpg", HTTP_ACCEPT=accept).encoding.format == "jpeg"


# -- limits ----------------------------------------------------------------------------------------

EMPTY = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES, tile_outside="empty")


@pytest.mark.parametrize(("row", "column"), [(355, 550), (356, 552)])
def test_tiles_inside_the_limits(row: int, column: int) -> None:
    assert plan(f"{OGC}/10/{row}/{column}").view.size == (256, 256)


@pytest.mark.parametrize(
    ("row", "column"), [(354, 550), (357, 550), (355, 549), (355, 553), (0, 0), (1023, 1023)]
)
def test_tiles_outside_the_limits(row: int, column: int) -> None:
    status, detail = refusal(f"{OGC}/10/{row}/{column}")
    assert status == 404
    assert "columns 550 to 552 and rows 355 to 356 of matrix '10'" in detail
    assert _status(f"/xyz/mercator/10/{column}/{row}.png") == 404
    assert plan(f"{OGC}/10/{row}/{column}", EMPTY).view.size == (256, 256)


@pytest.mark.parametrize(("address", "detail"), [
    (f"{OGC}/11/711/1101", "the layer has tiles up to matrix '10'; '11' is finer"),
    (f"{OGC}/10/1024/550", "has columns 0 to 1023 and rows 0 to 1023"),
    (f"{OGC}/10/-1/550", "has columns 0 to 1023 and rows 0 to 1023"),
    (f"{OGC}/25/0/0", "WebMercatorQuad has no tile matrix '25'"),
    (f"{OGC}/-1/0/0", "WebMercatorQuad has no tile matrix '-1'"),
    ("/ogc/collections/mercator/map/tiles/none/0/0/0", "has no tile matrix set 'none'; it has WebMercatorQuad"),
    ("/ogc/collections/plain/map/tiles/WebMercatorQuad/0/0/0", "it has plain:native"),
    ("/ogc/collections/mercator/styles/none/map/tiles/WebMercatorQuad/0/0/0", "has no style 'none'"),
    ("/ogc/collections/none/map/tiles/WebMercatorQuad/0/0/0", "there is no layer 'none'"),
])  # fmt: skip
def test_what_does_not_exist(address: str, detail: str) -> None:
    found = refusal(address)
    assert found[0] == 404
    assert detail in found[1]


@pytest.mark.parametrize("address", [
    f"{OGC}/10/a/550", f"{OGC}/10/355/b", f"{OGC}/10/355/1e3", f"{OGC}/10/355/9999999999", f"{OGC}/10/355/550?f=bmp",
    f"{OGC}/10/355/550?f=html", f"{OGC}/10/355/550.exe", f"{OGC}/10/%FF/550", f"{OGC}/10/355/%C2%B2",
])  # fmt: skip
def test_what_is_malformed(address: str) -> None:
    assert refusal(address)[0] == 400


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/xyz/mercator/10/551/356@3x.png", 400),
        ("/xyz/mercator/10/551/356@2x@2x.png", 400),
        ("/xyz/mercator/10/551/a.png", 400),
        ("/xyz/mercator/10/551", 400),
        ("/xyz/mercator", 400),
        ("/xyz/mercator/10/551/356.bmp", 400),
        ("/xyz/mercator/tiles.json?f=bmp", 400),
        ("/xyz/mercator/9999999999/551/356.png", 400),
        ("/xyz/%FF/10/551/356.png", 400),
        ("/xyz/mercator/10/551/356.png?style=none", 404),
        ("/xyz/mercator/tiles.json?style=none", 404),
        ("/xyz/none/10/551/356.png", 404),
        ("/xyz/none/tiles.json", 404),
        ("/xyz/plain/0/0/0.png", 404),
        ("/xyz/plain/tiles.json", 404),
        ("/xyz/mars/tiles.json", 404),
        ("/xyz/mercator/99/551/356.png", 404),
        ("/xyz/mercator/10/0/356.png", 404),
    ],
)
def test_refusals_of_tiles_by_zoom(address: str, status: int) -> None:
    assert _status(address) == status


def _status(address: str) -> int:
    answer = ask(address)
    assert isinstance(answer, ErrorAnswer)
    assert answer.document.media_type == "text/plain; charset=utf-8"
    return answer.status


@pytest.mark.parametrize("spelling", ["maps/laea", "maps%2Flaea", "maps%2flaea.tif"])
def test_layers_in_folders(spelling: str) -> None:
    assert plan(f"/xyz/{spelling}/0/0/0.png").images[0].identifier == "maps/laea.tif"


@pytest.mark.parametrize("name", ["utm", "degrees", "mercator", "polar", "dateline", "rotated", "world"])
def test_tiles_inside_limits_are_answered_and_no_others(name: str) -> None:
    """Every tile of the coarse matrices of every set."""
    (entry,) = (each for each in ENTRIES if each.layer.identifier == name)
    for linked in sets_of(entry, CATALOG.metadata):
        for limits in linked.limits[:4]:
            matrix = limits.matrix
            address = f"/ogc/collections/{name}/map/tiles/{linked.set.identifier}/{matrix.identifier}"
            for column in range(min(16, matrix.columns)):
                for row in range(min(8, matrix.rows)):
                    answer = ask(f"{address}/{row}/{column}")
                    assert isinstance(answer, Answer) == limits.has_tile(column, row)


PARTS = st.sampled_from([
    "ogc", "xyz", "collections", "utm", "maps", "laea", "mercator", "map", "tiles", "styles", "default", "WebMercatorQuad",
    "native", "maps%2Flaea", "tileMatrixSets", "0", "1", "355", "-1", "9999999999", "1e9", "nan", "%00", "%FF", "%", "..", "", "*",
    "@2x", "0@2x.png", "0.png", ".png", "tiles.json", "\xe4", "%E2%80%A8",
])  # fmt: skip
QUERIES = st.sampled_from(
    ["", "?f=png", "?f=tilejson", "?f=", "?f=%00", "?style=x", "?limit=0", "?limit=%FF", "?&&=&f"]
)


@given(root=st.sampled_from(["/ogc/", "/xyz/"]), parts=st.lists(PARTS, max_size=9), query=QUERIES)
def test_any_address_is_answered_or_refused(root: str, parts: list[str], query: str) -> None:
    path = root + "/".join(parts)
    answer = None if path == "/xyz/" else ask(path + query)  # which is no address of the protocol
    if isinstance(answer, ErrorAnswer):
        assert answer.status in (400, 404)
