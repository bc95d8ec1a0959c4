"""Operations in order, and bands fitted to what an encoder writes, opacity never silently dropped."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from iipserve.processing import Operation, Stage, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.compositing import WHITE, composited
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.icc import ToSRGB
from iipserve.processing.tone import Brightness, Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.processing.transparency import Background, Transparency
from tests.images import gradient
from tests.processing.sample_formats import context, info

ALL: tuple[Operation, ...] = (
    Transparency(), SampleRange(((None, 0, 1),)), Stretch((0, 1)), Hillshade(0, 0), Twist(((1,),)), Gamma(2), Logarithm(),
    Invert(), Colormap("jet"), Convolve(((1,),)), Contrast(2), Brightness(0.5), ToSRGB(b""), Grayscale(), Bitonal(1),
    Equalize((0,) * 256), Mirror(), Rotate(90), Background(1, 2, 3),
)  # fmt: skip
"""In iipsrv's order (section 4.2 of its description), with those of maps, except the watermark, and those that have ranges of an image."""


@pytest.mark.parametrize(
    ("bands", "allowed", "result"),
    [
        (1, {1, 3}, 1), (2, {1, 3}, 1), (3, {1, 3}, 3), (4, {1, 3}, 3),
        (1, {1, 2, 3, 4}, 1), (2, {1, 2, 3, 4}, 2), (4, {1, 2, 3, 4}, 4),
        (1, {3, 4}, 3), (2, {3, 4}, 4), (2, {1, 3, 4}, 4), (2, {3}, 3), (4, {3}, 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_number_of_bands(bands: int, allowed: set[int], result: int, dtype: str) -> None:
    fitted = pipeline.fit_bands(gradient((20, 10), bands).astype(dtype), allowed)
    assert fitted.shape == (10, 20, result)
    assert fitted.dtype == dtype


def test_laid_on_white() -> None:
    picture = gradient((300, 200), 4)
    alpha = picture[..., 3:] / 255
    expected = picture[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(composited(picture, WHITE) - expected).max() <= 0.5 + 1e-9


def test_every_color_on_white() -> None:
    pairs = np.array(list(itertools.product(range(256), repeat=2)), np.uint8)[np.newaxis]
    expected = [
        (2 * (c * a + 255 * (255 - a)) + 255) // 510 for c, a in itertools.product(range(256), repeat=2)
    ]
    assert composited(pairs, WHITE)[0, :, 0].tolist() == expected


def test_16_bits_on_white() -> None:
    picture = np.random.default_rng(1).integers(0, 65536, (100, 100, 4)).astype(np.uint16)
    picture[0, :4] = np.array([[0] * 4, [65535] * 4, [0, 1, 65534, 65535], [65535, 0, 1, 0]])
    color, alpha = picture[..., :3].astype(object), picture[..., 3:].astype(object)
    expected = (2 * (color * alpha + 65535 * (65535 - alpha)) + 65535) // (2 * 65535)
    np.testing.assert_array_equal(composited(picture, WHITE), expected.astype(np.uint16))


def test_opaque_pictures_keep_their_colors() -> None:
    picture = gradient((30, 20), 4)
    picture[..., 3] = 255
    np.testing.assert_array_equal(composited(picture, WHITE), picture[..., :3])


def test_gray_becomes_three_equal_bands() -> None:
    gray = gradient((20, 10), 2)
    rgba = pipeline.fit_bands(gray, {3, 4})
    assert all(np.array_equal(rgba[..., band], gray[..., 0]) for band in range(3))
    np.testing.assert_array_equal(rgba[..., 3], gray[..., 1])


def test_operations_follow_each_other() -> None:
    picture = gradient((20, 10))
    result = pipeline.apply((Mirror(), Rotate(90)), picture)
    np.testing.assert_array_equal(result, np.rot90(picture[:, ::-1], -1))


def test_order_is_independent_of_the_request() -> None:
    assert pipeline.ordered(reversed(ALL)) == ALL
    assert pipeline.ordered((Gamma(1.0), Mirror(), Gamma(2.0))) == (Gamma(2.0), Mirror())


def test_stages_part_the_operations() -> None:
    assert pipeline.transparency(ALL) is ALL[0]
    assert pipeline.before_scaling(ALL) == ALL[1:12]
    assert pipeline.after_scaling(ALL) == ALL[12:]
    assert {operation.stage for operation in ALL[1:3]} == {Stage.RANGE}


def test_bound_to_an_image() -> None:
    histogram = (0,) * 7 + (5, 5) + (0,) * 247
    about = context(info(icc=b"profile"), histogram, threshold=9)
    found = pipeline.bound((Stretch(), Gamma(2.0), ToSRGB(), Bitonal()), about)
    assert found == (Stretch((7, 8)), Gamma(2.0), ToSRGB(b"profile"), Bitonal(9))


@pytest.mark.parametrize("made", [Colormap("jet"), Twist(((1,),)), Hillshade(0, 0)])
def test_own_colors_have_no_profile(made: Operation) -> None:
    about = context(info(icc=b"profile"))
    assert pipeline.bound((made, ToSRGB(), Mirror()), about) == (made, Mirror())


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: type(operation).__name__)
def test_operations_are_values(operation: Operation) -> None:
    again = dataclasses.replace(operation)  # type: ignore[type-var]
    assert again == operation
    assert hash(again) == hash(operation)
    assert repr(again) == repr(operation)
    assert operation.bound(context(info(icc=b""))) == operation


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 3), (9, 1, 1)])
def test_fitted_pixels_have_usual_strides(shape: tuple[int, int, int]) -> None:
    """Also where numpy calls others contiguous."""
    height, width, bands = shape
    pixels = np.zeros((20, 20, bands), np.uint8)[:height, ::-1][:, :width]
    fitted = pipeline.fit_bands(np.ascontiguousarray(pixels), {1, 3})
    assert fitted.strides == np.empty(shape, np.uint8).strides
