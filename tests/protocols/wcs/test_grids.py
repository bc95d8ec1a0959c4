"""Grids of results, against the rules in plain numbers and against all pixels one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyproj")

from iipserve.geo.crs import parse
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geometry import Size
from iipserve.protocols.wcs.grids_by_axes import axes_grid
from iipserve.protocols.wcs.grids_by_box import box_grid
from iipserve.protocols.wcs.grids_by_samples import samples_grid
from iipserve.protocols.wcs.query import AxesDomain, AxisScale, BoxDomain, SampleDomain, ScaleKind, Subset

UTM = GridRef("EPSG:32633", Affine(20, 0, 500000, 0, -20, 5000000), Size(600, 400))
DEGREES = GridRef("EPSG:4326", Affine(0.01, 0, 10, 0, -0.01, 50), Size(600, 400))
SOUTH_UP = GridRef("EPSG:4326", Affine(0.01, 0, 10, 0, 0.01, 46), Size(600, 400))
TURNED = GridRef("EPSG:32633", Affine(16, 12, 500000, 12, -16, 5000000), Size(600, 400))
PLAIN = GridRef("image", Affine(1, 0, 0, 0, -1, 0), Size(600, 400))


def by_axes(native: GridRef, *subsets: str, scales: Any = (), **fields: Any) -> GridRef:
    """The grid of intervals as `x(1,2)`."""
    found = []
    for text in subsets:
        axis, _, bounds = text.rstrip(")").partition("(")
        low, *high = bounds.split(",")
        found.append(Subset(axis, low, high[0] if high else "", is_slice=not high))
    named = {name: parse(text) for name, text in fields.items()}
    return axes_grid(native, AxesDomain(tuple(found), tuple(scales), **named))


def region(native: GridRef, part: GridRef) -> tuple[float, float, int, int]:
    """Column, row, width and height of a window."""
    column, row = native.affine.inverse().apply(part.affine.c, part.affine.f)
    return round(column, 6), round(row, 6), *part.size


WINDOWS = [
    (UTM, (), (0, 0, 600, 400)),
    (UTM, ("x(500000,500020)",), (0, 0, 1, 400)),
    (UTM, ("x(490000,504000)",), (0, 0, 200, 400)),
    (UTM, ("x(500010,500050)", "N(4999900,*)"), (0, 0, 3, 5)),
    (UTM, ("easting(500039.99999999,500060.0000001)", "lat(4999960)"), (2, 2, 1, 1)),
    (UTM, ("e(512000)",), (599, 0, 1, 400)),
    (UTM, ("x(*,*)", "y-axis(*,4992020)"), (0, 399, 600, 1)),
    (DEGREES, ("Long(11,12)", "Lat(47,48)"), (100, 200, 100, 100)),
    (DEGREES, ("long(10.3,10.31)", "lat(49.69,49.7)"), (30, 30, 1, 1)),
    (DEGREES, ("Long(-349,-348)",), (100, 0, 100, 400)),
    (SOUTH_UP, ("Lat(47,48)",), (0, 100, 600, 100)),
    (PLAIN, ("x(100,199)", "y(0,9)"), (100, 0, 100, 10)),
    (PLAIN, ("i(5)", "j(390,1000)"), (5, 390, 1, 10)),
]


@pytest.mark.parametrize(("native", "subsets", "expected"), WINDOWS)
def test_windows_of_intervals(native: GridRef, subsets: tuple[str, ...], expected: Any) -> None:
    part = by_axes(native, *subsets)
    assert part.crs == native.crs
    assert region(native, part) == expected


def test_indices_of_pixels() -> None:
    for native in (UTM, SOUTH_UP, TURNED):
        part = by_axes(native, "x(100,199)", "y(7)", subsetting_crs="urn:ogc:def:crs:OGC::imageCRS")
        assert part == GridRef(native.crs, native.affine.shifted(100, 7), Size(100, 1))


@settings(deadline=None)
@given(st.floats(-100, 12100), st.floats(0, 500), st.floats(-100, 8100), st.floats(0, 500))
def test_windows_are_all_pixels_that_an_interval_touches(
    x: float, width: float, y: float, height: float
) -> None:
    low_x, low_y = 500000 + x, 4992000 + y
    ends = (low_x + width - 500000, 512000 - low_x, low_y + height - 4992000, 5000000 - low_y)
    intervals = f"x({low_x!r},{low_x + width!r})", f"y({low_y!r},{low_y + height!r})"
    if min(ends) < -0.1:
        with pytest.raises(OwsError, match="is outside"):
            by_axes(UTM, *intervals)
    if min(ends) < 0.1:
        return
    part = by_axes(UTM, *intervals)
    column, row, columns, rows = region(UTM, part)
    lefts = 500000 + 20 * np.arange(600)
    tops = 5000000 - 20 * np.arange(400)
    # of pixels that only an edge touches either answer will do
    inside = (lefts < low_x + width - 0.1) & (lefts + 20 > low_x + 0.1)
    touched = (lefts <= low_x + width + 0.1) & (lefts + 20 >= low_x - 0.1)
    chosen = np.zeros(600, bool)
    chosen[int(column) : int(column) + columns] = True
    assert (chosen | ~inside).all()
    assert (touched | ~chosen).all()
    inside = (tops > low_y + 0.1) & (tops - 20 < low_y + height - 0.1)
    chosen = np.zeros(400, bool)
    chosen[int(row) : int(row) + rows] = True
    assert (chosen | ~inside).all()


def test_a_box_of_a_turned_grid_is_covered() -> None:
    part = by_axes(TURNED, "x(505000,505500)", "y(5000000,5000500)")
    inverse = part.affine.inverse()
    for x in (505000, 505500):
        for y in (5000000, 5000500):
            column, row = inverse.apply(float(x), float(y))
            assert -1e-6 <= column <= part.size.width + 1e-6
            assert -1e-6 <= row <= part.size.height + 1e-6
    assert (part.affine.a, part.affine.b) == (16, 12)


SCALES = [
    ([AxisScale("", ScaleKind.FACTOR, 0.5)], (300, 200)),
    ([AxisScale("", ScaleKind.FACTOR, 1)], (600, 400)),
    ([AxisScale("", ScaleKind.FACTOR, 1e-9)], (1, 1)),
    ([AxisScale("x", ScaleKind.FACTOR, 2), AxisScale("Lat", ScaleKind.FACTOR, 0.1)], (1200, 40)),
    ([AxisScale("i", ScaleKind.SIZE, 11)], (11, 400)),
    ([AxisScale("x", ScaleKind.SIZE, 300), AxisScale("y", ScaleKind.RESOLUTION, 40)], (300, 200)),
]


@pytest.mark.parametrize(("scales", "size"), SCALES)
def test_scaling(scales: list[AxisScale], size: tuple[int, int]) -> None:
    part = by_axes(UTM, scales=scales)
    assert part.size == size
    assert part.bounds == pytest.approx(UTM.bounds)


def test_other_systems_have_as_many_pixels_as_the_window() -> None:
    part = by_axes(DEGREES, "Long(11,12)", "Lat(46,47)", output_crs="EPSG:3857")
    assert part.crs == "EPSG:3857"
    assert part.size == (100, 100)
    # as MapServer answers
    expected = (1224514.398726, 5780349.220256, 1335833.889519, 5942074.072431)
    assert part.bounds == pytest.approx(expected, abs=1e-3)


def test_resolutions_are_in_the_system_of_the_intervals() -> None:
    # before the coverage is put into another one, as MapServer answers
    part = by_axes(UTM, scales=[AxisScale("x", ScaleKind.RESOLUTION, 40)], output_crs="EPSG:4326")
    assert part.size == (300, 400)
    names = {"subsetting_crs": "EPSG:4326", "output_crs": "EPSG:32633"}
    part = by_axes(UTM, "Long(15.01,15.03)", scales=[AxisScale("x", ScaleKind.RESOLUTION, 0.0005)], **names)
    assert part.size.width == 40


def test_intervals_in_another_system() -> None:
    names = {"subsetting_crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}
    part = by_axes(DEGREES, "x(1224514.398726,1335833.889519)", "y(5780349.220256,5942074.072431)", **names)
    assert part.crs == "EPSG:3857"
    assert part.size == (100, 100)
    own = by_axes(
        DEGREES,
        "x(1224514.398726,1335833.889519)",
        "y(5780349.220256,5942074.072431)",
        output_crs="EPSG:4326",
        **names,
    )
    assert region(DEGREES, own) == (100, 300, 100, 100)
    # as MapServer answers
    small = GridRef("EPSG:32633", Affine(20, 0, 500000, 0, -20, 5000000), Size(120, 80))
    part = by_axes(small, "x(15.005,15.01)", "y(45.14,45.15)", subsetting_crs="EPSG:4326")
    assert part.size == (20, 56)
    assert part.bounds == pytest.approx((15.005, 45.14, 15.01, 45.15))
    whole = by_axes(UTM, subsetting_crs="EPSG:4326")
    assert whole.size == UTM.size


FAULTS = [
    (("nothing(1,2)",), {}, "InvalidAxisLabel", "nothing"),
    (("x(1,2)", "Long(1,2)"), {}, "InvalidAxisLabel", "Long"),
    (("x(3,2)",), {}, "InvalidSubsetting", "x(3,2)"),
    (("x(1,2)",), {}, "InvalidSubsetting", "x(1,2)"),
    (("x(512000,513000)",), {}, "InvalidSubsetting", "x(512000,513000)"),
    (("y(1e300,1.7e308)",), {}, "InvalidSubsetting", "y(1e300,1.7e308)"),
    (("x(a,2)",), {}, "InvalidSubsetting", "x(a,2)"),
    (("x(600,700)",), {"subsetting_crs": "imageCRS"}, "InvalidSubsetting", "x(600,700)"),
    (("Lat(10,20)",), {"subsetting_crs": "EPSG:4326"}, "InvalidSubsetting", "Lat(10,20)"),
]


@pytest.mark.parametrize(("subsets", "fields", "code", "locator"), FAULTS)
def test_faults_of_intervals(subsets: tuple[str, ...], fields: Any, code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        by_axes(UTM, *subsets, **fields)
    assert (caught.value.code, caught.value.locator, caught.value.status) == (code, locator, 404)


SCALE_FAULTS = [
    ([AxisScale("z", ScaleKind.FACTOR, 2)], "ScaleAxisUndefined", "z"),
    (
        [AxisScale("x", ScaleKind.SIZE, 2), AxisScale("x", ScaleKind.RESOLUTION, 2)],
        "InvalidParameterValue",
        "resolution",
    ),
    ([AxisScale("", ScaleKind.FACTOR, 1e9)], "NoApplicableCode", ""),
    ([AxisScale("y", ScaleKind.RESOLUTION, 1e-300)], "NoApplicableCode", ""),
]


@pytest.mark.parametrize(("scales", "code", "locator"), SCALE_FAULTS)
def test_faults_of_scaling(scales: list[AxisScale], code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        by_axes(UTM, scales=scales)
    assert (caught.value.code, caught.value.locator) == (code, locator)


# -- 1.1 -------------------------------------------------------------------------------------------

URN = "urn:ogc:def:crs:EPSG::4326"


def by_samples(native: GridRef, *box: float, crs: str = "", base: str = "", **fields: Any) -> GridRef:
    return samples_grid(
        native,
        SampleDomain(box or None, parse(crs) if crs else None, parse(base) if base else None, **fields),  # type: ignore[arg-type]
    )


def test_boxes_are_of_centers() -> None:
    found = by_samples(DEGREES, 46, 11, 47, 12, crs=URN)
    assert found.size == (101, 101)
    assert found.bounds == pytest.approx((10.995, 45.995, 12.005, 47.005))
    assert by_samples(DEGREES, 11, 46, 12, 47, crs="EPSG:4326") == found
    assert by_samples(DEGREES, 46.005, 10.005, 49.995, 15.995, crs=URN) == DEGREES
    assert by_samples(DEGREES) == DEGREES


def test_boxes_of_one_sample_may_be_rounded() -> None:
    """The same center, computed from both edges of a pixel."""
    one = by_samples(
        DEGREES, 49.275000000000006, 11.135000000000002, 49.275, 11.135, crs="urn:ogc:def:crs:EPSG::4326"
    )
    assert region(DEGREES, one) == (113, 72, 1, 1)


def test_indices_of_samples() -> None:
    for native in (UTM, TURNED, PLAIN):
        assert by_samples(native, 0, 0, 599, 399, crs="urn:ogc:def:crs:OGC::imageCRS") == native
        part = by_samples(native, 3, 4, 5, 6, crs="urn:ogc:def:crs:OGC::imageCRS")
        assert part == GridRef(native.crs, native.affine.shifted(3, 4), Size(3, 3))


@pytest.mark.parametrize("offsets", [(-0.02, 0.02), (0.02, 0.02), (0, 0.02, -0.02, 0), (0.02, 0, 0, 0.02)])
def test_offsets(offsets: tuple[float, ...]) -> None:
    found = by_samples(DEGREES, 46, 11, 47, 12, crs=URN, offsets=offsets, origin=(47, 11))
    assert found.size == (51, 51)
    assert found.bounds == pytest.approx((10.99, 45.99, 12.01, 47.01))


def test_samples_of_an_origin_elsewhere() -> None:
    found = by_samples(
        UTM, 500007, 4999000, 500107, 4999500, crs="EPSG:32633", offsets=(20, -20), origin=(0, 0)
    )
    assert found.affine == Affine(20, 0, 500010, 0, -20, 4999510)
    assert found.size == (5, 26)


def test_samples_in_another_system() -> None:
    found = by_samples(DEGREES, 46, 11, 47, 12, crs=URN, base="urn:ogc:def:crs:EPSG::3857")
    assert found.crs == "EPSG:3857"
    assert found.size == (101, 101)
    with_offsets = by_samples(DEGREES, 46, 11, 47, 12, crs=URN, base="EPSG:3857", offsets=(1000, 1000))
    assert with_offsets.size == (112, 162)


def test_a_line_in_another_system_has_no_size() -> None:
    polar = GridRef("EPSG:3413", Affine(10000, 0, -3000000, 0, -10000, 3000000), Size(600, 600))
    with pytest.raises(OwsError, match="needs GridOffsets"):
        by_samples(polar, 0, 0, 0, 77, crs="EPSG:4326")


FAULTS_1_1 = [
    ((1, 1, 2, 2), {}, "InvalidParameterValue", "BoundingBox"),
    ((47, 12, 46, 11), {}, "InvalidParameterValue", "BoundingBox"),
    ((46, 11, 47, 12), {"offsets": (0.0, 0.0)}, "InvalidParameterValue", "GridOffsets"),
    ((46, 11, 47, 12), {"offsets": (1.0,)}, "InvalidParameterValue", "GridOffsets"),
    ((46, 11, 47, 12), {"offsets": (1.0, 1.0, 1.0, 1.0)}, "InvalidParameterValue", "GridOffsets"),
    ((46, 11, 47, 12), {"offsets": (1e-12, 1e-12)}, "NoApplicableCode", "GridOffsets"),
    (
        (46.1, 11.1, 46.2, 11.2),
        {"offsets": (1.0, 1.0), "origin": (46.0, 11.0)},
        "InvalidParameterValue",
        "BoundingBox",
    ),
]


@pytest.mark.parametrize(("box", "fields", "code", "locator"), FAULTS_1_1)
def test_faults_of_boxes_of_samples(box: Any, fields: Any, code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        by_samples(DEGREES, *box, crs=URN, **fields)
    assert (caught.value.code, caught.value.locator) == (code, locator)


# -- 1.0.0 -----------------------------------------------------------------------------------------


def by_box(native: GridRef, box: Any, crs: str = "EPSG:4326", response: str = "", **fields: Any) -> GridRef:
    return box_grid(
        native,
        BoxDomain(parse(crs), Bounds(*box), response_crs=parse(response) if response else None, **fields),
    )


def test_boxes_are_of_edges() -> None:
    found = by_box(DEGREES, (11, 46, 12, 47), size=Size(100, 100))
    assert found == GridRef("EPSG:4326", DEGREES.affine.shifted(100, 300), Size(100, 100))
    assert by_box(DEGREES, (11, 46, 12, 47), resolution=(0.01, 0.01)) == found
    assert by_box(DEGREES, (11, 46, 12, 47), resolution=(0.01, 0.01), size=Size(100, 100)) == found
    assert by_box(DEGREES, (10, 46, 16, 50), size=DEGREES.size) == DEGREES
    assert by_box(DEGREES, (9, 46, 12, 47), size=Size(300, 100)).affine.c == pytest.approx(9)


def test_boxes_of_edges_in_another_system() -> None:
    found = by_box(DEGREES, (11, 46, 12, 47), size=Size(100, 100), response="EPSG:3857")
    expected = (1224514.398726, 5780349.220256, 1335833.889519, 5942074.072431)
    assert found.bounds == pytest.approx(expected, abs=1e-3)
    assert found.size == (100, 100)


def test_boxes_of_pixels() -> None:
    for box in ((10, 20, 110, 70), (10, -70, 110, -20)):
        found = by_box(PLAIN, box, "urn:ogc:def:crs:OGC::imageCRS", size=Size(100, 50))
        assert found == GridRef("image", PLAIN.affine.shifted(10, 20), Size(100, 50))


FAULTS_1_0 = [
    ((1, 1, 2, 2), {"size": Size(1, 1)}, "InvalidParameterValue", "bbox"),
    ((-1.7e308, -1.7e308, 1.7e308, 1.7e308), {"size": Size(1, 1)}, "InvalidParameterValue", "bbox"),
    ((11, 46, 12, 47), {"resolution": (1e-300, 1)}, "NoApplicableCode", "width/height/resx/resy"),
    (
        (11, 46, 12, 47),
        {"resolution": (1, 1), "size": Size(2, 2)},
        "InvalidParameterValue",
        "width/height/resx/resy",
    ),
]


@pytest.mark.parametrize(("box", "fields", "code", "locator"), FAULTS_1_0)
def test_faults_of_boxes_of_edges(box: Any, fields: Any, code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        by_box(DEGREES, box, **fields)
    assert (caught.value.code, caught.value.locator) == (code, locator)
