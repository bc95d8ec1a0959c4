"""What `--check` says of the map services."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve.check import services
from iipserve.check.services import service_lines
from iipserve.config import Config
from iipserve.engine.layer_names import MAX_NAMESAKES
from iipserve.registry import discover
from tests.geo_rasters import positions, write_geotiff

FORMATS = discover("iipserve.sources", "FORMAT")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_geotiff(folder / "utm.tif", positions())
    (folder / "notes.txt").write_text("no image")
    return folder


def _lines(images: Path, name: str, text: str) -> tuple[list[str], list[str]]:
    """The report, and the mistakes."""
    path = images.parent / name
    path.write_text(text)
    mistakes: list[str] = []
    config = Config(filesystem_prefix=f"{images}/", services=str(path))
    return service_lines(config, FORMATS, mistakes), mistakes


def test_without_a_file_every_image_is_a_layer(images: Path) -> None:
    mistakes: list[str] = []
    report = service_lines(Config(filesystem_prefix=f"{images}/"), FORMATS, mistakes)
    assert "layers: 1, every image below FILESYSTEM_PREFIX" in report
    assert "wmts: GetCapabilities, GetTile, GetFeatureInfo; formats png, jpeg, webp, tiff" in report
    assert mistakes == []


def test_what_a_file_puts_in_force(images: Path) -> None:
    text = '[service]\ntitle = "T"\n[wmts]\nenabled = false\n[wms]\nenabled = false\n[wcs]\nformats = ["cog"]\n[[layer]]\nidentifier = "utm"\n[[layer]]\nidentifier = "x"'
    report, mistakes = _lines(images, "s.toml", f"{text}\n[[layer]]\nidentifier = 'y'\npublic = false")
    assert report == [
        "title: T",
        "wmts: off",
        "wms: off",
        "wcs: GetCapabilities, DescribeCoverage, GetCoverage; formats cog",
        "layers: 3 of the service file, 2 of them public",
        "layer 'x': there is no image 'x', or several",
    ]
    assert mistakes == []


def test_of_two_layers_with_one_identifier_of_a_coverage_one_is_none(images: Path) -> None:
    text = '[[layer]]\nidentifier = "a b"\nimage = "utm"\n[[layer]]\nidentifier = "a_b"\nimage = "utm"'
    report, mistakes = _lines(images, "s.toml", text)
    report_line = (
        "layer 'a b': documents do not list it as a coverage, since layer 'a_b' has its identifier 'a_b'"
    )
    assert report_line in report
    assert mistakes == []


def test_mistakes_of_a_file(images: Path) -> None:
    report, mistakes = _lines(images, "s.toml", "[service]\ntitle = 3\n[x]")
    assert report == [f"{images.parent}/s.toml has mistakes"]
    assert [line.partition(":")[0] for line in mistakes] == ["s.toml, line 2", "s.toml, line 3"]


def test_what_is_not_understood_of_a_map_file(images: Path) -> None:
    text = 'MAP\nSHAPEPATH "images"\nLAYER\nNAME a\nTYPE RASTER\nDATA "utm.tif"\nTOLERANCE 3\nEND\nEND'
    report, mistakes = _lines(images, "s.map", text)
    assert "layers: 1 of the service file, 1 of them public" in report
    assert "s.map, line 7: TOLERANCE of the layer 'a' means nothing to this server" in report
    assert mistakes == []


def test_without_the_extra(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "missing_packages", lambda: ("pyproj",))
    report, mistakes = _lines(images, "s.toml", "")
    assert report == ["not available: pyproj missing; pip install 'iipserve[geo]' installs them"]
    assert len(mistakes) == 1


def test_many_files_of_one_name_are_not_all_opened(images: Path) -> None:
    for index in range(MAX_NAMESAKES + 4):
        write_geotiff(images / f"utm.x{index}", positions())
    report, _ = _lines(images, "s.toml", '[[layer]]\nidentifier = "utm"')
    assert "layer 'utm': there is no image 'utm', or several" in report
