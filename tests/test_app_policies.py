"""What the settings forbid, and what leaves a line in the log, through the whole application."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve import app
from iipserve.config import Config
from iipserve.errors import ConfigError
from tests.images import gradient, write_tiff_pyramid
from tests.test_app import ask, body, header


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiff_pyramid(tmp_path / "a.tif", gradient((300, 200)), compression="zlib")
    Image.new("L", (4, 4), 200).save(tmp_path / "mark.png")
    return tmp_path


def build(folder: Path, **settings: object) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/", **settings))  # type: ignore[arg-type]


SAMPLES = [
    "/iip?FIF=a.tif&PFL=1:0,5-300,5", "/iip?FIF=a.tif&SPECTRA=1,0,3,4", "/iip?FIF=a.tif&OBJ=histogram",
    "/iip?FIF=a.tif&OBJ=statistics", "/iip?FIF=a.tif&OBJ=Max-size&OBJ=histogram",
]  # fmt: skip


@pytest.mark.parametrize("address", SAMPLES)
def test_samples_are_refused_where_images_have_a_watermark(folder: Path, address: str) -> None:
    marked = ask(build(folder, watermark=f"{folder}/mark.png"), address)
    assert (marked.status, header(marked, "Cache-Control")) == (403, "no-store")
    assert b"watermark" in body(marked)
    for settings in ({}, {"watermark": f"{folder}/mark.png", "watermark_samples": True}):
        assert ask(build(folder, **settings), address).status == 200


def test_range_of_samples_is_answered_in_spite_of_a_watermark(folder: Path) -> None:
    """Viewers ask for it before anything else."""
    tifffile.imwrite(folder / "f.tif", np.linspace(0, 5, 64 * 64, dtype="f4").reshape(64, 64), tile=(64, 64))
    marked = build(folder, watermark=f"{folder}/mark.png")
    assert body(ask(marked, "/iip?FIF=f.tif&OBJ=Min-Max-sample-values")) == b"Min-Max-sample-values: 0  5\r\n"


@pytest.mark.parametrize("settings", [{"watermark_blend": "alpha"}, {"watermark_opacity": 0.001}])
def test_a_watermark_of_which_nothing_is_visible_stops_the_start(
    folder: Path, settings: dict[str, object]
) -> None:
    Image.new("RGBA", (4, 4), (200, 200, 200, 0)).save(folder / "clear.png")
    with pytest.raises(ConfigError, match="of which nothing is visible"):
        build(folder, watermark=f"{folder}/clear.png", **settings)


def test_a_watermark_that_shows_nothing_forbids_nothing(folder: Path) -> None:
    invisible = build(folder, watermark=f"{folder}/mark.png", watermark_opacity=0.0)
    assert ask(invisible, SAMPLES[0]).status == 200


def test_unknown_extra_format_stops_the_start(folder: Path) -> None:
    with pytest.raises(ConfigError, match="EXTRA_FORMATS contains the unknown format 'doc'; known are bmp"):
        build(folder, extra_formats=("fits", "doc"))


def test_damaged_file_has_one_line_in_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tifffile.TiffFile(folder / "a.tif") as file:
        offset, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    with (folder / "a.tif").open("r+b") as written:
        written.seek(offset)
        written.write(b"\xa5" * length)
    caplog.set_level(logging.WARNING, "iipserve")
    server = build(folder)
    statuses = [ask(server, f"/iip?FIF=a.tif&JTL={level},0").status for level in (1, 1, 0, 0)]
    assert sorted(statuses) == [200, 200, 422, 422]
    (line,) = caplog.messages
    assert line.startswith("'a.tif' is damaged: ")
    assert str(folder) not in line
