"""What is measured of files, compared with tifffile and glymur."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from iipserve import registry
from iipserve.config import Config
from iipserve.diagnosis.values import Examination
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.examination import Examiner
from iipserve.engine.library import Library
from iipserve.errors import ImageNotFound
from iipserve.geometry import Size
from iipserve.image import ImageName, Selector
from tests.images import gradient, smooth, write_jp2, write_tiff_pyramid


def examine(path: Path, page: int = 0, **settings: float) -> Examination:
    config = Config(filesystem_prefix=f"{path.parent}/", **settings)  # type: ignore[arg-type]
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    return Examiner(library, AdmissionControl(config)).examine(ImageName(path.name, Selector(page)))


@pytest.mark.parametrize("compression", ["deflate", "lzw", "zstd", None])
def test_tiles_of_a_pyramid(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, gradient((700, 500)), tile=(128, 256), compression=compression)
    found = examine(path)
    with tifffile.TiffFile(path) as file:
        assert len(found.levels) == len(file.pages)
        for page, level in zip(file.pages, found.levels, strict=True):
            storage = level.storage
            assert storage is not None
            assert storage.is_tiled
            assert storage.unit == Size(page.tilewidth, page.tilelength)
            assert storage.compression == (compression or "none")
            counts = page.databytecounts
            assert (storage.units, storage.mean_bytes) == (len(counts), sum(counts) / len(counts))
            assert level.milliseconds is not None
    assert found.opening > 0
    assert found.passes_as == ""


def test_stored_jpeg_is_passed_through(jpeg_tiff: Path) -> None:
    assert examine(jpeg_tiff).passes_as == "jpeg"


def test_planes_and_strips(tmp_path: Path) -> None:
    pixels = gradient((90, 70)).transpose(2, 0, 1)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, planarconfig="separate", photometric="rgb", rowsperstrip=10, metadata=None
    )
    found = examine(tmp_path / "a.tif")
    (level,) = found.levels
    assert level.storage is not None
    assert (level.storage.planes, level.storage.units, level.storage.is_tiled) == (3, 21, False)
    assert level.storage.unit == Size(90, 10)
    assert found.overview_pixels == 90 * 70


def test_pages_are_examined_one_by_one(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(gradient((64, 64)), tile=(64, 64), photometric="rgb")
        file.write(gradient((128, 96)), tile=(32, 32), photometric="rgb", compression="deflate")
    storage = examine(tmp_path / "a.tif", page=1).levels[0].storage
    assert storage is not None
    assert (storage.unit, storage.compression) == (Size(32, 32), "deflate")
    with pytest.raises(ImageNotFound):
        examine(tmp_path / "a.tif", page=2)


def test_tiles_of_jpeg_2000(tmp_path: Path) -> None:
    write_jp2(
        tmp_path / "a.jp2", smooth((512, 300)), tilesize=(128, 256), numres=3
    )  # of which the smallest is less than a unit
    storage = [level.storage for level in examine(tmp_path / "a.jp2").levels]
    assert [each and (each.unit, each.units, each.is_tiled) for each in storage] == [
        (Size(256, 128), 6, True), (Size(128, 64), 6, True),
    ]  # fmt: skip


def test_damage_and_limits_are_findings(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, gradient((512, 512)), compression="deflate")
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[3], file.pages[0].databytecounts[3]
    path.write_bytes(whole[:offset] + bytes(count) + whole[offset + count :])
    found = examine(path)
    assert "damaged" in found.levels[0].failure
    assert found.levels[1].milliseconds is not None
    assert "limit is 0" in examine(path, max_decode=0.01).levels[1].failure
