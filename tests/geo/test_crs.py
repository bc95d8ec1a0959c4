"""Names, axis order and units of coordinate reference systems, compared with the standards' examples and with PROJ."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from iipserve.geo import crs, proj
from iipserve.geo.crs import AxisRule, CrsName, Form, NoTransformation, UnknownCrs
from iipserve.geo.grid import Bounds

pyproj = pytest.importorskip("pyproj")

MERCATOR = "EPSG:3857"

SPELLINGS = [
    ("EPSG:32633", "EPSG:32633", Form.SHORT),
    ("epsg:32633", "EPSG:32633", Form.SHORT),
    ("EPSG:032633", "EPSG:32633", Form.SHORT),
    ("[EPSG:32633]", "EPSG:32633", Form.SHORT),
    ("urn:ogc:def:crs:EPSG::32633", "EPSG:32633", Form.URN),
    ("URN:OGC:DEF:CRS:EPSG::32633", "EPSG:32633", Form.URN),
    ("urn:ogc:def:crs:EPSG:6.18.3:32633", "EPSG:32633", Form.URN),
    ("urn:ogc:def:crs:EPSG:32633", "EPSG:32633", Form.URN),
    ("urn:x-ogc:def:crs:EPSG:32633", "EPSG:32633", Form.URN),
    ("http://www.opengis.net/def/crs/EPSG/0/32633", "EPSG:32633", Form.URI),
    ("https://www.opengis.net/def/crs/EPSG/9.9.1/32633", "EPSG:32633", Form.URI),
    ("http://www.opengis.net/gml/srs/epsg.xml#32633", "EPSG:32633", Form.SHORT),
    ("ESRI:54009", "ESRI:54009", Form.SHORT),
    ("urn:ogc:def:crs:ESRI::54009", "ESRI:54009", Form.URN),
    ("CRS:84", "EPSG:4326", Form.X_FIRST),
    ("OGC:CRS84", "EPSG:4326", Form.X_FIRST),
    ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", Form.X_FIRST),
    ("urn:ogc:def:crs:OGC::CRS84", "EPSG:4326", Form.X_FIRST),
    ("urn:ogc:def:crs:CRS::84", "EPSG:4326", Form.X_FIRST),
    ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "EPSG:4326", Form.X_FIRST),
    ("https://www.opengis.net/def/crs/OGC/0/CRS84", "EPSG:4326", Form.X_FIRST),
    ("CRS:83", "EPSG:4269", Form.X_FIRST),
    ("CRS:27", "EPSG:4267", Form.X_FIRST),
    ("CRS:1", "image", Form.ROWS_DOWN),
    ("imageCRS", "image", Form.URN),
    ("urn:ogc:def:crs:OGC::imageCRS", "image", Form.URN),
    ("EPSG:900913", MERCATOR, Form.SHORT),
    ("EPSG:3785", MERCATOR, Form.SHORT),
    ("EPSG:102100", MERCATOR, Form.SHORT),
    ("EPSG:102113", MERCATOR, Form.SHORT),
    ("ESRI:102100", MERCATOR, Form.SHORT),
    ("urn:ogc:def:crs:EPSG::900913", MERCATOR, Form.URN),
    # heights are left out
    ("EPSG:4979", "EPSG:4326", Form.SHORT),
    ("EPSG:9518", "EPSG:4326", Form.SHORT),
    ("EPSG:5555", "EPSG:25832", Form.SHORT),
]


@pytest.mark.parametrize(("text", "key", "form"), SPELLINGS)
def test_every_spelling_is_understood(text: str, key: str, form: Form) -> None:
    assert crs.parse(text) == CrsName(key, form)


UNKNOWN = [
    "", " ", "4326", "EPSG", "EPSG:", ":4326", "EPSG:-1", "EPSG:0", "EPSG:99999", "EPSG:12345678", "EPSG:4326x", "EPSG:AB",
    "EPSG:\u0664\u0663\u0662\u0666", "EPSG:4326\n", "EPSG:4326\0", "EPSG:5773", "EPSG:4978", "EPSG:1024", "EPSG:9001",
    "CRS:85", "OGC:CRS", "AUTO2:42001,1,0,0", "EPSG:4326+5773", "ESRI:1", "IAU_2015:49900",
    "+proj=merc", "+init=epsg:4326", "+proj=pipeline +step +proj=hgridshift +grids=/etc/passwd", "/etc/passwd",
    'GEOGCS["WGS 84"]', "WGS 84", "WGS84", "urn:ogc:def:coordinateOperation:EPSG::1671", "urn:ogc:def:crs,crs:EPSG::4326",
    "http://example.com/def/crs/EPSG/0/4326", "file:///etc/passwd", "{}", "[EPSG:4326" * 1000, "nan", "EPSG:1e3",
]  # fmt: skip


@pytest.mark.parametrize("text", UNKNOWN)
def test_anything_else_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(UnknownCrs) as refusal:
        crs.parse(text)
    assert repr(text)[:40].rstrip("'") in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("text", UNKNOWN)
def test_proj_sees_nothing_of_a_client_but_codes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Recorded(pyproj.crs.crs._CRS):
        def __init__(self, text: str) -> None:
            seen.append(text)
            super().__init__(text)

    monkeypatch.setattr(pyproj.crs.crs, "_CRS", Recorded)
    monkeypatch.setattr(proj, "_of_thread", proj._OfThread())
    with pytest.raises(UnknownCrs):
        crs.parse(text)
    assert bool(seen) == bool(re.fullmatch("(EPSG|ESRI):[0-9]{1,7}", text))
    assert all(re.fullmatch("(EPSG|ESRI):[0-9]+", each) for each in seen)


# WMS 1.3.0 6.7.3.2, WMTS 6.1, WCS 1.1 7.2, OGC API Common 8.5
ORDERS = [
    ("EPSG:4326", AxisRule.WMS_1_1, False), ("EPSG:4326", AxisRule.WMS_1_3, True), ("EPSG:4326", AxisRule.WCS_1_0, False),
    ("EPSG:4326", AxisRule.WCS_1_1, False), ("urn:ogc:def:crs:EPSG::4326", AxisRule.WCS_1_1, True),
    ("urn:ogc:def:crs:EPSG::4326", AxisRule.WMTS_1_0, True), ("urn:ogc:def:crs:EPSG::4490", AxisRule.WMTS_1_0, True),
    ("urn:ogc:def:crs:EPSG::3857", AxisRule.WMTS_1_0, False), ("urn:ogc:def:crs:OGC:1.3:CRS84", AxisRule.WMTS_1_0, False),
    ("http://www.opengis.net/def/crs/EPSG/0/4326", AxisRule.OGC_API, True),
    ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", AxisRule.OGC_API, False),
    ("http://www.opengis.net/def/crs/EPSG/0/4326", AxisRule.WCS_2_0, True),
    ("CRS:84", AxisRule.WMS_1_3, False), ("EPSG:3857", AxisRule.WMS_1_3, False), ("EPSG:3035", AxisRule.WMS_1_3, True),
    ("EPSG:3035", AxisRule.WMS_1_1, False), ("EPSG:32633", AxisRule.WMS_1_3, False), ("CRS:1", AxisRule.WMS_1_3, False),
    ("urn:ogc:def:crs:OGC::imageCRS", AxisRule.WMTS_1_0, False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rule", "y_first"), ORDERS)
def test_axis_order_goes_by_spelling_and_service(text: str, rule: AxisRule, y_first: bool) -> None:
    assert crs.axis_order(crs.parse(text), rule) is y_first


def test_swapping_is_what_proj_does_itself() -> None:
    """For a sample of all systems: PROJ's coordinates with x first are those of the authority, exchanged or not."""
    infos = pyproj.database.query_crs_info("EPSG", pyproj.enums.PJType.PROJECTED_CRS)
    codes = sorted(int(info.code) for info in infos if info.area_of_use)[::45]
    assert len(codes) > 100
    swapped = set()
    for code in [
        *codes,
        3035,
        2180,
        2393,
        31467,
        3857,
        3978,
        3395,
        3031,
        3413,
        5936,
        32661,
        5041,
        5513,
        2048,
    ]:
        system = pyproj.CRS.from_epsg(code)
        if len(system.axis_info) != 2:
            continue
        base, area = system.geodetic_crs, system.area_of_use
        degree = math.pi / 180 / base.axis_info[0].unit_conversion_factor
        east = area.east if area.east > area.west else area.east + 360
        lon, lat = (area.west * 0.6 + east * 0.4) * degree, (area.south * 0.3 + area.north * 0.7) * degree
        place = (lat, lon) if base.axis_info[0].direction == "north" else (lon, lat)
        as_defined = pyproj.Transformer.from_crs(base, system).transform(*place)
        x_first = pyproj.Transformer.from_crs(base, system, always_xy=True).transform(lon, lat)
        assert (as_defined[::-1] if crs.swaps_axes(f"EPSG:{code}") else as_defined) == x_first, code
        swapped.add(crs.swaps_axes(f"EPSG:{code}"))
    assert swapped == {True, False}


@pytest.mark.parametrize("code", [4326, 4490, 4258, 3035, 2180, 2393, 31467, 32661])
def test_north_comes_first_in(code: int) -> None:
    assert crs.swaps_axes(f"EPSG:{code}")


@pytest.mark.parametrize("code", [3857, 32633, 3978, 3395, 3031, 3413, 5936, 2154, 5041])
def test_east_comes_first_in(code: int) -> None:
    assert not crs.swaps_axes(f"EPSG:{code}")


# -- what is known of a system ---------------------------------------------------------------------


def test_scale_denominators_of_feet_are_exact() -> None:
    """One foot on the ground in a pixel of 0.28 mm (OGC 17-083r4, 6.1.1.1)."""
    assert crs.metres_per_unit("EPSG:2263") / 0.00028 == pytest.approx(1088.57360571864, rel=1e-14)
    assert crs.metres_per_unit("EPSG:2222") / 0.00028 == pytest.approx(1088.57142857143, rel=1e-14)


def test_a_degree_is_measured_along_the_equator() -> None:
    assert crs.metres_per_unit("EPSG:4326") == pytest.approx(111319.49079327358, rel=1e-15)
    assert 0.703125 * crs.metres_per_unit("EPSG:4326") / 0.00028 == 279541132.0143589


def test_geographic_systems_have_angles() -> None:
    assert [crs.is_geographic(key) for key in ("EPSG:4326", "EPSG:4807", MERCATOR, "EPSG:32633", "image")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "turn"),
    [
        ("EPSG:4326", 360.0), ("EPSG:4807", 400.0), (MERCATOR, 2 * math.pi * 6378137), ("EPSG:3395", 2 * math.pi * 6378137),
        ("EPSG:4087", 2 * math.pi * 6378137), ("EPSG:3832", 2 * math.pi * 6378137), ("EPSG:32633", None), ("EPSG:3031", None),
        ("EPSG:3035", None), ("ESRI:54009", None), ("image", None),
    ],
)  # fmt: skip
def test_turn_is_once_around_the_globe(key: str, turn: float | None) -> None:
    assert crs.turn(key) == (turn if turn is None else pytest.approx(turn, rel=1e-12))


def test_x_grows_evenly_where_it_goes_around_the_globe() -> None:
    infos = pyproj.database.query_crs_info(None, pyproj.enums.PJType.PROJECTED_CRS)
    likely = [info for info in infos if info.auth_name in ("EPSG", "ESRI")]
    sample = [
        f"{info.auth_name}:{info.code}"
        for info in [*likely[::60], *(one for one in likely if "World" in one.name)]
    ]
    sample += [
        "EPSG:3375",
        "EPSG:29873",
        "EPSG:2048",
        "EPSG:3395",
        "EPSG:3832",
        "EPSG:6933",
        "EPSG:4087",
        "ESRI:54003",
    ]
    even = set()
    for key in sample:
        turn = crs.turn(key)
        if turn is None:
            continue
        base = pyproj.CRS.from_user_input(key).geodetic_crs
        area = crs.area_of_use(key)
        assert area is not None
        west = area.min_x + 1
        xs, _ = pyproj.Transformer.from_crs(base, key, always_xy=True).transform(
            [west, west + 10, west, west + 3], [-20, -20, 50, 50]
        )
        steps = (xs[1] - xs[0]) / 10, (xs[3] - xs[2]) / 3
        assert [step % turn for step in steps] == pytest.approx([turn / 360] * 2, rel=1e-6), key
        even.add(key)
    assert {"EPSG:3395", "EPSG:3832", "EPSG:6933", "EPSG:4087", "ESRI:54003"} <= even
    assert not even & {"EPSG:3375", "EPSG:29873", "EPSG:2048"}


def test_area_of_use_is_in_degrees_and_may_cross_the_antimeridian() -> None:
    assert crs.area_of_use("EPSG:32633") == Bounds(12, 0, 18, 84)
    fiji = crs.area_of_use("EPSG:3832")
    assert fiji is not None
    assert fiji.min_x > fiji.max_x


def test_names_for_documents() -> None:
    assert crs.urn("EPSG:4326") == "urn:ogc:def:crs:EPSG::4326"
    assert crs.uri("EPSG:4326") == "http://www.opengis.net/def/crs/EPSG/0/4326"
    assert crs.urn("image") == "urn:ogc:def:crs:OGC::imageCRS"
    assert crs.label("EPSG:32633") == "WGS 84 / UTM zone 33N"
    for key in ("EPSG:4326", "ESRI:54009", "image"):
        assert crs.has_code(key)
        assert crs.parse(crs.urn(key) or "").key == key


# -- from files ------------------------------------------------------------------------------------


def _wkt(text: str, version: str = "WKT2_2019") -> str:
    wkt = pyproj.CRS.from_user_input(text).to_wkt(version)
    assert isinstance(wkt, str)
    return wkt


@pytest.mark.parametrize(
    ("system", "key"),
    [
        ("EPSG:4326", "EPSG:4326"), ("EPSG:32633", "EPSG:32633"), ("EPSG:4490", "EPSG:4490"), ("EPSG:3785", MERCATOR),
        ("ESRI:54009", "ESRI:54009"), ("ESRI:102100", MERCATOR), ("EPSG:32633+5773", "EPSG:32633"),
        ("EPSG:4326+5773", "EPSG:4326"), ("EPSG:4979", "EPSG:4326"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["WKT2_2019", "WKT2_2015"])
def test_a_file_s_system_has_the_code_of_its_horizontal_part(system: str, key: str, version: str) -> None:
    assert crs.key_of_wkt(_wkt(system, version)) == key


def test_a_system_without_a_code_gets_none() -> None:
    sinusoidal = crs.key_of_wkt(_wkt("+proj=sinu +lon_0=-70 +datum=WGS84 +type=crs"))
    assert sinusoidal is not None
    assert sinusoidal.startswith("PROJCRS[")
    assert not crs.has_code(sinusoidal)
    assert crs.urn(sinusoidal) is None
    assert crs.uri(sinusoidal) is None
    assert crs.key_of_wkt(sinusoidal) == sinusoidal
    assert crs.is_earth(sinusoidal)
    expected = pyproj.Transformer.from_crs(
        4326, "+proj=sinu +lon_0=-70 +datum=WGS84", always_xy=True
    ).transform(-60, 20)
    xs, ys = crs.transformer("EPSG:4326", sinusoidal)(np.array([-60.0]), np.array([20.0]))
    assert (xs[0], ys[0]) == pytest.approx(expected)


def test_a_datum_shift_is_kept_where_there_is_no_code() -> None:
    text = "+proj=tmerc +lon_0=20.5 +k=0.9998 +ellps=bessel +towgs84=600,100,400 +type=crs"
    key = crs.key_of_wkt(_wkt(text))
    assert key is not None
    assert not crs.swaps_axes(key)
    expected = pyproj.Transformer.from_crs(4326, text, always_xy=True).transform(20, 50)
    xs, ys = crs.transformer("EPSG:4326", key)(np.array([20.0]), np.array([50.0]))
    assert (xs[0], ys[0]) == pytest.approx(expected)


@pytest.mark.parametrize("system", ["IAU_2015:49900", "IAU_2015:30100", "+proj=eqc +R=1560800 +type=crs"])
def test_other_bodies_have_no_place_on_the_earth(system: str) -> None:
    key = crs.key_of_wkt(_wkt(system))
    assert key is not None
    assert not crs.is_earth(key)
    with pytest.raises(NoTransformation, match="cannot be transformed"):
        crs.transformer(key, "EPSG:4326")


@pytest.mark.parametrize(
    "wkt",
    [
        "",
        "[",
        "GEOGCS[",
        "nonsense",
        "+proj=merc",
        _wkt("EPSG:5773"),
        _wkt("EPSG:4978"),
        "GEOGCS[" * 20000,
        "A[" * 5000 + "]" * 5000,
    ],
)
def test_what_is_no_horizontal_system_has_no_key(wkt: str) -> None:
    assert crs.key_of_wkt(wkt) is None


TRANSVERSE = """PROJCS["x",GEOGCS["y",DATUM["z",SPHEROID["s",6378137,298.25]],PRIMEM["Greenwich",0],UNIT["degree",{}]],
PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",15],UNIT["u",{}]]"""


@pytest.mark.parametrize("unit", ["0", "-1", "nan", "1e400", "1e-300", "1e300"])
def test_units_that_measure_nothing_make_no_system(unit: str) -> None:
    assert crs.key_of_wkt(TRANSVERSE.format(math.pi / 180, 1)) is not None
    assert crs.key_of_wkt(TRANSVERSE.format(math.pi / 180, unit)) is None
    geographic = TRANSVERSE.partition(",")[2].partition(",\nPROJECTION")[0]
    assert crs.key_of_wkt(geographic.format(math.pi / 180)) is not None
    assert crs.key_of_wkt(geographic.format(unit)) is None


@pytest.mark.parametrize(
    "text", ["EPSG:3857", "urn:ogc:def:crs:EPSG::3857", "http://www.opengis.net/def/crs/EPSG/0/3857"]
)
def test_names_are_spelled_in_their_form(text: str) -> None:
    assert crs.spelled(crs.parse(text)) == text
