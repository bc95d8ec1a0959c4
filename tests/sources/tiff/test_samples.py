"""Meaning of samples: opacity and further bands, wide types, missing and damaged tiles."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from iipserve.errors import DecodeError, IIPServeError, UnsupportedImage
from iipserve.image import ColorSpace
from tests.contracts.source import open_source
from tests.sources.tiff.files import TILED, noise, set_field, source_of
from tests.sources.tiff.test_hostile import try_everything
from tests.tiff_corpus import KINDS
from tests.tiff_corpus.layout import (
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    DEFLATE,
    JPEG,
    JPEG2000,
    LERC,
    LZW,
    PACKBITS,
    REAL,
    RGB,
    ZSTD,
    Layout,
    span,
)
from tests.tiff_corpus.tiff_writer import (
    LONG,
    SHORT,
    Page,
    write_tiff,
)

GRAY, SRGB = ColorSpace.GRAY, ColorSpace.SRGB


EXTRAS: list[Any] = [
    pytest.param(1, BLACK_IS_ZERO, (), GRAY, False, [0], id="gray"),
    pytest.param(2, BLACK_IS_ZERO, (0,), GRAY, False, [0, 1], id="gray, a band of unknown use"),
    pytest.param(2, BLACK_IS_ZERO, (2,), GRAY, True, [0, 1], id="gray, opacity"),
    pytest.param(2, BLACK_IS_ZERO, (), GRAY, False, [0, 1], id="two bands"),
    pytest.param(5, BLACK_IS_ZERO, (), GRAY, False, [0, 1, 2, 3, 4], id="five bands"),
    pytest.param(5, BLACK_IS_ZERO, (0, 2, 0, 0), GRAY, True, [0, 1, 3, 4, 2], id="opacity in the middle"),
    pytest.param(4, RGB, (), SRGB, True, [0, 1, 2, 3], id="RGB and one more"),
    pytest.param(4, RGB, (0,), SRGB, False, [0, 1, 2, 3], id="RGB, a band of unknown use"),
    pytest.param(4, RGB, (2,), SRGB, True, [0, 1, 2, 3], id="RGB, opacity"),
    pytest.param(4, RGB, (9,), SRGB, False, [0, 1, 2, 3], id="RGB, a band of an unknown number"),
    pytest.param(5, RGB, (), SRGB, False, [0, 1, 2, 3, 4], id="RGB and two more"),
    pytest.param(5, RGB, (2, 0), SRGB, True, [0, 1, 2, 4, 3], id="RGB, opacity, a band"),
    pytest.param(5, RGB, (0, 2), SRGB, True, [0, 1, 2, 3, 4], id="RGB, a band, opacity"),
    pytest.param(5, RGB, (2, 2), SRGB, True, [0, 1, 2, 4, 3], id="RGB, opacity twice"),
    pytest.param(4, CMYK, (), ColorSpace.CMYK, False, [0, 1, 2, 3], id="CMYK"),
    pytest.param(5, CMYK, (0,), ColorSpace.CMYK, False, [0, 1, 2, 3, 4], id="CMYK, a band of unknown use"),
    pytest.param(6, CMYK, (2, 0), ColorSpace.CMYK, True, [0, 1, 2, 3, 5, 4], id="CMYK, opacity, a band"),
    pytest.param(3, CMYK, (), GRAY, False, [0, 1, 2], id="three inks"),
    pytest.param(4, CIELAB, (2,), ColorSpace.CIELAB, True, [0, 1, 2, 3], id="CIELAB, opacity"),
    pytest.param(1, CIELAB, (), GRAY, False, [0], id="L* alone"),
    pytest.param(1, 4, (), GRAY, False, [0], id="a mask on its own"),
]


@pytest.mark.parametrize(("bands", "photometric", "extra", "space", "alpha", "order"), EXTRAS)
def test_bands(
    tmp_path: Path,
    bands: int,
    photometric: int,
    extra: tuple[int, ...],
    space: ColorSpace,
    alpha: bool,
    order: list[int],
) -> None:
    pixels = noise(bands)
    source = source_of(tmp_path / "a.tif", pixels, photometric=photometric, extra=extra)
    info = source.info
    assert (info.bands, info.color_space, info.has_alpha) == (len(order), space, alpha)
    assert info.band_ranges == span(len(order), 0, 255)
    assert np.array_equal(source.read_tile(0, 0, 0), pixels[:, :, order])


def test_other_inks_are_no_colors(tmp_path: Path) -> None:
    source = source_of(tmp_path / "a.tif", noise(4), photometric=CMYK, fields={332: (SHORT, [2])})
    assert (source.info.bands, source.info.color_space) == (4, GRAY)


@pytest.mark.parametrize("dtype", ["u2", "u4", "f4", "f8", "i2", "i4"])
@pytest.mark.parametrize("colors", [1, 3])
def test_premultiplied_colors_in_their_own_depth(tmp_path: Path, dtype: str, colors: int) -> None:
    stored = np.abs(noise(colors + 1, dtype))
    stored[:, :, :-1] = np.minimum(stored[:, :, :-1], stored[:, :, -1:])
    stored[0, :20, -1] = 0
    source = source_of(
        tmp_path / "a.tif", stored, extra=(1,), photometric=RGB if colors == 3 else BLACK_IS_ZERO
    )
    seen = source.read_tile(0, 0, 0)
    shown = stored.astype(source.info.dtype)
    most = 1.0 if shown.dtype.kind == "f" else float(np.iinfo(shown.dtype).max)
    alpha = shown[:, :, -1:].astype(np.float64)
    straight = shown[:, :, :-1] * most / np.where(alpha > 0, alpha, most)
    assert np.array_equal(seen[:, :, -1], shown[:, :, -1])
    # floats of 32 bits, and whole numbers to the nearest
    assert np.allclose(seen[:, :, :-1], straight, rtol=1e-6, atol=0.51 if shown.dtype.kind != "f" else 0)


def test_premultiplied_holes(tmp_path: Path) -> None:
    stored = noise(4, "f4")
    stored[0, 0], stored[0, 1, 3], stored[0, 2] = np.nan, np.nan, (0.5, 0.5, 0.5, 0)
    stored[0, 3] = (1e30, -1e30, 0, 1e-30)
    seen = source_of(tmp_path / "a.tif", stored, photometric=RGB, extra=(1,)).read_tile(0, 0, 0)
    assert np.array_equal(seen[0, 2], stored[0, 2])
    assert np.all(np.isnan(seen[0, 0]))
    assert seen.dtype == np.float32


REFUSED: list[Any] = [
    pytest.param("u1", CIELAB, 1, "CIELAB", id="premultiplied CIELAB"),
]


@pytest.mark.parametrize(("dtype", "photometric", "extra", "reason"), REFUSED)
def test_opacity_that_is_not_read(
    tmp_path: Path, dtype: str, photometric: int, extra: int, reason: str
) -> None:
    with pytest.raises(UnsupportedImage, match=reason):
        source_of(tmp_path / "a.tif", noise(4, dtype), photometric=photometric, extra=(extra,))


@pytest.mark.parametrize(("dtype", "predictor"), [("u8", 1), ("i8", 2), ("f8", 3), ("f2", 3)])
def test_numbers_of_64_and_16_bits_become_floats(tmp_path: Path, dtype: str, predictor: int) -> None:
    pixels = noise(2, dtype)
    source = source_of(tmp_path / "a.tif", pixels, predictor=predictor, order=">")
    assert (source.info.dtype, source.info.bits) == ("float32", 8 * pixels.dtype.itemsize)
    assert np.array_equal(source.read_tile(0, 0, 0), pixels.astype(np.float32))


WIDE = [(dtype, predictor) for dtype in ("u2", "i2", "u4", "i4", "f4", "u8", "f8") for predictor in (1, 2)]


@pytest.mark.parametrize("compression", [LZW, DEFLATE, 32946, 34925, ZSTD, PACKBITS])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("dtype", "predictor"), WIDE)
def test_wide_samples_in_every_packing(
    tmp_path: Path, dtype: str, predictor: int, order: str, compression: int
) -> None:
    """Differences of floating point samples are those of their bits as integers."""
    pixels = noise(3, dtype)
    predictor = 1 if compression == PACKBITS else predictor
    options = {"compression": DEFLATE if compression == 32946 else compression, "predictor": predictor}
    page = Layout(
        8 * pixels.dtype.itemsize, {"u": 1, "i": 2, "f": 3}[dtype[0]], RGB, order=order, **options
    ).page(pixels)
    fields = {**page.fields, 259: (SHORT, [compression])}
    write_tiff(tmp_path / "a.tif", [Page(fields, page.tiles)], order=order)
    source = open_source(TILED, tmp_path / "a.tif")
    assert np.array_equal(source.read_tile(0, 0, 0), pixels.astype(source.info.dtype))


@pytest.mark.parametrize("compression", [DEFLATE, ZSTD, 34925])
def test_tiles_that_go_on_past_their_end(tmp_path: Path, compression: int) -> None:
    """Some writers pack rows below the picture too."""
    pixels = noise(1, "u2", (128, 128))
    layout = Layout(16, compression=compression, predictor=2)
    page = layout.page(pixels)
    longer = layout.encoded(np.concatenate((pixels, pixels)))
    write_tiff(tmp_path / "a.tif", [Page(page.fields, [longer])])
    assert np.array_equal(open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0), pixels)


@pytest.mark.parametrize("compression", [DEFLATE, ZSTD, LZW, 34925])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_tiles_that_end_early_are_damaged(tmp_path: Path, dtype: str, compression: int) -> None:
    pixels = noise(1, dtype, (128, 128))
    layout = Layout(8 * pixels.dtype.itemsize, 3 if dtype == "f4" else 1, compression=compression)
    page = layout.page(pixels)
    write_tiff(tmp_path / "a.tif", [Page(page.fields, [layout.encoded(pixels[:100])])])
    with pytest.raises(DecodeError, match="tile 0,0"):
        open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)


def test_a_number_too_large_for_32_bits_is_infinite(tmp_path: Path) -> None:
    pixels = np.full((10, 10, 1), 1e300)
    assert np.all(np.isinf(source_of(tmp_path / "a.tif", pixels).read_tile(0, 0, 0)))


# -- missing and damaged tiles -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["gray16", "white-is-zero8", "palette8", "ycc-444", "rgb16-planar", "float64"]
)
def test_tiles_never_written_are_zero_as_stored(tmp_path: Path, name: str) -> None:
    KINDS[name](tmp_path / "a.tif")
    count = 20 * (3 if "planar" in name else 1)
    set_field(tmp_path / "a.tif", 324, (0,) * count)
    set_field(tmp_path / "a.tif", 325, (0,) * count)
    source = open_source(TILED, tmp_path / "a.tif")
    seen = source.read_tile(0, 4, 3)
    assert seen.shape == (450 - 384, 600 - 512, source.info.bands)
    assert seen.dtype == source.info.dtype
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        zero: Any = {0: 255, 3: page.colormap[:, 0] >> 8 if page.colormap is not None else 0}
    assert np.all(seen == zero.get(int(page.photometric), 0))


def test_a_plane_never_written_is_black(tmp_path: Path) -> None:
    pixels = noise(3, "u2", (128, 128))
    layout = Layout(16, photometric=RGB, planar=True)
    page = layout.page(pixels)
    write_tiff(tmp_path / "a.tif", [Page(page.fields, [page.tiles[0], b"", page.tiles[2]])])
    seen = open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)
    assert np.array_equal(seen, pixels * np.array([1, 0, 1], np.uint16))


def test_planes_that_are_not_listed_are_damage(tmp_path: Path) -> None:
    page = Layout(photometric=RGB, planar=True).page(noise(3, size=(128, 128)))
    write_tiff(tmp_path / "a.tif", [Page(page.fields, page.tiles[:2])])
    with pytest.raises(DecodeError, match="requires 3 tiles"):
        open_source(TILED, tmp_path / "a.tif")


def test_tiles_too_large_for_memory_are_refused(tmp_path: Path) -> None:
    page = Layout(8).page(noise(1, size=(128, 128)))
    huge = {322: (LONG, [8000]), 323: (LONG, [8000]), 258: (SHORT, [8] * 900), 277: (SHORT, [900])}
    write_tiff(tmp_path / "a.tif", [Page({**page.fields, **huge}, page.tiles)])
    with pytest.raises(UnsupportedImage, match="bytes"):
        open_source(TILED, tmp_path / "a.tif")


@pytest.mark.parametrize("bands", [1, 3])
def test_pixels_that_lerc_marks_as_invalid_are_missing(bands: int, tmp_path: Path) -> None:
    """Floating point: NaN, as GDAL writes these."""
    pixels = noise(bands, "f4", (128, 128))
    valid = np.random.default_rng(1).random((128, 128)) > 0.1
    tiles = pixels if bands > 1 else pixels[..., 0]
    layout = Layout(
        32,
        REAL,
        RGB if bands > 1 else BLACK_IS_ZERO,
        LERC,
        encode=lambda _: bytes(imagecodecs.lerc_encode(tiles, masks=valid)),
    )
    write_tiff(tmp_path / "a.tif", [layout.page(pixels)])
    seen = open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)
    assert np.array_equal(seen, np.where(valid[..., np.newaxis], pixels, np.nan), equal_nan=True)


MISMATCHED: list[Any] = [
    pytest.param(JPEG, 12, lambda tile: imagecodecs.jpeg8_encode((tile >> 8).astype("u1")), id="JPEG of 8 bits"),
    pytest.param(JPEG, 8, lambda tile: imagecodecs.jpeg8_encode(tile.astype("u2"), bitspersample=12), id="of 12"),
    pytest.param(JPEG2000, 16, lambda tile: imagecodecs.jpeg2k_encode(tile.astype("u1")), id="JPEG 2000 of 8 bits"),
    pytest.param(JPEG2000, 16, lambda tile: imagecodecs.jpeg2k_encode(tile.astype("i2")), id="JPEG 2000, signed"),
    pytest.param(LERC, 16, lambda tile: imagecodecs.lerc_encode(tile.astype("f4")), id="LERC of another type"),
    pytest.param(LERC, 16, lambda tile: imagecodecs.lerc_encode(tile[:60].astype("u2")), id="LERC too small"),
    pytest.param(LERC, 16, lambda tile: b"Lerc2 " + bytes(100), id="no LERC"),
]  # fmt: skip


@pytest.mark.parametrize(("compression", "bits", "encode"), MISMATCHED)
def test_tiles_of_another_type_are_damaged(tmp_path: Path, compression: int, bits: int, encode: Any) -> None:
    pixels = noise(1, "u2" if bits > 8 else "u1", (128, 128))
    layout = Layout(bits, compression=compression, encode=lambda tile: bytes(encode(tile[:, :, 0])))
    layout.write(tmp_path / "a.tif", [pixels])
    with pytest.raises(DecodeError, match="tile 0,0"):
        open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)


FUZZED = [
    "gray1", "gray12", "rgb16-deflate-predictor", "bands8-16-planar", "float32-deflate-predictor", "float32-nan",
    "palette8", "palette-opacity", "cmyk-opacity", "icclab16", "itulab8", "ycc-420-studio", "rgb-float-premultiplied",
    "rgb8-mask", "orientation6", "stack", "stack-ome", "ccitt-group3", "ccitt-group4", "lerc-float-zstd", "jpeg-rgb12",
    "jpeg2000-rgb16", "gray16-lzma", "white-is-zero4",
]  # fmt: skip


@pytest.mark.parametrize("name", FUZZED)
def test_changed_bytes_bring_out_only_errors_of_ours(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tif"
    KINDS[name](path)
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        directories = [
            page.offset + at for page in file.pages for at in range(min(250, len(whole) - page.offset))
        ]
    rng = np.random.default_rng(len(whole))
    for number in range(40):
        data = bytearray(whole)
        for at in rng.choice(directories, 3) if number % 2 else rng.integers(8, len(data), 20):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        try_everything(path)
        with suppress(IIPServeError):
            open_source(TILED, path, layer=int(rng.integers(0, 4))).read_tile(0, 0, 0)
