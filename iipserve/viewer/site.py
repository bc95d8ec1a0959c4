"""The viewer's URLs and their responses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from iipserve.config import Config
from iipserve.formats import Formats
from iipserve.http import Request, Response
from iipserve.processing import colormap
from iipserve.processing.filters import KERNELS
from iipserve.viewer import assets, doctor
from iipserve.viewer.assets import Asset
from iipserve.viewer.gallery import (
    Library,
    Offered,
    Offers,
    Selection,
    Tree,
    description,
    image_name,
    listing,
    neighbours,
    offered_formats,
)

RESERVED = ("/viewer/",)
"""Paths below these belong to the viewer, whatever their query."""
STATIC = Path(__file__).parent / "static"
SCRIPT = "text/javascript; charset=utf-8"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/viewer/viewer.css": ("viewer.css", "text/css; charset=utf-8"),
    "/viewer/gallery.css": ("gallery.css", "text/css; charset=utf-8"),
    "/viewer/controls.css": ("controls.css", "text/css; charset=utf-8"),
    "/viewer/icon.svg": ("icon.svg", "image/svg+xml"),
    "/viewer/viewer.js": ("viewer.js", SCRIPT),
    "/viewer/watched.js": ("watched.js", SCRIPT),
    "/viewer/addresses.js": ("addresses.js", SCRIPT),
    "/viewer/gallery.js": ("gallery.js", SCRIPT),
    "/viewer/cards.js": ("cards.js", SCRIPT),
    "/viewer/thumbnails.js": ("thumbnails.js", SCRIPT),
    "/viewer/network.js": ("network.js", SCRIPT),
    "/viewer/reader.js": ("reader.js", SCRIPT),
    "/viewer/sources.js": ("sources.js", SCRIPT),
    "/viewer/panel.js": ("panel.js", SCRIPT),
    "/viewer/stage.js": ("stage.js", SCRIPT),
    "/viewer/adjustments.js": ("adjustments.js", SCRIPT),
    "/viewer/controls.js": ("controls.js", SCRIPT),
    "/viewer/reader.css": ("reader.css", "text/css; charset=utf-8"),
    "/viewer/iiif.svg": ("iiif.svg", "image/svg+xml"),
    "/viewer/about.js": ("about.js", SCRIPT),
    "/viewer/choice.js": ("choice.js", SCRIPT),
    "/viewer/downloads.js": ("downloads.js", SCRIPT),
    "/viewer/export.js": ("export.js", SCRIPT),
    "/viewer/failed_tiles.js": ("failed_tiles.js", SCRIPT),
    "/viewer/full_screen.js": ("full_screen.js", SCRIPT),
    "/viewer/histogram.js": ("histogram.js", SCRIPT),
    "/viewer/loading.js": ("loading.js", SCRIPT),
    "/viewer/notice.js": ("notice.js", SCRIPT),
    "/viewer/second.js": ("second.js", SCRIPT),
    "/viewer/views.js": ("views.js", SCRIPT),
    "/viewer/mirador.html": ("mirador.html", "text/html; charset=utf-8"),
    "/viewer/mirador.css": ("mirador.css", "text/css; charset=utf-8"),
    "/viewer/mirador.js": ("mirador.js", SCRIPT),
    "/viewer/map.html": ("map.html", "text/html; charset=utf-8"),
    "/viewer/map.css": ("map.css", "text/css; charset=utf-8"),
    "/viewer/map.js": ("map.js", SCRIPT),
    "/viewer/times.js": ("times.js", SCRIPT),
    "/viewer/collections.html": ("collections.html", "text/html; charset=utf-8"),
    "/viewer/collections.css": ("collections.css", "text/css; charset=utf-8"),
    "/viewer/collections.js": ("collections.js", SCRIPT),
    "/viewer/collection_style.js": ("collection_style.js", SCRIPT),
    "/viewer/stac.js": ("stac.js", SCRIPT),
    "/viewer/additions.js": ("additions.js", SCRIPT),
    "/viewer/footprints.js": ("footprints.js", SCRIPT),
    "/viewer/mapml.html": ("mapml.html", "text/html; charset=utf-8"),
    "/viewer/mapml.css": ("mapml.css", "text/css; charset=utf-8"),
    "/viewer/mapml.js": ("mapml.js", SCRIPT),
}
"""Path -> file in `STATIC` and media type. Only these files are sent."""
OPENSEADRAGON = "/viewer/openseadragon/openseadragon.min.js"
OPENLAYERS = "/viewer/openlayers/ol.js"
MAPML_PAGE = "/viewer/mapml.html"
MAPML = "/viewer/maps4html/mapml.js"
MIRADOR_PAGE = "/viewer/mirador.html"
MIRADOR = "/viewer/mirador/mirador.min.js"
PACKAGES = {
    OPENSEADRAGON: (
        "openseadragon/build/openseadragon/openseadragon.min.js",
        SCRIPT,
    ),
    OPENLAYERS: ("ol/dist/ol.js", SCRIPT),
    "/viewer/openlayers/ol.css": ("ol/ol.css", "text/css; charset=utf-8"),
    MAPML: ("@maps4html/mapml/dist/mapml.js", SCRIPT),
    MIRADOR: ("mirador/dist/mirador.min.js", SCRIPT),
    "/viewer/maps4html/mapml.css": ("@maps4html/mapml/dist/mapml.css", "text/css; charset=utf-8"),
}
"""Path -> file of a package that set-up installs from npm, and media type."""
INLINE = {MAPML_PAGE: MAPML, MIRADOR_PAGE: ""}
"""Pages whose viewers write styles into them -> script whose handlers in attributes are run; empty for none."""
LIST = "/viewer/images.json"
IMAGE = "/viewer/image.json"
NEIGHBOURS = "/viewer/neighbours.json"


class Viewer:
    """Answers requests for the gallery page. Thread-safe."""

    def __init__(
        self,
        library: Library,
        tree: Tree,
        config: Config,
        packages: Path | None = None,
        examine: doctor.Examine | None = None,
        formats: Formats | None = None,
    ) -> None:
        """Keep the sources of the page.

        Args:
            library: describes the images.
            tree: their folders.
            config: limits shown on the page, and the folder of additional color maps.
            packages: folder of the packages from npm; None for those installed by set-up.
            examine: measures an image; None: nothing does.
            formats: in which images are exported; None for none.
        """
        self._formats = offered_formats(formats) if formats else ()
        self._examine = examine
        self._library = library
        self._tree = tree
        self._offers = Offers(config.max_size, config.iiif_collections)
        self._colormaps = config.colormaps
        self._packages = packages or installed_packages()

    def handle(self, request: Request) -> Response | None:
        """The page, one of its files, or its JSON; None for any other path.

        Raises:
            InvalidRequest: a number is out of range, or the name of the image is missing.
            IIPServeError: the requested image cannot be read, or there is no such folder.
        """
        if request.path == LIST:
            return self._list(request)
        if request.path == NEIGHBOURS:
            return Asset.of(neighbours(self._library, self._tree, request.query), "application/json").answer(
                request
            )
        if request.path == IMAGE:
            return self._image(request)
        if self._examine is not None and request.path in (doctor.DOCUMENT, doctor.PAGE):
            return doctor.answer(request.path, request.query, self._examine).answer(request)
        asset = self._asset(request.path)
        return None if asset is None else asset.answer(request)

    def _list(self, request: Request) -> Response:
        selection = Selection.from_query(request.query)
        body = listing(self._library, self._tree, selection, self._offers)
        return Asset.of(body, "application/json").answer(request)

    def _image(self, request: Request) -> Response:
        has_mirador = (self._packages / PACKAGES[MIRADOR][0]).exists()
        offered = Offered(colormap.names(self._colormaps), tuple(KERNELS), self._formats, has_mirador)
        body = description(self._library, image_name(request.query), offered)
        return Asset.of(body, "application/json").answer(request)

    def _asset(self, path: str) -> Asset | None:
        if path in PACKAGES:
            file, media_type = PACKAGES[path]
            return assets.read(self._packages / file, media_type)
        if path not in FILES:
            return None
        name, media_type = FILES[path]
        asset = assets.read(STATIC / name, media_type)
        if asset is None or path not in INLINE:
            return asset
        script = INLINE[path]
        return replace(asset, policy=assets.inline_policy(self._asset(script) if script else None))


def installed_packages() -> Path:
    """The folder of what npm installed in this Python environment."""
    return Path(sys.prefix) / "share" / "iipserve" / "node_modules"


def installed_file(address: str) -> Path:
    """The file of a package that is sent at an address of `PACKAGES`."""
    return installed_packages() / PACKAGES[address][0]
