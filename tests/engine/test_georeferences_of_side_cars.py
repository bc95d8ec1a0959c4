"""Where images are located by files next to them: world files, and auxiliary files of GDAL."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iipserve.geo.georeference import Band, ControlPoints, GeoImage
from iipserve.geo.grid import Affine
from tests.engine.georeferences import Reader, opened, placed
from tests.geo_rasters import KINDS, copy, rasterio, write_geotiff


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# -- files next to the image -----------------------------------------------------------------------

WORLD = "0.5\n0.1\n-0.2\n-0.25\n100.25\n49.875\n"


@pytest.mark.parametrize(
    ("image", "beside"),
    [("a.jpg", "a.jgw"), ("a.jpg", "a.jpgw"), ("a.jpg", "a.wld"), ("a.png", "a.pgw"), ("a.tif", "a.tfw"), ("a.jpeg", "a.jgw"),
     ("a.webp", "a.wpw"), ("a.JPG", "a.JGW"), ("a.b.png", "a.b.wld")],
)  # fmt: skip
def test_world_files_place_pictures(image: str, beside: str, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30), (9, 99, 199)).save(tmp_path / image)
    assert read(image) is None
    (tmp_path / beside).write_text(WORLD)
    (tmp_path / image).with_suffix(".prj").write_text(
        rasterio.crs.CRS.from_epsg(4490).to_wkt(version="WKT1_ESRI")
    )
    read.georeferences.clear()
    found = placed(read(image)).georeference
    assert found.crs == "EPSG:4490"
    assert isinstance(found.mapping, Affine)
    # the last two numbers are the center of the first pixel
    assert found.mapping.apply(0.5, 0.5) == pytest.approx((100.25, 49.875))
    assert found.mapping == pytest.approx((0.5, -0.2, 100.1, 0.1, -0.25, 49.95))
    if beside.endswith("w"):
        with opened(tmp_path / image) as dataset:
            expected = dataset.transform if not dataset.transform.is_identity else None
        assert expected is None or found.mapping == pytest.approx(expected[:6])


@pytest.mark.parametrize(
    "text", ["\ufeff" + WORLD, WORLD.replace(".", ","), "\ufeff" + WORLD.replace("\n", "\r\n")]
)
def test_world_files_as_programs_on_windows_write_them(text: str, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_bytes(text.encode())
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4490).to_wkt(version="WKT1_ESRI"))
    assert placed(read("a.png")).georeference.mapping == pytest.approx((0.5, -0.2, 100.1, 0.1, -0.25, 49.95))


def test_a_world_file_alone_says_too_little(tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    assert read("a.png") is None


def test_changes_beside_an_image_are_noticed(tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.wld").write_text(WORLD)
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    first = placed(read("a.png")).georeference
    (tmp_path / "a.wld").write_text(WORLD.replace("100.25", "-70.25"))
    second = placed(read("a.png")).georeference
    assert isinstance(first.mapping, Affine)
    assert second.mapping == first.mapping._replace(c=-70.4)
    (tmp_path / "a.prj").unlink()
    assert read("a.png") is None


def test_the_file_itself_wins(tmp_path: Path, read: Reader) -> None:
    KINDS["utm"](tmp_path)
    before = read("utm.tif")
    (tmp_path / "utm.tfw").write_text(WORLD)
    read.georeferences.clear()
    assert read("utm.tif") == before


@pytest.mark.parametrize(
    "text", ["", "1", "1\n2\n3", "a\nb\nc\nd\ne\nf", "nan\n0\n0\n-1\n0\n0", "0\n0\n0\n0\n0\n0", "1e400\n0\n0\n-1\n0\n0", "\0" * 90,
             "1\n1\n1\n1\n5\n5", "\xff\xfe" * 500],
)  # fmt: skip
def test_damaged_world_files_place_nothing(text: str, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.wld").write_bytes(text.encode("latin-1"))
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    assert read("a.png") is None


# -- GDAL's auxiliary files ------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kind", ["utm", "rotated", "sinusoidal", "curved_gcps"])
def test_auxiliary_files_of_gdal_place_pictures(driver: str, kind: str, tmp_path: Path, read: Reader) -> None:
    twin = KINDS[kind](tmp_path)
    path = tmp_path / f"a.{driver.lower()}"
    with opened(twin) as dataset:
        columns, rows = dataset.read().astype(np.uint8)
        place = {"gcps": dataset.gcps[0], "crs": dataset.gcps[1]} if dataset.gcps[0] else {
            "transform": dataset.transform, "crs": dataset.crs,
        }  # fmt: skip
    memory = write_geotiff(tmp_path / "source.tif", np.stack([columns, rows, rows]), **place, scales=(0.5, 2, 1),
                           offsets=(1, 2, 0), units=("m", "", ""), names=("a", "b", ""), photometric="RGB")  # fmt: skip
    with rasterio.Env(GDAL_PAM_ENABLED=True):
        copy(memory, path, driver=driver)
    assert (tmp_path / f"{path.name}.aux.xml").exists()
    found, expected = placed(read(path.name)), placed(read(twin.name))
    assert found.georeference.crs == expected.georeference.crs
    # as text
    assert _numbers(found) == pytest.approx(_numbers(expected), rel=1e-5)
    assert found.bands[:2] == (Band("a", "m", 0.5, 1.0), Band("b", "", 2.0, 2.0))


def _numbers(image: GeoImage) -> list[float]:
    mapping = image.georeference.mapping
    if isinstance(mapping, ControlPoints):
        return [mapping.order, *(number for point in mapping.points for number in point)]
    assert isinstance(mapping, Affine)
    return [*mapping]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<",
        b"<PAMDataset/>",
        b"<PAMDataset><GeoTransform>0,1,0,0,0,-1</GeoTransform></PAMDataset>",
        b"<PAMDataset><GeoTransform>0,1,0,0,0</GeoTransform><PAMRasterBand><Scale>x</Scale></PAMRasterBand></PAMDataset>",
        b"<PAMDataset><GCPList><GCP Pixel='1'/></GCPList></PAMDataset>",
        b"\xff" * 100,
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><PAMDataset><SRS>&b;</SRS></PAMDataset>",
    ],
)
def test_damaged_auxiliary_files_place_nothing(document: bytes, tmp_path: Path, read: Reader) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.png.aux.xml").write_bytes(document)
    assert read("a.png") is None


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.wld").write_text(WORLD)
    (folder / "a.wld").symlink_to(tmp_path / "secret.wld")
    (folder / "a.prj").write_text(rasterio.crs.CRS.from_epsg(4326).to_wkt())
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    os.mkfifo(folder / "b.wld")
    Image.new("RGB", (40, 30)).save(folder / "b.png")
    read = Reader(folder)
    assert read("a.png") is None
    assert read("b.png") is None
