"""Point operations alone: appendix A's vectors, and what they do outside black and white."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iipserve.processing import Operation
from iipserve.processing.display import display_transform
from iipserve.processing.tone import Brightness, Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from tests.processing.sample_formats import context, kind, ramp


def byte_table(*operations: Operation) -> list[int]:
    """What becomes of each byte."""
    to_display = display_transform(kind("uint8", 1), operations)
    assert to_display is not None
    table: list[int] = to_display(ramp())[0, :, 0].tolist()
    return table


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.8, 1.2, 1.5, 2.0, 3.0, 10.0])
def test_contrast_multiplies_and_truncates(factor: float) -> None:
    assert byte_table(Contrast(factor)) == [int(min(255, sample * factor)) for sample in range(256)]


@pytest.mark.parametrize("offset", [-1.0, -0.25, 0.1, 0.5])
def test_brightness_is_added(offset: float) -> None:
    expected = np.clip(np.arange(256) + offset * 255, 0, 255)
    assert np.abs(byte_table(Brightness(offset)) - expected).max() <= 1


@pytest.mark.parametrize("exponent", [0.3, 0.45, 0.7, 1.4, 2.2, 3.0])
def test_gamma_is_a_power(exponent: float) -> None:
    expected = [int(255 * (sample / 255) ** exponent + 1e-5) for sample in range(256)]
    assert byte_table(Gamma(exponent)) == expected


def test_logarithm_keeps_black_and_white() -> None:
    table = byte_table(Logarithm())
    assert table[0] == 0
    assert table[255] == 255
    assert all(abs(table[p] - 255 * math.log(1 + p) / math.log(256)) <= 1 for p in range(256))
    assert table == sorted(table)


def test_inversion_mirrors() -> None:
    table = byte_table(Invert())
    assert all(255 - p - table[p] in (0, 1) for p in range(256))
    assert (table[0], table[255]) == (255, 0)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Gamma(2.0), [0, 0, 0.25, 4]),
        (Contrast(3.0), [-3, 0, 1.5, 6]),
        (Invert(), [2, 1, 0.5, -1]),
        (Brightness(-0.5), [-1.5, -0.5, 0, 1.5]),
    ],
)
def test_samples_past_black_and_white_are_kept(operation: Operation, expected: list[float]) -> None:
    samples = np.array([[[-1], [0], [0.5], [2]]], np.float32)
    before = samples.copy()
    assert operation(samples)[0, :, 0].tolist() == expected
    np.testing.assert_array_equal(samples, before)


def test_logarithm_of_what_has_none_is_black() -> None:
    samples = np.array([[[-1], [-1 / 255], [0]]], np.float32)
    result = Logarithm()(samples)[0, :, 0]
    assert result[0] == result[1] < -10
    assert result[2] == 0


def test_operations_leave_the_type_to_32_bits() -> None:
    for operation in (Gamma(0.5), Logarithm(), Invert(), Contrast(0.5)):
        assert operation(np.full((2, 2, 3), 0.25, np.float32)).dtype == np.float32


def test_stretch_looks_for_the_ends_of_the_histogram() -> None:
    brightness = (0, 0, 5, 0, 3, 1) + (0,) * 250
    assert Stretch().bound(context(brightness=brightness)) == Stretch((2, 5))
    assert Stretch().bound(context(brightness=(0,) * 256)) == Stretch((0, 255))


def test_ranges_are_never_called_for() -> None:
    pixels = np.ones((2, 2, 1), np.float32)
    assert SampleRange(((None, 0, 1),))(pixels) is pixels
    assert Stretch((0, 1))(pixels) is pixels


def test_operations_of_one_kind_are_equal() -> None:
    assert Gamma(0.5) == Gamma(0.5)
    assert hash(Contrast(2.0)) == hash(Contrast(2.0))
    assert repr(Gamma(0.5)) == "Gamma(exponent=0.5)"
