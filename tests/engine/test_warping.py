"""Maps of nearest pixels: the same as PROJ and numpy give for every pixel, whatever is in the way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geometry import Size
from iipserve.plan import Resampling
from tests.engine.maps import (
    M,
    assert_nearest,
    box,
    cost_of,
    drawn,
    image_source,
    places,
    plan_of_map,
    quarters,
    reader,
    wrapped,
)

UTM = Georeference("EPSG:32633", Affine(20.0, 0.0, 500000.0, 0.0, -20.0, 5000000.0), Size(600, 400))
WORLD = Georeference("EPSG:4326", Affine(0.5, 0.0, -180.0, 0.0, -0.5, 90.0), Size(720, 360))
EAST = Georeference("EPSG:4326", Affine(0.1, 0.0, 190.0, 0.0, -0.1, 20.0), Size(200, 200))
KINDS = {
    "utm": UTM,
    "degrees": Georeference("EPSG:4326", Affine(0.01, 0.0, 10.0, 0.0, -0.01, 50.0), Size(500, 300)),
    "south up": Georeference("EPSG:32633", Affine(20.0, 0.0, 500000.0, 0.0, 20.0, 4900000.0), Size(300, 200)),
    "mirrored": Georeference("EPSG:32633", Affine(-20.0, 0.0, 520000.0, 0.0, -20.0, 5000000.0), Size(300, 200)),
    "rotated": Georeference("EPSG:32633", Affine(16.0, 9.0, 500000.0, 9.0, -16.0, 5000000.0), Size(300, 200)),
    "not square": Georeference("EPSG:32633", Affine(20.0, 0.0, 500000.0, 0.0, -37.5, 5000000.0), Size(300, 200)),
    "polar": Georeference("EPSG:32661", Affine(10000.0, 0.0, 0.0, 0.0, -10000.0, 4e6), Size(400, 400)),
}  # fmt: skip


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
@pytest.mark.parametrize("kind", KINDS)
def test_map_of_the_whole_image(kind: str, crs: str) -> None:
    georeference = KINDS[kind]
    bounds = box(georeference, crs)
    if not all(map(math.isfinite, bounds)) or kind == "polar":
        bounds = Bounds(-M, M / 4, M, M) if crs == "EPSG:3857" else Bounds(-180, 40, 180, 90)
    target = GridRef.of_bounds(crs, bounds, Size(331, 257))
    source = image_source(georeference)
    found = drawn(source, georeference, target)
    assert assert_nearest(found, source.levels[0], *places(georeference, target)) > 10_000


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    x=st.floats(-0.2, 1.0),
    y=st.floats(-0.2, 1.0),
    zoom=st.floats(0.02, 1.2),
    width=st.integers(1, 90),
    height=st.integers(1, 90),
)
def test_random_windows(kind: str, x: float, y: float, zoom: float, width: int, height: int) -> None:
    """Between a pixel magnified and two pixels reduced to one, inside of the image, across its edges, outside."""
    georeference = KINDS[kind]
    middle = places_of_corner(georeference, min(max(x, 0.05), 0.9), min(max(y, 0.05), 0.9))
    step = 1.9 * zoom * abs(georeference.mapping[0])  # type: ignore[index]
    affine = Affine(step, 0.0, middle[0] - x * width * step, 0.0, -step, middle[1] + y * height * step)
    # the plan averages where pixels of the map cover more than two of the image
    target = GridRef(georeference.crs, affine, Size(width, height))
    source = image_source(georeference)
    plan = plan_of_map(source, georeference, target, Resampling.NEAREST)
    if getattr(plan.view, "resampling", Resampling.NEAREST) is Resampling.NEAREST:
        found = reader(source, plan).read()
        assert_nearest(found, source.levels[0], *places(georeference, target))


def places_of_corner(georeference: Georeference, x: float, y: float) -> tuple[float, float]:
    assert isinstance(georeference.mapping, Affine)
    return georeference.mapping.apply(x * georeference.size.width, y * georeference.size.height)


@settings(max_examples=60, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:3857", "EPSG:4326", "EPSG:32632", "EPSG:3035", "EPSG:32661"]),
    kind=st.sampled_from(["utm", "degrees", "rotated", "south up"]),
    x=st.floats(0.1, 0.9),
    y=st.floats(0.1, 0.9),
    reduction=st.floats(0.05, 1.8),
    size=st.integers(1, 300),
)
def test_random_projected_windows(
    crs: str, kind: str, x: float, y: float, reduction: float, size: int
) -> None:
    georeference = KINDS[kind]
    bounds = box(georeference, crs)
    step = bounds.width / georeference.size.width * reduction
    left, top = bounds.min_x + bounds.width * x, bounds.min_y + bounds.height * y
    target = GridRef(crs, Affine(step, 0.0, left, 0.0, -step, top), Size(size, max(1, size // 2)))
    source = image_source(georeference)
    plan = plan_of_map(source, georeference, target, Resampling.NEAREST)
    if getattr(plan.view, "resampling", None) is Resampling.NEAREST:
        assert_nearest(reader(source, plan).read(), source.levels[0], *places(georeference, target))


# -- around the globe ------------------------------------------------------------------------------


def test_maps_beyond_the_antimeridian_wrap() -> None:
    """The column of longitude -190 is that of 170, and of 190 that of -170, in a map in degrees."""
    source = image_source(WORLD)
    target = GridRef.of_bounds("EPSG:4326", Bounds(-200, -75, 100, 75), Size(300, 150))
    columns, rows = places(WORLD, target)
    left = drawn(source, WORLD, target, Resampling.NEAREST)
    assert_nearest(left, source.levels[0], wrapped(columns, 720), rows)
    plain = drawn(source, WORLD, GridRef.of_bounds("EPSG:4326", Bounds(-180, -75, 180, 75), Size(360, 150)))
    right = drawn(source, WORLD, GridRef.of_bounds("EPSG:4326", Bounds(-100, -75, 200, 75), Size(300, 150)))
    np.testing.assert_array_equal(left[:, 10, :3], plain[:, 350, :3])
    np.testing.assert_array_equal(right[:, 290, :3], plain[:, 10, :3])


@pytest.mark.parametrize("turns", [-1, 0, 1])
def test_image_beyond_the_antimeridian(turns: int) -> None:
    """Longitudes of 190 to 210, asked for as -170 to -150, and a turn further."""
    source = image_source(EAST)
    bounds = Bounds(-171 + 360 * turns, -1, -149 + 360 * turns, 21)
    target = GridRef.of_bounds("EPSG:4326", bounds, Size(220, 220))
    columns, rows = places(EAST, target)
    found = drawn(source, EAST, target)
    assert assert_nearest(found, source.levels[0], wrapped(columns, 3600), rows) > 30_000


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        ("EPSG:3857", Bounds(-M, -M, M, M)),
        ("EPSG:3857", Bounds(M / 2, -M / 2, M * 1.5, M / 2)),
        ("EPSG:32660", Bounds(2e5, 1e6, 9e5, 2e6)),
        ("EPSG:32661", Bounds(-1e6, -1e6, 5e6, 5e6)),
        ("EPSG:3031", Bounds(-4e6, -4e6, 4e6, 4e6)),
    ],
    ids=["whole", "beyond the edge", "over the antimeridian", "north pole", "south pole"],
)
def test_maps_of_the_globe_have_no_seam(crs: str, bounds: Bounds) -> None:
    source = image_source(WORLD)
    target = GridRef.of_bounds(crs, bounds, Size(301, 300))
    columns, rows = places(WORLD, target)
    found = drawn(source, WORLD, target, Resampling.NEAREST)
    if plan_of_map(source, WORLD, target).view.resampling is Resampling.NEAREST:  # type: ignore[union-attr]
        assert_nearest(found, source.levels[0], wrapped(columns, 720), rows)
    assert found.shape[2] == 3 or (found[..., -1] == 255).mean() > 0.95


def test_interpolation_goes_on_across_the_seam() -> None:
    """A globe of one color in each row has it at the antimeridian too; one of slow waves has no step."""
    waves = (127 + 100 * np.cos(np.arange(720) * math.tau / 720)).astype(np.uint8)
    picture = np.broadcast_to(waves[None, :, None], (360, 720, 1)).copy()
    source = image_source(WORLD)
    source = type(source)([picture])
    target = GridRef.of_bounds("EPSG:4326", Bounds(170, -10, 190, 10), Size(200, 200))
    for resampling in (Resampling.BILINEAR, Resampling.CUBIC):
        found = drawn(source, WORLD, target, resampling)
        assert found.shape[2] == 1
        assert np.abs(np.diff(found[..., 0].astype(int), axis=1)).max() <= 1


# -- nothing there, and costs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        GridRef.of_bounds("EPSG:3857", Bounds(0, 0, 1000, 1000), Size(64, 64)),
        GridRef("EPSG:3857", Affine(1e-10, 0.0, 1e7, 0.0, -1e-10, 1e7), Size(64, 64)),
        GridRef("EPSG:3857", Affine(1e300, 0.0, -1e303, 0.0, -1e300, 1e303), Size(64, 64)),
        GridRef("EPSG:3857", Affine(math.inf, 0.0, 0.0, 0.0, -1.0, 0.0), Size(64, 64)),
        GridRef("EPSG:32633", Affine(1.0, 0.0, 9e5, 0.0, -1.0, 9e5), Size(64, 64)),
    ],
    ids=["elsewhere", "tiny pixels", "huge pixels", "infinite", "same system"],
)
def test_map_of_another_place_is_clear_and_reads_nothing(target: GridRef) -> None:
    source = image_source(UTM)
    found = drawn(source, UTM, target)
    assert found.shape == (64, 64, 4)
    assert not found.any()
    assert source.reads == []


def test_only_the_window_is_read() -> None:
    source = image_source(UTM)
    bounds = box(UTM, "EPSG:3857")
    middle = (bounds.min_x + bounds.max_x) / 2, (bounds.min_y + bounds.max_y) / 2
    target = GridRef("EPSG:3857", Affine(20.0, 0.0, middle[0], 0.0, -20.0, middle[1]), Size(32, 32))
    drawn(source, UTM, target)
    assert 1 <= len(set(source.reads)) <= 4


def test_cost_is_known_before() -> None:
    """Also that of a map of the whole of an image without smaller levels, which it averages."""
    source = image_source(UTM)
    target = GridRef.of_bounds("EPSG:3857", box(UTM, "EPSG:3857"), Size(20, 20))
    cost = cost_of(source, plan_of_map(source, UTM, target))
    assert source.reads == []
    assert cost.read >= 600 * 400
    assert cost.made == 400
    assert cost.memory >= 600 * 400 * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_maps_of_one_pixel(size: tuple[int, int]) -> None:
    source = image_source(UTM)
    step = Affine(25.0, 0.0, 1.67e6, 0.0, -25.0, 5.62e6)
    bounds = box(UTM, "EPSG:3857")
    target = GridRef(
        "EPSG:3857",
        step._replace(c=(bounds.min_x + bounds.max_x) / 2, f=(bounds.min_y + bounds.max_y) / 2),
        Size(*size),
    )
    assert_nearest(drawn(source, UTM, target), source.levels[0], *places(UTM, target))


# -- joining ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("resampling", list(Resampling), ids=lambda each: each.value)
@pytest.mark.parametrize("reduction", [0.3, 1.0, 1.7, 3.3])
def test_four_tiles_are_one_of_twice_the_size(resampling: Resampling, reduction: float) -> None:
    source = image_source(UTM)
    bounds = box(UTM, "EPSG:3857")
    step = bounds.width / 600 * reduction
    left, top = bounds.min_x - 20 * step, bounds.max_y + 20 * step
    target = GridRef("EPSG:3857", Affine(step, 0.0, left, 0.0, -step, top), Size(512, 512))
    whole = drawn(source, UTM, target, resampling)
    for x, y, quarter in quarters(target):
        part = drawn(source, UTM, quarter, resampling)
        if part.shape[2] == 3:
            assert (whole[y : y + 256, x : x + 256, 3] == 255).all()
        np.testing.assert_array_equal(whole[y : y + 256, x : x + 256, : part.shape[2]], part)


def test_strips_are_the_map() -> None:
    source = image_source(UTM)
    bounds = box(UTM, "EPSG:3857")
    target = GridRef.of_bounds("EPSG:3857", bounds, Size(2100, 1100))
    plan = plan_of_map(source, UTM, target)
    strips = list(reader(source, plan).read_strips())
    assert len(strips) > 1
    np.testing.assert_array_equal(np.concatenate(strips), reader(source, plan).read())
