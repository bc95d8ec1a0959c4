"""The service file of docs/collections.md is used, its requests are sent, and its page is opened in a real browser."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rasterio")
pytest.importorskip("sqlalchemy")

from PIL import Image
from playwright.sync_api import Browser, expect

from tests.documentation.markdown import blocks
from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.collection_servers import Answered, ask
from tests.end_to_end.running import ROOT, map_server
from tests.end_to_end.viewer_pages import Site, load_packages
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, write_geotiff
from tests.jobs import finished

WITHOUT_WEBGL = True

DOCUMENT = ROOT / "docs" / "collections.md"
REQUESTS = [block.text for block in blocks(DOCUMENT) if block.language == "http"]
(SERVICE_FILE,) = (block.text for block in blocks(DOCUMENT) if block.language == "toml")
PAGES = [block.text for block in blocks(DOCUMENT) if block.language == "html"]
TOKEN = "a-text-that-is-hard-to-guess"
GREEN = (40, 200, 90)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """A server with the service file of the document and the two images that it names, green ones next to each other."""
    folder = tmp_path / "srv/images"
    for name in ("srv/images/uploads", "srv/images/scenes", "var/lib/iipserve", "etc/iipserve"):
        (tmp_path / name).mkdir(parents=True)
    crs, transform = GRIDS["wgs84"]
    assert transform is not None
    pixels = np.broadcast_to(np.array(GREEN, np.uint8)[:, None, None], (3, HEIGHT, WIDTH))
    for name, columns in (("winter.tif", 0), ("summer.tif", WIDTH), ("scenes/spring.tif", 0)):
        placed = transform * transform.translation(columns, 0)
        write_geotiff(folder / name, pixels, crs=crs, transform=placed, photometric="RGB")
    (tmp_path / "etc/iipserve/tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()}  Jane Doe\n")
    services = tmp_path / "etc/iipserve/services.toml"
    services.write_text(re.sub(r'"/(?=srv|var|etc)', f'"{tmp_path}/', SERVICE_FILE))
    with map_server(folder, tmp_path, SERVICES=str(services)) as address:
        yield address


def send(origin: str, text: str) -> Answered:
    """The response to a request as the document writes it, with a token."""
    head, _, body = text.partition("\n\n")
    (method, path), *lines = (line.replace(": ", " ", 1).split(" ", 1) for line in head.splitlines())
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"} | dict(lines)
    return ask(origin + path, method, json.loads(body) if body.strip() else None, **headers)


def followed(origin: str, accepted: Answered) -> Any:
    """The job that was accepted, once it has ended."""
    assert accepted.status == 202
    path = f"/stac/collections/island/jobs/{accepted.value['jobID']}"
    return finished(lambda: send(origin, f"GET {path}\n\n").value)


def test_requests_do_what_the_guide_says(origin: str) -> None:
    create, add, add_folder, change, search, remove, delete, check = REQUESTS
    assert send(origin, create).status == 201
    added = send(origin, add)
    assert added.status == 201
    assert [each["status"] for each in added.value["results"]] == ["created", "created"]
    job = followed(origin, send(origin, add_folder))
    assert job["message"] == "1 added, 0 updated, 0 unchanged, 0 failed"
    assert send(origin, remove.replace("winter", "spring")).status in (200, 204)
    job = followed(origin, send(origin, check))
    assert job["message"] == "2 items, 0 repaired"
    changed = send(origin, change)
    assert changed.status == 200
    assert changed.value["iipserve:style"] == {"range": [0, 200]}
    found = send(origin, search)
    assert found.status == 200
    assert sorted(each["id"] for each in found.value["features"]) == ["summer.tif", "winter.tif"]
    assert send(origin, remove).status in (200, 204)
    items = ask(f"{origin}/stac/collections/island/items").value["features"]
    assert [each["id"] for each in items] == ["summer.tif"]
    assert ask(f"{origin}/stac/collections/island", "DELETE").status == 401
    assert send(origin, delete).status in (200, 204)
    assert ask(f"{origin}/stac/collections/island").status == 404


def test_the_client_of_supermap_lists_searches_and_draws(
    browser: Browser, documents: Site, origin: str
) -> None:
    (text,) = PAGES
    load_packages(text)
    create, add, *_ = REQUESTS
    assert send(origin, create).status == 201
    assert send(origin, add).status == 201
    documents.hold("/client.html", text, origin)
    page = new_context(browser, viewport={"width": 1000, "height": 800}).new_page()
    mistakes: list[str] = []
    watch(page, [], mistakes)
    with page.expect_response(lambda answer: "tile.png" in answer.url and answer.ok):
        page.goto(f"{documents.origin}/client.html")
    expect(page.locator("#collections li")).to_have_text(["Island"])
    expect(page.locator("#images li")).to_have_count(2)
    assert sorted(page.locator("#images li").all_inner_texts()) == ["summer.tif", "winter.tif"]
    page.wait_for_load_state("networkidle")
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    (rows, columns) = np.nonzero((shown == GREEN).all(axis=2))
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(2.4 / 0.8 * np.cos(np.radians(49.6)), rel=0.03)
    harmless = ("favicon.ico", "Failed to load resource")
    assert [said for said in mistakes if not any(known in said for known in harmless)] == []
    page.context.close()
