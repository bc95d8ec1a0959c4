"""Coverages of OGC API: which samples are planned, sizes, fields, systems, documents, and what is refused."""

from __future__ import annotations

from typing import Any

import pyproj
import pytest

from iipserve.geometry import Region, Size
from iipserve.plan import Answer, CoveragePlan, Crop, Warp
from tests.protocols.ogcapi.services import ask, linked, read, refusal
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import ENTRIES

UTM, DEGREES = "/ogc/collections/utm/coverage", "/ogc/collections/degrees/coverage"
"""600 x 400 samples: of 20 m from 500000, 5000000 on; of 0.01 degrees from longitude 10, latitude 50 on."""
EPSG = "http://www.opengis.net/def/crs/EPSG/0"
NATIVE = f"subset-crs={EPSG}/32633"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
GEOTIFF = "image/tiff; application=geotiff"


def plan(address: str, **environ: str) -> CoveragePlan:
    answer = ask(address, **environ)
    assert isinstance(answer, Answer), answer.document.body
    assert isinstance(answer.content, CoveragePlan)
    return answer.content


def headers(address: str, **environ: str) -> dict[str, str]:
    answer = ask(address, **environ)
    assert isinstance(answer, Answer), answer.document.body
    return dict(answer.headers)


def window(address: str) -> tuple[int, int, int, int]:
    view = plan(address).view
    assert isinstance(view, Crop)
    assert view.level == 0
    return tuple(view.region)  # type: ignore[return-value]


# -- samples ---------------------------------------------------------------------------------------


def test_without_parameters_a_coverage_is_the_whole_image() -> None:
    found = plan(UTM)
    assert found.view.size == Size(600, 400)
    assert isinstance(found.view, Crop)
    assert found.view.region == Region(0, 0, 600, 400)
    assert found.encoding.format == "geotiff"
    assert found.grid.crs == "EPSG:32633"


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        # cells whose inside touches the interval
        ("E(500000:500200),N(4999800:5000000)", (0, 0, 10, 10)),
        ("E(500001:500199),N(4999801:4999999)", (0, 0, 10, 10)),
        ("E(500000:500201),N(4999799:5000000)", (0, 0, 11, 11)),
        ("E(499000:500200)", (0, 0, 10, 400)),
        ("N(4992000:4992020)", (0, 399, 600, 1)),
        ("E(*:500020),N(4999980:*)", (0, 0, 1, 1)),
        ("E(500110)", (5, 0, 1, 400)),
        ("E(500110),N(4999990)", (5, 0, 1, 1)),
        ("E(500110:500110)", (5, 0, 1, 400)),
    ],
)
def test_subsets(subset: str, expected: tuple[int, int, int, int]) -> None:
    assert window(f"{UTM}?subset={subset}&{NATIVE}") == expected
    parts = "&".join(f"subset={part}" for part in subset.replace("),", ") ").split())
    assert window(f"{UTM}?{parts}&{NATIVE}") == expected


def test_boxes_are_subsets() -> None:
    assert window(f"{UTM}?bbox=500000,4999800,500200,5000000&bbox-crs={EPSG}/32633") == (0, 0, 10, 10)
    assert window(f"{UTM}?bbox=500000,4999800,0,500200,5000000,9&bbox-crs={EPSG}/32633") == (0, 0, 10, 10)
    assert window(f"{DEGREES}?bbox=11,47,12,49") == (100, 100, 100, 200)
    assert window(f"{DEGREES}?bbox=47,11,49,12&bbox-crs={EPSG}/4326") == (100, 100, 100, 200)
    assert window(f"{DEGREES}?subset=Lat(47:49),Lon(11:12)&subset-crs=[EPSG:4326]") == (100, 100, 100, 200)


def test_subsets_in_degrees_of_a_projected_image() -> None:
    """Whole samples of the image that its box has any part of."""
    x, y, width, height = window(f"{UTM}?bbox=15.03,45.1,15.06,45.12")
    project = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True)
    west, south, east, north = project.transform_bounds(15.03, 45.1, 15.06, 45.12)
    assert x == pytest.approx((west - 500000) / 20, abs=1.01)
    assert x + width == pytest.approx((east - 500000) / 20, abs=1.01)
    assert y == pytest.approx((5000000 - north) / 20, abs=1.01)
    assert y + height == pytest.approx((5000000 - south) / 20, abs=1.01)


def test_longitudes_are_the_same_after_a_turn() -> None:
    assert window(f"{DEGREES}?bbox=371,47,372,49") == window(f"{DEGREES}?bbox=11,47,12,49")
    across = plan("/ogc/collections/world/coverage?bbox=179,0,-179,10")
    assert across.grid.bounds == pytest.approx((179, 0, 181, 10))
    assert across.size == Size(16, 80)
    assert window("/ogc/collections/world/coverage?bbox=-180,0,180,10") == (0, 640, 2880, 80)
    assert window("/ogc/collections/world/coverage?subset=Lon(179.9375)") == (2879, 0, 1, 1440)


# -- systems ---------------------------------------------------------------------------------------


def test_another_system_of_the_result() -> None:
    box = "1200000,5900000,1300000,6000000"
    found = plan(f"{DEGREES}?bbox={box}&bbox-crs={EPSG}/3857&crs={EPSG}/3857&width=300&height=200")
    assert isinstance(found.view, Warp)
    assert found.grid.crs == "EPSG:3857"
    assert found.grid.bounds == pytest.approx((1200000, 5900000, 1300000, 6000000))
    assert found.size == Size(300, 200)
    whole = plan(f"{UTM}?crs=[OGC:CRS84]")
    assert whole.size == Size(600, 400)
    assert whole.grid.crs == "EPSG:4326"


def test_headers_say_where_a_coverage_is() -> None:
    box = "bbox=11,47,12,49"
    assert headers(f"{DEGREES}?{box}&f=geotiff") == {
        "Content-Crs": f"<{EPSG}/4326>",
        "Content-Bbox": "47,11,49,12",
    }
    assert headers(f"{DEGREES}?{box}&crs=CRS:84&f=geotiff") == {"Content-Bbox": "11,47,12,49"}
    assert headers(f"{DEGREES}?{box}")["Vary"] == "Accept"


# -- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("scale-factor=2", (300, 200)),
        ("scale-factor=0.5", (1200, 800)),
        ("scale-factor=1", (600, 400)),
        ("scaleFactor=4", (150, 100)),
        ("scale-factor=1e6", (1, 1)),
        ("scale-axes=E(2),N(4)", (300, 100)),
        ("scale-axes=N(4)", (600, 100)),
        ("scale-size=E(77),N(5)", (77, 5)),
        ("scaleSize=N(5)", (600, 5)),
        ("scale-size=x(77)&scale-size=y(5)", (77, 5)),
        ("width=77", (77, 400)),
        ("width=77&height=5", (77, 5)),
        ("resolution=E(40),N(80)", (300, 100)),
        ("resolution=E(40)", (300, 400)),
        ("resolution=", (600, 400)),
        ("resolution=E(),N()", (600, 400)),
        ("resolution=E(40),N()", (300, 400)),
    ],
)
def test_sizes(query: str, size: tuple[int, int]) -> None:
    assert plan(f"{UTM}?{query}").size == size


def test_a_size_is_of_the_subset() -> None:
    found = plan(f"{UTM}?subset=E(500000:500200)&{NATIVE}&scale-factor=2")
    assert found.size == Size(5, 200)
    assert found.grid.bounds == pytest.approx((500000, 4992000, 500200, 5000000))


@pytest.mark.parametrize("size", ["width=10&height=20", "scale-size=E(10),N(20)"])
def test_a_stated_size_is_of_the_whole_interval(size: str) -> None:
    found = plan(f"{UTM}?subset=E(499900:500100),N(4999700:5000100)&{NATIVE}&{size}")
    assert found.grid.bounds == pytest.approx((499900, 4999700, 500100, 5000100))
    assert isinstance(found.view, Crop)
    assert found.view.region == Region(-5, -5, 10, 20)
    turned = plan(f"{DEGREES}?bbox=371.005,47,372,49&width=100")
    assert turned.grid.bounds == pytest.approx((11.005, 47, 12, 49))
    assert turned.size == Size(100, 200)


# -- fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "bands"),
    [
        ("", (0, 1, 2)),
        ("properties=band3,band1", (2, 0)),
        ("properties=3,band1", (2, 0)),
        ("properties=band2", (1,)),
        ("properties=band2,band2", (1, 1)),
        ("properties=band3,*", (2, 0, 1)),
        ("properties=*,band1", (1, 2, 0)),
        ("properties=*", (0, 1, 2)),
        ("exclude-properties=band2", (0, 2)),
        ("exclude-properties=1,band3", (1,)),
        ("exclude-properties=", (0, 1, 2)),
    ],
)
def test_fields(query: str, bands: tuple[int, ...]) -> None:
    assert plan(f"{UTM}?{query}").bands == bands


# -- formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "accept", "format"),
    [
        ("", "", "geotiff"),
        ("", "*/*", "geotiff"),
        ("", GEOTIFF, "geotiff"),
        ("", "image/tiff;application=geotiff", "geotiff"),
        ("", "image/png,image/tiff;q=0.5", "png"),
        ("f=png", GEOTIFF, "png"),
        ("f=GeoTIFF", "", "geotiff"),
        ("f=image/tiff", "", "geotiff"),
    ],
)
def test_formats(query: str, accept: str, format: str) -> None:
    environ = {"HTTP_ACCEPT": accept} if accept else {}
    assert plan(f"{UTM}?{query}", **environ).encoding.format == format


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [
    "subset=E(500000:500200)", "subset=Lat(a:b)", "subset=Lat(2:1)", "subset=Lat", "subset-crs=nothing&subset=Lat(1:2)",
    "bbox=1,2,3", "bbox=11,49,12,47", "bbox=15,45,15.1,45.1&subset=Lat(45:46)", "bbox-crs=EPSG:1&bbox=1,2,3,4", "crs=nothing",
    "scale-factor=0", "scale-factor=-1", "scale-factor=nan", "scale-factor=inf", "scale-factor=a", "scale-factor=1e-300",
    "scale-size=E(0)", "scale-size=E(1.5)", "scale-size=E(1:2)", "scale-size=Lat(5)", "scale-size=E()", "scale-size=E(5),E(6)",
    "scale-axes=E(0)", "scale-factor=2&scale-size=E(5)", "scale-factor=2&width=7", "width=0", "width=a", "height=-1",
    "resolution=E(0)", "resolution=h(5)", "resolution=time(5)", f"subset=E(500110)&{NATIVE}&resolution=E(40)",
    f"subset=E(500110)&{NATIVE}&width=7", "properties=band9", "properties=0", "properties=4", "properties=,", "properties=*,*",
    "exclude-properties=band9", "exclude-properties=1,2,3", "properties=band1&exclude-properties=band2", "f=bmp", "f=html",
    "crs=http://www.opengis.net/def/crs/OGC/0/imageCRS", "bbox=%FF",
])  # fmt: skip
def test_what_is_malformed(query: str) -> None:
    assert refusal(f"{UTM}?{query}")[0] == 400


@pytest.mark.parametrize("query", [
    "bbox=100,0,101,1", f"subset=E(100:200)&{NATIVE}", "subset=Lat(-10:-5)", f"subset=N(5000000:5000100)&{NATIVE}",
])  # fmt: skip
def test_what_is_outside(query: str) -> None:
    assert refusal(f"{UTM}?{query}")[0] == 404


def test_what_is_too_large() -> None:
    status, detail = refusal(f"{UTM}?scale-size=E(1000000),N(1000000)")
    assert status in (400, 413)
    assert "1000000" in detail


def test_what_does_not_exist() -> None:
    assert refusal("/ogc/collections/none/coverage")[0] == 404
    assert refusal("/ogc/collections/none/schema")[0] == 404
    assert refusal(UTM, HTTP_ACCEPT="text/html")[0] == 406


def test_coverages_can_be_switched_off() -> None:
    off: Any = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    off.metadata = type(off.metadata)("Maps", options={"wcs.enabled": False})
    assert refusal(UTM, off)[0] == 403
    assert refusal("/ogc/collections/utm/schema", off)[0] == 403
    assert not linked(read("/ogc/collections/utm", off), f"{REL}coverage")
    assert not any("coverages" in each for each in read("/ogc/conformance", off)["conformsTo"])
    assert not any(path.endswith("/coverage") for path in read("/ogc/api", off)["paths"])


# -- documents -------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["utm", "maps%2Flaea", "plain", "mars", "rotated", "world"])
def test_layers_link_to_their_coverages(identifier: str) -> None:
    value = read(f"/ogc/collections/{identifier}")
    links = [each for each in value["links"] if each["rel"] == f"{REL}coverage"]
    assert links[0]["type"].replace(" ", "") == GEOTIFF.replace(" ", "")
    assert plan(links[0]["href"]).encoding.format == "geotiff"
    (schema,) = linked(value, f"{REL}schema")
    assert read(schema)["properties"]


def test_extents_describe_the_grid() -> None:
    spatial = read("/ogc/collections/utm")["extent"]["spatial"]
    assert spatial["storageCrsBbox"] == [[500000, 4992000, 512000, 5000000]]
    assert spatial["grid"] == [
        {"cellsCount": 600, "resolution": 20, "firstCoordinate": 500010},
        {"cellsCount": 400, "resolution": 20, "firstCoordinate": 4992010},
    ]
    degrees = read("/ogc/collections/degrees")["extent"]["spatial"]
    assert degrees["storageCrsBbox"][0] == pytest.approx([46, 10, 50, 16])
    assert [axis["cellsCount"] for axis in degrees["grid"]] == [400, 600]


def test_schemas_describe_the_fields() -> None:
    value = read("/ogc/collections/utm/schema")
    assert value["$id"] == "http://a.example/ogc/collections/utm/schema"
    assert list(value["properties"]) == ["band1", "band2", "band3"]
    first = value["properties"]["band1"]
    assert (first["type"], first["minimum"], first["maximum"]) == ("integer", 0, 255)
    assert [each["x-ogc-propertySeq"] for each in value["properties"].values()] == [1, 2, 3]


def test_conformance() -> None:
    classes = read("/ogc/conformance")["conformsTo"]
    for name in ("core", "subsetting-spatial", "scaling-spatial", "field-selection", "crs", "geotiff"):
        assert f"http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf/{name}" in classes


def test_the_definition_has_the_parameters() -> None:
    value = read("/ogc/api")
    stated = value["paths"]["/collections/{collectionId}/coverage"]["get"]["parameters"]
    names = [value["components"]["parameters"][each["$ref"].rpartition("/")[2]]["name"] for each in stated]
    assert {"subset", "subset-crs", "bbox", "crs", "scale-factor", "resolution", "properties", "f"} <= set(
        names
    )
