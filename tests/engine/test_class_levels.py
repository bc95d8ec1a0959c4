"""Levels of images with a palette that show classes of their own are found, and not shown on maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import app, registry
from iipserve.config import Config
from iipserve.engine import class_levels
from iipserve.engine.class_levels import ClassLevels
from iipserve.engine.library import Library
from iipserve.http import Request
from iipserve.image import ImageInfo
from tests.engine.fakes import ArraySource
from tests.engine.maps import OneSource

rasterio = pytest.importorskip("rasterio")
from rasterio.enums import Resampling  # noqa: E402

from tests.geo_rasters import write_geotiff  # noqa: E402

COLORS = {1: (200, 0, 0, 255), 3: (100, 0, 100, 255), 9: (0, 0, 200, 255)}
"""No pixel has the second, which is the mean of the others."""
SIDE, STEP = 256, 10.0


def classified(folder: Path, name: str, resampling: Resampling) -> Path:
    """Classes 1 and 9 in a chessboard of single pixels."""
    classes = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, 1, 9).astype(np.uint8)
    return write_geotiff(
        folder / name,
        classes,
        colormap=COLORS,
        photometric="palette",
        tile=64,
        overviews=(2, 4),
        resampling=resampling,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classes")
    classified(path, "averaged.tif", Resampling.average)
    classified(path, "nearest.tif", Resampling.nearest)
    return path


@pytest.mark.parametrize(("name", "count"), [("averaged.tif", 1), ("nearest.tif", 3)])
def test_levels_of_files(folder: Path, name: str, count: int) -> None:
    with rasterio.open(folder / name, overview_level=0) as file:
        assert (3 in file.read()) == (name == "averaged.tif")
    library = Library(Config(filesystem_prefix=f"{folder}/"), registry.discover("iipserve.sources", "FORMAT"))
    info = library.info(name)
    assert len(info.levels) == 3
    assert ClassLevels(library)(info) == count


@pytest.mark.parametrize("shift", [0.0, 3.0], ids=["on the grid", "off the grid"])
@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("name", ["averaged", "nearest"])
def test_maps_show_classes_of_the_full_size_only(
    folder: Path, name: str, reduction: int, shift: float
) -> None:
    with rasterio.open(folder / f"{name}.tif") as file:
        left, bottom, right, top = file.bounds
        step = file.transform.a * reduction
    side = SIDE // reduction - 4
    box = left + shift, top - shift - side * step, left + shift + side * step, top - shift
    asked = (
        f"SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS={name}&STYLES=&SRS=EPSG:32633&FORMAT=image/png"
        f"&BBOX={','.join(map(repr, box))}&WIDTH={side}&HEIGHT={side}"
    )
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    response = application.handle(Request("GET", "/wms", asked, {"HTTP_HOST": "a"}))
    assert response.status == 200
    assert isinstance(response.body, bytes)
    pixels = imagecodecs.png_decode(response.body)
    colors = pixels.reshape(-1, pixels.shape[2])[:, :3]
    assert {tuple(color) for color in colors.tolist()} <= {COLORS[1][:3], COLORS[9][:3]}
    assert bottom < box[1]
    assert box[2] < right


def counted(*levels: NDArray[Any], **fields: Any) -> int:
    source = ArraySource([*levels], (256, 256), **fields)
    info: ImageInfo = source.info
    return ClassLevels(OneSource(source))(info)  # type: ignore[arg-type]


def blocks(side: int, scale: int) -> NDArray[np.uint8]:
    """Random classes in squares of 16 pixels of the full size, `scale` times as small."""
    chance = np.random.default_rng(1)
    classes = np.array([(10, 20, 30), (200, 0, 0), (0, 0, 200)], np.uint8)
    small = classes[chance.integers(0, 3, (side // 16, side // 16))]
    return small.repeat(16 // scale, axis=0).repeat(16 // scale, axis=1)


@pytest.mark.parametrize("side", [1024, 4096], ids=["as a whole", "in parts"])
def test_levels_in_which_a_class_is_where_the_full_size_has_others(side: int) -> None:
    """Compared as a whole, and in parts where it is too large for that."""
    assert (side * side > class_levels.MAX_AREA) == (side == 4096)
    levels = [blocks(side, scale) for scale in (1, 2, 4)]
    assert counted(*levels) == 3
    foreign = levels[2].copy()
    foreign[40:200, 40:200] = 77
    assert counted(*levels[:2], foreign) == 2
    assert counted(levels[0], levels[1] // 2, levels[2]) == 1


def test_clear_pixels_have_no_class() -> None:
    levels = [
        np.dstack([blocks(256, scale), np.full((256 // scale,) * 2, 255, np.uint8)]) for scale in (1, 2)
    ]
    levels[1][:20] = 0
    assert counted(*levels) == 2
    levels[1][:20, :, 3] = 255
    assert counted(*levels) == 1
