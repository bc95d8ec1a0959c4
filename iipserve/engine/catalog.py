"""The layers of the server: found by name at once, and listed for documents by a thread in the background.

Documents list what has been read of the images so far. The first one waits for a small folder to be read; a large one is
read while documents already tell of its first layers. Images are read again at intervals, unchanged files not at all.
With CATALOG_FILE one worker reads for all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import chain
from typing import NamedTuple

from iipserve.collections.store import Store
from iipserve.config import Config
from iipserve.engine.catalog_file import CatalogFile
from iipserve.engine.catalog_scan import NOTHING, CatalogScan, Scanned
from iipserve.engine.collection_layers import CollectionLayers
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder
from iipserve.engine.layer_sets import LayerSet, Snapshot, layer_set
from iipserve.engine.library import Library
from iipserve.errors import ConfigError, NotInstalled, StoreUnavailable
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.geo.georeference import GeoImage
from iipserve.geo.layer import ServiceMetadata
from iipserve.geo.linked_sets import shared_systems
from iipserve.geo.service import Services, load
from iipserve.geo.service.keys import LISTED_CRS
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over

log = logging.getLogger(__name__)

FIRST_SECONDS = 3.0
"""How long documents wait for images to be read, from the first one on."""
SCAN_SECONDS = 60.0
"""Between two readings of the images."""
POLL_SECONDS = 5.0
"""Between two looks at the file that another worker writes."""


class _State(NamedTuple):
    """What there is to list, until the service file changes."""

    services: Services
    layers: LayerSet
    scan: CatalogScan
    settings: CollectionSettings | None
    """What the service file says of collections."""
    collections: CollectionLayers | None
    """None where the service file has none."""


class LiveCatalog:
    """Keeps the layers up to date. Safe for many threads; no image is read before a document about all is asked for."""

    def __init__(
        self,
        config: Config,
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
    ) -> None:
        """Read the service file.

        Args:
            config: the settings.
            library: of the images.
            geo_image: where an image is located (`protocols.Server.geo_image`).

        Raises:
            ConfigError: the service file has mistakes, or cannot be read, or the extra `geo` is not installed.
        """
        self._config = config
        self._library = library
        self._geo_image = geo_image
        self._folder = ImageFolder(config)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._deadline = 0.0
        """Until when documents wait, on the monotonic clock."""
        self.store: Callable[[], Store | None] = lambda: None
        """Gives the store of collections; None where there is none. Raises `StoreUnavailable`, `NotInstalled`."""
        self.on_change: Callable[[Snapshot], None] = lambda snapshot: None
        """Called by the thread in the background with another list of layers."""
        self._is_listed = threading.Event()
        """The images have been read once."""
        self._wake = threading.Event()
        self._file = CatalogFile(config.catalog_file, config) if config.catalog_file else None
        self._use(load(config), NOTHING)

    def current(self) -> Snapshot:
        """The layers, to find one by its name; the list may be empty yet."""
        return self._current

    def listed(self) -> Snapshot:
        """The layers, to list them: all, or after `FIRST_SECONDS` those that are known."""
        if not self._is_listed.is_set():
            self._start()
            hand_over()
            self._is_listed.wait(max(0.0, self._deadline - time.monotonic()))
        return (
            self._current
            if self._state.collections is None
            else self._with_collections(self._state.collections)
        )

    def collection_settings(self) -> CollectionSettings | None:
        """What the service file says of collections at present; None where it has none."""
        return self._state.settings

    def is_current(self, versions: Mapping[str, int]) -> bool:
        """Whether collections have these versions at present. Raises `StoreUnavailable`."""
        collections = self._state.collections
        return collections is not None and collections.are_of(versions)

    def refresh(self) -> None:
        """Read the images that have changed, now, or what another worker has read of them."""
        state = self._state
        is_mine = self._file is not None and self._file.is_mine()
        if self._file is None or self._file.is_of_others:
            for scanned in state.scan.run():
                self._publish(state, scanned)
        elif is_mine:
            self._read_for_all(state, self._file)
        elif (kept := self._file.read()) is not None:
            state.scan.known = kept
            self._publish(state, kept)

    def clear(self) -> None:
        """Read the images that have changed before long."""
        self._wake.set()

    def reload(self) -> None:
        """Read the service file anew, and before long the images that have changed.

        With a mistake in the file, which is logged, what was read of it before stays in force.
        """
        try:
            services = load(self._config)
        except ConfigError as error:
            for line in str(error).splitlines():
                log.error("%s", line)
            log.error("the service file is not taken over; what it said before stays in force")
        else:
            if services != self._state.services:
                # what was read of images does not depend on the service file
                self._use(services, Scanned(self._state.scan.known.records, ""))
        self.clear()

    def _use(self, services: Services, known: Scanned) -> None:
        """Have other layers; `known` is what has been read of images."""
        finder = LayerFinder(self._folder, self._library.is_image)
        layers = layer_set(services, self._folder, finder)
        systems = partial(_systems, cache(partial(_usual_systems, services.metadata)), layers)
        scan = CatalogScan(layers.targets, self._library, self._geo_image, services.changed_ns, systems)
        scan.known = known
        settings = CollectionSettings.of(services.metadata.options)
        collections = (
            CollectionLayers(self._config, settings, self._opened_store, self._library, self._geo_image)
            if settings
            else None
        )
        with self._lock:
            self._state = _State(services, layers, scan, settings, collections)
            self._images = self._current = Snapshot.of(services, layers, NOTHING, collections)
            self._is_listed.clear()
            self._deadline = time.monotonic() + FIRST_SECONDS

    def _read_for_all(self, state: _State, file: CatalogFile) -> None:
        """Read the images, and write what other workers and the next start read."""
        if not state.scan.known.version and (kept := file.read()) is not None:
            state.scan.known = kept
            self._publish(state, kept)
        for scanned in state.scan.run():
            self._publish(state, scanned)
            file.write(scanned)

    def _publish(self, state: _State, scanned: Scanned) -> None:
        snapshot = Snapshot.of(state.services, state.layers, scanned, state.collections)
        with self._lock:
            if state is not self._state:
                return
            is_other = (snapshot.version, snapshot.listed) != (self._images.version, self._images.listed)
            if is_other:
                self._images = self._current = snapshot
            if scanned.version:
                self._is_listed.set()
        if is_other:
            self.on_change(
                self._current if state.collections is None else self._with_collections(state.collections)
            )

    def _with_collections(self, collections: CollectionLayers) -> Snapshot:
        """The layers with the collections that there are now; with those of before if the store is not available."""
        current, images = self._current, self._images
        try:
            if current.state == collections.state():
                return current
            current = images.with_collections()
        except StoreUnavailable as error:
            log.warning("collections are listed as they were before: %s", error)
            return current
        with self._lock:
            if images is self._images:
                self._current = current
        return current

    def _opened_store(self) -> Store | None:
        """The store; None where packages that it needs are not installed, too."""
        try:
            return self.store()
        except NotInstalled:
            return None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._deadline = time.monotonic() + FIRST_SECONDS
                self._thread = threading.Thread(target=self._keep, name="catalog", daemon=True)
                self._thread.start()

    def _keep(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:
                log.exception("the layers cannot be listed")
            reads_itself = self._file is None or self._file.is_mine() or self._file.is_of_others
            self._wake.wait(SCAN_SECONDS if reads_itself else POLL_SECONDS)
            self._wake.clear()


def _systems(usual: Callable[[], tuple[str, ...]], layers: LayerSet, name: ImageName) -> tuple[str, ...]:
    """Keys of the systems in which documents say where an image is; none without the extra `geo`."""
    keys = usual()
    return tuple(dict.fromkeys((*keys, *layers.systems(name)))) if keys else ()


def _usual_systems(metadata: ServiceMetadata) -> tuple[str, ...]:
    """Those in which they say so of every image: of tile matrix sets, maps and coverages."""
    try:
        shared = shared_systems(metadata)
    except NotInstalled:
        return ()
    stated = (metadata.options.get(key) or LISTED_CRS for key in ("wms.crs", "wcs.crs"))
    return tuple(dict.fromkeys(chain(shared, *stated)))
