"""What a converted file keeps besides pixels, read by Pillow, tifffile and GDAL."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.convert_command.running import converted
from tests.geo_rasters import KINDS, rasterio
from tests.images import smooth

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
PLACED = (
    "utm",
    "south_up",
    "rotated",
    "gcps",
    "rpcs",
    "nodata",
    "nan",
    "rgba",
    "palette",
    "mask",
    "point",
    "world_file",
)


def photograph(path: Path) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x8298] = "Maker", "Model 1", "Somebody"
    exif.get_ifd(0x8769)[0x829A] = 0.004
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(smooth((300, 200))).save(path, exif=exif, icc_profile=profile, xmp=XMP, dpi=(300, 300))
    return exif


@pytest.mark.parametrize("again", [False, True], ids=["of JPEG", "of TIFF"])
def test_metadata(tmp_path: Path, again: bool) -> None:
    photograph(tmp_path / "a.jpg")
    target = converted(tmp_path / "a.jpg", tmp_path / "b.tif")
    if again:
        target = converted(target, tmp_path / "c.tif", "--compression", "deflate")
    with Image.open(tmp_path / "a.jpg") as source, Image.open(target) as found:
        assert found.info["icc_profile"] == source.info["icc_profile"]
        assert found.tag_v2[700] == XMP
        assert (found.tag_v2[271], found.tag_v2[272], found.tag_v2[33432]) == ("Maker", "Model 1", "Somebody")
        assert found.info["dpi"] == pytest.approx((300, 300))
        exif = found.getexif()
        assert float(exif.get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
        assert [float(each) for each in exif.get_ifd(0x8825)[2]] == [48, 51, 30]


def test_texts_and_big_endian_fields(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", smooth((90, 70)), byteorder=">", photometric="rgb", description="A façade".encode(),
        metadata=None, datetime="2024:01:31 10:15:00", resolution=(118.11, 59.0), resolutionunit="CENTIMETER",
        extratags=[(37439, "d", 1, 2.5, True), (315, "s", 0, "Somebody", True)],
    )  # fmt: skip
    with tifffile.TiffFile(converted(tmp_path / "a.tif", tmp_path / "b.tif")) as file:
        tags = file.pages[0].tags
        assert file.byteorder == "<"
        assert tags["ImageDescription"].value == "A façade"
        assert tags["DateTime"].value == "2024:01:31 10:15:00"
        assert tags[37439].value == 2.5
        assert tags["Artist"].value == "Somebody"
        across, unit = tags["XResolution"].value, tags["ResolutionUnit"].value
        assert (across[0] / across[1], unit) == (pytest.approx(300, rel=1e-3), 2)
    with tifffile.TiffFile(converted(tmp_path / "b.tif", tmp_path / "c.tif")) as file:
        assert file.pages[0].tags["ImageDescription"].value == "A façade"


def test_no_resolution_is_invented(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", smooth((90, 70)), photometric="rgb", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        has = "XResolution" in file.pages[0].tags
    with tifffile.TiffFile(converted(tmp_path / "a.tif", tmp_path / "b.tif")) as file:
        assert (
            "XResolution" in file.pages[0].tags and file.pages[0].tags["ResolutionUnit"].value != 1
        ) <= has


@pytest.mark.parametrize("name", [name for name in PLACED if name in KINDS])
def test_place_on_the_ground(tmp_path: Path, name: str) -> None:
    make: Callable[[Path], Path] = KINDS[name]
    source = make(tmp_path)
    target = converted(source, tmp_path / "converted.tif", "--tile", "128")
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(source) as before,
        rasterio.open(target) as after,
    ):
        assert after.crs == before.crs
        assert after.transform == before.transform
        assert [len(each.gcps[0]) for each in (before, after)] == [16 if name == "gcps" else 0] * 2
        assert (before.rpcs, after.rpcs).count(None) == (0 if name == "rpcs" else 2)
        assert after.nodata == before.nodata or np.isnan(before.nodata)
        np.testing.assert_array_equal(after.read()[: before.count], before.read())
        # of three bands, GDAL takes none for a mask
        mask = after.read(3) if name == "mask" else after.dataset_mask()
        np.testing.assert_array_equal(mask > 0, before.dataset_mask() > 0)


def test_overviews_are_those_of_gdal_too(tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    with rasterio.open(
        source, "w", driver="GTiff", width=900, height=600, count=1, dtype="int16", nodata=-9999, crs="EPSG:32633",
        transform=rasterio.Affine(20, 0, 5e5, 0, -20, 5e6),
    ) as file:  # fmt: skip
        pixels = np.full((600, 900), 100, np.int16)
        pixels[:, ::3] = -9999
        file.write(pixels, 1)
    with rasterio.open(converted(source, tmp_path / "b.tif")) as file:
        assert file.overviews(1) == [2, 4]
        with rasterio.open(tmp_path / "b.tif", overview_level=0) as level:
            # nothing between data and missing data
            assert set(np.unique(level.read(1))) == {-9999, 100}
