"""The viewer's URLs and their responses."""

from __future__ import annotations

import sys
from pathlib import Path

from iipserve.config import Config
from iipserve.http import Request, Response
from iipserve.processing import colormap
from iipserve.processing.filters import KERNELS
from iipserve.viewer import assets
from iipserve.viewer.assets import Asset
from iipserve.viewer.gallery import Library, Offered, Selection, description, image_name, listing

RESERVED = ("/viewer/",)
"""Paths below these belong to the viewer, whatever their query."""
STATIC = Path(__file__).parent / "static"
SCRIPT = "text/javascript; charset=utf-8"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/viewer/viewer.css": ("viewer.css", "text/css; charset=utf-8"),
    "/viewer/controls.css": ("controls.css", "text/css; charset=utf-8"),
    "/viewer/icon.svg": ("icon.svg", "image/svg+xml"),
    "/viewer/viewer.js": ("viewer.js", SCRIPT),
    "/viewer/addresses.js": ("addresses.js", SCRIPT),
    "/viewer/gallery.js": ("gallery.js", SCRIPT),
    "/viewer/reader.js": ("reader.js", SCRIPT),
    "/viewer/sources.js": ("sources.js", SCRIPT),
    "/viewer/panel.js": ("panel.js", SCRIPT),
    "/viewer/stage.js": ("stage.js", SCRIPT),
    "/viewer/adjustments.js": ("adjustments.js", SCRIPT),
    "/viewer/controls.js": ("controls.js", SCRIPT),
}
"""Path -> file in `STATIC` and media type. Only these files are sent."""
OPENSEADRAGON = "/viewer/openseadragon/openseadragon.min.js"
LIST = "/viewer/images.json"
IMAGE = "/viewer/image.json"


class Viewer:
    """Answers requests for the gallery page. Thread-safe."""

    def __init__(self, library: Library, config: Config, openseadragon: Path | None = None) -> None:
        """Keep the sources of the page.

        Args:
            library: provides the images.
            config: limits shown on the page, and the folder of additional color maps.
            openseadragon: folder of the built OpenSeadragon; None for that installed by set-up.
        """
        self._library = library
        self._max_size = config.max_size
        self._colormaps = config.colormaps
        self._openseadragon = openseadragon or installed_openseadragon()

    def handle(self, request: Request) -> Response | None:
        """The page, one of its files, or its JSON; None for any other path.

        Raises:
            InvalidRequest: a number is out of range, or the name of the image is missing.
            IIPServeError: the requested image cannot be read.
        """
        if request.path == LIST:
            return self._list(request)
        if request.path == IMAGE:
            return self._image(request)
        asset = self._asset(request.path)
        return None if asset is None else asset.answer(request)

    def _list(self, request: Request) -> Response:
        selection = Selection.from_query(request.query)
        body = listing(self._library, selection, self._max_size)
        return Asset.of(body, "application/json").answer(request)

    def _image(self, request: Request) -> Response:
        offered = Offered(colormap.names(self._colormaps), tuple(KERNELS))
        body = description(self._library, image_name(request.query), offered)
        return Asset.of(body, "application/json").answer(request)

    def _asset(self, path: str) -> Asset | None:
        if path == OPENSEADRAGON:
            return assets.read(self._openseadragon / "openseadragon.min.js", SCRIPT)
        if path not in FILES:
            return None
        name, media_type = FILES[path]
        return assets.read(STATIC / name, media_type)


def installed_openseadragon() -> Path:
    """The folder of the built OpenSeadragon that npm installed in this Python environment."""
    modules = Path(sys.prefix) / "share" / "iipserve" / "node_modules"
    return modules / "openseadragon" / "build" / "openseadragon"
