"""Maps over each other, against numpy on the maps of single layers; and pictures of no image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.renderer import READERS
from iipserve.engine.statistics import StatisticsCache
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.layer import Layer, Style
from iipserve.geometry import Size
from iipserve.image import ImageName
from iipserve.plan import Blank, Composite, ImageRef, RenderPlan
from iipserve.processing import Pixels, pipeline
from iipserve.processing.transparency import Background
from iipserve.protocols.map_layers import ShownLayer, plan_maps
from iipserve.protocols.maps import MapView, plan_blank, plan_map
from iipserve.sources import Source
from tests.engine.fakes import ArraySource
from tests.engine.maps import geo_image
from tests.protocols.client import SERVER

pytest.importorskip("pyproj")

PLACE = Georeference("EPSG:32633", Affine(10.0, 0.0, 500000.0, 0.0, -10.0, 5000000.0), Size(200, 150))
TARGETS = {
    "own grid": GridRef(PLACE.crs, PLACE.mapping.shifted(20, 30), Size(100, 80)),  # type: ignore[union-attr]
    "beyond": GridRef.of_bounds(PLACE.crs, Bounds(499500.0, 4998000.0, 502700.0, 5000300.0), Size(120, 90)),
    "warped": GridRef.of_bounds("EPSG:4326", Bounds(14.99, 45.13, 15.03, 45.16), Size(110, 70)),
}


class Sources:
    """A library of several images, which remembers which were read."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.info.identifier: source for source in sources}

    def source(self, image: ImageRef) -> Source:
        return self._sources[image.identifier]


def reader(sources: Sequence[Source], plan: RenderPlan) -> ViewReader:
    config = Config()
    decoder = TileDecoder(MemoryCache(0))
    statistics = StatisticsCache(config, AdmissionControl(config), decoder)
    services = RenderServices(Sources(sources), decoder, statistics, nearest=False)  # type: ignore[arg-type]
    return READERS[type(plan.view)](services, plan, plan.view)


def source(name: str, bands: int, seed: int, size: Size = PLACE.size) -> ArraySource:
    """Random colors; with 2 or 4 bands, opacity of all degrees."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size.height, size.width, bands), np.uint8)
    made = ArraySource([pixels])
    made.info = replace(made.info, identifier=name)
    return made


def shown(made: Source, target: GridRef, opacity: float = 1.0, **options: Any) -> ShownLayer:
    layer = Layer(made.info.identifier, ImageName(made.info.identifier))
    view = MapView(layer, Style("default"), target, "png", **options)
    return ShownLayer(view, made.info, geo_image(PLACE, made.info.color_bands), opacity)


def picture(sources: Sequence[Source], plan: RenderPlan) -> NDArray[np.float64]:
    """Red, green, blue and opacity of a map, 0 to 1."""
    view = reader(sources, plan)
    return in_color(pipeline.apply(view.after_scaling, view.read()))


def in_color(pixels: Pixels) -> NDArray[np.float64]:
    bands = pixels.shape[2]
    color = pixels[..., :3] if bands >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    alpha = pixels[..., -1:] if bands in (2, 4) else np.full((*pixels.shape[:2], 1), 255)
    return np.concatenate([color, alpha], axis=2) / 255


def over(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Porter and Duff's `over` on colors that are not premultiplied."""
    a, b = upper[..., 3:], lower[..., 3:]
    alpha = a + b * (1 - a)
    color = upper[..., :3] * a + lower[..., :3] * b * (1 - a)
    return np.concatenate([np.divide(color, alpha, out=np.zeros_like(color), where=alpha > 0), alpha], axis=2)


def assert_same(drawn: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    """Within rounding: what is nearly clear has no exact color."""
    assert np.abs(drawn[..., 3] - expected[..., 3]).max() <= 0.51 / 255
    weighted = np.abs(drawn[..., :3] - expected[..., :3]) * expected[..., 3:]
    assert weighted.max() <= 0.6 / 255


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("bands", [(3, 3), (3, 1, 4), (4, 4, 2), (2, 3, 4, 1)], ids=str)
def test_layers_are_composited_in_order(target: GridRef, bands: tuple[int, ...]) -> None:
    sources = [source(f"{index}.tif", count, index) for index, count in enumerate(bands)]
    opacities = [1.0, 0.5, 0.75, 0.25][: len(bands)]
    layers = [shown(made, target, opacity) for made, opacity in zip(sources, opacities, strict=True)]
    expected = np.zeros((target.size.height, target.size.width, 4))
    for layer, opacity in zip(layers, opacities, strict=True):
        alone = picture(sources, plan_map(layer.view, layer.info, layer.geo, SERVER))
        alone[..., 3] *= opacity
        expected = over(expected, alone)
    plan = plan_maps(layers, SERVER)
    assert isinstance(plan.view, Composite)
    assert_same(picture(sources, plan), expected)


def test_opaque_pixels_are_copied_and_hide_what_is_below() -> None:
    sources = [source("a.tif", 3, 1), source("b.tif", 3, 2)]
    layers = [shown(made, TARGETS["own grid"]) for made in sources]
    plan = plan_maps(layers, SERVER)
    below, above = (picture(sources, plan_map(each.view, each.info, each.geo, SERVER)) for each in layers)
    np.testing.assert_array_equal(picture(sources, plan), above)
    assert not np.array_equal(below, above)
    # the lower image is not there to be read: nothing of it shows
    sources[0].levels = []  # type: ignore[attr-defined]
    np.testing.assert_array_equal(picture(sources, plan), above)


def test_background_is_below_all_layers() -> None:
    sources = [source("a.tif", 4, 1), source("b.tif", 4, 2)]
    options: dict[str, Any] = {"transparent": False, "background": (10, 200, 90)}
    plan = plan_maps([shown(made, TARGETS["beyond"], **options) for made in sources], SERVER)
    assert plan.operations == (Background(10, 200, 90),)
    clear = picture(sources, plan_maps([shown(made, TARGETS["beyond"]) for made in sources], SERVER))
    ground = np.ones((*clear.shape[:2], 4)) * np.array([10, 200, 90, 255]) / 255
    assert np.abs(picture(sources, plan) - over(ground, clear)).max() <= 1.1 / 255


def test_one_layer_is_the_plan_of_all_services() -> None:
    for target in TARGETS.values():
        layer = shown(source("a.tif", 3, 1), target)
        alone = plan_map(layer.view, layer.info, layer.geo, SERVER)
        assert plan_maps([layer], SERVER) == alone
        assert plan_maps([layer], SERVER).digest == alone.digest


def test_large_maps_in_strips_are_the_same() -> None:
    sources = [source("a.tif", 3, 1), source("b.tif", 4, 2)]
    target = GridRef.of_bounds(PLACE.crs, Bounds(499500.0, 4998000.0, 502700.0, 5000300.0), Size(1500, 1100))
    plan = plan_maps([shown(made, target) for made in sources], SERVER)
    view = reader(sources, plan)
    strips = list(view.read_strips())
    assert len(strips) > 1
    np.testing.assert_array_equal(np.concatenate(strips), view.read())


def test_cost_of_many_layers_is_the_sum_of_pixels_and_the_memory_of_one() -> None:
    sources = [source(f"{index}.tif", 3, index) for index in range(100)]
    layers = [shown(made, TARGETS["warped"]) for made in sources]
    two, many = (reader(sources, plan_maps(layers[:count], SERVER)).cost() for count in (2, 100))
    assert many.read == 50 * two.read
    assert many.memory == two.memory


def test_blank_pictures_are_clear_and_those_of_errors_are_not_final() -> None:
    plan = plan_blank(Size(300, 200), "png", SERVER)
    view = reader([], plan)
    assert view.is_final
    assert not view.read().any()
    told = plan_blank(Size(300, 200), "png", SERVER, message="there is no layer 'roads'; " * 9)
    assert isinstance(told.view, Blank)
    pixels = reader([], told).read()
    assert not reader([], told).is_final
    assert pixels[..., 3].any()
    assert not pixels[..., :3].any()


@pytest.mark.parametrize("size", [Size(1, 1), Size(20, 500), Size(500, 10), Size(5000, 3000)], ids=str)
def test_blank_pictures_of_any_size(size: Size) -> None:
    plan = plan_blank(size, "png", SERVER, message="no " * 2000, transparent=False, background=(0, 0, 0))
    view = reader([], plan)
    assert view.read().shape == (size.height, size.width, 4)
    np.testing.assert_array_equal(np.concatenate(list(view.read_strips())), view.read())
