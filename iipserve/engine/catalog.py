"""The layers of the server: found by name at once, and listed for documents by a thread in the background.

Documents list what has been read of the image folder so far. The first one waits for a small folder to be read; a large
one is read while documents already tell of its first layers. Folders are read again at intervals, of files that have not
changed since only their times.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from iipserve.config import Config
from iipserve.engine.catalog_scan import CatalogScan, Scanned
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder, layer_names
from iipserve.engine.library import Library
from iipserve.geo.georeference import GeoImage
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over

log = logging.getLogger(__name__)

FIRST_SECONDS = 3.0
"""How long the first document waits for the folder to be read."""
SCAN_SECONDS = 60.0
"""Between two readings of the folder."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The layers at one time. Implements `geo.layer.Catalog`; compared by identity."""

    metadata: ServiceMetadata
    version: str
    listed: tuple[LayerEntry, ...]
    by_name: Mapping[str, Layer]
    """By identifier of the layer, and of its image."""
    find_unlisted: Callable[[str], Layer | None]

    def find(self, identifier: str) -> Layer | None:
        """See `geo.layer.Catalog`."""
        layer = self.by_name.get(identifier)
        return self.find_unlisted(identifier) if layer is None else layer

    def entries(self) -> Iterator[LayerEntry]:
        """See `geo.layer.Catalog`."""
        return iter(self.listed)


class LiveCatalog:
    """Keeps the layers up to date. Safe for many threads; nothing is read before layers are asked for."""

    def __init__(
        self, config: Config, library: Library, geo_image: Callable[[ImageInfo], GeoImage | None]
    ) -> None:
        """Read nothing yet.

        Args:
            config: the settings.
            library: of the images.
            geo_image: where an image lies (`protocols.Server.geo_image`).
        """
        folder = ImageFolder(config)
        self._finder = LayerFinder(folder, library.is_image)
        self._scan = CatalogScan(folder, library, geo_image)
        self._metadata = ServiceMetadata()
        self._current = self._snapshot(Scanned((), ""))
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_listed = threading.Event()
        """The folder has been read once."""
        self._wake = threading.Event()

    def current(self) -> Snapshot:
        """The layers, to find one by its name; the list may be empty yet."""
        return self._current

    def listed(self) -> Snapshot:
        """The layers, to list them: all, or after `FIRST_SECONDS` those that are known."""
        if not self._is_listed.is_set():
            self._start()
            hand_over()
            self._is_listed.wait(FIRST_SECONDS)
        return self._current

    def refresh(self) -> None:
        """Read the folder, now."""
        for scanned in self._scan.run():
            self._publish(scanned)
        self._is_listed.set()

    def clear(self) -> None:
        """Read the folder anew before long, if it has been read."""
        self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="catalog", daemon=True)
                self._thread.start()

    def _keep(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:
                log.exception("the layers cannot be listed")
            self._wake.wait(SCAN_SECONDS)
            self._wake.clear()

    def _publish(self, scanned: Scanned) -> None:
        known = self._current
        snapshot = self._snapshot(scanned)
        if snapshot.listed != known.listed or snapshot.version != known.version:
            self._current = snapshot

    def _snapshot(self, scanned: Scanned) -> Snapshot:
        names = layer_names([image.info.identifier for image in scanned.images])
        entries, by_name = [], {}
        for image in scanned.images:
            identifier = image.info.identifier
            layer = Layer(names[identifier], ImageName(identifier))
            by_name[identifier] = layer
            entries.append(LayerEntry(layer, image.info, image.geo))
        by_name |= {entry.layer.identifier: entry.layer for entry in entries}
        return Snapshot(self._metadata, scanned.version, tuple(entries), by_name, self._find_unlisted)

    def _find_unlisted(self, name: str) -> Layer | None:
        found = self._finder.find(name)
        return None if found is None else Layer(found.layer, ImageName(found.identifier))
