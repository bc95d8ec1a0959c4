from __future__ import annotations

import fcntl
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.collection_command.running import Folder
from tests.engine.georeferences import opened
from tests.geo_rasters import KINDS, UTM, Resampling, positions, write_geotiff

STEP = 100.0
"""Metres of a pixel of the overviews: five of an image's."""


def means(samples: NDArray[Any], valid: NDArray[np.bool_], factor: int = 5) -> NDArray[np.float64]:
    """Of blocks of the valid samples of (rows, columns); NaN where there is none."""
    rows, columns = samples.shape[0] // factor, samples.shape[1] // factor
    shape = rows, factor, columns, factor
    values = np.where(valid, samples.astype(float), np.nan).reshape(shape)
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=(1, 3)) / np.isfinite(values).sum(axis=(1, 3))


def built(folder: Folder, *arguments: str) -> tuple[NDArray[Any], NDArray[np.bool_], Any]:
    """Samples (bands, rows, columns), which pixels have data, and the profile of an overview."""
    folder.ran("overview", "demo", str(folder.images / "overview.tif"), *arguments)
    with opened(folder.images / "overview.tif") as file:
        return file.read(), file.dataset_mask() > 0, file.profile


def test_overview_is_the_mean_of_the_uppermost_image(folder: Folder) -> None:
    """Two images that overlap, the newer one with a hole through which the older one shows."""
    older = positions(200, 100)[0] + 1000
    newer, valid = positions(200, 100)[0] + 3000, np.ones((100, 200), bool)
    valid[30:60, 40:80] = False
    write_geotiff(
        folder.images / "old_20200101.tif", older, tile=64, overviews=(2, 4), resampling=Resampling.average
    )
    moved = UTM * UTM.translation(100, 50)
    write_geotiff(folder.images / "new_20210101.tif", newer, transform=moved, mask=valid)
    folder.ran("add", "demo", str(folder.images))
    samples, has_data, profile = built(folder, "--pixel-size", str(STEP))
    assert (profile["width"], profile["height"], profile["tiled"]) == (60, 30, True)
    expected = np.full((30, 60), np.nan)
    expected[:20, :40] = means(older, np.ones_like(older, bool))
    above = means(newer, valid)
    expected[10:, 20:] = np.where(np.isnan(above), expected[10:, 20:], above)
    np.testing.assert_array_equal(has_data, np.isfinite(expected))
    np.testing.assert_allclose(samples[0][has_data], expected[has_data], atol=1)


def test_missing_data_is_missing_in_the_overview(folder: Folder) -> None:
    pixels = positions(dtype="int16")
    pixels[:, 10:40, 40:80] = -9999
    write_geotiff(folder.images / "a.tif", pixels, nodata=-9999)
    folder.ran("add", "demo", "a.tif")
    samples, has_data, profile = built(folder, "--pixel-size", str(STEP))
    assert (profile["nodata"], profile["dtype"], profile["count"]) == (-9999, "int16", 2)
    expected = means(pixels[0], pixels[0] != -9999)
    np.testing.assert_array_equal(has_data, np.isfinite(expected))
    np.testing.assert_allclose(samples[0][has_data], expected[has_data], atol=1)


def test_gray_and_color_become_color(folder: Folder) -> None:
    color = np.stack([np.full((80, 120), value, np.uint8) for value in (200, 100, 50)])
    write_geotiff(folder.images / "c_20200101.tif", color, photometric="RGB")
    gray = np.full((80, 120), 77, np.uint8)
    write_geotiff(folder.images / "g_20210101.tif", gray, transform=UTM * UTM.translation(60, 0))
    folder.ran("add", "demo", str(folder.images))
    samples, has_data, _ = built(folder, "--pixel-size", str(STEP))
    assert has_data.all()
    assert samples[:, 8, 5].tolist() == [200, 100, 50]
    assert samples[:, 8, 20].tolist() == [77, 77, 77]


@pytest.mark.parametrize(
    ("types", "style", "expected"),
    [
        (("int16", "float32"), {}, "float32"),
        (("int16", "int32"), {}, "int32"),
        (("float32", "float64"), {}, "float32"),
        (("uint8", "uint16"), {"range": [0, 200]}, "uint16"),
        (("uint8", "int16"), {"range": [0, 200]}, "int16"),
    ],
)
def test_samples_of_several_types_have_one_that_holds_them(
    folder: Folder, types: tuple[str, str], style: dict[str, Any], expected: str
) -> None:
    """Two images next to each other, the second one with missing data."""
    first, second = positions(dtype=types[0])[0] + 5, positions(dtype=types[1])[0] + 9
    valid = np.ones(second.shape, bool)
    valid[10:40, 40:80] = False
    write_geotiff(folder.images / "a.tif", first)
    place = UTM * UTM.translation(120, 0)
    write_geotiff(folder.images / "b.tif", second, transform=place, mask=valid)
    folder.ran("add", "demo", str(folder.images))
    with closing(folder.store()) as store:
        store.replace(replace(store.collection("demo"), style=style))
    samples, has_data, profile = built(folder, "--pixel-size", str(STEP))
    assert profile["dtype"] == expected
    means_of_both = np.concatenate([means(first, np.ones_like(valid)), means(second, valid)], axis=1)
    np.testing.assert_array_equal(has_data, np.isfinite(means_of_both))
    np.testing.assert_allclose(samples[0][has_data], means_of_both[has_data], atol=1)


def test_an_overview_is_as_old_as_what_was_known_when_it_was_begun(folder: Folder) -> None:
    KINDS["utm"](folder.images)
    folder.ran("add", "demo", "utm.tif")
    with closing(folder.store()) as store:
        updated = store.item("demo", "utm.tif").updated
        built(folder)
        collection = store.collection("demo").updated
    assert updated is not None
    assert collection is not None
    written = (folder.images / "overview.tif").stat().st_mtime
    assert updated.timestamp() <= written <= collection.timestamp()


def test_levels_get_smaller_until_one_is_small(folder: Folder) -> None:
    write_geotiff(folder.images / "a.tif", np.ones((1500, 1000), np.uint8))
    folder.ran("add", "demo", "a.tif")
    built(folder, "--pixel-size", "20")
    with opened(folder.images / "overview.tif") as file:
        assert file.overviews(1) == [2, 4, 8]
        assert file.dataset_mask().all()


def test_images_of_several_systems_and_broken_ones(folder: Folder) -> None:
    for kind in ("utm", "wgs84"):
        KINDS[kind](folder.images)
    KINDS["mercator"](folder.images)
    folder.ran("add", "demo", str(folder.images))
    (folder.images / "wgs84.tif").unlink()
    done = folder.run("overview", "demo", str(folder.images / "overview.tif"))
    assert done.status == 1
    assert "1 images left out" in done.out
    assert done.err.splitlines()[-1].startswith("wgs84.tif: ")
    with opened(folder.images / "overview.tif") as file:
        assert file.crs.to_epsg() == 3857
        assert file.dataset_mask().any()
        assert max(file.width, file.height) == pytest.approx(8192, abs=2)
    assert not list(folder.images.glob(".*"))


def test_overview_goes_where_the_service_file_says(folder: Folder, tmp_path: Path) -> None:
    service = tmp_path / "service.toml"
    service.write_text('[collections]\nstore = "store.sqlite"\noverview_folder = "images/overviews"\n')
    KINDS["utm"](folder.images)
    folder.ran("add", "demo", "utm.tif")
    assert folder.run("overview", "demo", store="", SERVICES=str(service)).status == 0
    assert (folder.images / "overviews" / "demo.tif").exists()
    assert folder.run("overview", "demo").status == 1


@pytest.mark.parametrize("output", ["/etc/overview.tif", "../overview.tif"])
def test_overview_is_written_below_the_folder_of_images_only(output: str, folder: Folder) -> None:
    KINDS["utm"](folder.images)
    folder.ran("add", "demo", "utm.tif")
    assert folder.run("overview", "demo", output).status == 1


def test_an_overview_that_is_being_built_is_not_built_again(folder: Folder) -> None:
    KINDS["utm"](folder.images)
    folder.ran("add", "demo", str(folder.images))
    with open(folder.images / ".overview.tif.lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = folder.run("overview", "demo", str(folder.images / "overview.tif"))
        assert (done.status, "being built already" in done.err) == (1, True)
    folder.ran("overview", "demo", str(folder.images / "overview.tif"))
    assert not list(folder.images.glob(".*"))


def test_overviews_that_cannot_be(folder: Folder) -> None:
    output = str(folder.images / "o.tif")
    assert "no image" in folder.run("overview", "demo", output).err
    KINDS["utm"](folder.images)
    KINDS["nan"](folder.images)
    folder.ran("add", "demo", "utm.tif", "nan.tif")
    assert "float32, uint16" in folder.run("overview", "demo", output).err
    folder.ran("remove", "demo", "nan.tif")
    assert "too large" in folder.run("overview", "demo", output, "--pixel-size", "0.001").err
