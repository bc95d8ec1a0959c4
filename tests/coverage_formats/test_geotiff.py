"""GeoTIFF: samples, structure and what they mean, as GDAL and tifffile read them."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import pytest
import tifffile

from iipserve.coverage_formats import by_name
from iipserve.geometry import Size
from iipserve.plan import CoverageBand
from tests.coverage_formats.rasters import (
    DEGREES,
    NORTH_UP,
    ROTATED,
    ROTATED_POLE,
    SOUTH_UP,
    SYSTEMS,
    TYPES,
    file_of,
    key_of,
    raster,
    samples_of,
)
from tests.coverage_formats.reading import assert_same_bits, read

LOSSLESS = ("none", "packbits", "lzw", "deflate", "zstd")
CUSTOM = """PROJCRS["own",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",
ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,
ANGLEUNIT["degree",0.0174532925199433]]],CONVERSION["own",METHOD["Lambert Azimuthal Equal Area",
ID["EPSG",9820]],PARAMETER["Latitude of natural origin",17,ANGLEUNIT["degree",0.0174532925199433]],
PARAMETER["Longitude of natural origin",23.5,ANGLEUNIT["degree",0.0174532925199433]],
PARAMETER["False easting",100,LENGTHUNIT["metre",1]],PARAMETER["False northing",0,LENGTHUNIT["metre",1]]],
CS[Cartesian,2],AXIS["easting",east],AXIS["northing",north],LENGTHUNIT["metre",1]]"""


def read_tifffile(body: bytes) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        page = file.pages.first
        samples = page.asarray()
        if page.samplesperpixel > 1 and page.planarconfig == 2:
            samples = np.moveaxis(samples, 0, 2)
    return samples.reshape(samples.shape[0], samples.shape[1], -1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("compression", LOSSLESS)
def test_samples_of_every_type_are_kept_by_every_compression(dtype: str, compression: str) -> None:
    tiles = (None, Size(32, 16))
    for bands, interleave, tile in product((1, 3), ("pixel", "band"), tiles):
        given = raster(dtype=dtype, bands=bands, compression=compression, interleave=interleave, tile=tile)
        samples = samples_of(given)
        body = file_of(given, samples)
        assert_same_bits(read(body).samples, samples)
        assert_same_bits(read_tifffile(body), samples)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd"])
@pytest.mark.parametrize("dtype", [*TYPES])
def test_predictors_keep_samples(dtype: str, compression: str) -> None:
    predictors = ["horizontal", "floatingpoint"] if dtype.startswith("float") else ["horizontal"]
    for predictor, bands, interleave, tile in product(
        predictors, (1, 4), ("pixel", "band"), (None, Size(16, 48))
    ):
        given = raster(
            dtype=dtype,
            bands=bands,
            compression=compression,
            predictor=predictor,
            interleave=interleave,
            tile=tile,
        )
        samples = samples_of(given)
        body = file_of(given, samples)
        assert_same_bits(read(body).samples, samples)
        assert read(body).structure["PREDICTOR"] == {"horizontal": "2", "floatingpoint": "3"}[predictor]


@pytest.mark.parametrize("tile", [None, Size(16, 32)])
@pytest.mark.parametrize("size", [(70, 50), (1, 1), (3000, 40)])
def test_huffman_codes_keep_samples_of_one_bit(tile: Size | None, size: tuple[int, int]) -> None:
    given = raster(bits=1, size=size, compression="huffman", tile=tile)
    samples = np.random.default_rng(3).integers(0, 2, (size[1], size[0], 1), np.uint8)
    samples[::3] = 1
    body = file_of(given, samples)
    found = read(body)
    assert_same_bits(found.samples, samples)
    assert found.structure["COMPRESSION"] == "CCITTRLE"
    with tifffile.TiffFile(io.BytesIO(body)) as file:
        assert file.pages.first.bitspersample == 1


def test_float16_is_kept() -> None:
    given = raster(dtype="float16", bands=2)
    samples = samples_of(given)
    assert_same_bits(read_tifffile(file_of(given, samples)), samples)


def test_structure_is_that_which_is_asked() -> None:
    found = read(file_of(given := raster(bands=3, interleave="band", tile=Size(32, 64)), samples_of(given)))
    assert (found.profile["blockxsize"], found.profile["blockysize"], found.profile["tiled"]) == (
        32,
        64,
        True,
    )
    assert found.profile["interleave"] == "band"
    found = read(file_of(given := raster(bands=3, compression="lzw"), samples_of(given)))
    assert (found.profile["tiled"], found.profile["interleave"], found.profile["compress"]) == (
        False,
        "pixel",
        "lzw",
    )


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("tile", [None, Size(64, 64)])
def test_jpeg_is_close(bands: int, tile: Size | None) -> None:
    given = raster(bands=bands, size=(200, 150), compression="jpeg", quality=95, tile=tile, is_rgb=bands == 3)
    smooth = samples_of(given)
    smooth[:75] = smooth[75:]
    found = read(file_of(given, smooth))
    assert found.profile["compress"] == "jpeg"
    assert np.abs(found.samples.astype(int) - smooth).mean() < 6


def test_jpeg_of_more_bands_is_by_band() -> None:
    given = raster(bands=5, size=(64, 64), compression="jpeg", quality=95, interleave="band")
    samples = np.repeat(np.arange(0, 250, 50, dtype=np.uint8)[None, None], 64, 0).repeat(64, 1)
    assert np.abs(read(file_of(given, samples)).samples.astype(int) - samples).max() <= 2


@pytest.mark.parametrize(
    ("crs", "affine"),
    [
        ("EPSG:32633", NORTH_UP),
        ("EPSG:4326", DEGREES),
        ("EPSG:3857", NORTH_UP),
        ("EPSG:3035", NORTH_UP),
        ("EPSG:2263", NORTH_UP),
        ("ESRI:54009", NORTH_UP),
        ("EPSG:32633", ROTATED),
        ("EPSG:32633", SOUTH_UP),
        (CUSTOM, NORTH_UP),
    ],
)
def test_place_is_kept(crs: str, affine: tuple[float, ...]) -> None:
    from rasterio.crs import CRS

    given = raster(system=crs, affine=affine)
    found = read(file_of(given, samples_of(given)))
    assert found.transform == tuple(affine)
    assert found.crs == (CRS.from_wkt(crs) if "[" in crs else CRS.from_string(crs))
    assert found.tags["AREA_OR_POINT"] == "Area"


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_without_a_code_are_kept(name: str) -> None:
    from rasterio.crs import CRS

    key = key_of(SYSTEMS[name])
    given = raster(system=key)
    assert read(file_of(given, samples_of(given))).crs == CRS.from_wkt(key)


def test_pixel_space_has_no_place() -> None:
    found = read(file_of(given := raster(system="image"), samples_of(given)))
    assert found.crs is None
    assert found.transform == (1, 0, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint8", 0),
        ("int16", -9999),
        ("float32", float("nan")),
        ("float64", -1e300),
        ("float32", -3.4028234663852886e38),
    ],
)
def test_nodata_is_declared(dtype: str, nodata: float) -> None:
    given = raster(dtype=dtype, bands=2, nodata=nodata)
    found = read(file_of(given, samples_of(given))).nodata
    assert found is not None
    assert found == nodata or (np.isnan(found) and np.isnan(nodata))


@pytest.mark.parametrize(("dtype", "nodata"), [("int64", -(2**63)), ("uint64", 2**64 - 1)])
def test_nodata_of_64_bits_is_exact(dtype: str, nodata: int) -> None:
    given = raster(dtype=dtype, nodata=nodata)
    with tifffile.TiffFile(io.BytesIO(file_of(given, samples_of(given)))) as file:
        assert file.pages.first.tags["GDAL_NODATA"].value == str(nodata)


def test_nodata_that_differs_by_band_is_not_declared_for_all() -> None:
    given = raster(described=(CoverageBand("a", nodata=1), CoverageBand("b", nodata=2)))
    assert read(file_of(given, samples_of(given))).nodata is None


def test_meaning_of_bands_is_kept() -> None:
    bands = (CoverageBand("Höhe <m> & more", "m", 0.1, -5.5), CoverageBand("band2"), CoverageBand("n", "K"))
    found = read(file_of(given := raster(described=bands, dtype="int16"), samples_of(given)))
    assert found.names == ("Höhe <m> & more", None, "n")
    assert found.units == ("m", None, "K")
    assert found.scales == (0.1, 1.0, 1.0)
    assert found.offsets == (-5.5, 0.0, 0.0)


def test_color_table_is_kept() -> None:
    palette = bytes(range(30)) + b"\xff\x80\x01"
    found = read(file_of(given := raster(palette=palette), samples_of(given)))
    assert found.colors is not None
    assert [found.colors[index][:3] for index in range(11)] == [
        tuple(palette[i : i + 3]) for i in range(0, 33, 3)
    ]


def test_colors_and_opacity_are_told() -> None:
    with tifffile.TiffFile(
        io.BytesIO(file_of(given := raster(bands=4, is_rgb=True, opacity=3), samples_of(given)))
    ) as file:
        assert (file.pages.first.photometric, file.pages.first.extrasamples) == (2, (2,))
    with tifffile.TiffFile(io.BytesIO(file_of(given := raster(bands=4), samples_of(given)))) as file:
        assert (file.pages.first.photometric, file.pages.first.extrasamples) == (1, (0, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "complex64"}, "complex64"),
        ({"compression": "lerc"}, "lerc"),
        ({"compression": "jpeg", "dtype": "uint16"}, "8 bits"),
        ({"compression": "jpeg", "bands": 4}, "1 or 3 bands"),
        ({"compression": "jpeg", "palette": b"abc"}, "color table"),
        ({"predictor": "horizontal"}, "not of none"),
        ({"compression": "huffman"}, "1 bit"),
        ({"system": key_of(ROTATED_POLE)}, "reference system"),
        ({"compression": "lzw", "predictor": "floatingpoint"}, "floatingpoint"),
        ({"compression": "lzw", "predictor": "median"}, "median"),
        ({"tile": Size(100, 16)}, "multiples of 16"),
        ({"tile": Size(0, 16)}, "multiples of 16"),
        ({"interleave": "line"}, "line"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments: dict[str, object], message: str) -> None:
    refusal = by_name("geotiff").refusal(raster(**arguments))  # type: ignore[arg-type]
    assert refusal is not None
    assert message in refusal
