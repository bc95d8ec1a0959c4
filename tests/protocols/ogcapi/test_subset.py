"""The parameter `subset` of OGC API: its grammar, axes of systems, open ends, and what is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("pyproj")

from iipserve.errors import IIPServeError
from iipserve.geo.grid import Bounds
from iipserve.geo.ows import kvp
from iipserve.protocols.ogcapi.subset import Interval, Subset, Times, read_subset

UTM = "subset-crs=http://www.opengis.net/def/crs/EPSG/0/32633"
PIXELS = "subset-crs=http://www.opengis.net/def/crs/OGC/0/imageCRS"


def read(query: str) -> Subset:
    return read_subset(kvp.parse(query))


@pytest.mark.parametrize(
    ("query", "x", "y"),
    [
        ("subset=Lat(40:50),Lon(10:20)", (10, 20), (40, 50)),
        ("subset=Lat(40:50)&subset=Lon(10:20)", (10, 20), (40, 50)),
        ("subset=lon( 1e1 : +20.0 ) , lat(-5:.5),", (10, 20), (-5, 0.5)),
        ("subset=Latitude(40:50),LONG(10:20)", (10, 20), (40, 50)),
        ("subset=y(40:50),X(10:20)", (10, 20), (40, 50)),
        ("subset=Lat(*:50),Lon(10:*)", (10, None), (None, 50)),
        ("subset=Lat(:50),Lon(10:)", (10, None), (None, 50)),
        ('subset=Lon("10":"20")', (10, 20), None),
        ("subset=Lat(45)", None, (45, 45)),
        ("subset=Lon(170:-170)", (170, -170), None),
        (f"subset=E(500000:501000),N(4999000:5000000)&{UTM}", (500000, 501000), (4999000, 5000000)),
        (f"subset=Easting(1:2),northing(3:4)&{UTM}", (1, 2), (3, 4)),
        # the order of the axes of the system is not that of anything
        ("subset=Lon(10:20),Lat(40:50)&subset-crs=[EPSG:4326]", (10, 20), (40, 50)),
        # rows of CRS:1 go down, y of pixels up
        ("subset=x(0:10),y(5:20)&subset-crs=CRS:1", (0, 10), (-20, -5)),
        (f"subset=i(0:10),j(-20:-5)&{PIXELS}", (0, 10), (-20, -5)),
        ("", None, None),
        ("subset=&subset-crs=nothing", None, None),
    ],
)
def test_intervals(query: str, x: tuple[float, float] | None, y: tuple[float, float] | None) -> None:
    found = read(query)
    assert (found.x and found.x[:2], found.y and found.y[:2]) == (x, y)
    assert found.is_spatial is bool(x or y)


def test_times() -> None:
    assert read('subset=time("2018-02-12T23:20:52Z")').time == Times(
        *["2018-02-12T23:20:52Z"] * 2, is_point=True
    )
    assert read('subset=Lat(1:2),time("2018-01-01":*)').time == Times("2018-01-01", "")
    assert read("subset=time(2018)").time == Times("2018", "2018", is_point=True)
    assert not read("subset=time(2018)").is_spatial


def test_open_ends_are_those_of_the_layer() -> None:
    found = read("subset=Lat(*:50),Lon(10:*)")
    assert found.bounds(Bounds(1, 2, 30, 60)) == Bounds(10, 2, 30, 50)
    assert read("subset=Lat(45)").y == Interval(45, 45, is_point=True)
    assert read("subset=Lat(45)").bounds(Bounds(1, 2, 30, 60)) == Bounds(1, 45, 30, 45)


@pytest.mark.parametrize(
    "query",
    [
        "subset=Lat",
        "subset=Lat(",
        "subset=Lat)",
        "subset=Lat()",
        "subset=Lat(*)",
        "subset=(1:2)",
        "subset=Lat(1,2)",
        "subset=Lat(1:2:3)",
        "subset=Lat(1:2)Lon(1:2)",
        "subset=,",
        "subset=Lat(a:b)",
        "subset=Lat(nan:1)",
        "subset=Lat(1:1e999)",
        "subset=Lat(2:1)",
        "subset=Lon(500:1)",
        "subset=Lat(1:2),Lat(1:2)",
        "subset=Lat(1:2),y(1:2)",
        "subset=Lat(1:2)&subset=latitude(1:2)",
        "subset=height(1:2)",
        # metres are not taken for degrees
        "subset=E(500000:501000)",
        f"subset=Lat(1:2)&{UTM}",
        f"subset=E(2:1)&{UTM}",
        "subset=Lat(1:2)&subset-crs=nothing",
        "subset=time(2018-02-12T23:20:52Z)",
        "subset=" + "Lat(1:2)," * 500,
        "subset=Lat(" + " " * 5000,
        "subset=%C3%A9(1:2)",
    ],
)
def test_what_is_malformed(query: str) -> None:
    with pytest.raises(IIPServeError) as caught:
        read(query)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 500
