"""How samples are interpreted: ranges, stretching, and what the image declares."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.image import ColorSpace
from iipserve.processing.display import display_transform
from iipserve.processing.sample_format import SampleFormat, sample_format
from iipserve.processing.tone import Invert, SampleRange, Stretch
from tests.processing import formulas
from tests.processing.sample_formats import displayed, info, kind, random_pixels


def test_later_ranges_count_over_earlier_ones() -> None:
    of = kind("uint8", 3)
    pixels = random_pixels((6, 6, 3), of)
    asked = SampleRange(((1, 0, 1), (None, 10, 200), (2, 50, 60), (7, 0, 1)))
    expected = formulas.quantized(formulas.normalized(pixels, [(10, 200), (10, 200), (50, 60)]), 1, 8)
    np.testing.assert_array_equal(displayed(of, (asked,), pixels), expected)


STRETCHED = [
    (kind("uint8", 1), (10, 200), (10.0, 200.0)),
    (kind("uint16", 1), (10, 200), (2560.0, 51200.0)),
    (kind("uint16", 1, bits=12), (10, 200), (160.0, 3200.0)),
    (kind("uint16", 1, ranges=((1000, 2020),)), (51, 204), (1204.0, 1816.0)),
    (kind("float32", 1), (51, 204), (0.2, 0.8)),
    (kind("float32", 1, ranges=((-1, 1),)), (51, 204), (-0.6, 0.6)),
]


@pytest.mark.parametrize(("of", "bins", "shown"), STRETCHED)
def test_stretch_shows_the_bins_that_are_filled(
    of: SampleFormat, bins: tuple[int, int], shown: tuple[float, float]
) -> None:
    pixels = random_pixels((8, 8, 1), of)
    expected = displayed(of, (SampleRange(((None, *shown),)),), pixels)
    np.testing.assert_array_equal(displayed(of, (Stretch(bins),), pixels), expected)


def test_stretch_counts_over_ranges_asked_for() -> None:
    of = kind("uint8", 1)
    pixels = random_pixels((8, 8, 1), of)
    both = (SampleRange(((None, 100, 110),)), Stretch((20, 90)))
    np.testing.assert_array_equal(displayed(of, both, pixels), displayed(of, (Stretch((20, 90)),), pixels))


@pytest.mark.parametrize(
    ("space", "bands", "dtype"),
    [(ColorSpace.CMYK, 3, "uint8"), (ColorSpace.CIELAB, 2, "uint8"), (ColorSpace.CIELAB, 3, "int16")],
)
def test_a_color_space_that_cannot_be_is_read_as_gray(space: ColorSpace, bands: int, dtype: str) -> None:
    ranges = ((0.0, 255.0),) * bands
    strange, plain = kind(dtype, bands, space=space, ranges=ranges), kind(dtype, bands, ranges=ranges)
    pixels = random_pixels((4, 4, bands), plain)
    np.testing.assert_array_equal(displayed(strange, (), pixels), displayed(plain, (), pixels))


def test_declared_ranges_count_over_measured_ones() -> None:
    assert sample_format(info("uint16", 1, ranges=((5, 50),)), ((1, 2),)).ranges == ((5, 50),)
    assert sample_format(info("float32", 1), ((1, 2),)).ranges == ((1, 2),)


def test_profiles_matter_to_cmyk_only() -> None:
    assert sample_format(info("uint8", 3, icc=b"profile")).profile is None
    assert sample_format(info("uint8", 4, space=ColorSpace.CMYK, icc=b"profile")).profile == b"profile"


def test_opacity_alone_is_a_picture() -> None:
    of = sample_format(info("uint8", 1, space=ColorSpace.GRAY, alpha=True))
    assert not of.has_alpha
    assert display_transform(of, ()) is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "float32"])
def test_nothing_known_of_the_range_is_no_mistake(dtype: str) -> None:
    of = SampleFormat(dtype, 16, 1, ColorSpace.GRAY, False, ())
    assert displayed(of, (Invert(),), np.ones((2, 2, 1), dtype)).shape == (2, 2, 1)
