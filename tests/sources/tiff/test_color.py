"""Colors of TIFF images become gray, RGB, CIELAB or CMYK."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import imagecodecs
import numpy as np
import pytest
import tifffile

from iipserve.errors import UnsupportedImage
from iipserve.image import ColorSpace
from tests.contracts.source import open_source
from tests.images import (
    Picture,
    gradient,
    smooth,
    write_jpeg_pyramid,
    write_tiff_pyramid,
)
from tests.sources.tiff.files import TILED, noise, renumber_field, set_field, source_of
from tests.tiff_corpus.layout import (
    YCBCR,
)
from tests.tiff_corpus.tiff_writer import (
    RATIONAL,
    SHORT,
)

COEFFICIENTS: list[Any] = [
    pytest.param({529: (RATIONAL, (1, 0, 1, 0, 1, 0))}, id="fractions by zero"),
    pytest.param({529: (RATIONAL, (1, 2, 0, 1, 1, 2))}, id="no green"),
    pytest.param({532: (RATIONAL, (5, 1, 5, 1, 128, 1, 128, 1, 7, 1, 7, 1))}, id="empty ranges"),
    pytest.param({529: (RATIONAL, (1, 1)), 532: (SHORT, (1, 2))}, id="too few"),
]


@pytest.mark.parametrize("fields", COEFFICIENTS)
def test_useless_coefficients_are_as_none(tmp_path: Path, fields: dict[int, Any]) -> None:
    pixels, plain = noise(3), {530: (SHORT, (1, 1))}
    usual = source_of(tmp_path / "a.tif", pixels, photometric=YCBCR, fields=plain).read_tile(0, 0, 0)
    source = source_of(tmp_path / "b.tif", pixels, photometric=YCBCR, fields=plain | fields)
    assert np.array_equal(source.read_tile(0, 0, 0), usual)


SUBSAMPLINGS: list[Any] = [
    pytest.param((3, 1), {}, id="by three"),
    pytest.param((0, 0), {}, id="by nothing"),
    pytest.param((2, 2), {"planar": True}, id="in planes"),
    pytest.param((2, 2), {"predictor": 2}, id="with a predictor"),
]


@pytest.mark.parametrize(("shared", "options"), SUBSAMPLINGS)
def test_shared_colors_that_are_not_read(
    tmp_path: Path, shared: tuple[int, int], options: dict[str, Any]
) -> None:
    with pytest.raises(UnsupportedImage):
        source_of(tmp_path / "a.tif", noise(3), photometric=YCBCR, fields={530: (SHORT, shared)}, **options)


class TestColors:
    KINDS: ClassVar[list[Any]] = [
        pytest.param(1, ColorSpace.GRAY, False, id="gray"),
        pytest.param(2, ColorSpace.GRAY, True, id="gray and opacity"),
        pytest.param(3, ColorSpace.SRGB, False, id="RGB"),
        pytest.param(4, ColorSpace.SRGB, True, id="RGBA"),
    ]

    @pytest.mark.parametrize(("bands", "space", "alpha"), KINDS)
    def test_describes_bands(self, tmp_path: Path, bands: int, space: ColorSpace, alpha: bool) -> None:
        write_tiff_pyramid(tmp_path / "a.tif", gradient((90, 70), bands))
        info = open_source(TILED, tmp_path / "a.tif").info
        assert (info.bands, info.bits, info.color_space, info.has_alpha) == (bands, 8, space, alpha)
        assert info.band_ranges == ((0.0, 255.0),) * bands

    @pytest.mark.parametrize("declared", [False, True])
    def test_a_fourth_band_is_opacity_unless_declared_unspecified(
        self, tmp_path: Path, declared: bool
    ) -> None:
        pixels = gradient((90, 70), 4)
        write_tiff_pyramid(tmp_path / "a.tif", pixels, extrasamples=["unspecified"])
        if not declared:
            renumber_field(tmp_path / "a.tif", 338, 65000)
        source = open_source(TILED, tmp_path / "a.tif")
        assert (source.info.has_alpha, source.info.alpha_declared) == (not declared, declared)
        assert np.array_equal(source.read_tile(0, 0, 0), pixels)

    @pytest.mark.parametrize("bands", [2, 4])
    def test_premultiplied_colors_are_divided_by_their_opacity(self, tmp_path: Path, bands: int) -> None:
        rng = np.random.default_rng(7)
        stored = rng.integers(0, 256, (60, 60, bands), np.uint8)
        stored[:, :, :-1] = np.minimum(stored[:, :, :-1], stored[:, :, -1:])
        stored[0, :20, -1], stored[1, :20, -1] = 0, 1
        write_tiff_pyramid(tmp_path / "a.tif", stored, extrasamples=["assocalpha"], compression="lzw")
        pixels = open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)
        alpha = stored[:, :, -1:].astype(np.float64)
        straight = stored[:, :, :-1] * 255.0 / np.maximum(alpha, 1)
        visible = alpha[:, :, 0] > 0
        assert np.array_equal(pixels[:, :, -1], stored[:, :, -1])
        assert np.abs(pixels[:, :, :-1] - np.minimum(straight, 255))[visible].max() <= 0.5

    def ycc(self, pixels: Picture) -> Picture:
        """JFIF 1.02's YCbCr of RGB pixels."""
        red, green, blue = np.moveaxis(pixels.astype(np.float64), 2, 0)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        bands = luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402
        return np.rint(np.stack(bands, axis=2)).clip(0, 255).astype(np.uint8)

    YCC: ClassVar[list[Any]] = [
        pytest.param(
            33004, True, [(274, 3, 1, 1, True), (65000, 3, 3, (1, 1, 1), True)], id="as libvips writes"
        ),
        pytest.param(33003, False, [], id="as Aperio scanners write"),
    ]

    @pytest.mark.parametrize(("compression", "transform", "tags"), YCC)
    def test_jpeg2000_of_ycc_components(
        self, tmp_path: Path, compression: int, transform: bool, tags: list[tuple[Any, ...]]
    ) -> None:
        pixels = smooth((100, 60))
        args = {"reversible": True, "level": 0, "mct": transform}
        write_tiff_pyramid(
            tmp_path / "a.tif",
            self.ycc(pixels),
            compression=compression,
            compressionargs=args,
            extra_tags=tags,
        )
        if tags:
            renumber_field(tmp_path / "a.tif", 65000, 339)  # SampleFormat, which tifffile leaves out
        decoded = open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)
        assert np.abs(decoded.astype(int) - pixels).max() <= 2

    OPAQUE_JPEG: ClassVar[list[Any]] = [
        pytest.param(2, "UNKNOWN", "minisblack", id="gray and opacity"),
        pytest.param(4, "CMYK", "rgb", id="RGBA"),
    ]

    @pytest.mark.parametrize(("bands", "coding", "photometric"), OPAQUE_JPEG)
    def test_jpeg_with_opacity(self, tmp_path: Path, bands: int, coding: str, photometric: str) -> None:
        pixels = smooth((64, 64), bands)
        stream = imagecodecs.jpeg8_encode(pixels, level=95, colorspace=coding, outcolorspace=coding)
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            writer.write(
                iter([bytes(stream)]), shape=pixels.shape, dtype="uint8", tile=(64, 64), compression="jpeg",
                photometric=photometric, planarconfig="contig", extrasamples=["unassalpha"], metadata=None,
                compressionargs={"outcolorspace": "rgb"} if photometric == "rgb" else None,
            )  # fmt: skip
        source = open_source(TILED, tmp_path / "a.tif")
        assert source.info.has_alpha
        assert np.abs(source.read_tile(0, 0, 0).astype(int) - pixels).max() <= 2
        assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is None

    def test_marks_inside_a_tile_do_not_count(self, tmp_path: Path) -> None:
        """TIFF Technical Note 2: PhotometricInterpretation says what the components are."""
        pixels = smooth((64, 64))
        write_jpeg_pyramid(
            tmp_path / "a.tif", [pixels], tile=(64, 64), photometric="rgb", shared_tables=False
        )
        jfif = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
        path = tmp_path / "a.tif"
        data = path.read_bytes()
        start = data.index(b"\xff\xee\x00\x0eAdobe")
        # Adobe's mark and the two bytes after it are 18 bytes, as is JFIF's; the tables follow at once
        fill = jfif[:3] + b"\x0e" + jfif[4:16]
        path.write_bytes(data[:start] + fill + data[start + 16 :])
        source = open_source(TILED, path)
        assert np.abs(source.read_tile(0, 0, 0).astype(int) - pixels).max() <= 3

    def test_tiles_never_written_are_black(self, tmp_path: Path) -> None:
        write_tiff_pyramid(tmp_path / "a.tif", [np.full((60, 100, 3), 77, np.uint8)], tile=(64, 64))
        set_field(tmp_path / "a.tif", 325, (64 * 64 * 3, 0))
        source = open_source(TILED, tmp_path / "a.tif")
        assert np.all(source.read_tile(0, 0, 0) == 77)
        black = source.read_tile(0, 1, 0)
        assert black.shape == (60, 36, 3)
        assert not black.any()
        assert source.stored_tile(0, 1, 0, "jpeg", profile=False) is None
