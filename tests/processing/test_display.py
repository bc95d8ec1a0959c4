"""Large regions and tiles are displayed as their parts are."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.image import ColorSpace
from iipserve.processing import Operation
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.display import DisplayTransform
from iipserve.processing.filters import KERNELS, Convolve
from iipserve.processing.sample_format import SampleFormat
from iipserve.processing.tone import Contrast, Gamma, Logarithm
from tests.processing.sample_formats import MATRIX, displayed, kind, random_pixels

WIDE: dict[str, tuple[SampleFormat, tuple[Operation, ...]]] = {
    "table": (kind("uint8", 3), (Gamma(0.7),)),
    "colors": (kind("uint16", 1), (Colormap("viridis"),)),
    "twist": (kind("uint8", 4, alpha=True), (Twist(MATRIX), Gamma(0.7))),
    "convolution": (kind("uint8", 3), (Convolve(KERNELS["emboss"]),)),
    "colors, convolved": (kind("uint8", 1), (Colormap("jet"), Convolve(KERNELS["gaussian"]))),
    "float": (kind("float32", 2, alpha=True), (Logarithm(), Contrast(1.3))),
    "cielab": (kind("uint8", 3, space=ColorSpace.CIELAB), (Convolve(KERNELS["laplace"]),)),
    "depth": (kind("uint16", 4, alpha=True), ()),
}


@pytest.mark.parametrize(("of", "operations"), WIDE.values(), ids=WIDE)
def test_large_regions_are_as_their_parts(of: SampleFormat, operations: tuple[Operation, ...]) -> None:
    pixels = random_pixels((700, 501, of.bands), of)
    to_display = DisplayTransform(of, operations, 8)
    whole = to_display(pixels)
    apron = to_display.apron
    for top, bottom in ((0, 100), (100, 101), (101, 640), (640, 700)):
        first, last = max(0, top - apron), min(700, bottom + apron)
        part = to_display(np.ascontiguousarray(pixels[first:last]))[top - first : bottom - first]
        np.testing.assert_array_equal(part, whole[top:bottom])


def test_tiles_with_their_apron_join() -> None:
    of = kind("uint8", 3)
    kernel = tuple(tuple(float(3 * row - column) for column in range(5)) for row in range(5))
    to_display = DisplayTransform(of, (Gamma(0.7), Convolve(kernel)), 8)
    pixels = random_pixels((40, 40, 3), of)
    assert to_display.apron == 2
    whole = to_display(pixels)
    for y in (0, 20):
        for x in (0, 20):
            top, left = max(0, y - 2), max(0, x - 2)
            part = to_display(np.ascontiguousarray(pixels[top : y + 22, left : x + 22]))
            inner = part[y - top : y - top + 20, x - left : x - left + 20]
            np.testing.assert_array_equal(inner, whole[y : y + 20, x : x + 20])


def test_other_byte_orders_are_read() -> None:
    of = kind("int16", 1, ranges=((-100, 100),))
    pixels = random_pixels((4, 4, 1), of)
    np.testing.assert_array_equal(displayed(of, (), pixels.astype(">i2")), displayed(of, (), pixels))
