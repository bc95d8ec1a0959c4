"""The pages of docs/viewers.md, and a site that holds them and the packages they load."""

from __future__ import annotations

import json
import mimetypes
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest

from tests.documentation.markdown import blocks
from tests.end_to_end.running import ROOT

DOCUMENT = ROOT / "docs" / "viewers.md"
ARCHIVES = Path(sys.prefix) / "share" / "iipserve" / "viewers"
"""Packages as npm publishes them, put there by set-up."""
DELIVERY = "https://cdn.jsdelivr.net/npm"
IMAGES, SITE = "https://images.example.org", "https://www.example.org"
"""Origins in the document: of the image server, and of the page's own documents."""
OWN_MANIFEST = f"{IMAGES}/iiif/manifest/"
"""What addresses of the server's manifests begin with."""
PACKAGE = re.compile(r"((?:@[a-z-]+/)?[a-z-]+@\d+\.\d+\.\d+)")
OLDER = re.compile(rf"Version \d+, `{PACKAGE.pattern}`, is used in the same way")
PROTOCOLS = {"iiif/": "IIIF", "deepzoom/": "DeepZoom", "zoomify/": "Zoomify", "iip": "IIP"}


# -- what the document says ------------------------------------------------------------------------


def manifest() -> str:
    """The document's only block of JSON."""
    (found,) = (block.text for block in blocks(DOCUMENT) if block.language == "json")
    return found


@cache
def pages() -> dict[str, str]:
    """The pages by viewer, protocol and, where a page is there in two ways, what is another way.

    A line of JavaScript alone, `name: value`, is the page before with this line instead of its own.
    """
    found: dict[str, str] = {}
    whole = ""
    for _, _, language, text in blocks(DOCUMENT):
        if language == "json":
            continue
        page = text if language == "html" else with_line(whole, text)
        whole = text if language == "html" else whole
        name = name_of(page)
        name += f", {text.strip()}" if name in found else ""
        assert name not in found, f"two pages are {name!r}"
        found[name] = page
    return found


def opens_manifest(page: str) -> bool:
    """Whether the page opens a manifest: the document's, or one of the server."""
    return "manifest.json" in page or OWN_MANIFEST in page


def older_version(page: str) -> str:
    """The page with the older version of its viewer that the document names."""
    (older,) = OLDER.findall(DOCUMENT.read_text(encoding="utf-8"))
    viewer, version = older.rsplit("@", 1)
    page = re.sub(rf"{viewer}@[0-9.]+", older, page)
    return re.sub(r"(?<=<title>)(\w+) \d+", rf"\g<1> {version.partition('.')[0]}", page)


def with_line(page: str, line: str) -> str:
    """The page with another value of one of its options."""
    option = line.partition(":")[0]
    changed, count = re.subn(rf"(?m)^( *){option}:.*$", lambda match: f"{match[1]}{line.strip()},", page)
    assert count == 1, f"the page before {line!r} has no such option"
    return changed


def name_of(page: str) -> str:
    """The viewer and, where the page has an address of an image, the protocol."""
    title = page.partition("<title>")[2].partition("</title>")[0]
    without = page.replace(OWN_MANIFEST, "")
    protocols = (name for path, name in PROTOCOLS.items() if f"{IMAGES}/{path}" in without)
    return ", ".join([title, *protocols])


def about(text: str, image: str, size: tuple[int, int]) -> str:
    """A page or the manifest, about another image than `map.tif` of 3073 x 2680 pixels."""
    width, height = size
    text = text.replace("map.tif", image).replace("[3073, 2680]", f"[{width}, {height}]")
    return re.sub(
        r'(height"?: )2680\b', rf"\g<1>{height}", re.sub(r'(width"?: )3073\b', rf"\g<1>{width}", text)
    )


def bound(manifest: str, images: dict[str, tuple[int, int]]) -> str:
    """One manifest of several images."""
    canvases = []
    for number, (image, size) in enumerate(images.items()):
        text = re.sub(r"/(canvas|page|annotation)/1\b", rf"/\1/{number}", about(manifest, image, size))
        canvases += json.loads(text)["items"]
    return json.dumps(json.loads(manifest) | {"items": canvases})


def of_version_2(text: str) -> str:
    """A page or the manifest, with version 2 of the Image API."""
    profile = '"http://iiif.io/api/image/2/level2.json"'
    text = text.replace("/iiif/3/", "/iiif/2/").replace("ImageService3", "ImageService2")
    return text.replace('"level2"', profile).replace("full/max/", "full/full/")


# -- what the pages load ---------------------------------------------------------------------------


def named(name: str) -> str:
    """The package of this name as the document names it, with its version."""
    packages: list[str] = PACKAGE.findall(DOCUMENT.read_text(encoding="utf-8"))
    return next(package for package in packages if package.rpartition("@")[0] == name)


def archive(package: str) -> Path:
    """The file of a package, `NAME@VERSION`, by npm's way of naming it."""
    name, version = package.rsplit("@", 1)
    return ARCHIVES / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"


@cache
def content(package: str) -> dict[str, bytes]:
    """The files of a package by their paths; the test is skipped if set-up did not get it."""
    if not archive(package).exists():
        pytest.skip(f"{package} is not installed")
    with tarfile.open(archive(package)) as opened:
        return {
            entry.name.partition("/")[2]: file.read()
            for entry in opened
            if not entry.name.endswith(".map") and (file := opened.extractfile(entry))
        }


def load_packages(page: str) -> None:
    """Have what a page needs, or skip the test."""
    for package in re.findall(rf"{DELIVERY}/{PACKAGE.pattern}/", page):
        content(package)


class Site:
    """Holds documents by path, and the packages below `/npm/`."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.documents: dict[str, str] = {}

    def hold(self, path: str, text: str, images: str) -> None:
        """Put a text of the document below `path`, for a server of images at `images`."""
        text = text.replace(DELIVERY, f"{self.origin}/npm").replace(IMAGES, images)
        self.documents[path] = text.replace(SITE, self.origin)

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Media type and bytes of what is at a path."""
        media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
        if path in self.documents:
            return media_type, self.documents[path].encode()
        if file := re.fullmatch(rf"/npm/{PACKAGE.pattern}/(.*)", path):
            body = content(file[1]).get(file[2])
            return None if body is None else (media_type, body)
        return None


@contextmanager
def site() -> Iterator[Site]:
    """Serve a site on a port of its own, which makes it another origin than the images have."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = held.read(unquote(self.path.partition("?")[0]))
            media_type, body = found or ("text/plain", b"nothing is here")
            self.send_response(200 if found else 404)
            text = media_type.startswith("text/") or media_type.endswith(("javascript", "json"))
            self.send_header("Content-Type", f"{media_type}; charset=utf-8" if text else media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held = Site(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield held
        server.shutdown()
