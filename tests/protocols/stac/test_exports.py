"""Files of items over HTTP: GeoParquet there and back, and what those hear of files who may not fetch them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from iipserve import app
from iipserve.config import Config
from iipserve.protocols.stac.geoparquet import read_parquet
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_changes import change
from tests.protocols.stac.test_jobs import (
    document,
    done,
    empty,
    exported,
    folder,
    ids,
    rasters,
    service,
    unchanging,
)

__all__ = ["folder", "rasters", "service"]
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture
def filled(service: app.Application) -> app.Application:
    """Three images, of one of which something is stated."""
    done(service, change(service, "POST", "collections/c/items", ["a/one.tif", "a/sub/two.tif", "b/"]))
    stated = {"properties": {"title": "一", "eo:cloud_cover": 7, "further": {"a": [1, "b"]}}}
    assert change(service, "PATCH", "collections/c/items/two.tif", stated).status == 200
    return service


def test_all_items_are_exported_as_geoparquet_and_come_back(
    filled: app.Application, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("arro3.io")
    content = exported(filled, "?limit=1", HTTP_ACCEPT=PARQUET)
    assert [each["id"] for each in read_parquet(io.BytesIO(content))] == ["one.tif", "two.tif", "three.tif"]
    chosen = exported(filled, "?f=parquet&filter=%22eo:cloud_cover%22%3E5")
    assert [each["id"] for each in read_parquet(io.BytesIO(chosen))] == ["two.tif"]
    before = document(change(filled, "GET", "collections/c/items"))["features"]
    monkeypatch.setattr("iipserve.collection_jobs.exchange.read_item", None)  # no file is read
    (folder / "items.parquet").write_bytes(content)
    asked = {"kind": "import", "href": "items.parquet"}
    for path, body, media_type in (
        ("collections/c/items", content, PARQUET),
        ("collections/c/jobs", asked, "application/json"),
    ):
        empty(filled)
        job = done(filled, change(filled, "POST", path, body, CONTENT_TYPE=media_type))
        assert job["message"] == "3 added, 0 updated, 0 unchanged, 0 failed"
        after = document(change(filled, "GET", "collections/c/items"))["features"]
        assert [unchanging(each) for each in after] == [unchanging(each) for each in before]


def test_what_is_no_geoparquet_is_not_imported(service: app.Application) -> None:
    pytest.importorskip("arro3.io")
    assert list(read_parquet(io.BytesIO(exported(service, "?f=parquet")))) == []
    job = done(service, change(service, "POST", "collections/c/items", b"PAR1", CONTENT_TYPE=PARQUET))
    assert (job["status"], "GeoParquet" in job["message"]) == ("failed", True)
    assert ids(service) == []
    assert change(service, "GET", "collections/none/items?f=parquet").status == 404
    assert change(service, "GET", "search?f=parquet").status == 400


def test_without_the_packages_geoparquet_is_refused(
    service: app.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.protocols.stac.geoparquet.PACKAGES", ("no_such_package",))
    refused = change(service, "GET", "collections/c/items?f=parquet")
    assert refused.status == 501
    assert "iipserve[geoparquet]" in document(refused)["description"]
    job = done(service, change(service, "POST", "collections/c/items", b"PAR1", CONTENT_TYPE=PARQUET))
    assert "iipserve[geoparquet]" in job["message"]


def image_of(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)["assets"]["image"]
    return found


def lines_of(service: app.Application, **client: str) -> list[bytes]:
    """An export as a client gets it."""
    response = ask(service, f"{ROOT}collections/c/items?f=ndjson", **client)
    return b"".join(response.body).splitlines()  # type: ignore[arg-type]


def test_only_who_may_fetch_or_change_files_hears_what_is_known_of_them(
    filled: app.Application, folder: Path, tmp_path: Path
) -> None:
    known = {"file:size", "file:checksum", "iipserve:mtime_ns"}
    assert all(image_of(line).keys() >= known for line in lines_of(filled))
    file = tmp_path / "service.toml"
    file.write_text(file.read_text().replace("downloadable = true\n", ""))
    closed = app.build(Config(filesystem_prefix=f"{folder}/", services=str(file)))
    lines = exported(closed, "?f=ndjson").splitlines()
    assert all(image_of(line).keys() >= known for line in lines)
    for client in ({}, {"HTTP_AUTHORIZATION": "Bearer guessed"}):
        shortened = lines_of(closed, **client)
        assert all(not image_of(line).keys() & known for line in shortened)
        assert [image_of(line)["href"] for line in shortened] == [image_of(line)["href"] for line in lines]
    empty(closed)
    sent = change(
        closed, "POST", "collections/c/items", b"\n".join(shortened), CONTENT_TYPE="application/x-ndjson"
    )
    assert done(closed, sent)["message"] == "3 added, 0 updated, 0 unchanged, 0 failed"
    assert exported(closed, "?f=ndjson").count(b'"file:size"') == 3
