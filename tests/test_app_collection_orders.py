"""Which image of a collection is uppermost, in every order, against numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.geo.image_index import ORDERS
from tests.geo_rasters import from_origin, write_geotiff
from tests.published import NAME, NORTH, STEP, WEST, YEARS, Published
from tests.test_app import ask
from tests.test_app_mosaics import add, map_address, shown

WIDTH, HEIGHT = 90, 70
"""Of maps, in pixels of `STEP`."""


class Placed(NamedTuple):
    """An image of one gray."""

    gray: int
    year: int
    factor: int
    """Halves of `STEP` in its pixels."""
    x: int
    y: int
    width: int
    height: int
    """In pixels of `STEP`."""


IMAGES = (
    Placed(40, 2021, 2, 0, 0, 50, 40),
    Placed(80, 2019, 1, 30, 10, 44, 36),
    Placed(120, 2022, 4, 20, 30, 40, 36),
    Placed(160, 2018, 3, 12, 6, 60, 54),
    Placed(200, 2020, 6, 60, 0, 30, 66),
)
"""In the order in which they are added."""
VIEWS = ((0, 0), (-30, 20), (25, -15))
"""Upper left corners of maps: their centers are nearest to different images."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    found = Published(tmp_path_factory.mktemp("images"))
    found.store.delete_items(NAME, [f"{year}.tif" for year in YEARS])
    for each in IMAGES:
        shape = each.height * 2 // each.factor, each.width * 2 // each.factor
        step = STEP * each.factor / 2
        place = from_origin(WEST + each.x * STEP, NORTH - each.y * STEP, step, step)
        name = f"{each.gray}.tif"
        write_geotiff(found.images / name, np.full(shape, each.gray, np.uint8), transform=place)
        add(found, [name], each.year)
    yield found
    found.store.close()


def uppermost_first(order: str, x: int, y: int) -> list[Placed]:
    """The images by an order, of a map from a corner on."""
    middle = x + WIDTH / 2, y + HEIGHT / 2
    keys = {
        "newest": lambda each: -each.year,
        "finest": lambda each: each.factor,
        "number": lambda each: -IMAGES.index(each),
        "center": lambda each: np.hypot(
            each.x + each.width / 2 - middle[0], each.y + each.height / 2 - middle[1]
        ),
    }
    return sorted(IMAGES, key=keys[order])


def expected(order: str, x: int, y: int) -> NDArray[np.int64]:
    """The grays of a map, by numpy: 0 where no image is."""
    picture = np.zeros((HEIGHT, WIDTH), np.int64)
    rows, columns = np.mgrid[y : y + HEIGHT, x : x + WIDTH]
    for each in reversed(uppermost_first(order, x, y)):
        inside = (columns >= each.x) & (columns < each.x + each.width)
        picture[inside & (rows >= each.y) & (rows < each.y + each.height)] = each.gray
    return picture


@pytest.mark.parametrize("order", ORDERS)
def test_the_uppermost_image_is_that_of_the_order(published: Published, order: str) -> None:
    application = published.application()
    for x, y in VIEWS:
        pixels = shown(ask(application, f"{map_address(x, y, WIDTH, HEIGHT)}&ORDER={order}")).astype(int)
        np.testing.assert_array_equal(
            np.where(pixels[..., 3] == 255, pixels[..., 0], 0), expected(order, x, y)
        )


def test_orders_differ() -> None:
    """As the places of the images are chosen."""
    pictures = {order: expected(order, *VIEWS[0]).tobytes() for order in ORDERS}
    assert len(set(pictures.values())) == len(ORDERS)
    assert len({tuple(uppermost_first("center", x, y)) for x, y in VIEWS}) == len(VIEWS)
