"""Plans of maps: a stored level's own pixels where they are aligned, else warped; and what is shown where nothing is."""

from __future__ import annotations

import math
from typing import Any

import pytest

from iipserve.geo.georeference import Band, GeoImage, Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geo.service.keys import RESAMPLING
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo, ImageName
from iipserve.plan import Crop, RenderPlan, Resampling, Warp
from iipserve.processing.color import Twist
from iipserve.processing.tone import Gamma, SampleRange
from iipserve.processing.transparency import Background, Transparency
from iipserve.protocols.deepzoom import PROTOCOL as DEEPZOOM
from iipserve.protocols.iiif import PROTOCOL as IIIF
from iipserve.protocols.iip import PROTOCOL as IIP
from iipserve.protocols.maps import MapView, plan_map
from tests.protocols.client import IMAGE, SERVER, ask, ceil_half, image, plan_of

AFFINE = Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0)
WHITE, BLUE = (255, 255, 255), (0, 0, 255)


def located(info: ImageInfo, affine: Affine = AFFINE, crs: str = "EPSG:32633", **fields: Any) -> GeoImage:
    return GeoImage(Georeference(crs, affine, info.size), (Band("band1"),), **fields)


def planned(
    target: GridRef,
    info: ImageInfo = IMAGE,
    format: str = "jpeg",
    *,
    geo: GeoImage | None = None,
    style: Style | None = None,
    nodata: tuple[float, ...] | None = None,
    **options: Any,
) -> RenderPlan:
    layer = Layer("a", ImageName(info.identifier), nodata=nodata)
    view = MapView(layer, style or Style("default"), target, format, **options)
    return plan_map(view, info, geo or located(info), SERVER)


def tile(column: int, row: int, factor: int = 1, *, side: int = 256, affine: Affine = AFFINE) -> GridRef:
    """A tile of the image's own grid, reduced by a factor."""
    corner = affine.shifted(column * side * factor, row * side * factor)
    return GridRef("EPSG:32633", corner.scaled(factor, factor), Size(side, side))


# -- aligned maps ----------------------------------------------------------------------------------

INSIDE = [(0, 0, 1), (3, 5, 1), (11, 9, 1), (0, 0, 2), (5, 4, 2), (2, 1, 4), (0, 0, 8)]


@pytest.mark.parametrize("halve", [None, ceil_half], ids=["rounded down", "rounded up"])
@pytest.mark.parametrize(("column", "row", "factor"), INSIDE)
def test_tiles_of_the_own_grid_are_those_of_other_protocols(
    column: int, row: int, factor: int, halve: Any
) -> None:
    """One entry of every cache: equal plans and equal digests, and stored tiles are sent as they are."""
    info = image(halve=halve) if halve else IMAGE
    plan = planned(tile(column, row, factor), info)
    x, y, side = column * 256 * factor, row * 256 * factor, 256 * factor
    address = f"a.tif/{x},{y},{side},{side}/256,256/0/default.jpg"
    others = [plan_of(ask(IIIF, address, info))]
    zoom = math.ceil(math.log2(3073)) - int(math.log2(factor))
    others.append(plan_of(ask(DEEPZOOM, f"a.tif_files/{zoom}/{column}_{row}.jpg", info)))
    assert isinstance(plan.view, Crop)
    for other in others:
        assert plan == other
        assert plan.digest == other.digest
    assert plan.encoding.stored
    assert plan.operations == ()


def test_tile_of_the_own_grid_is_that_of_iip() -> None:
    info = image(2048, 1024)
    number = 3 * 8 + 2
    resolution = len(info.resolution_sizes) - 1
    other = plan_of(ask(IIP, f"FIF=a.tif&JTL={resolution},{number}", info, by_path=False))
    assert planned(tile(2, 3), info) == other


@pytest.mark.parametrize("position", [500000.0, 4321987.654321, 1.5e7])
def test_coordinates_as_clients_round_them_are_aligned(position: float) -> None:
    affine = Affine(0.3, 0.0, position, 0.0, -0.3, position)
    target = tile(3, 2, affine=affine)
    bounds = target.bounds
    rounded = Bounds(*(round(each, 7) for each in bounds))
    geo = located(IMAGE, affine)
    plan = planned(GridRef.of_bounds("EPSG:32633", rounded, Size(256, 256)), geo=geo)
    assert plan.view == Crop(plan.images[0], 0, Region(768, 512, 256, 256), Size(256, 256))


@pytest.mark.parametrize(
    "target",
    [
        tile(12, 0),
        tile(-1, 0),
        tile(0, 0)._replace(affine=AFFINE.shifted(1e-4, 0)),
        tile(0, 0)._replace(affine=AFFINE.scaled(1 + 1e-7, 1)),
        tile(0, 0)._replace(affine=AFFINE._replace(b=1e-4)),
        tile(0, 0)._replace(affine=AFFINE._replace(e=10.0)),
        tile(0, 0, 3),
        tile(0, 0)._replace(crs="EPSG:32632"),
    ],
    ids=[
        "over the edge",
        "before",
        "shifted",
        "stretched",
        "rotated",
        "upside down",
        "no level",
        "another system",
    ],
)
def test_other_maps_are_warped(target: GridRef) -> None:
    plan = planned(target)
    assert isinstance(plan.view, Warp)
    assert plan.view.target == target
    assert plan.view.source == located(IMAGE).georeference


@pytest.mark.parametrize(
    "affine",
    [AFFINE._replace(e=10.0), Affine(6.0, 8.0, 5e5, 8.0, -6.0, 5e6), Affine(10.0, 0.0, 5e5, 0.0, -20.0, 5e6)],
    ids=["south up", "rotated", "not square"],
)
def test_own_grids_of_all_kinds_are_aligned(affine: Affine) -> None:
    plan = planned(tile(2, 3, 2, affine=affine), geo=located(IMAGE, affine))
    assert plan.view == Crop(plan.images[0], 1, Region(512, 768, 256, 256), Size(256, 256))


def test_levels_in_no_ratio_of_two_cover_the_same_ground() -> None:
    info = image(3000, 3000, levels=2, halve=lambda side: side // 3)
    plan = planned(tile(1, 2, 3), info)
    assert plan.view == Crop(plan.images[0], 1, Region(256, 512, 256, 256), Size(256, 256))


# -- missing data and backgrounds ------------------------------------------------------------------

FLOAT = image(bands=1, dtype="float32", bits=32, color_space=ColorSpace.GRAY)
GAPS = image(nodata=(0.0, 0.0, 0.0))


@pytest.mark.parametrize("target", [tile(1, 1), tile(1, 1, 3)], ids=["aligned", "warped"])
@pytest.mark.parametrize(
    ("info", "format", "options", "operations"),
    [
        (IMAGE, "jpeg", {}, ()),
        (IMAGE, "jpeg", {"transparent": False}, ()),
        (IMAGE, "png", {}, ()),
        (IMAGE, "png", {"transparent": False}, (Background(*WHITE),)),
        (IMAGE, "jpeg", {"background": BLUE}, (Background(*BLUE),)),
        (IMAGE, "png", {"background": BLUE}, ()),
        (IMAGE, "webp", {"background": BLUE, "transparent": False}, (Background(*BLUE),)),
        (GAPS, "jpeg", {}, (Transparency(),)),
        (GAPS, "png", {"nodata": (0.0,)}, (Transparency(),)),
        (GAPS, "png", {"nodata": (9.0,)}, (Transparency((9.0, 9.0, 9.0)),)),
        (GAPS, "png", {"nodata": ()}, (Transparency(()),)),
        (IMAGE, "png", {"nodata": (9.0,)}, (Transparency((9.0, 9.0, 9.0)),)),
        (IMAGE, "png", {"nodata": (-9999.0,)}, ()),
        (IMAGE, "png", {"nodata": (1.0, 2.0)}, ()),
        (FLOAT, "png", {}, (Transparency(),)),
        (FLOAT, "jpeg", {"nodata": (-1.0,)}, (Transparency((-1.0,)),)),
    ],
)
def test_what_is_shown_where_nothing_is(
    info: ImageInfo, format: str, options: dict[str, Any], operations: Any, target: GridRef
) -> None:
    plan = planned(target, info, format, **options)
    assert plan.operations == operations


def test_style_is_applied_in_order_and_its_colors_have_no_profile() -> None:
    operations = (SampleRange(((None, 0.0, 100.0),)), Twist(((0.0, 0.0, 1.0),)), Gamma(2.0))
    info = image(icc=b"profile", nodata=(0.0, 0.0, 0.0))
    plan = planned(tile(1, 1), info, "png", style=Style("own", operations=operations), transparent=False)
    assert plan.operations == (Transparency(), *operations, Background(*WHITE))
    assert not plan.encoding.profile


# -- levels and resampling -------------------------------------------------------------------------


def warped(plan: RenderPlan) -> Warp:
    assert isinstance(plan.view, Warp)
    return plan.view


def map_of(step: float, size: int = 100) -> GridRef:
    """Pixels `step` times as large as those of the image, and off them."""
    return GridRef("EPSG:32633", AFFINE.shifted(100.3, 100.7).scaled(step, step), Size(size, size))


@pytest.mark.parametrize(
    ("asked", "step", "palette", "expected"),
    [
        (None, 1.5, False, Resampling.NEAREST),
        (Resampling.BILINEAR, 1.5, False, Resampling.BILINEAR),
        (Resampling.CUBIC, 0.1, False, Resampling.CUBIC),
        (Resampling.MODE, 100.0, False, Resampling.MODE),
        (None, 100.0, False, Resampling.AVERAGE),
        (Resampling.CUBIC, 100.0, False, Resampling.AVERAGE),
        (None, 1.5, True, Resampling.NEAREST),
        (Resampling.BILINEAR, 1.5, True, Resampling.NEAREST),
        (Resampling.AVERAGE, 1.5, True, Resampling.MODE),
        (None, 100.0, True, Resampling.MODE),
    ],
)
def test_resampling(asked: Resampling | None, step: float, palette: bool, expected: Resampling) -> None:
    plan = planned(map_of(step), geo=located(IMAGE, is_palette=palette), resampling=asked)
    assert warped(plan).resampling is expected


@pytest.mark.parametrize("resampling", list(Resampling), ids=lambda each: each.value)
def test_resampling_of_the_layer(resampling: Resampling) -> None:
    """The service file has the same names, and what a request asks for comes first."""
    assert tuple(each.value for each in Resampling) == RESAMPLING
    layer = Layer("a", ImageName("a.tif"), resampling=resampling.value)
    for asked in (None, Resampling.CUBIC):
        view = MapView(layer, Style("default"), map_of(1.5), "png", asked)
        plan = plan_map(view, IMAGE, located(IMAGE), SERVER)
        assert warped(plan).resampling is (asked or resampling)


@pytest.mark.parametrize(("step", "level"), [(0.1, 0), (1.99, 0), (2.0, 1), (7.9, 2), (8.0, 3), (1e6, 4)])
def test_level(step: float, level: int) -> None:
    assert warped(planned(map_of(step))).level == level


def test_tiles_of_a_globe_have_the_level_of_their_latitude() -> None:
    """In degrees, and as Web Mercator: near a pole a pixel of the map covers fewer rows, and as many columns."""
    globe = image(14400, 7200)
    geo = located(globe, Affine(0.025, 0.0, -180.0, 0.0, -0.025, 90.0), "EPSG:4326")
    half = 20037508.342789244
    # 3.5 pixels of the image at the equator
    step = half / 2**10 / 256 * 2 * 2**6

    def level(y: float) -> int:
        target = GridRef("EPSG:3857", Affine(step, 0.0, 0.0, 0.0, -step, y), Size(256, 256))
        return warped(planned(target, globe, geo=geo)).level

    levels = [level(y * half / 8) for y in range(8)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == levels[-1] + 1


@pytest.mark.parametrize(
    "affine",
    [
        Affine(math.nan, 0.0, 0.0, 0.0, -1.0, 0.0),
        Affine(math.inf, 0.0, 0.0, 0.0, -1.0, 0.0),
        Affine(1e308, 0.0, -1e308, 0.0, -1e308, 1e308),
        Affine(1e-320, 0.0, 5e5, 0.0, -1e-320, 5e6),
        Affine(0.0, 0.0, 5e5, 0.0, 0.0, 5e6),
    ],
    ids=["nan", "infinite", "huge", "tiny", "no area"],
)
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:3857"])
def test_absurd_grids_have_a_plan(affine: Affine, crs: str) -> None:
    assert isinstance(planned(GridRef(crs, affine, Size(256, 256))).view, Warp)
