"""Commands on collections while a server publishes them: each change shows in the next answer."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.collection_servers import ask, collection_server
from tests.geo_rasters import UTM, write_geotiff

pytest.importorskip("sqlalchemy")
pytest.importorskip("shapely")

ACROSS, DOWN, SIDE = 10, 6, 32
"""Images side by side, and their pixels; more than a map opens."""
BOX = "500000,4996160,506400,5000000"


def command(folder: Path, work: Path, *arguments: str) -> None:
    environ = {**os.environ, "FILESYSTEM_PREFIX": f"{folder}/", "SERVICES": f"{work}/services.toml"}
    done = subprocess.run(
        [sys.executable, "-m", "iipserve", "collection", *arguments],
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def map_of(origin: str) -> tuple[np.ndarray, list[str]]:
    """A map of all images, a pixel for 4 x 4 of theirs, and its warnings."""
    query = f"VERSION=1.3.0&REQUEST=GetMap&LAYERS=mosaic&STYLES=&CRS=EPSG:32633&BBOX={BOX}&FORMAT=image/png"
    size = f"WIDTH={ACROSS * SIDE // 4}&HEIGHT={DOWN * SIDE // 4}"
    with urllib.request.urlopen(
        f"{origin}/wms?SERVICE=WMS&{query}&{size}&TRANSPARENT=TRUE", timeout=120
    ) as answer:
        picture = Image.open(io.BytesIO(answer.read())).convert("RGBA")
        return np.asarray(picture), answer.headers.get_all("Warning") or []


def images(folder: Path) -> np.ndarray:
    """Images of one color each; the red and green of all, shape (DOWN, ACROSS, 2)."""
    colors = np.zeros((DOWN, ACROSS, 2), np.uint8)
    for row in range(DOWN):
        for column in range(ACROSS):
            colors[row, column] = 20 * column + 30, 30 * row + 30
            pixels = np.full((3, SIDE, SIDE), 9, np.uint8)
            pixels[:2] = colors[row, column][:, None, None]
            place = UTM * UTM.translation(column * SIDE, row * SIDE)
            write_geotiff(folder / f"{row}{column}.tif", pixels, transform=place, photometric="RGB")
    return colors


def test_changes_by_commands_show_in_the_next_answer(tmp_path: Path) -> None:
    folder, work = tmp_path / "images", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    colors = images(folder)
    lines = ['services = ["rest", "wms"]', f'overview_folder = "{folder}/overviews"']
    with collection_server(folder, work, *lines) as origin:
        collections = f"{origin}/stac/collections"
        assert ask(collections).value["collections"] == []
        command(folder, work, "create", "mosaic")
        command(folder, work, "add", "mosaic", "[0-9]*.tif")
        found = ask(f"{collections}/mosaic/items?limit=100").value["features"]
        assert len(found) == ACROSS * DOWN
        _, warnings = map_of(origin)
        assert any("50 images are shown" in text for text in warnings)
        command(folder, work, "overview", "mosaic")
        shown, warnings = map_of(origin)
        assert not warnings
        expected = colors.repeat(SIDE // 4, axis=0).repeat(SIDE // 4, axis=1)
        np.testing.assert_array_equal(shown[..., 3], 255)
        np.testing.assert_array_equal(shown[..., :2], expected)
        command(folder, work, "remove", "mosaic", "[3-9]*.tif")
        shown, warnings = map_of(origin)
        assert not warnings
        half = DOWN * SIDE // 8
        np.testing.assert_array_equal(shown[:half, :, :2], expected[:half])
        assert not shown[half:, :, 3].any()
        command(folder, work, "delete", "mosaic")
        assert ask(f"{collections}/mosaic").status == 404
