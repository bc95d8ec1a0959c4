"""Versions of files in tags and dates of responses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.http import http_date
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import SIZE, ask, body, header

REPLACED = ["/iip?FIF=b.tif&JTL=2,0", "/iiif/3/b.tif/info.json"]


@pytest.mark.parametrize("address", REPLACED)
def test_no_answer_of_a_replaced_file_of_the_same_time_is_reused(tmp_path: Path, address: str) -> None:
    first = tmp_path / "b.tif"
    write_tiff_pyramid(first, np.full((500, 600, 3), 10, np.uint8))
    write_tiff_pyramid(tmp_path / "new", np.full((500, 520, 3), 200, np.uint8))
    for path in (first, tmp_path / "new"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    before = ask(application, address)
    os.replace(tmp_path / "new", first)
    after = ask(application, address, if_none_match=header(before, "ETag") or "")
    assert (before.status, after.status) == (200, 200)
    assert body(after) != body(before)
    assert header(after, "Last-Modified") == http_date(int(os.stat(first).st_ctime))


@pytest.mark.parametrize("address", REPLACED)
def test_copies_of_a_file_have_one_tag_by_content(tmp_path: Path, address: str) -> None:
    (tmp_path / "1").mkdir()
    write_tiff_pyramid(tmp_path / "1" / "b.tif", smooth(SIZE))
    shutil.copytree(tmp_path / "1", tmp_path / "2")
    hosts = [
        app.build(Config(filesystem_prefix=f"{tmp_path}/{host}/", version_by="content")) for host in "12"
    ]
    answers = [ask(host, address) for host in hosts]
    assert header(answers[0], "ETag") == header(answers[1], "ETag")
    assert header(answers[0], "Last-Modified") is None
    assert ask(hosts[1], address, if_none_match=header(answers[0], "ETag") or "").status == 304
    assert ask(hosts[1], address, if_modified_since=http_date(2_000_000_000)).status == 200


@pytest.mark.parametrize("address", ["/wmts/utm/default/native/0/0/0.png", "/xyz/utm/tiles.json"])
def test_a_file_replaced_before_its_first_map_is_shown_by_maps(tmp_path: Path, address: str) -> None:
    rasters = pytest.importorskip("tests.geo_rasters")
    path = rasters.KINDS["utm"](tmp_path)
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert ask(application, "/iiif/3/utm.tif/info.json").status == 200
    moved = rasters.UTM * rasters.Affine.translation(1000, 0)
    rasters.write_geotiff(tmp_path / "new", rasters.positions() + 1, transform=moved)
    os.replace(tmp_path / "new", path)
    after = ask(application, address)
    assert after.status == 200
    assert body(after) == body(ask(app.build(Config(filesystem_prefix=f"{tmp_path}/")), address))
