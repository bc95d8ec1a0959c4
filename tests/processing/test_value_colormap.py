"""Color maps by value, and operations on channels, against formulas in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.processing.channels import ChannelGamma, Opacity
from iipserve.processing.display import display_transform
from iipserve.processing.sample_format import SampleFormat
from iipserve.processing.value_colormap import AS_STORED, Between, ValueColormap
from tests.processing.sample_formats import kind

QUANTITIES = (-3.0, 0.1, 7.0, 200.0)
COLORS = ((10, 20, 30, 255), (255, 0, 1, 255), (0, 254, 128, 255), (3, 2, 1, 255))
HALF = tuple((*color[:3], 128) for color in COLORS)


def shown(operation: ValueColormap, samples: Any, dtype: str = "float32", bits: int = 8) -> NDArray[Any]:
    """The display pixels of some samples of one band."""
    pixels = np.array(samples, dtype)[np.newaxis, :, np.newaxis]
    transform = display_transform(kind(dtype, 1), (AS_STORED, operation), bits)
    assert transform is not None
    return transform(pixels)[0]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colors", [COLORS, HALF])
def test_ramp_is_exact_at_entries_and_linear_between(colors: Any, bits: int) -> None:
    operation = ValueColormap(Between.RAMP, QUANTITIES, colors)
    factor = 1 if bits == 8 else 257
    bands = 3 if colors is COLORS else 4
    at_entries = shown(operation, QUANTITIES, bits=bits)
    np.testing.assert_array_equal(at_entries, np.array(colors)[:, :bands] * factor)
    samples = np.random.default_rng(1).uniform(-20, 300, 4000).astype(np.float32)
    known = np.float32(QUANTITIES).astype(np.float64)
    expected = [np.interp(samples, known, [color[band] for color in colors]) for band in range(bands)]
    difference = shown(operation, samples, bits=bits) / factor - np.stack(expected, axis=1)
    assert np.abs(difference).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("precedes", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "int32"])
def test_steps_change_at_the_quantities(dtype: str, precedes: bool) -> None:
    quantities, colors = (2.0, 7.0, 200.0), COLORS
    operation = ValueColormap(Between.STEPS, quantities, colors, precedes=precedes)
    samples = np.arange(0, 256, dtype=dtype)
    expected = [
        colors[sum(value > each if precedes else value >= each for each in quantities)][:3]
        for value in range(256)
    ]
    np.testing.assert_array_equal(shown(operation, samples, dtype), expected)


def test_other_values_are_clear() -> None:
    operation = ValueColormap(Between.NOTHING, (0.1, 5.0, 9.0), COLORS[:3])
    found = shown(operation, [0.1, 5, 5.0001, 9, -1, 1e30])
    clear = [0, 0, 0, 0]
    assert found.tolist() == [[*COLORS[0]], [*COLORS[1]], clear, [*COLORS[2]], clear, clear]


def test_quantities_are_physical_values() -> None:
    operation = ValueColormap(Between.NOTHING, (0.3, 1000.7), COLORS[:2], scale=0.1)
    found = shown(operation, [3, 10007, 4], "uint16")
    assert found.tolist() == [[*COLORS[0]], [*COLORS[1]], [0, 0, 0, 0]]


def test_equal_quantities_of_a_ramp_are_a_step() -> None:
    operation = ValueColormap(Between.RAMP, (0.0, 5.0, 5.0, 9.0), (COLORS[0], COLORS[0], *COLORS[2:]))
    found = shown(operation, [4.9999, 5.0])
    assert found.tolist() == [[*COLORS[0][:3]], [*COLORS[2][:3]]]


def test_opacity_of_the_file_is_multiplied() -> None:
    operation = ValueColormap(Between.RAMP, (0.0,), ((1, 2, 3, 128),))
    samples = SampleFormat("uint8", 8, 2, kind("uint8", 1).color_space, True, ())
    transform = display_transform(samples, (AS_STORED, operation))
    assert transform is not None
    found = transform(np.array([[[9, 255], [9, 51], [9, 0]]], np.uint8))
    assert found.tolist() == [[[1, 2, 3, 128], [1, 2, 3, 26], [1, 2, 3, 0]]]


def test_channel_gamma() -> None:
    samples = np.random.default_rng(2).uniform(-0.5, 1.5, (5, 7, 3)).astype(np.float32)
    found = ChannelGamma((0.5, 2.0))(samples)
    clipped = samples.clip(0).astype(np.float64)
    np.testing.assert_allclose(found[..., 0], np.sqrt(clipped[..., 0]), rtol=1e-6)
    np.testing.assert_allclose(found[..., 1], clipped[..., 1] ** 2, rtol=1e-6)
    np.testing.assert_array_equal(found[..., 2], samples[..., 2])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_opacity(bands: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (4, 5, bands)).astype(np.uint8)
    found = Opacity(0.4)(pixels)
    own = pixels[..., -1] if bands in (2, 4) else np.full((4, 5), 255)
    colors = 1 if bands < 3 else 3
    np.testing.assert_array_equal(found[..., :colors], pixels[..., :colors])
    assert np.abs(found[..., -1] - own * 0.4).max() <= 0.5 + 1e-6
