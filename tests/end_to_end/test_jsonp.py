"""OpenSeadragon loads a DeepZoom descriptor with a script element, where its address ends in .js."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from iipserve.viewer.site import OPENSEADRAGON, installed_file
from tests.end_to_end.browsing import new_context
from tests.end_to_end.running import daemon
from tests.images import gradient, write_tiff_pyramid
from tests.ports import free_port

OPENED = """(address) => new Promise((resolve, reject) => {
    const viewer = OpenSeadragon({element: document.body, tileSources: address, crossOriginPolicy: "Anonymous"});
    viewer.addHandler("open", () => resolve(viewer.world.getItemAt(0).getContentSize()));
    viewer.addHandler("open-failed", (event) => reject(event.message));
})"""


def test_descriptor_is_opened_by_its_callback(browser: Browser, tmp_path: Path) -> None:
    script = installed_file(OPENSEADRAGON)
    if not script.is_file():
        pytest.skip("OpenSeadragon is not installed")
    (tmp_path / "images").mkdir()
    write_tiff_pyramid(tmp_path / "images" / "picture.tif", gradient((700, 500)))
    port = free_port()
    asked: list[str] = []
    with daemon(
        tmp_path / "images", tmp_path, "--http", f"127.0.0.1:{port}", ports=[port], FILESYSTEM_SUFFIX=".tif"
    ):
        page = new_context(browser).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.set_content("<body style='height: 400px'></body>")
        page.add_script_tag(path=script)
        size = page.evaluate(OPENED, f"http://127.0.0.1:{port}/deepzoom/picture.js")
        page.context.close()
    assert (size["x"], size["y"]) == (700, 500)
    assert any(address.endswith("/deepzoom/picture.js?callback=picture") for address in asked)
