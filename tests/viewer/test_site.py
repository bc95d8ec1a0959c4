"""The addresses of the page: what they answer, and that nothing else is ever sent."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import pytest

from iipserve.config import Config
from iipserve.errors import ImageNotFound, InvalidRequest
from iipserve.http import Request, Response
from iipserve.viewer import Viewer
from iipserve.viewer.site import FILES, INLINE, MAPML, MAPML_PAGE, OPENSEADRAGON, PACKAGES, STATIC
from tests.viewer.catalog import Catalog, image

CATALOG = Catalog({"a.tif": image("a.tif", (30, 20))})


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """What set-up installs from npm, with a file that is not to be sent."""
    for file, _ in PACKAGES.values():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"// {file}")
        (tmp_path / file).with_name("secret.js").write_text("secret")
    return tmp_path


@pytest.fixture
def viewer(packages: Path) -> Viewer:
    return Viewer(CATALOG, CATALOG, Config(max_cvt=-1), packages)


def get(viewer: Viewer, address: str, **headers: str) -> Response | None:
    return viewer.handle(Request.from_environ({"REQUEST_METHOD": "GET", "REQUEST_URI": address, **headers}))


def got(viewer: Viewer, address: str, **headers: str) -> tuple[Response, dict[str, str]]:
    response = get(viewer, address, **headers)
    assert response is not None
    return response, dict(response.headers)


@pytest.mark.parametrize(
    "address",
    [
        *FILES,
        *PACKAGES,
        "/viewer/images.json",
        "/viewer/image.json?name=a.tif",
        "/viewer/neighbours.json?name=a.tif",
    ],
)
def test_every_file_is_sent_with_its_type_and_length(viewer: Viewer, address: str) -> None:
    response, headers = got(viewer, address)
    assert response.status is HTTPStatus.OK
    assert headers["Content-Length"] == str(len(response.body))
    media_types = {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".json": "application/json",
        "": "text/html; charset=utf-8",
        ".html": "text/html; charset=utf-8",
    }
    assert headers["Content-Type"] == media_types[Path(address.partition("?")[0]).suffix]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_of_the_folder_has_its_address() -> None:
    assert {path.name for path in STATIC.iterdir()} == {name for name, _ in FILES.values()}


@pytest.mark.parametrize(
    "address",
    [
        "/viewer",
        "/viewer/",
        "/viewer/index.html",
        "/viewer/../site.py",
        "/viewer/%2e%2e/site.py",
        "/viewer/..%2fsite.py",
        "/viewer//viewer.css",
        "/viewer/viewer.css/",
        "/viewer/viewer.css%00",
        "/viewer/openseadragon/secret.js",
        "/viewer/openlayers/secret.js",
        "/viewer/openseadragon/../openseadragon/openseadragon.min.js",
        "/viewer/openseadragon/openseadragon.js",
        "/favicon.ico",
        "/a.tif",
        "//",
    ],
)
def test_nothing_else_is_sent(viewer: Viewer, address: str) -> None:
    assert get(viewer, address) is None


PAGES = [address for address, (name, _) in FILES.items() if name.endswith(".html")]


@pytest.mark.parametrize("page", PAGES)
def test_the_policy_allows_neither_inline_nor_foreign_code(viewer: Viewer, page: str) -> None:
    response, headers = got(viewer, page)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    # the viewer of MapML and Mirador write styles into themselves
    assert policy["style-src"] == ("'self' 'unsafe-inline'" if page in INLINE else "'self'")
    assert isinstance(response.body, bytes)
    markup = response.body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", markup)


def test_the_page_of_mapml_runs_the_handlers_that_its_viewer_writes_and_no_others(
    viewer: Viewer, packages: Path
) -> None:
    """Chromium blocks a handler whose digest is not in the policy, and says so on the console."""
    script = packages / PACKAGES[MAPML][0]
    script.write_text("""e.innerHTML=`<button onclick="this.show()">?</button><b onclick='close("a")'>`""")
    _, headers = got(viewer, MAPML_PAGE)
    digests = sorted(
        (text, base64.b64encode(hashlib.sha256(text).digest()).decode())
        for text in (b"this.show()", b'close("a")')
    )
    own = " ".join(f"'sha256-{digest}'" for _, digest in digests)
    assert f"script-src 'self' 'unsafe-hashes' {own};" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_its_files_relative_to_itself(viewer: Viewer, page: str) -> None:
    response, _ = got(viewer, page)
    assert isinstance(response.body, bytes)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', response.body.decode())
    assert addresses
    assert not [address for address in addresses if "//" in address or address.startswith("/")]
    assert {urljoin(page, address) for address in addresses} <= {*FILES, *PACKAGES}


def test_a_copy_is_good_until_the_file_changes(viewer: Viewer, packages: Path) -> None:
    _, before = got(viewer, OPENSEADRAGON)
    unchanged, headers = got(viewer, OPENSEADRAGON, HTTP_IF_NONE_MATCH=before["ETag"])
    assert (unchanged.status, unchanged.body) == (HTTPStatus.NOT_MODIFIED, b"")
    assert headers["ETag"] == before["ETag"]
    script = packages / PACKAGES[OPENSEADRAGON][0]
    script.write_text("window.OpenSeadragon = {version: 7};")
    os.utime(script, ns=(1, 1))
    changed, after = got(viewer, OPENSEADRAGON, HTTP_IF_NONE_MATCH=before["ETag"])
    assert changed.status is HTTPStatus.OK
    assert changed.body == b"window.OpenSeadragon = {version: 7};"
    assert after["ETag"] != before["ETag"]


def test_a_copy_is_good_by_its_date(viewer: Viewer) -> None:
    _, headers = got(viewer, "/")
    unchanged, _ = got(viewer, "/", HTTP_IF_MODIFIED_SINCE=headers["Last-Modified"])
    assert unchanged.status is HTTPStatus.NOT_MODIFIED


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        pytest.param("gzip, deflate, br", True, id="browser"),
        pytest.param("br;q=1.0, gzip;q=0.5", True, id="with weight"),
        pytest.param("gzip;q=0", False, id="refused"),
        pytest.param("gzip; q=0.000, br", False, id="refused at length"),
        pytest.param("identity", False, id="plain"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_compression(viewer: Viewer, accepted: str, compressed: bool) -> None:
    plain, own = got(viewer, "/viewer/viewer.css")
    response, headers = got(viewer, "/viewer/viewer.css", HTTP_ACCEPT_ENCODING=accepted)
    assert headers["Vary"] == "Accept-Encoding"
    assert ("Content-Encoding" in headers) is compressed
    assert (headers["ETag"] != own["ETag"]) is compressed
    assert isinstance(response.body, bytes)
    assert (gzip.decompress(response.body) if compressed else response.body) == plain.body


def test_a_missing_openseadragon_is_found_once_it_is_installed(tmp_path: Path) -> None:
    viewer = Viewer(CATALOG, CATALOG, Config(), tmp_path)
    assert get(viewer, OPENSEADRAGON) is None
    script = tmp_path / PACKAGES[OPENSEADRAGON][0]
    script.parent.mkdir(parents=True)
    script.write_text("installed")
    response, _ = got(viewer, OPENSEADRAGON)
    assert response.body == b"installed"


def test_the_list_is_asked_for_by_query(viewer: Viewer) -> None:
    response, headers = got(viewer, "/viewer/images.json?filter=b")
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    assert (answer["total"], answer["max_export"]) == (0, None)
    unchanged, _ = got(viewer, "/viewer/images.json?filter=b", HTTP_IF_NONE_MATCH=headers["ETag"])
    assert unchanged.status is HTTPStatus.NOT_MODIFIED


def test_a_wrong_number_is_refused(viewer: Viewer) -> None:
    with pytest.raises(InvalidRequest, match="offset"):
        get(viewer, "/viewer/images.json?offset=x")


def test_an_image_is_described_by_its_name(viewer: Viewer) -> None:
    response, _ = got(viewer, "/viewer/image.json?name=a.tif")
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    assert (answer["name"], answer["width"], answer["height"]) == ("a.tif", 30, 20)
    assert {"hot", "cold", "jet", "red", "green", "blue", "viridis"} <= set(answer["colormaps"])
    assert answer["mirador"]
    assert {"sobel", "laplace", "gaussian", "sharpen", "emboss"} <= set(answer["filters"])


def test_without_mirador_it_is_not_offered(tmp_path: Path) -> None:
    viewer = Viewer(CATALOG, CATALOG, Config(), tmp_path)
    response, _ = got(viewer, "/viewer/image.json?name=a.tif")
    assert isinstance(response.body, bytes)
    assert not json.loads(response.body)["mirador"]


def test_tables_of_the_administrator_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "sunset.txt").write_text("0 0 0\n255 128 0\n255 255 255\n")
    viewer = Viewer(CATALOG, CATALOG, Config(colormaps=str(tmp_path)), tmp_path)
    response, _ = got(viewer, "/viewer/image.json?name=a.tif")
    assert isinstance(response.body, bytes)
    assert "sunset" in json.loads(response.body)["colormaps"]


def test_an_image_that_is_not_there_is_refused(viewer: Viewer) -> None:
    with pytest.raises(ImageNotFound, match=r"b\.tif"):
        get(viewer, "/viewer/image.json?name=b.tif")


def imported(name: str) -> set[str]:
    """A script of the page and all that it imports, directly or not."""
    found: set[str] = set()
    wanted = {name}
    while wanted - found:
        found |= wanted
        texts = ((STATIC / each).read_text() for each in found)
        wanted = {f"{each}.js" for text in texts for each in re.findall(r'from "\./(\w+)\.js"', text)}
    return found


def test_scripts_are_asked_for_at_once(viewer: Viewer) -> None:
    """Each that is found only in another one costs a slow network one more wait."""
    response, _ = got(viewer, "/")
    preloaded = set(re.findall(rb'rel="modulepreload" href="viewer/([^"]+)"', response.body))
    assert {name.decode() for name in preloaded} == imported("viewer.js") - {"viewer.js"}
