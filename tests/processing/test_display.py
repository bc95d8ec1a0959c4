"""Samples of every kind become finished pixels by iipsrv's formulas, whichever way they are reckoned."""

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
from iipserve.processing.display import DisplayTransform, display_transform
from iipserve.processing.filters import KERNELS, Convolve, Hillshade
from iipserve.processing.sample_format import SampleFormat, sample_format
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from tests.processing import formulas
from tests.processing.sample_formats import info, kind, ramp, random_pixels

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
MATRIX = ((0.3, 0.6, 0.1), (-0.5, 1, 0.5), (0, 0.25, 2))

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


def developed(
    of: SampleFormat, operations: tuple[Operation, ...], pixels: NDArray[Any], bits: int = 8
) -> NDArray[Any]:
    to_display = display_transform(of, operations, bits)
    return pixels if to_display is None else to_display(pixels)


def reckoned(of: SampleFormat, chain: Chain, pixels: NDArray[Any], bits: int = 8) -> NDArray[Any]:
    """The same by the formulas."""
    operations, steps, contrast = chain
    ranges = of.ranges
    if isinstance(operations[0], SampleRange):
        ranges = (operations[0].ranges[0][1:],) * of.bands
    picture = formulas.normalized(pixels, ranges)
    for step in steps:
        picture = step(picture)
    return formulas.finished(picture, contrast, bits)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("of", KINDS.values(), ids=KINDS)
def test_formulas_are_met_exactly(of: SampleFormat, chain: Chain) -> None:
    pixels = random_pixels((9, 11, of.bands), of)
    result = developed(of, chain[0], pixels)
    np.testing.assert_array_equal(result, reckoned(of, chain, pixels))
    assert result.flags.c_contiguous


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize(
    "of", [KINDS["uint8 rgb"], KINDS["12 bits"], KINDS["float rgb"]], ids=lambda of: of.dtype
)
def test_finished_samples_may_have_16_bits(of: SampleFormat, chain: Chain) -> None:
    pixels = random_pixels((9, 11, of.bands), of, seed=2)
    result = developed(of, chain[0], pixels, 16)
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, reckoned(of, chain, pixels, 16))


@pytest.mark.parametrize("light", [(0, 0), (30, 45), (180, 90), (200, 20), (315, 60)])
@pytest.mark.parametrize(
    "of", [KINDS["uint8 rgb"], KINDS["uint16 rgb"], KINDS["float rgb"]], ids=lambda of: of.dtype
)
def test_hillshade(of: SampleFormat, light: tuple[int, int]) -> None:
    pixels = random_pixels((9, 11, 3), of)
    pixels[2, 2:5] = 0
    chain: Chain = ((Hillshade(*light), Contrast(1.5)), (formulas.shade(*light),), 1.5)
    np.testing.assert_array_equal(developed(of, chain[0], pixels), reckoned(of, chain, pixels))


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_hillshade_needs_normal_vectors(bands: int) -> None:
    of = kind("uint8", bands)
    with pytest.raises(InvalidRequest, match="3 color bands"):
        developed(of, (Hillshade(30, 45),), random_pixels((4, 4, bands), of))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "chain",
    [CHAINS["gamma and contrast"], CHAINS["inversion"], CHAINS["gamma, colored"], CHAINS["color map jet"]],
    ids=["gamma and contrast", "inversion", "gamma, colored", "jet"],
)
def test_every_sample_there_is(dtype: str, chain: Chain) -> None:
    of = kind(dtype, 1)
    every = ramp(dtype)
    np.testing.assert_array_equal(developed(of, chain[0], every), reckoned(of, chain, every))


# -- nothing asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "bits"),
    [
        (kind("uint8", 1), 8), (kind("uint8", 3), 8), (kind("uint8", 2, alpha=True), 8),
        (kind("uint8", 4, alpha=True), 8), (kind("uint8", 1, bits=1), 8), (kind("uint16", 3), 16),
    ],
)  # fmt: skip
def test_finished_pixels_are_used_as_they_are(of: SampleFormat, bits: int) -> None:
    assert display_transform(of, (), bits) is None


@pytest.mark.parametrize(
    ("bits", "to_bits"), [(9, 8), (10, 8), (12, 8), (16, 8), (8, 16), (10, 16), (12, 16), (14, 16), (15, 16)]
)
def test_depth_of_unsigned_samples(bits: int, to_bits: int) -> None:
    dtype = "uint8" if bits == 8 else "uint16"
    every = np.arange(1 << bits).astype(dtype).reshape(1, -1, 1)
    result = developed(kind(dtype, 1, bits=bits), (), every, to_bits)
    text = [f"{sample:0{bits}b}" * 2 for sample in range(1 << bits)]
    assert result[0, :, 0].tolist() == [int(word[:to_bits], 2) for word in text]


def test_32_bits_of_full_range_lose_the_lower_24() -> None:
    of = kind("uint32", 1, ranges=((0, 4294967295),))
    pixels = random_pixels((5, 5, 1), of)
    np.testing.assert_array_equal(developed(of, (), pixels), pixels >> 24)


def test_a_declared_range_is_normalized() -> None:
    of = kind("uint16", 1, bits=12, ranges=((100, 3000),))
    pixels = random_pixels((9, 9, 1), of)
    expected = formulas.finished(formulas.normalized(pixels, of.ranges), 1, 8)
    np.testing.assert_array_equal(developed(of, (), pixels), expected)


def test_a_range_without_width_parts_black_from_white() -> None:
    of = kind("float32", 1, ranges=((0.5, 0.5),))
    pixels = np.array([[[0.1], [0.5], [0.6], [np.nan]]], np.float32)
    assert developed(of, (), pixels)[0, :, 0].tolist() == [0, 0, 255, 0]


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
        assert developed(of, operations, pixels).shape == (1, 3, 3)


# -- bands -------------------------------------------------------------------------------------------


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
    result = developed(of, operations, pixels)
    assert result.shape == (6, 7, len(expected))
    one = kind(of.dtype, 1)
    for band, origin in enumerate(expected):
        alone = np.ascontiguousarray(pixels[..., origin, np.newaxis])
        is_alpha = of.has_alpha and origin == -1
        np.testing.assert_array_equal(
            result[..., [band]], alone if is_alpha else developed(one, operations, alone)
        )


def test_a_twist_sees_all_bands() -> None:
    of = kind("uint8", 6)
    pixels = random_pixels((4, 4, 6), of)
    result = developed(of, (Twist(((0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1, 7), (), (1,))),), pixels)
    np.testing.assert_array_equal(result[..., 0], pixels[..., 4])
    np.testing.assert_array_equal(result[..., 1], pixels[..., 5])
    assert not result[..., 2].any()


def test_two_rows_of_a_twist_show_the_first() -> None:
    of = kind("uint8", 3)
    pixels = random_pixels((4, 4, 3), of)
    np.testing.assert_array_equal(developed(of, (Twist(((0, 1), (1,))),), pixels), pixels[..., 1:2])


# -- opacity -----------------------------------------------------------------------------------------

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
    assert developed(of, operations, pixels, to_bits)[0, :, -1].tolist() == expected
    np.testing.assert_array_equal(pixels, untouched)


# -- ranges ------------------------------------------------------------------------------------------


def test_later_ranges_count_over_earlier_ones() -> None:
    of = kind("uint8", 3)
    pixels = random_pixels((6, 6, 3), of)
    asked = SampleRange(((1, 0, 1), (None, 10, 200), (2, 50, 60), (7, 0, 1)))
    expected = formulas.finished(formulas.normalized(pixels, [(10, 200), (10, 200), (50, 60)]), 1, 8)
    np.testing.assert_array_equal(developed(of, (asked,), pixels), expected)


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
    expected = developed(of, (SampleRange(((None, *shown),)),), pixels)
    np.testing.assert_array_equal(developed(of, (Stretch(bins),), pixels), expected)


def test_stretch_counts_over_ranges_asked_for() -> None:
    of = kind("uint8", 1)
    pixels = random_pixels((8, 8, 1), of)
    both = (SampleRange(((None, 100, 110),)), Stretch((20, 90)))
    np.testing.assert_array_equal(developed(of, both, pixels), developed(of, (Stretch((20, 90)),), pixels))


# -- color spaces ------------------------------------------------------------------------------------


def lab_pixels(dtype: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Samples, and L*, a*, b* as iipsrv reads them."""
    random = np.random.default_rng(3)
    shape = (20, 20)
    if dtype == "float32":
        lab = np.stack((random.uniform(0, 100, shape), *random.uniform(-90, 90, (2, *shape))), axis=-1)
        return lab.astype(np.float32), lab
    top = 255 if dtype == "uint8" else 65535
    pixels = random.integers(0, top + 1, (*shape, 3)).astype(dtype)
    pixels[0, :5] = np.array([[0, 0, 0], [top, 0, 0], [top // 20, 0, 0], [top // 2, 0, 0], [top, top, top]])
    signed = pixels.view(dtype[1:]).astype(np.float64)
    lab = np.stack((pixels[..., 0] / 2.55, signed[..., 1], signed[..., 2]), axis=-1)
    if dtype == "uint16":
        lab = np.stack(
            (pixels[..., 0] // 2 / 327.67, *(np.floor(signed[..., band] / 256) for band in (1, 2))), axis=-1
        )
    return pixels, lab


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("bits", "tolerance"), [(8, 1), (16, 3)])
def test_cielab(dtype: str, bits: int, tolerance: int) -> None:
    pixels, lab = lab_pixels(dtype)
    expected = np.array([[formulas.lab_to_srgb(*pixel) for pixel in row] for row in lab]) * ((1 << bits) - 1)
    result = developed(kind(dtype, 3, space=ColorSpace.CIELAB), (), pixels, bits)
    assert np.abs(result.astype(np.float64) - np.floor(expected)).max() <= tolerance


def test_operations_on_cielab_work_on_rgb() -> None:
    pixels, _ = lab_pixels("uint8")
    of = kind("uint8", 3, space=ColorSpace.CIELAB)
    plain = developed(of, (), pixels).astype(int)
    inverted = developed(of, (Invert(),), pixels).astype(int)
    assert np.abs(inverted - (255 - plain)).max() <= 1
    darker = developed(of, (SampleRange(((None, 0.0, 2.0),)),), pixels).astype(int)
    assert np.abs(darker - plain / 2).max() <= 1
    mixed = developed(of, (Twist(((0, 1), (1,), (0, 0, 1))),), pixels)
    np.testing.assert_array_equal(mixed, plain[..., [1, 0, 2]])
    colored = developed(of, (Colormap("red"),), pixels)
    np.testing.assert_array_equal(colored[..., 0], plain[..., 0])


def test_cielab_without_a_number_is_black() -> None:
    pixels = np.full((2, 2, 3), np.nan, np.float32)
    assert not developed(kind("float32", 3, space=ColorSpace.CIELAB), (), pixels).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("alpha", [False, True])
def test_cmyk_without_a_profile(dtype: str, alpha: bool) -> None:
    inks = np.random.default_rng(4).integers(0, 256, (16, 16, 4 + alpha))
    scale = {"uint8": 1, "uint16": 257, "uint32": 16843009, "float32": 1 / 255}[dtype]
    pixels = (inks * scale).astype(dtype)
    of = kind(dtype, 4 + alpha, space=ColorSpace.CMYK, alpha=alpha)
    expected = np.floor((255 - inks[..., :3]) * (255 - inks[..., 3:4]) / 255 + 0.5)
    result = developed(of, (), pixels)
    np.testing.assert_array_equal(result[..., :3], expected)
    if alpha:
        np.testing.assert_array_equal(result[..., 3], inks[..., 4])
    inverted = developed(kind("uint8", 3), (Invert(),), expected.astype(np.uint8))
    np.testing.assert_array_equal(developed(of, (Invert(),), pixels)[..., :3], inverted)
    doubled = developed(of, (SampleRange(((None, 0.0, 0.5),)),), pixels)
    np.testing.assert_array_equal(doubled[..., :3], np.minimum(2 * expected, 255))


@pytest.mark.parametrize(
    ("space", "bands", "dtype"),
    [(ColorSpace.CMYK, 3, "uint8"), (ColorSpace.CIELAB, 2, "uint8"), (ColorSpace.CIELAB, 3, "int16")],
)
def test_a_color_space_that_cannot_be_is_read_as_gray(space: ColorSpace, bands: int, dtype: str) -> None:
    ranges = ((0.0, 255.0),) * bands
    strange, plain = kind(dtype, bands, space=space, ranges=ranges), kind(dtype, bands, ranges=ranges)
    pixels = random_pixels((4, 4, bands), plain)
    np.testing.assert_array_equal(developed(strange, (), pixels), developed(plain, (), pixels))


# -- large regions, tiles ----------------------------------------------------------------------------

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
    np.testing.assert_array_equal(developed(of, (), pixels.astype(">i2")), developed(of, (), pixels))


# -- what images say of themselves -------------------------------------------------------------------


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
    assert developed(of, (Invert(),), np.ones((2, 2, 1), dtype)).shape == (2, 2, 1)
