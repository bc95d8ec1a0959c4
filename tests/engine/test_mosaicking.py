"""Mosaics against what their rules say, by PROJ and numpy; and what is read for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from iipserve.engine import mosaicking
from iipserve.errors import DecodeError
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geometry import Size
from iipserve.plan import Composite, Crop, Mosaic, MosaicRule, Resampling
from iipserve.processing import Pixels
from iipserve.processing.channels import Opacity
from iipserve.processing.colormap import Colormap
from iipserve.processing.value_colormap import AS_STORED, Between, ValueColormap
from iipserve.protocols.map_layers import ShownLayer, plan_maps
from iipserve.protocols.mosaics import plan_mosaic
from tests.engine.fakes import ArraySource
from tests.engine.maps import box, quarters
from tests.engine.mosaics import (
    CollectionImage,
    Sources,
    by_the_rules,
    collection_image,
    drawn,
    in_color,
    map_view,
    plan_of,
    random_pixels,
    reader,
)
from tests.protocols.client import SERVER

pytest.importorskip("pyproj")
from tests.projections import transformer

SYSTEMS = ("EPSG:32633", "EPSG:3857", "EPSG:4326", "EPSG:32632")
RULES = tuple(MosaicRule)


def collection(seed: int, count: int = 6) -> list[CollectionImage]:
    """Images of all numbers of bands in three systems, with opacity, missing data or neither, scattered over 5 km."""
    random = np.random.default_rng(seed)
    images = []
    for index in range(count):
        size = tuple(random.integers(40, 200, 2).tolist())
        bands = int(random.integers(1, 5))
        step = float(random.choice([10.0, 20.0]))
        east, north = random.uniform(0, 3000, 2)
        pixels = random_pixels(seed * 100 + index, size, bands)
        fields: dict[str, Any] = {}
        if bands in (1, 3) and random.random() < 0.7:
            pixels[20:35, 10:30] = 7
            fields["nodata"] = (7.0,) * bands
        crs, corner, step = placed(str(random.choice(SYSTEMS)), 500000 + east, 5000000 - north, step)
        images.append(collection_image(f"{index}.tif", pixels, crs=crs, corner=corner, step=step, **fields))
    return images


def placed(crs: str, x: float, y: float, step: float) -> tuple[str, tuple[float, float], float]:
    """A place of UTM zone 33 in another system, and a step of about as many metres there."""
    there = transformer("EPSG:32633", crs).transform(x, y)
    return crs, there, step / 90000 if crs == "EPSG:4326" else step


def random_target(seed: int, images: list[CollectionImage]) -> GridRef:
    """A view of about the resolution of the images, somewhere over them, in one of their systems."""
    random = np.random.default_rng(seed)
    crs = str(random.choice(SYSTEMS))
    around = box(images[int(random.integers(len(images)))].georeference, crs)
    width, height = (int(each) for each in random.integers(50, 300, 2))
    # less than two pixels of any image, which are not averaged then
    step = float(random.uniform(5, 13)) * {"EPSG:3857": 1.41, "EPSG:4326": 1 / 90000}.get(crs, 1.0)
    x, y = random.uniform(around.min_x, around.max_x), random.uniform(around.min_y, around.max_y)
    bounds = Bounds(x - step * width / 2, y - step * height / 2, x + step * width / 2, y + step * height / 2)
    return GridRef.of_bounds(crs, bounds, Size(width, height))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.value)
@pytest.mark.parametrize("seed", range(8))
def test_random_views_show_what_the_rules_say(seed: int, rule: MosaicRule) -> None:
    images = collection(seed)
    target = random_target(seed, images)
    plan = plan_of(images, target, rule)
    expected = by_the_rules(images, target, rule)
    pixels = drawn(images, plan)
    np.testing.assert_array_equal(pixels[expected.sure], expected.pixels[expected.sure])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.value)
@pytest.mark.parametrize("resampling", [Resampling.NEAREST, Resampling.BILINEAR, Resampling.CUBIC])
@pytest.mark.parametrize("crs", SYSTEMS)
def test_a_tile_equals_its_quarters(crs: str, resampling: Resampling, rule: MosaicRule) -> None:
    images = collection(3)
    around = box(images[0].georeference, crs)
    step = max(around.width, around.height) / 300
    left, top = (around.min_x + around.max_x) / 2 - 256 * step, (around.min_y + around.max_y) / 2 + 256 * step
    target = GridRef.of_bounds(crs, Bounds(left, top - 512 * step, left + 512 * step, top), Size(512, 512))
    whole = drawn(images, plan_of(images, target, rule, resampling=resampling))
    assert whole[..., 3].any()
    for x, y, quarter in quarters(target):
        part = drawn(images, plan_of(images, quarter, rule, resampling=resampling))
        np.testing.assert_array_equal(part, whole[y : y + 256, x : x + 256])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.value)
def test_strips_are_the_whole(rule: MosaicRule) -> None:
    images = collection(5)
    around = box(images[0].georeference, "EPSG:3857")
    target = GridRef.of_bounds("EPSG:3857", around, Size(1500, 1100))
    view = reader([image.source for image in images], plan_of(images, target, rule))
    strips = list(view.read_strips())
    assert len(strips) > 1
    np.testing.assert_array_equal(np.concatenate(strips)[..., :3], view.read()[..., :3])


# -- one image -------------------------------------------------------------------------------------


def test_one_aligned_image_is_the_crop_that_all_services_plan() -> None:
    image = collection_image("a.tif", random_pixels(1, (300, 300), 3))
    target = own_grid(image, 20, 30, 128, 128)
    plan = plan_of([image], target)
    layer = ShownLayer(map_view(target), image.source.info, image.member.geo)
    alone = plan_maps([layer], SERVER)
    assert isinstance(plan.view, Crop)
    assert plan.digest == alone.digest
    neighbor = collection_image("b.tif", random_pixels(2, (300, 300), 3), corner=(503000.0, 5000000.0))
    below = collection_image("c.tif", random_pixels(3, (300, 300), 4))
    assert plan_of([neighbor, image, below], target).digest == alone.digest


def own_grid(image: CollectionImage, x: int, y: int, width: int, height: int) -> GridRef:
    grid = image.georeference.grid
    assert grid is not None
    return GridRef(grid.crs, grid.affine.shifted(x, y), Size(width, height))


def test_images_next_to_each_other_are_cut_to_the_map() -> None:
    images = [
        collection_image(
            f"{index}.tif", random_pixels(index, (100, 100), 3), corner=(500000.0 + 1000 * index, 5e6)
        )
        for index in range(3)
    ]
    target = own_grid(images[0], 50, 20, 200, 60)
    plan = plan_of(images, target)
    assert isinstance(plan.view, Mosaic)
    assert [(part.view.size, part.x) for part in plan.view.parts] == [
        (Size(50, 60), 0), (Size(100, 60), 50), (Size(50, 60), 150),
    ]  # fmt: skip
    expected = np.concatenate([image.source.levels[0] for image in images], axis=1)[20:80, 50:250]
    np.testing.assert_array_equal(drawn(images, plan)[..., :3], expected)


def test_images_below_an_opaque_one_are_not_opened() -> None:
    above = collection_image("a.tif", random_pixels(1, (400, 400), 3))
    below = collection_image("b.tif", random_pixels(2, (400, 400), 3))
    around = box(above.georeference, "EPSG:3857")
    middle = Bounds(around.min_x + 1000, around.min_y + 1000, around.max_x - 1000, around.max_y - 1000)
    plan = plan_of([above, below], GridRef.of_bounds("EPSG:3857", middle, Size(256, 256)))
    library = Sources([above.source, below.source])
    pixels = reader(library, plan).read()
    assert set(library.opened) == {"a.tif"}
    assert pixels.shape[2] == 3


# -- holes -----------------------------------------------------------------------------------------


def perforated(count: int = 5) -> list[CollectionImage]:
    """Images of one place, next to which the last is twice as wide, with pixels here and there that have no data."""
    random, images = np.random.default_rng(8), []
    for index in range(count):
        pixels = random_pixels(index, (300 if index < count - 1 else 600, 280), 3)
        pixels[random.random(pixels.shape[:2]) < 0.2] = 9
        images.append(collection_image(f"{index}.tif", pixels, nodata=(9.0, 9.0, 9.0)))
    return images


@pytest.mark.parametrize("crs", SYSTEMS)
def test_images_with_holes_everywhere_show_what_the_rules_say(crs: str) -> None:
    images = perforated()
    around = box(images[-1].georeference, crs)
    target = GridRef.of_bounds(crs, around, Size(500, 270))
    expected = by_the_rules(images, target)
    pixels = drawn(images, plan_of(images, target))
    np.testing.assert_array_equal(pixels[expected.sure], expected.pixels[expected.sure])
    own = own_grid(images[0], -30, 10, 400, 290)
    pixels = drawn(images, plan_of(images, own))
    np.testing.assert_array_equal(pixels, by_the_rules(images, own).pixels)


@pytest.mark.parametrize("resampling", [Resampling.NEAREST, Resampling.BILINEAR, Resampling.CUBIC])
@pytest.mark.parametrize("crs", SYSTEMS)
def test_pixels_read_one_by_one_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, crs: str, resampling: Resampling
) -> None:
    images = perforated()
    around = box(images[0].georeference, crs)
    target = GridRef.of_bounds(crs, around._replace(min_x=around.min_x - around.width / 9), Size(350, 330))
    plan = plan_of(images, target, resampling=resampling)
    one_by_one = drawn(images, plan)
    monkeypatch.setattr(mosaicking, "SPARSE", 0.0)
    np.testing.assert_array_equal(one_by_one, drawn(images, plan))


def test_only_tiles_of_images_below_that_show_are_read() -> None:
    above, below = (random_pixels(seed, (300, 300), 3) for seed in (1, 2))
    above[20, 30] = above[290, 295] = 9
    images = [collection_image("a.tif", above, nodata=(9.0, 9.0, 9.0)), collection_image("b.tif", below)]
    expected = above.copy()
    expected[20, 30], expected[290, 295] = below[20, 30], below[290, 295]
    pixels = drawn(images, plan_of(images, own_grid(images[0], 0, 0, 300, 300)))
    np.testing.assert_array_equal(pixels[..., :3], expected)
    assert images[1].source.reads == [(0, 0, 0), (0, 4, 4)]


# -- styles ----------------------------------------------------------------------------------------


def test_gray_images_make_a_gray_mosaic_and_expand_next_to_color() -> None:
    gray = [collection_image(f"{index}.tif", random_pixels(index, (90, 90), 1)) for index in (1, 2)]
    target = own_grid(gray[0], -10, -10, 120, 100)
    assert reader([each.source for each in gray], plan_of(gray, target)).read().shape[2] == 2
    color = collection_image("c.tif", random_pixels(3, (50, 50), 4), corner=(500200.0, 5000000.0))
    pixels = reader([each.source for each in (color, *gray)], plan_of([color, *gray], target)).read()
    assert pixels.shape[2] == 4


def test_images_of_different_types_are_displayed_each_in_its_range() -> None:
    eight = collection_image("a.tif", random_pixels(1, (60, 60), 1))
    sixteen = collection_image("b.tif", random_pixels(2, (60, 60), 1, "uint16"), corner=(500600.0, 5000000.0))
    floats = np.random.default_rng(3).random((60, 60, 1), np.float32)
    floats[:10] = np.nan
    third = collection_image("c.tif", floats, corner=(501200.0, 5e6), band_ranges=((0.0, 1.0),))
    images = [eight, sixteen, third]
    pixels = drawn(images, plan_of(images, own_grid(eight, 0, 0, 180, 60)))
    np.testing.assert_array_equal(pixels[:, :60, 0], eight.source.levels[0][..., 0])
    np.testing.assert_array_equal(pixels[:, 60:120, 0], sixteen.source.levels[0][..., 0] >> 8)
    np.testing.assert_array_equal(pixels[:, 120:, 3] == 0, np.isnan(floats[..., 0]))
    assert np.abs(pixels[10:, 120:, 0] / 255 - floats[10:, :, 0]).max() < 1 / 255


def test_the_mean_is_colored_and_not_the_mean_of_colors_made() -> None:
    values = [np.full((50, 50, 1), value, np.uint8) for value in (0, 200)]
    images = [collection_image(f"{index}.tif", value) for index, value in enumerate(values)]
    target = own_grid(images[0], -5, 0, 50, 50)
    colors = ValueColormap(
        Between.STEPS, (50.0, 150.0), ((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255))
    )
    pixels = drawn(images, plan_of(images, target, MosaicRule.MEAN, AS_STORED, colors))
    np.testing.assert_array_equal(pixels[:, 5:], np.broadcast_to((0, 255, 0, 255), (50, 45, 4)))
    assert not pixels[:, :5].any()
    jet = drawn(images, plan_of(images, target, MosaicRule.MAX, Colormap("jet")))
    np.testing.assert_array_equal(
        jet, drawn(images[1:], plan_of(images[1:], target, MosaicRule.FIRST, Colormap("jet")))
    )


def test_heights_display_one_range_on_all_maps() -> None:
    """Images of floats, next to each other: each alone, and both together, in the range of the first."""
    heights = [np.linspace(low, low + 500, 900, dtype=np.float32).reshape(30, 30, 1) for low in (100, 400)]
    images = [
        collection_image(f"{index}.tif", height, corner=(500000.0 + 300 * index, 5000000.0))
        for index, height in enumerate(heights)
    ]
    members, sources = [image.member for image in images], [image.source for image in images]
    expected = np.concatenate([np.clip((height[..., 0] - 100) / 500, 0, 1) for height in heights], axis=1)
    reference = members[0].info
    for x, width in ((0, 60), (0, 30), (30, 30), (35, 20)):
        view = map_view(own_grid(images[0], x, 0, width, 30))
        plan = plan_mosaic(view, members, SERVER, reference=reference)
        pixels = in_color(reader(sources, plan).read())
        assert np.abs(pixels[..., 0] / 255 - expected[:, x : x + width]).max() <= 1 / 255
    # the first alone is as in all services
    first = map_view(own_grid(images[0], 2, 0, 20, 30))
    assert isinstance(plan_mosaic(first, members, SERVER, reference=reference).view, Crop)
    # a style with a range has its own
    styled = map_view(own_grid(images[0], 35, 0, 20, 30), Resampling.NEAREST, AS_STORED)
    assert isinstance(plan_mosaic(styled, members, SERVER, reference=reference).view, Crop)


def test_classes_have_no_mean() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (50, 50), 1)) for index in range(2)]
    target = own_grid(images[0], -5, 0, 50, 50)
    classes = ValueColormap(Between.NOTHING, (1.0, 2.0), ((255, 0, 0, 255), (0, 255, 0, 255)))
    uppermost = plan_of(images, target, MosaicRule.FIRST, AS_STORED, classes)
    assert plan_of(images, target, MosaicRule.MEAN, AS_STORED, classes) == uppermost
    members = [image.member for image in images]
    members[1] = members[1]._replace(geo=replace(members[1].geo, is_palette=True))
    plan = plan_mosaic(map_view(target), members, SERVER, MosaicRule.MAX)
    assert isinstance(plan.view, Mosaic)
    assert plan.view.rule is MosaicRule.FIRST


def test_opacity_of_a_style_is_that_of_the_mosaic() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (80, 80), 3)) for index in range(2)]
    pixels = drawn(
        images, plan_of(images, own_grid(images[0], -20, 0, 90, 80), MosaicRule.FIRST, Opacity(0.5))
    )
    assert set(np.unique(pixels[..., 3])) == {0, 128}


def test_mosaics_and_images_are_layers_over_each_other() -> None:
    images = collection(7)
    target = random_target(7, images)
    mosaic = drawn(images, plan_of(images, target))
    above = collection_image("above.tif", random_pixels(9, (40, 40), 4), crs="EPSG:32633")
    members = tuple(image.member for image in images)
    layers = [
        ShownLayer(map_view(target), images[0].source.info, images[0].member.geo, 1.0, members),
        ShownLayer(map_view(target), above.source.info, above.member.geo, 0.5),
    ]
    plan = plan_maps(layers, SERVER)
    assert isinstance(plan.view, Composite)
    pixels = drawn([*images, above], plan)
    over = drawn([above], plan_of([above], target))[..., 3] > 0
    np.testing.assert_array_equal(pixels[~over], mosaic[~over])


# -- faults ----------------------------------------------------------------------------------------


class DamagedSource(ArraySource):
    """One whose tiles cannot be decoded."""

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        raise DecodeError("the tile is damaged")


def damaged_source(image: CollectionImage) -> DamagedSource:
    """One that has the header of an image."""
    damaged = DamagedSource(image.source.levels)
    damaged.info = image.source.info
    return damaged


def test_a_damaged_image_leaves_its_hole() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (80, 80), 3)) for index in range(2)]
    damaged = damaged_source(images[0])
    target = own_grid(images[0], -20, 0, 90, 80)
    plan = plan_of(images, target)
    view = reader([damaged, images[1].source], plan)
    pixels = view.read()
    np.testing.assert_array_equal(pixels, reader([images[1].source], plan_of(images[1:], target)).read())
    assert view.faults == ("0.tif",)
    assert not view.is_final


def test_a_mosaic_of_damaged_images_is_clear() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (80, 80), 3)) for index in range(2)]
    view = reader(
        [damaged_source(image) for image in images], plan_of(images, own_grid(images[0], -20, 0, 90, 80))
    )
    assert not view.read().any()
    assert set(view.faults) == {"0.tif", "1.tif"}


def test_below_damaged_images_that_hide_all_others_the_next_ones_show() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (300, 300), 3)) for index in range(4)]
    sources = [damaged_source(image) for image in images[:2]] + [image.source for image in images[2:]]
    around = box(images[0].georeference, "EPSG:3857")
    middle = Bounds(around.min_x + 800, around.min_y + 800, around.max_x - 800, around.max_y - 800)
    target = GridRef.of_bounds("EPSG:3857", middle, Size(128, 128))
    library = Sources(sources)
    view = reader(library, plan_of(images, target))
    np.testing.assert_array_equal(in_color(view.read()), drawn(images[2:], plan_of(images[2:], target)))
    assert view.faults == ("0.tif", "1.tif")
    assert "3.tif" not in library.opened


def test_cost_is_that_of_all_images_and_memory_that_of_one() -> None:
    images = [collection_image(f"{index}.tif", random_pixels(index, (80, 80), 4)) for index in range(50)]
    target = own_grid(images[0], -20, 0, 90, 80)
    sources = [image.source for image in images]
    two, many = (reader(sources, plan_of(images[:count], target)).cost() for count in (2, 50))
    assert many.read == 25 * two.read
    assert many.memory == two.memory
