from __future__ import annotations

import hashlib
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve.collections.values import Item
from iipserve.engine.image_dates import DateRules
from iipserve.engine.image_items import ItemOptions, read_item
from iipserve.errors import ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.image import ImageName
from tests.engine.georeferences import Reader, opened
from tests.geo_rasters import GRIDS, KINDS, positions, write_geotiff

shapely = pytest.importorskip("shapely")
pytest.importorskip("antimeridian")


def item(folder: Path, name: str, **options: Any) -> Item:
    reader = Reader(folder)
    return read_item(ImageName(name), reader.library, reader.georeferences, ItemOptions(**options))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_items_agree_with_gdal(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    read = item(tmp_path, path.name, collection="c")
    with opened(path) as file:
        assert (read.width, read.height, read.dtype) == (file.width, file.height, file.dtypes[0])
        assert len(read.bands) == file.count - (kind == "rgba")
        assert [band["data_type"] for band in read.bands] == [*file.dtypes][: len(read.bands)]
        assert read.nodata == file.nodata
        if not file.transform.is_identity:
            assert read.transform == tuple(file.transform)[:6]
    assert (read.id, read.href, read.driver, read.collection) == (path.name, path.name, "tiff", "c")
    assert (read.size, read.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert read.checksum == f"1220{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert (read.geometry is None) == (not read.bounds) == (kind in ("plain", "europa"))
    assert read.is_ok


def test_plain_picture(tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "red").save(tmp_path / "a.jpg")
    read = item(tmp_path, "a.jpg")
    assert (read.geometry, read.bounds, read.crs, read.transform) == (None, (), "", None)
    assert (read.gsd_min, read.gsd_max, read.visible_max) == (None, None, None)
    assert [band["eo:common_name"] for band in read.bands] == ["red", "green", "blue"]


def test_pixel_sizes_of_levels(tmp_path: Path) -> None:
    crs, transform = GRIDS["utm"]
    write_geotiff(
        tmp_path / "a.tif", positions(400, 200), crs=crs, transform=transform, tile=64, overviews=(2, 4)
    )
    read = item(tmp_path, "a.tif")
    assert read.gsd_min == pytest.approx(20, rel=0.001)
    assert read.gsd_max == pytest.approx(80, rel=0.001)
    assert (read.visible_min, read.visible_max) == (0, None)


def test_images_without_small_levels_are_hidden_at_small_scales(tmp_path: Path) -> None:
    """Each map of many of them would decode gigapixels."""
    write_geotiff(tmp_path / "a.tif", np.zeros((2100, 2100), np.uint8), tile=256, compress="deflate")
    read = item(tmp_path, "a.tif")
    assert read.visible_max == pytest.approx(200, rel=0.001)


def test_bands_have_names_units_and_scales(tmp_path: Path) -> None:
    read = item(tmp_path, KINDS["scaled"](tmp_path).name)
    assert read.bands == (
        {
            "name": "temperature",
            "data_type": "uint16",
            "unit": "K",
            "raster:scale": 0.1,
            "raster:offset": 1000.0,
        },
        {"name": "height", "data_type": "uint16", "unit": "m", "raster:scale": 2.0, "raster:offset": -5.0},
    )


def test_nodata_that_is_not_a_number_is_a_word(tmp_path: Path) -> None:
    """STAC 1.1, common metadata: nan, inf and -inf are texts."""
    pixels = positions(dtype="float32")
    write_geotiff(tmp_path / "a.tif", pixels, nodata=math.nan)
    read = item(tmp_path, "a.tif")
    assert [band["nodata"] for band in read.bands] == ["nan", "nan"]
    assert read.nodata is not None
    assert math.isnan(read.nodata)


def test_dates_of_metadata_names_and_files(tmp_path: Path) -> None:
    tags = {"ACQUISITIONDATETIME": "2021-03-04T05:06:07"}
    write_geotiff(tmp_path / "tagged.tif", positions(), tags=tags)
    write_geotiff(tmp_path / "scene_20220102.tif", positions())
    write_geotiff(tmp_path / "other.tif", positions())
    os.utime(tmp_path / "other.tif", (1_000_000_000, 1_000_000_000))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2019:08:07 06:05:04"
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.jpg", exif=exif)
    found = {name: item(tmp_path, name).datetime for name in os.listdir(tmp_path)}
    assert found == {
        "tagged.tif": datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC),
        "scene_20220102.tif": datetime(2022, 1, 2, tzinfo=UTC),
        "other.tif": datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
        "photo.jpg": datetime(2019, 8, 7, 6, 5, 4, tzinfo=UTC),
    }


def test_year_is_a_period(tmp_path: Path) -> None:
    read = item(tmp_path, KINDS["utm"](tmp_path).name, dates=DateRules(given="2015"))
    assert read.datetime is None
    assert (read.start, read.end) == (
        datetime(2015, 1, 1, tzinfo=UTC),
        datetime(2015, 12, 31, 23, 59, 59, tzinfo=UTC),
    )


def test_gdal_metadata_become_properties(tmp_path: Path) -> None:
    tags = {"CLOUDCOVER": "12.5", "SATELLITEID": "Pleiades-1A"}
    write_geotiff(tmp_path / "a.tif", positions(), tags=tags)
    read = item(tmp_path, "a.tif", properties={"eo:cloud_cover": 3})
    assert (read.properties["platform"], read.properties["eo:cloud_cover"]) == ("pleiades-1a", 3)
    assert item(tmp_path, "a.tif").properties["eo:cloud_cover"] == 12.5


def test_long_files_have_no_checksum_unless_wanted(tmp_path: Path) -> None:
    name = KINDS["utm"](tmp_path).name
    assert item(tmp_path, name, max_checksum=1000).checksum == ""
    assert item(tmp_path, name, max_checksum=None).checksum


def test_footprint_without_reading_pixels_is_that_of_the_grid(tmp_path: Path) -> None:
    name = KINDS["rgba"](tmp_path).name
    half, whole = item(tmp_path, name), item(tmp_path, name, reads_pixels=False)
    assert half.bounds[0].width == pytest.approx(whole.bounds[0].width / 2, rel=0.02)
    assert item(tmp_path, name, max_pixels=120 * 80).bounds == half.bounds
    assert item(tmp_path, name, max_pixels=120 * 80 - 1).bounds == whole.bounds


def test_ids_are_names_of_files_unless_given(tmp_path: Path) -> None:
    (tmp_path / "é").mkdir()
    KINDS["utm"](tmp_path / "é")
    assert (item(tmp_path, "é/utm.tif").id, item(tmp_path, "é/utm.tif").href) == ("utm.tif", "é/utm.tif")
    assert item(tmp_path, "é/utm.tif", id="50%25").id == "50%25"


@pytest.mark.parametrize("text", [".", "..", "a/b", "a\nb", "\0", "x" * 257, "\ud800"])
def test_ids_that_no_address_has_are_refused(text: str, tmp_path: Path) -> None:
    name = KINDS["utm"](tmp_path).name
    with pytest.raises(InvalidRequest):
        item(tmp_path, name, id=text)


@pytest.mark.parametrize("text", ["S2A_x.SAFE.v1.tif", "50%25", "影像 2024:a&b.tif", "..."])
def test_ids_of_any_other_characters_are_taken(text: str, tmp_path: Path) -> None:
    assert item(tmp_path, KINDS["utm"](tmp_path).name, id=text).id == text


def test_files_that_name_others_are_refused(tmp_path: Path) -> None:
    inner = KINDS["utm"](tmp_path)
    document = (
        f'<VRTDataset rasterXSize="9" rasterYSize="9"><SourceFilename>{inner}</SourceFilename></VRTDataset>'
    )
    (tmp_path / "a.tif").write_text(document)
    (tmp_path / "b.txt").write_text("hello")
    for name in ("a.tif", "b.txt"):
        with pytest.raises(UnsupportedImage):
            item(tmp_path, name)
    with pytest.raises(UnsupportedImage):
        item(tmp_path, "utm.tif.msk")
    with pytest.raises(ImageNotFound):
        item(tmp_path, "none.tif")
    with pytest.raises(InvalidRequest):
        item(tmp_path, "../utm.tif")


def test_mask_next_to_the_image_bounds_the_footprint(tmp_path: Path) -> None:
    whole = item(tmp_path, KINDS["utm"](tmp_path).name)
    valid = np.zeros((80, 120), np.uint8)
    valid[:, :60] = 255
    tifffile.imwrite(tmp_path / "utm.tif.msk", valid)
    masked = item(tmp_path, "utm.tif")
    assert masked.bounds[0].width == pytest.approx(whole.bounds[0].width / 2, rel=0.03)


def test_links_out_of_the_folder_are_no_images(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "link.tif").symlink_to(KINDS["utm"](tmp_path))
    (folder / "outside").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.tif")
    for name in ("link.tif", "outside/utm.tif", "pipe.tif", "outside"):
        with pytest.raises(ImageNotFound):
            item(folder, name)
