"""Sample types of libvips' images, without any file."""

from __future__ import annotations

import re

import numpy as np
import pytest
import pyvips

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.image import ColorSpace
from iipserve.sources.vips.samples import Samples, read_samples

GRAY, SRGB, CIELAB, CMYK = ColorSpace.GRAY, ColorSpace.SRGB, ColorSpace.CIELAB, ColorSpace.CMYK


def image(format: str, bands: int, interpretation: str) -> pyvips.Image:
    """An image of 4 x 3 pixels."""
    black = pyvips.Image.black(4, 3, bands=bands).cast(format)
    return black.copy(interpretation=interpretation)


def full(bands: int, most: float) -> tuple[tuple[float, float], ...]:
    return ((0.0, most),) * bands


LAB = ((0.0, 100.0), (-128.0, 127.0), (-128.0, 127.0))

KINDS = [
    pytest.param("uchar", 1, "b-w", Samples("uint8", 8, 1, GRAY, False, full(1, 255)), id="gray"),
    pytest.param("uchar", 2, "b-w", Samples("uint8", 8, 2, GRAY, True, full(2, 255)), id="gray and opacity"),
    pytest.param("uchar", 5, "b-w", Samples("uint8", 8, 5, GRAY, False, full(5, 255)), id="further bands of gray"),
    pytest.param("uchar", 2, "multiband", Samples("uint8", 8, 2, GRAY, False, full(2, 255)), id="two bands"),
    pytest.param("ushort", 7, "multiband", Samples("uint16", 16, 7, GRAY, False, full(7, 65535)), id="seven bands"),
    pytest.param("uchar", 3, "srgb", Samples("uint8", 8, 3, SRGB, False, full(3, 255)), id="RGB"),
    pytest.param("uchar", 4, "srgb", Samples("uint8", 8, 4, SRGB, True, full(4, 255)), id="RGB and opacity"),
    pytest.param("uchar", 1, "srgb", Samples("uint8", 8, 1, GRAY, False, full(1, 255)), id="RGB of one band"),
    pytest.param("ushort", 1, "grey16", Samples("uint16", 16, 1, GRAY, False, full(1, 65535)), id="gray of 16 bits"),
    pytest.param("ushort", 4, "rgb16", Samples("uint16", 16, 4, SRGB, True, full(4, 65535)), id="RGBA of 16 bits"),
    pytest.param("char", 1, "b-w", Samples("int16", 8, 1, GRAY, False, ()), id="signed, 8 bits"),
    pytest.param("short", 1, "grey16", Samples("int16", 16, 1, GRAY, False, ()), id="signed, 16 bits"),
    pytest.param("uint", 3, "rgb", Samples("uint32", 32, 3, SRGB, False, ()), id="32 bits"),
    pytest.param("int", 1, "b-w", Samples("int32", 32, 1, GRAY, False, ()), id="signed, 32 bits"),
    pytest.param("float", 3, "scrgb", Samples("float32", 32, 3, SRGB, False, ()), id="float RGB"),
    pytest.param("float", 4, "scrgb", Samples("float32", 32, 4, SRGB, True, ()), id="float RGB and opacity"),
    pytest.param("double", 1, "b-w", Samples("float32", 64, 1, GRAY, False, ()), id="double"),
    pytest.param("uchar", 4, "cmyk", Samples("uint8", 8, 4, CMYK, False, full(4, 255)), id="CMYK"),
    pytest.param("ushort", 5, "cmyk", Samples("uint16", 16, 5, CMYK, True, full(5, 65535)), id="CMYK and opacity"),
    pytest.param("float", 3, "lab", Samples("float32", 32, 3, CIELAB, False, LAB), id="CIELAB"),
    pytest.param("float", 4, "lab", Samples("float32", 32, 4, CIELAB, True, (*LAB, (0.0, 1.0))), id="CIELAB and opacity"),
    pytest.param("short", 3, "labs", Samples("float32", 16, 3, CIELAB, False, LAB), id="CIELAB of 16 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "bands", "interpretation", "expected"), KINDS)
def test_kinds(format: str, bands: int, interpretation: str, expected: Samples) -> None:
    stored = image(format, bands, interpretation)
    samples = read_samples(stored, b"")
    assert samples == expected
    pixels = libvips.to_pixels(samples.of(stored))
    assert pixels.dtype == expected.dtype
    assert np.array_equal(pixels, np.zeros((3, 4, bands)))


@pytest.mark.parametrize("has_alpha", [True, False])
def test_a_file_may_say_what_the_last_band_is(has_alpha: bool) -> None:
    assert read_samples(image("uchar", 2, "b-w"), b"", has_alpha=has_alpha).has_alpha is has_alpha


REFUSED = [
    pytest.param("uchar", 3, "hsv", "color space is hsv", id="HSV"),
    pytest.param("float", 3, "xyz", "color space is xyz", id="XYZ"),
    pytest.param("float", 3, "lch", "color space is lch", id="LCh"),
    pytest.param("complex", 1, "b-w", "complex samples", id="complex"),
    pytest.param("dpcomplex", 1, "multiband", "dpcomplex samples", id="double complex"),
    pytest.param("uchar", 3, "lab", "CIELAB samples are integers", id="CIELAB of 8 bits"),
    pytest.param("uchar", 1001, "multiband", "1001 bands; at most 1000", id="bands"),
]


@pytest.mark.parametrize(("format", "bands", "interpretation", "reason"), REFUSED)
def test_refused(format: str, bands: int, interpretation: str, reason: str) -> None:
    with pytest.raises(UnsupportedImage, match=re.escape(reason)):
        read_samples(image(format, bands, interpretation), b"")


def test_numbers_of_cielab() -> None:
    """16 bits: L* x 327.67, a* and b* x 256, as libvips has them."""
    stored = np.array([[[0, -128 * 256, 127 * 256], [32767, 0, 256]]], np.int16)
    labs = libvips.from_pixels(stored).copy(interpretation="labs")
    pixels = libvips.to_pixels(read_samples(labs, b"").of(labs))
    assert pixels[0] == pytest.approx(np.array([[0, -128, 127], [100, 0, 1]]), abs=1e-3)


def heif(depth: int, name: str) -> pyvips.Image:
    """10 or 12 bits as heifload gives them: shifted up to 16."""
    samples = np.array([[[0], [1], [(1 << depth) - 1]]], np.uint16) << (16 - depth)
    moved = libvips.from_pixels(samples).copy(interpretation="grey16")
    moved.set_type(pyvips.GValue.gint_type, "heif-primary", 0)
    moved.set_type(pyvips.GValue.gint_type, name, depth)
    return moved


@pytest.mark.parametrize("name", ["bits-per-sample", "heif-bitdepth"])
@pytest.mark.parametrize("depth", [10, 12])
def test_samples_of_heif_come_down_again(name: str, depth: int) -> None:
    moved = heif(depth, name)
    samples = read_samples(moved, b"")
    assert (samples.bits, samples.ranges) == (depth, ((0.0, float((1 << depth) - 1)),))
    assert libvips.to_pixels(samples.of(moved)).ravel().tolist() == [0, 1, (1 << depth) - 1]


def png_head(depth: int, kind: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(8) + bytes([depth, kind]) + bytes(10)


HEADS = [
    pytest.param("uchar", png_head(1, 0), 1, 255, id="PNG of 1 bit"),
    pytest.param("uchar", png_head(8, 2), 8, 255, id="PNG of 8 bits"),
    pytest.param("uchar", png_head(4, 3), 8, 255, id="PNG with a palette"),
    pytest.param("ushort", png_head(16, 0), 16, 65535, id="PNG of 16 bits"),
]


@pytest.mark.parametrize(("format", "head", "bits", "most"), HEADS)
def test_depth_and_range_by_the_first_bytes(format: str, head: bytes, bits: int, most: float) -> None:
    interpretation = "b-w" if format == "uchar" else "grey16"
    samples = read_samples(image(format, 1, interpretation), head)
    assert (samples.bits, samples.ranges) == (bits, ((0.0, most),))
