"""From plans of coverages to answers: files that GDAL reads back, large ones in flat memory, conditions, limits."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.engine import coverages
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.files import ImageChanged
from iipserve.errors import TooLarge, UnsupportedEncoding
from iipserve.geometry import Region, Size
from iipserve.http import Response
from iipserve.plan import CoverageEncoding, CoveragePlan, Envelope
from tests.engine.coverages import Answers
from tests.geo_rasters import KINDS

rasterio = pytest.importorskip("rasterio")


def body_of(response: Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


def headers_of(response: Response) -> dict[str, str]:
    return dict(response.headers)


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    for kind in ("utm", "nodata", "pyramid"):
        KINDS[kind](tmp_path)
    return Answers(tmp_path)


def test_gdal_reads_the_window_back(answers: Answers, tmp_path: Path) -> None:
    response = answers(answers.folder.plan("nodata.tif", Region(30, 5, 50, 40)))
    headers, body = headers_of(response), body_of(response)
    assert headers["Content-Type"].startswith("image/tiff")
    assert headers["Content-Length"] == str(len(body))
    with (
        rasterio.MemoryFile(body) as memory,
        memory.open() as found,
        rasterio.open(tmp_path / "nodata.tif") as file,
    ):
        window = rasterio.windows.Window(30, 5, 50, 40)
        np.testing.assert_array_equal(found.read(), file.read(window=window))
        assert found.transform.almost_equals(file.window_transform(window), 1e-9)
        assert (found.crs, found.nodata, found.dtypes) == (file.crs, -9999, file.dtypes)


def test_the_tag_is_that_of_the_plan(answers: Answers) -> None:
    plan = answers.folder.plan("utm.tif")
    response = answers(plan)
    assert headers_of(response)["ETag"] == f'"{plan.digest}"'
    unchanged = answers(plan, HTTP_IF_NONE_MATCH=f'"{plan.digest}"')
    assert unchanged.status is HTTPStatus.NOT_MODIFIED
    assert headers_of(unchanged)["Last-Modified"] == headers_of(response)["Last-Modified"]


def test_an_envelope_surrounds_the_file(answers: Answers) -> None:
    plan = answers.folder.plan("utm.tif", Region(0, 0, 20, 20))
    enclosed = CoveragePlan(
        plan.view, plan.bands, plan.grid, plan.resampling, plan.encoding, plan.description,
        Envelope(b"--cut\r\n\r\n", b"\r\n--cut--", "multipart/related; boundary=cut"),
    )  # fmt: skip
    alone, response = answers(plan), answers(enclosed)
    assert body_of(response) == b"--cut\r\n\r\n" + body_of(alone) + b"\r\n--cut--"
    assert headers_of(response)["Content-Length"] == str(len(body_of(response)))
    assert headers_of(response)["Content-Type"] == "multipart/related; boundary=cut"
    assert headers_of(response)["ETag"] != headers_of(alone)["ETag"]


def test_large_files_are_on_the_disk_and_the_same(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = answers.folder.plan("pyramid.tif", None, Size(700, 500))
    whole = answers(plan).body
    monkeypatch.setattr(coverages, "LARGE_BYTES", 1000)
    answers.renderer._cache.clear()
    response = answers(plan)
    assert not isinstance(response.body, bytes)
    assert len(response.body) == int(headers_of(response)["Content-Length"])  # type: ignore[arg-type]
    assert body_of(response) == whole


def test_limits_are_checked_before_anything_is_read(answers: Answers) -> None:
    plan = answers.folder.plan("utm.tif", None, Size(100_000, 100_000))
    with pytest.raises(TooLarge, match="100000 x 100000 samples of 2 bands is more than 1000 megapixels"):
        answers(plan)
    repeated = answers.folder.plan("utm.tif", None, Size(2000, 2000), bands=[0, 1] * 1000)
    with pytest.raises(TooLarge, match="of 2000 bands"):
        answers(repeated)
    wide = answers.folder.plan("utm.tif", None, Size(900_000_000, 1))
    with pytest.raises(TooLarge):
        answers(wide)


def test_waiting_for_other_requests_counts_as_time(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the supervisor would replace the worker of a request that waited, and then took its whole time."""
    now, acquire = [0.0], AdmissionControl.acquire

    def waits(*arguments: Any, **options: Any) -> None:
        now[0] += 50
        acquire(*arguments, **options)

    monkeypatch.setattr(coverages, "monotonic", lambda: now[0])
    monkeypatch.setattr(AdmissionControl, "acquire", waits)
    with pytest.raises(TooLarge, match="than the 45 seconds allowed"):
        answers(answers.folder.plan("utm.tif"))


def test_formats_refuse_what_they_cannot_hold(answers: Answers) -> None:
    plan = answers.folder.plan("nodata.tif", encoding=CoverageEncoding("jpeg"))
    with pytest.raises(UnsupportedEncoding):
        answers(plan)


def test_a_replaced_file_is_noticed(answers: Answers, tmp_path: Path) -> None:
    plan = answers.folder.plan("utm.tif")
    answers(plan)
    os.replace(tmp_path / "nodata.tif", tmp_path / "utm.tif")
    with pytest.raises(ImageChanged):
        answers(plan)


def test_small_files_are_remembered(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = answers.folder.plan("utm.tif")
    first = body_of(answers(plan))
    monkeypatch.setattr(answers.renderer.coverages, "_made", None)
    assert body_of(answers(plan)) == first
