"""Coverages at the full size are slices of the array in the file, for every type of samples and every way to store them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.geometry import Region, Size
from tests.engine.coverages import CoverageFolder, as_bands_last
from tests.geo_rasters import KINDS, UTM, write_geotiff

rasterio = pytest.importorskip("rasterio")

TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": 16, "compress": "deflate"},
    "predicted tiles": {"tile": 32, "compress": "lzw", "predictor": 2},
    "tiles of bands": {"tile": 16, "interleave": "band"},
    "strips": {"compress": "deflate", "blockysize": 7},
    "plain strips": {},
    "strips of bands": {"compress": "zstd", "interleave": "band", "blockysize": 9},
    "big endian": {"tile": 16, "ENDIANNESS": "BIG"},
}
SIZE = Size(101, 67)
WINDOWS = (
    Region(0, 0, 101, 67),
    Region(0, 0, 1, 1),
    Region(100, 66, 1, 1),
    Region(15, 14, 2, 3),
    Region(33, 20, 40, 30),
    Region(16, 16, 16, 16),
)


def noise(dtype: str, bands: int = 3, size: Size = SIZE) -> NDArray[Any]:
    """Random samples over the whole range of a type, with its extremes; floats of all kinds. Bands first."""
    random = np.random.default_rng(7)
    kind, shape = np.dtype(dtype), (bands, size.height, size.width)
    bits = random.integers(0, 256, (*shape, kind.itemsize), np.uint8).view(kind)[..., 0]
    if kind.kind == "f":
        bits = np.where(np.isnan(bits), kind.type(np.nan), bits)
        bits[:, :3, :3] = np.array([np.nan, np.inf, -0.0], kind)
    else:
        bits[:, 0, :2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    return bits


def sliced(pixels: NDArray[Any], region: Region) -> NDArray[Any]:
    """A window of an array with bands last."""
    return pixels[region.y : region.bottom, region.x : region.right]


def assert_same(found: NDArray[Any], expected: NDArray[Any]) -> None:
    """Equal to the bit."""
    assert found.dtype == expected.dtype
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TYPES)
def test_windows_are_slices(dtype: str, layout: str, tmp_path: Path) -> None:
    options = dict(LAYOUTS[layout])
    if options.get("predictor") and dtype.startswith("float"):
        options["predictor"] = 3
    pixels = noise(dtype)
    write_geotiff(tmp_path / "a.tif", pixels, **options)
    folder, expected = CoverageFolder(tmp_path), np.moveaxis(pixels, 0, -1)
    for region in WINDOWS:
        assert_same(folder.read("a.tif", region), sliced(expected, region))
    assert_same(
        folder.read("a.tif", WINDOWS[4], bands=[2, 0, 0]), sliced(expected, WINDOWS[4])[..., [2, 0, 0]]
    )


@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_half_floats_stay_half_floats(tile: tuple[int, int] | None, tmp_path: Path) -> None:
    pixels = np.moveaxis(noise("float16"), 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(pixels), tile=tile, photometric="rgb")
    assert_same(CoverageFolder(tmp_path).read("a.tif"), pixels)


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
@pytest.mark.parametrize("tile", [None, 16], ids=["strips", "tiles"])
def test_samples_of_few_bits_are_not_spread(bits: int, tile: int | None, tmp_path: Path) -> None:
    dtype = "uint8" if bits <= 8 else "uint16"
    pixels = noise(dtype, 1) % (1 << bits)
    write_geotiff(tmp_path / "a.tif", pixels, tile=tile, NBITS=bits)
    folder = CoverageFolder(tmp_path)
    assert_same(folder.read("a.tif"), np.moveaxis(pixels, 0, -1))
    assert folder.plan("a.tif").description.bits == bits


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in ("gcps", "curved_gcps", "rpcs")])
def test_all_kinds_are_as_gdal_reads_them(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    folder, expected = CoverageFolder(tmp_path), as_bands_last(path)
    assert_same(folder.read(path.name), expected)
    part = Region(7, 5, 90, 61)
    assert_same(folder.read(path.name, part), sliced(expected, part))


def test_palettes_are_indices_with_their_colors(tmp_path: Path) -> None:
    folder = CoverageFolder(KINDS["palette"](tmp_path).parent)
    description = folder.plan("palette.tif").description
    assert (description.dtype, len(description.bands), len(description.palette)) == ("uint8", 1, 768)
    assert description.palette[15:18] == bytes((0, 200, 0))


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_white_is_not_inverted(photometric: str, tile: tuple[int, int] | None, tmp_path: Path) -> None:
    pixels = noise("uint16", 1)[0]
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=tile, photometric=photometric)
    assert_same(CoverageFolder(tmp_path).read("a.tif")[..., 0], pixels)


@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_opacity_is_a_band_as_stored(tile: tuple[int, int] | None, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(np.moveaxis(noise("uint8", 4), 0, -1))
    for name in ("assocalpha", "unassalpha"):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, tile=tile, photometric="rgb", extrasamples=[name])
        folder = CoverageFolder(tmp_path)
        assert_same(folder.read(f"{name}.tif"), pixels)
        description = folder.plan(f"{name}.tif", bands=[1, 3]).description
        assert (description.opacity, description.bands[1].name) == (1, "opacity")


UPRIGHT = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).T,
    8: np.rot90,
}
"""By orientation, as Exif 2.32 draws them (section 4.6.4)."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_stored_pixels_are_made_upright(
    orientation: int, tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    stored = noise("float64", 1)[0]
    extra = [(274, "H", 1, orientation, False)]
    tifffile.imwrite(tmp_path / "a.tif", stored, tile=tile, extratags=extra, photometric="minisblack")
    assert_same(CoverageFolder(tmp_path).read("a.tif")[..., 0], UPRIGHT[orientation](stored))


@pytest.mark.parametrize(
    ("dtype", "bits"), [("uint8", 8), ("int8", 8), ("uint16", 12), ("int16", 16), ("uint8", 3)]
)
def test_samples_of_jpeg_2000_are_as_stored(dtype: str, bits: int, tmp_path: Path) -> None:
    low = -(1 << bits - 1) if dtype.startswith("int") else 0
    pixels = np.random.default_rng(2).integers(low, low + (1 << bits), (67, 101)).astype(dtype)
    options = {"level": 0, "reversible": True, "bitspersample": bits}
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(pixels, **options))
    folder = CoverageFolder(tmp_path)
    assert_same(folder.read("a.jp2")[..., 0], pixels)
    assert_same(folder.read("a.jp2", WINDOWS[4])[..., 0], sliced(pixels, WINDOWS[4]))


def test_what_was_never_written_is_missing(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "dtype": "int16", "count": 1, "width": 64, "height": 48, "nodata": -5}
    profile |= {"crs": "EPSG:32633", "transform": UTM}
    for name, options in (
        ("tiles", {"tiled": True, "blockxsize": 16, "blockysize": 16}),
        ("strips", {"blockysize": 8}),
    ):
        with rasterio.open(tmp_path / f"{name}.tif", "w", sparse_ok=True, **profile, **options) as file:
            file.write(np.full((1, 16, 16), 9, np.int16), window=((0, 16), (0, 16)))
        expected = as_bands_last(tmp_path / f"{name}.tif")
        assert expected.min() == -5
        assert_same(CoverageFolder(tmp_path).read(f"{name}.tif"), expected)


@pytest.mark.parametrize("tile", [None, 16], ids=["strips", "tiles"])
def test_only_planes_of_wanted_bands_are_read(tile: int | None, tmp_path: Path) -> None:
    """The others are damaged."""
    pixels = noise("int16", 5)
    write_geotiff(tmp_path / "a.tif", pixels, tile=tile, interleave="band", compress="deflate")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        each = len(page.dataoffsets) // 5
        for index, offset in enumerate(page.dataoffsets):
            if index // each in (0, 2, 4):
                content[offset : offset + 20] = b"\xff" * 20
    (tmp_path / "a.tif").write_bytes(content)
    expected = np.moveaxis(pixels, 0, -1)
    assert_same(CoverageFolder(tmp_path).read("a.tif", bands=[3, 1, 3]), expected[..., [3, 1, 3]])
    with pytest.raises(DecodeError):
        CoverageFolder(tmp_path).read("a.tif", bands=[2])


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint64", 2**64 - 1), ("int64", -(2**63)), ("int64", 2**53 + 1), ("uint8", 0), ("int16", -32768)],
)
def test_missing_data_of_integers_is_exact(dtype: str, nodata: int, tmp_path: Path) -> None:
    extra = [(42113, "s", 0, str(nodata), False)]
    tifffile.imwrite(tmp_path / "a.tif", noise(dtype, 1)[0], extratags=extra, photometric="minisblack")
    folder = CoverageFolder(tmp_path)
    assert folder.plan("a.tif").description.bands[0].nodata == nodata
    assert folder.read("a.tif", Region(-3, 0, 2, 1)).tolist() == [[[nodata]] * 2]


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("uint8", "-9999"),
        ("int16", "65535"),
        ("uint8", "0.5"),
        ("int8", "nan"),
        ("int32", "inf"),
        ("uint16", "none"),
    ],
)
def test_what_no_sample_can_be_is_not_declared(dtype: str, text: str, tmp_path: Path) -> None:
    extra = [(42113, "s", 0, text, False)]
    tifffile.imwrite(tmp_path / "a.tif", noise(dtype, 1)[0], extratags=extra, photometric="minisblack")
    assert CoverageFolder(tmp_path).plan("a.tif").description.bands[0].nodata is None


# -- outside ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodata", [None, -9999])
@settings(deadline=None)
@given(x=st.integers(-70, 130), y=st.integers(-70, 90), width=st.integers(1, 150), height=st.integers(1, 120))
def test_outside_is_missing(
    outside: CoverageFolder, nodata: int | None, x: int, y: int, width: int, height: int
) -> None:
    name = "nodata.tif" if nodata else "utm.tif"
    info, _ = outside.known(name)
    whole = outside.read(name)
    padded = np.pad(whole, ((200, 200), (200, 200), (0, 0)), constant_values=nodata or 0)
    found = outside.read(name, Region(x, y, width, height))
    assert_same(found, padded[200 + y : 200 + y + height, 200 + x : 200 + x + width])
    assert info.samples.nodata == nodata


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> CoverageFolder:
    folder = tmp_path_factory.mktemp("outside")
    KINDS["nodata"](folder)
    KINDS["utm"](folder)
    return CoverageFolder(folder)
