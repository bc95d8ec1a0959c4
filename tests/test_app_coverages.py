"""Coverages through the whole application: methods, conditions, changed and damaged files, repeated requests."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.config import Config
from iipserve.http import Response
from tests.geo_rasters import KINDS, UTM, positions, write_geotiff
from tests.test_app import ask, body, header

rasterio = pytest.importorskip("rasterio")

ADDRESS = "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID="
WINDOW = "&SUBSET=E(500200,501000)&SUBSET=N(4999000,4999800)"
"""Columns 10 to 49 and rows 10 to 49."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    KINDS["utm"](tmp_path)
    write_geotiff(tmp_path / "tiles.tif", positions(256, 256), tile=64, compress="deflate")
    return tmp_path


@pytest.fixture
def application(folder: Path) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/"))


def samples(response: Response) -> np.ndarray:
    with rasterio.MemoryFile(body(response)) as memory, memory.open() as file:
        pixels: np.ndarray = file.read()
        return pixels


def test_windows_are_slices(application: app.Application) -> None:
    response = ask(application, f"{ADDRESS}utm{WINDOW}")
    np.testing.assert_array_equal(samples(response), positions()[:, 10:50, 10:50])


def test_head_is_get_without_its_body(application: app.Application) -> None:
    whole, head = (ask(application, f"{ADDRESS}utm", method) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")
    assert header(head, "Content-Length") == str(len(body(whole)))


def test_conditions_are_those_of_the_plan(application: app.Application) -> None:
    tag = header(ask(application, f"{ADDRESS}utm{WINDOW}"), "ETag")
    assert tag is not None
    assert tag != header(ask(application, f"{ADDRESS}utm"), "ETag")
    unchanged = ask(application, f"{ADDRESS}utm{WINDOW}", if_none_match=tag)
    assert (unchanged.status, unchanged.body) == (HTTPStatus.NOT_MODIFIED, b"")
    failed = ask(application, f"{ADDRESS}utm{WINDOW}", if_match='"other"')
    assert failed.status is HTTPStatus.PRECONDITION_FAILED


@pytest.mark.parametrize("more", ["", "&MEDIATYPE=multipart/related"])
def test_a_repeated_request_is_not_planned_again(
    application: app.Application, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(application, f"{ADDRESS}utm{WINDOW}{more}")
    monkeypatch.setattr(application, "_answer_anew", None)
    again = ask(application, f"{ADDRESS}utm{WINDOW}{more}")
    assert (again.headers, body(again)) == (first.headers, body(first))


def test_a_replaced_file_is_read_anew(application: app.Application, folder: Path) -> None:
    ask(application, f"{ADDRESS}utm{WINDOW}")
    write_geotiff(folder / "new.tif", positions() + 1000, transform=UTM)
    os.replace(folder / "new.tif", folder / "utm.tif")
    response = ask(application, f"{ADDRESS}utm{WINDOW}")
    np.testing.assert_array_equal(samples(response), positions()[:, 10:50, 10:50] + 1000)


def test_a_damaged_tile_is_an_error_and_no_half_a_file(application: app.Application, folder: Path) -> None:
    path = folder / "tiles.tif"
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[-1]
    content[offset : offset + 40] = b"\xff" * 40
    path.write_bytes(content)
    response = ask(application, f"{ADDRESS}tiles")
    assert response.status.value >= 400
    assert b"ExceptionReport" in body(response)
    assert str(folder).encode() not in body(response)


def test_where_a_watermark_is_set_no_samples_are_given(folder: Path) -> None:
    mark = folder.parent / "mark.tif"
    with rasterio.open(
        mark, "w", driver="GTiff", width=8, height=8, count=4, dtype="uint8", transform=UTM
    ) as file:
        file.write(np.full((4, 8, 8), 200, np.uint8))
    application = app.build(Config(filesystem_prefix=f"{folder}/", watermark=str(mark)))
    assert ask(application, f"{ADDRESS}utm").status is HTTPStatus.FORBIDDEN
