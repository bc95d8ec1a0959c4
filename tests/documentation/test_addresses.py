"""Addresses and links in the documents lead to something."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve import app
from iipserve.config import from_environ
from tests.documentation.markdown import DOCUMENTS, spans
from tests.end_to_end.running import ROOT
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import ask

ADDRESS = re.compile(
    r"(/fcgi-bin/|/iipsrv/|/iip\b|/iiif/|/deepzoom/|/zoomify/|/books/|/zoom/|/wmts\b|/ogc/|\?\w+=).*"
)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
NOT_WHOLE = {
    "/iip?FIF=...",
    "?GAM=2&IIIF=",
    "/iiif/",
    "/iiif/1/",
    "/iiif/2/",
    "/iiif/3/",
    "/iiif/manifest/",
    "/wmts",
    "/wmts/",
    "/wmts?...",
    "/wmts-china",
}
"""Beginnings of addresses, which lead nowhere by themselves."""
OWN_TEST = {"migration.md"}
"""Documents whose addresses another test compares, one by one, with iipsrv's answers."""


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    """Over images of the names in the documents, with the mappings that docs/protocols.md shows."""
    folder = tmp_path_factory.mktemp("images")
    write_tiff_pyramid(folder / "a.tif", smooth((1200, 900)), compression="jpeg")
    (folder / "FOLDER").mkdir()
    for name in ("IMAGE.tif", "IDENTIFIER"):
        write_tiff_pyramid(folder / name, smooth((600, 500)), compression="jpeg")
    with tifffile.TiffWriter(folder / "stack.tif") as file:
        for value in (10, 20, 30):
            file.write(np.full((64, 64), value, np.uint8), tile=(64, 64))
    mapping = next(span for span in spans(ROOT / "docs" / "protocols.md") if span.startswith('URI_MAP="'))
    return app.build(
        from_environ(
            {
                "FILESYSTEM_PREFIX": f"{folder}/",
                "URI_MAP": mapping.removeprefix("URI_MAP=").strip('"'),
                "IIIF_DELIMITER": ";",
                "IIIF_COLLECTIONS": "1",
            }
        )
    )


def addresses(path: Path) -> list[str]:
    found = sorted(span for span in spans(path) if ADDRESS.fullmatch(span))
    return [address for address in found if address not in NOT_WHOLE]


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name not in OWN_TEST], ids=lambda path: path.name
)
def test_addresses_are_answered(application: app.Application, path: Path) -> None:
    for address in addresses(path):
        target = f"/fcgi-bin/iipsrv.fcgi{address}" if address.startswith("?") else address
        # the layer in the example of a modifier belongs to a stack
        target = target.replace("SDS=2&IIIF=a.tif", "SDS=2&IIIF=stack.tif").replace("full/800,", "full/64,")
        assert ask(application, target).status in (200, 303), address


def test_addresses_of_the_nginx_sample_are_answered(application: app.Application) -> None:
    head = (ROOT / "nginx-example.conf").read_text().partition("\nworker_processes")[0]
    found = re.findall(
        r"(?:http://localhost:8080)?(/(?:iiif|fcgi-bin|deepzoom|zoomify)/[^\s,]*(?:,\S)?)", head
    )
    assert len(found) == 4
    for address in found:
        assert ask(application, address.rstrip(".,")).status == 200, address


def test_there_are_addresses() -> None:
    assert sum(len(addresses(path)) for path in DOCUMENTS) >= 10


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text()):
        found = path.parent / target if target else path
        assert found.exists(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
