"""Whether a worker can serve images, found out by trying it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.http import Request
from tests.images import smooth, write_tiff_pyramid


def build(folder: Path, **settings: object) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/", **settings))  # type: ignore[arg-type]


def test_a_worker_is_ready_while_there_is_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    application = build(folder)
    assert application.trial.fault() == "the folder of images is not there"
    folder.mkdir()
    assert application.trial.fault() == ""


def test_each_trial_makes_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One from the cache would prove nothing."""
    application = build(tmp_path)
    assert application.trial.fault() == ""
    strict = build(tmp_path, max_render_memory=0.001)
    assert strict.trial.fault().startswith("no picture can be made: ")
    assert application.trial.gauges()["cache_entries"] == 0


def test_gauges(tmp_path: Path) -> None:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((300, 200)), compression="jpeg")
    application = build(tmp_path, max_image_cache_size=1.0)
    before = application.trial.gauges()
    assert application.handle(Request("GET", "/iip", "FIF=a.tif&JTL=1,0", {})).status == 200
    after = application.trial.gauges()
    assert after["images_opened"] == before["images_opened"] + 1
    assert (before["cache_entries"], after["cache_entries"]) == (0, 1)
    assert 0 < after["cache_bytes"] < after["cache_capacity_bytes"] == 1_024_000
    assert after["waiting_requests"] == 0
