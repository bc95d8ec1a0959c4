"""The largest images that can be made: what is stated can be rendered in every format, and not much more."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve import registry
from iipserve.codecs import Encoder
from iipserve.config import MEGABYTE, Config
from iipserve.engine.renderable import renderable_area
from iipserve.formats import Format
from iipserve.geometry import Size
from tests.protocols.client import GRAY, image

ENCODERS = list(registry.discover("iipserve.codecs", "ENCODER").values())


def encoder(factor: int, **fields: int) -> Encoder:
    known = Format("x", "x", "image/x", frozenset({3}))
    return Encoder(known, lambda *_: b"", memory_factor=factor, **fields)


def test_the_format_that_takes_most_decides() -> None:
    config = Config(max_render_memory=100)
    area = renderable_area(image(), config, [encoder(2), encoder(6), encoder(3)])
    assert area.upright == 100 * MEGABYTE // 3 // 7
    assert area.rotated == 100 * MEGABYTE // 4 // 7, "rotation adds opacity"
    assert renderable_area(GRAY, config, [encoder(6)]).upright == 100 * MEGABYTE // 7


@pytest.mark.parametrize(("held", "pixels"), [(179, 9), (1799, 99), (1800, 112), (3600, 900)])
def test_small_images_that_take_more(held: int, pixels: int) -> None:
    """18 copies of up to 100 pixels, 4 of larger images; a limit is one below which all can be made."""
    known = encoder(3, small_pixels=100, small_memory_factor=17)
    assert known.max_pixels(held) == (pixels if held != 1800 else 450)
    assert (known.copies(100), known.copies(101)) == (18, 4)


def test_default_settings_allow_the_largest_export_of_color() -> None:
    """Nearly 5000 x 5000 pixels (MAX_CVT), and 3073 x 2680 rotated by 45 degrees."""
    area = renderable_area(image(40_000, 40_000), Config(), ENCODERS)
    assert area.upright > 0.99 * 5000**2
    assert area.rotated > (3073 + 2680) ** 2 / 2


def test_what_cannot_be_read_at_full_size_is_limited_to_the_next_level() -> None:
    """1600 megapixels with MAX_DECODE=1000: the level of 20,000 x 20,000 remains."""
    config = Config(max_cvt=-1, max_render_memory=100_000)
    area = renderable_area(image(40_000, 40_000), config, ENCODERS)
    assert area.upright == 19_999**2
    flat = renderable_area(image(40_000, 40_000, levels=1), config, ENCODERS)
    assert flat.upright == 39_999**2, "no size would do, so none is left out"


def test_samples_of_many_bytes_are_read_with_less_memory_left() -> None:
    config = Config(max_render_memory=64)
    wide = image(6000, 6000, bands=40, dtype="float32")
    plain = renderable_area(image(6000, 6000), config, ENCODERS)
    assert renderable_area(wide, config, ENCODERS).upright < plain.upright


def test_sides_in_the_shape_of_the_image_fit_the_level() -> None:
    config = Config(max_cvt=-1, max_render_memory=100_000)
    area = renderable_area(image(40_001, 30_003), config, ENCODERS).upright
    width = int(np.sqrt(area * 40_001 / 30_003))
    assert Size(width, area // width).fits_in(Size(20_000, 15_001))
