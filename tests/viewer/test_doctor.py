"""Why an image is slow, by HTTP: the findings of the command, for images of this server."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.config import Config
from iipserve.http import Response
from tests.diagnosis.timing import no_time_is_long  # noqa: F401 (a fixture of all tests here)
from tests.test_app import ask, body

NAME = "a & b.tif"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    folder = tmp_path_factory.mktemp("images")
    with tifffile.TiffWriter(folder / NAME) as file:
        for _ in range(2):
            file.write(np.zeros((2000, 1500), np.uint8), rowsperstrip=100, compression="deflate")
    return app.build(Config(filesystem_prefix=f"{folder}/", viewer=True))


def text(response: Response) -> str:
    assert response.status is HTTPStatus.OK
    return body(response).decode()


def known(application: app.Application, query: str) -> Any:
    return json.loads(text(ask(application, f"/viewer/doctor.json?{query}")))


def test_findings_as_json(application: app.Application) -> None:
    found = known(application, "name=a%20%26%20b.tif")
    assert [(each["severity"], each["subject"]) for each in found["findings"]] == [("slow", "tiles")]
    assert (found["width"], found["height"], found["images"]) == (1500, 2000, 2)
    assert found["levels"][0]["strip"] == 100
    assert "'a & b.tif'" in found["command"]
    assert known(application, "name=a%20%26%20b.tif&page=1")["width"] == 1500


def test_findings_as_a_page(application: app.Application) -> None:
    response = ask(application, "/viewer/doctor.html?name=a%20%26%20b.tif")
    markup = text(response)
    assert "<h1>Why is a &amp; b.tif slow?</h1>" in markup
    assert "in strips of 100 rows" in markup
    assert not re.search(r"<script|\son\w+=", markup)
    headers = dict(response.headers)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("name=", 400),
        ("name=x.tif", 404),
        ("name=../x.tif", 400),
        ("name=a%20%26%20b.tif&page=7", 404),
        ("name=a%20%26%20b.tif&page=-1", 400),
        ("name=a%20%26%20b.tif&page=99999999999", 400),
        ("name=a%20%26%20b.tif&size=3", 400),
        ("name=a&name=b", 400),
    ],
)
def test_wrong_questions(application: app.Application, query: str, status: int) -> None:
    assert ask(application, f"/viewer/doctor.json?{query}").status == status


def test_it_is_off_where_the_page_is(tmp_path: Path) -> None:
    closed = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert ask(closed, "/viewer/doctor.json?name=a.tif").status == 404
