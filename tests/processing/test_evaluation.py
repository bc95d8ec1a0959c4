"""Every strategy computes iipsrv's formulas exactly, for all sample formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.errors import InvalidRequest
from iipserve.image import ColorSpace
from iipserve.processing import Operation
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.display import display_transform
from iipserve.processing.filters import KERNELS, Convolve, Hillshade
from iipserve.processing.sample_format import SampleFormat
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange
from tests.processing import formulas
from tests.processing.sample_formats import MATRIX, displayed, kind, ramp, random_pixels

KINDS = {
    "uint8 gray": kind("uint8", 1),
    "uint8 rgb": kind("uint8", 3),
    "uint8 rgb with its own ranges": kind("uint8", 3, ranges=((0, 255), (10, 200), (30, 31))),
    "uint16 gray": kind("uint16", 1),
    "uint16 rgb": kind("uint16", 3),
    "12 bits": kind("uint16", 3, bits=12),
    "int16": kind("int16", 1, ranges=((-20000, 30000),)),
    "int16 rgb": kind("int16", 3, ranges=((-20000, 30000), (-5, 9000), (0, 32767))),
    "int32": kind("int32", 1, ranges=((-2_000_000_000, 2_000_000_000),)),
    "uint32": kind("uint32", 1, ranges=((0, 4_000_000_000),)),
    "float": kind("float32", 1),
    "float with a range": kind("float32", 1, ranges=((-0.25, 1.25),)),
    "float rgb": kind("float32", 3, ranges=((0, 1), (-1, 1), (0.5, 0.75))),
}

Chain = tuple[tuple[Operation, ...], tuple[formulas.Step, ...], float]
"""Operations, the same as formulas, and the contrast, which comes last."""

CHAINS: dict[str, Chain] = {
    "contrast": ((Contrast(1.7),), (), 1.7),
    "gamma": ((Gamma(0.45),), (formulas.gamma(0.45),), 1),
    "gamma and contrast": ((Gamma(2.2), Contrast(0.8)), (formulas.gamma(2.2),), 0.8),
    "logarithm": ((SampleRange(((None, -40000, 70000),)), Logarithm()), (formulas.logarithm(),), 1),
    "inversion": ((Invert(),), (formulas.invert(),), 1),
    "twist": ((Twist(MATRIX),), (formulas.twist(MATRIX),), 1),
    "twist and gamma": ((Twist(MATRIX), Gamma(1.5)), (formulas.twist(MATRIX), formulas.gamma(1.5)), 1),
    "twist to gray": ((Twist(((0.3, 0.3, 0.4),)),), (formulas.twist(((0.3, 0.3, 0.4),)),), 1),
    "twist, inverted, colored": (
        (Twist(((1, -1),)), Invert(), Colormap("jet"), Contrast(1.2)),
        (formulas.twist(((1, -1),)), formulas.invert(), formulas.colormap("jet")),
        1.2,
    ),
    **{
        f"color map {name}": ((Colormap(name),), (formulas.colormap(name),), 1)
        for name in ("hot", "cold", "jet", "red", "green", "blue")
    },
    "gamma, colored": (
        (Gamma(0.6), Invert(), Colormap("hot")),
        (formulas.gamma(0.6), formulas.invert(), formulas.colormap("hot")),
        1,
    ),
    **{
        f"convolution {name}": ((Convolve(kernel),), (formulas.convolve(kernel),), 1)
        for name, kernel in KERNELS.items()
    },
    "gamma, colored, convolved": (
        (Gamma(0.6), Colormap("cold"), Convolve(KERNELS["sharpen"]), Contrast(1.1)),
        (formulas.gamma(0.6), formulas.colormap("cold"), formulas.convolve(KERNELS["sharpen"])),
        1.1,
    ),
    "twist, convolved": (
        (Twist(MATRIX), Convolve(KERNELS["gaussian"])),
        (formulas.twist(MATRIX), formulas.convolve(KERNELS["gaussian"])),
        1,
    ),
}  # fmt: skip


def computed(of: SampleFormat, chain: Chain, pixels: NDArray[Any], bits: int = 8) -> NDArray[Any]:
    """The same by the formulas."""
    operations, steps, contrast = chain
    ranges = of.ranges
    if isinstance(operations[0], SampleRange):
        ranges = (operations[0].ranges[0][1:],) * of.bands
    picture = formulas.normalized(pixels, ranges)
    for step in steps:
        picture = step(picture)
    return formulas.quantized(picture, contrast, bits)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("of", KINDS.values(), ids=KINDS)
def test_formulas_are_met_exactly(of: SampleFormat, chain: Chain) -> None:
    pixels = random_pixels((9, 11, of.bands), of)
    result = displayed(of, chain[0], pixels)
    np.testing.assert_array_equal(result, computed(of, chain, pixels))
    assert result.flags.c_contiguous


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize(
    "of", [KINDS["uint8 rgb"], KINDS["12 bits"], KINDS["float rgb"]], ids=lambda of: of.dtype
)
def test_results_may_have_16_bits(of: SampleFormat, chain: Chain) -> None:
    pixels = random_pixels((9, 11, of.bands), of, seed=2)
    result = displayed(of, chain[0], pixels, 16)
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, computed(of, chain, pixels, 16))


@pytest.mark.parametrize("light", [(0, 0), (30, 45), (180, 90), (200, 20), (315, 60)])
@pytest.mark.parametrize(
    "of", [KINDS["uint8 rgb"], KINDS["uint16 rgb"], KINDS["float rgb"]], ids=lambda of: of.dtype
)
def test_hillshade(of: SampleFormat, light: tuple[int, int]) -> None:
    pixels = random_pixels((9, 11, 3), of)
    pixels[2, 2:5] = 0
    chain: Chain = ((Hillshade(*light), Contrast(1.5)), (formulas.shade(*light),), 1.5)
    np.testing.assert_array_equal(displayed(of, chain[0], pixels), computed(of, chain, pixels))


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_hillshade_needs_normal_vectors(bands: int) -> None:
    of = kind("uint8", bands)
    with pytest.raises(InvalidRequest, match="3 color bands"):
        displayed(of, (Hillshade(30, 45),), random_pixels((4, 4, bands), of))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "chain",
    [CHAINS["gamma and contrast"], CHAINS["inversion"], CHAINS["gamma, colored"], CHAINS["color map jet"]],
    ids=["gamma and contrast", "inversion", "gamma, colored", "jet"],
)
def test_every_sample_there_is(dtype: str, chain: Chain) -> None:
    of = kind(dtype, 1)
    every = ramp(dtype)
    np.testing.assert_array_equal(displayed(of, chain[0], every), computed(of, chain, every))


# -- no operations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "bits"),
    [
        (kind("uint8", 1), 8), (kind("uint8", 3), 8), (kind("uint8", 2, alpha=True), 8),
        (kind("uint8", 4, alpha=True), 8), (kind("uint8", 1, bits=1), 8), (kind("uint16", 3), 16),
    ],
)  # fmt: skip
def test_display_pixels_are_used_unchanged(of: SampleFormat, bits: int) -> None:
    assert display_transform(of, (), bits) is None


@pytest.mark.parametrize(
    ("bits", "to_bits"), [(9, 8), (10, 8), (12, 8), (16, 8), (8, 16), (10, 16), (12, 16), (14, 16), (15, 16)]
)
def test_depth_of_unsigned_samples(bits: int, to_bits: int) -> None:
    dtype = "uint8" if bits == 8 else "uint16"
    every = np.arange(1 << bits).astype(dtype).reshape(1, -1, 1)
    result = displayed(kind(dtype, 1, bits=bits), (), every, to_bits)
    text = [f"{sample:0{bits}b}" * 2 for sample in range(1 << bits)]
    assert result[0, :, 0].tolist() == [int(word[:to_bits], 2) for word in text]


def test_32_bits_of_full_range_lose_the_lower_24() -> None:
    of = kind("uint32", 1, ranges=((0, 4294967295),))
    pixels = random_pixels((5, 5, 1), of)
    np.testing.assert_array_equal(displayed(of, (), pixels), pixels >> 24)


def test_a_declared_range_is_normalized() -> None:
    of = kind("uint16", 1, bits=12, ranges=((100, 3000),))
    pixels = random_pixels((9, 9, 1), of)
    expected = formulas.quantized(formulas.normalized(pixels, of.ranges), 1, 8)
    np.testing.assert_array_equal(displayed(of, (), pixels), expected)


def test_a_range_without_width_parts_black_from_white() -> None:
    of = kind("float32", 1, ranges=((0.5, 0.5),))
    pixels = np.array([[[0.1], [0.5], [0.6], [np.nan]]], np.float32)
    assert displayed(of, (), pixels)[0, :, 0].tolist() == [0, 0, 255, 0]


def test_numbers_out_of_all_proportion_do_no_harm() -> None:
    of = kind("float32", 3, ranges=((-3e38, 3e38), (0, 1e-38), (5, 5)))
    pixels = np.array([[[3e38, 3e38, -3e38], [-3e38, 0, 5], [np.inf, np.nan, -np.inf]]], np.float32)
    matrix = ((1e38, -1e38, 1e38), (1e30, 1e30, 1e30), (0, 0, 0))
    for operations in (
        (),
        (Twist(matrix),),
        (Gamma(-3.0), Convolve(KERNELS["scharr"]), Contrast(1e38)),
        (Logarithm(),),
    ):
        assert displayed(of, operations, pixels).shape == (1, 3, 3)


# -- bands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (kind("uint8", 2), [0]), (kind("uint8", 5), [0, 1, 2]), (kind("uint16", 2), [0]),
        (kind("uint8", 4, space=ColorSpace.GRAY), [0, 1, 2]), (kind("float32", 7), [0, 1, 2]),
        (kind("uint8", 3, alpha=True, space=ColorSpace.GRAY), [0, -1]),
        (kind("uint8", 6, alpha=True), [0, 1, 2, -1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "operations", [(), (Gamma(0.5),), (Convolve(((1.0,),)),)], ids=["as is", "gamma", "convolved"]
)
def test_bands_that_are_shown(
    of: SampleFormat, expected: list[int], operations: tuple[Operation, ...]
) -> None:
    pixels = random_pixels((6, 7, of.bands), of)
    result = displayed(of, operations, pixels)
    assert result.shape == (6, 7, len(expected))
    one = kind(of.dtype, 1)
    for band, origin in enumerate(expected):
        alone = np.ascontiguousarray(pixels[..., origin, np.newaxis])
        is_alpha = of.has_alpha and origin == -1
        np.testing.assert_array_equal(
            result[..., [band]], alone if is_alpha else displayed(one, operations, alone)
        )


def test_a_twist_sees_all_bands() -> None:
    of = kind("uint8", 6)
    pixels = random_pixels((4, 4, 6), of)
    result = displayed(of, (Twist(((0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1, 7), (), (1,))),), pixels)
    np.testing.assert_array_equal(result[..., 0], pixels[..., 4])
    np.testing.assert_array_equal(result[..., 1], pixels[..., 5])
    assert not result[..., 2].any()


def test_two_rows_of_a_twist_show_the_first() -> None:
    of = kind("uint8", 3)
    pixels = random_pixels((4, 4, 3), of)
    np.testing.assert_array_equal(displayed(of, (Twist(((0, 1), (1,))),), pixels), pixels[..., 1:2])


# -- opacity ---------------------------------------------------------------------------------------

OPACITY = [
    ("uint8", 8, 8, [0, 1, 128, 255], [0, 1, 128, 255]),
    ("uint8", 8, 16, [0, 1, 128, 255], [0, 257, 32896, 65535]),
    ("uint16", 16, 8, [0, 255, 256, 65535], [0, 0, 1, 255]),
    ("uint16", 12, 16, [0, 1, 2048, 4095], [0, 16, 32776, 65535]),
    ("int16", 16, 8, [-32768, 0, 16384, 32767], [0, 0, 128, 255]),
    ("uint32", 32, 8, [0, 1 << 24, 1 << 31, (1 << 32) - 1], [0, 1, 128, 255]),
    ("float32", 32, 8, [np.nan, -1, 0.5, 7], [0, 0, 128, 255]),
    ("float32", 32, 16, [0, np.inf, 0.25, 1], [0, 65535, 16384, 65535]),
]


@pytest.mark.parametrize(
    "operations", [(), (Gamma(0.5),), (Twist(((1.0,),)),), (Convolve(KERNELS["sobel"]),)]
)
@pytest.mark.parametrize(("dtype", "bits", "to_bits", "samples", "expected"), OPACITY)
@pytest.mark.parametrize("colors", [1, 3, 4])
def test_opacity_takes_no_part(
    operations: tuple[Operation, ...], dtype: str, bits: int, to_bits: int,
    samples: list[float], expected: list[int], colors: int,
) -> None:  # fmt: skip
    of = kind(dtype, colors + 1, bits=bits, alpha=True, ranges=((0, 100),) * colors)
    pixels = np.zeros((1, 4, colors + 1), dtype)
    pixels[0, :, -1] = samples
    untouched = pixels.copy()
    assert displayed(of, operations, pixels, to_bits)[0, :, -1].tolist() == expected
    np.testing.assert_array_equal(pixels, untouched)
