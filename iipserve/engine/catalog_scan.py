"""Reading images for the catalog: what documents tell of each, of unchanged files only once."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from iipserve.engine.files import FileState, ImageChanged, file_state
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import LayerFinder, is_side_file
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError, ImageUnavailable, Overloaded
from iipserve.geo.georeference import PIXEL_SPACE, GeoImage, in_pixel_space
from iipserve.geo.layer import Layer
from iipserve.geo.places import PlaceIn, Places, places_of
from iipserve.image import ImageInfo, ImageName

log = logging.getLogger(__name__)

MAX_LISTED = 20_000
"""Images that documents list; others are found by their names all the same."""
MAX_FILES = 500_000
"""Files of which it is found out whether they are images."""
PUBLISHING_SECONDS = 2.0
"""Between two lists of what has been read so far, at least."""
PUBLISHING_SHARE = 10
"""Between two such lists passes at least so many times the time that one takes."""
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot hold, and control characters that no document needs."""


class CatalogImage(NamedTuple):
    """What documents tell of an image."""

    name: ImageName
    info: ImageInfo
    """Without embedded metadata."""
    geo: GeoImage
    places: Places | None = None
    """In the systems of documents; None for a plain picture."""


class Record(NamedTuple):
    """What is known of a file."""

    state: FileState
    image: CatalogImage | None
    """None for a file that is no image, or cannot be read."""


class Target(NamedTuple):
    """An image to read, or a folder whose time of change counts."""

    path: str
    name: ImageName | None = None
    """None for a folder."""


class Scanned(NamedTuple):
    """What has been read."""

    records: Mapping[Target, Record]
    """Of all files, in the order in which they were read."""
    version: str
    """Time of the last change of a file or folder, in a form that sorts as text; empty while they are read for the first
    time."""

    @property
    def images(self) -> list[CatalogImage]:
        """Those that documents list."""
        return [record.image for record in self.records.values() if record.image is not None]


NOTHING = Scanned({}, "")


def images_below(folder: ImageFolder) -> Iterator[Target]:
    """All files that may be images, and all folders."""
    for found in folder.folders():
        yield Target(found.path)
        for path in found.files:
            identifier = folder.identifier(path)
            if identifier and not is_side_file(identifier) and is_printable(identifier):
                yield Target(path, ImageName(identifier))


def images_of(layers: Iterable[Layer], folder: ImageFolder, finder: LayerFinder) -> Iterator[Target]:
    """The files of layers that exist, and their folders."""
    parents = set()
    for layer in layers:
        found = finder.find(layer.name.identifier)
        if found is None:
            log.warning("the layer %r is not listed: there is no image %r", *layer_and_image(layer))
            continue
        path = folder.path(found.identifier)
        if (parent := os.path.dirname(path) or ".") not in parents:
            parents.add(parent)
            yield Target(parent)
        yield Target(path, layer.name._replace(identifier=found.identifier))


def layer_and_image(layer: Layer) -> tuple[str, str]:
    """The identifiers of a layer and of its image."""
    return layer.identifier, layer.name.identifier


class CatalogScan:
    """Reads images again and again. For one thread at a time."""

    def __init__(
        self,
        targets: Callable[[], Iterator[Target]],
        library: Library,
        geo_image: Callable[[ImageInfo], GeoImage | None],
        changed_ns: int = 0,
        systems: Callable[[ImageName], tuple[str, ...]] = lambda name: (),
    ) -> None:
        """Read nothing yet.

        Args:
            targets: what there is to read, at present.
            library: of the images.
            geo_image: where an image is located (`protocols.Server.geo_image`).
            changed_ns: time of the last change of what else the catalog depends on, in nanoseconds since 1970.
            systems: keys of the coordinate reference systems in which documents say where an image is.
        """
        self._targets = targets
        self._library = library
        self._geo_image = geo_image
        self._changed_ns = changed_ns
        self._systems = systems
        self.known = NOTHING
        """What has been read; may be set before the first run."""

    def run(self) -> Iterator[Scanned]:
        """Read what has changed: what is known now and then while all is new, and at the end all of it."""
        records: dict[Target, Record] = {}
        changed_ns, images, next_list = self._changed_ns, 0, time.monotonic() + PUBLISHING_SECONDS
        for target in self._targets():
            record = self._record(target)
            if record is None:
                continue
            changed_ns = max(changed_ns, record.state[-1])
            if target.name is not None:
                records[target] = record
                images += record.image is not None
            if images == MAX_LISTED or len(records) == MAX_FILES:
                log.warning("documents list the first %d images only", images)
                break
            if not self.known.version and (now := time.monotonic()) > next_list:
                yield Scanned(dict(records), "")
                duration = time.monotonic() - now
                next_list = now + max(PUBLISHING_SECONDS, PUBLISHING_SHARE * duration)
        self.known = Scanned(records, _time_text(changed_ns))
        yield self.known

    def _record(self, target: Target) -> Record | None:
        """What is known of a file or folder; None where it is gone, or cannot be read at present."""
        try:
            state = file_state(os.stat(target.path))
            known = self.known.records.get(target)
            if known is not None and known.state == state:
                return self._placed(known)
            image = None if target.name is None else self._read(target.path, target.name)
            return self._placed(Record(state, image))
        except (ImageChanged, ImageUnavailable, Overloaded, OSError):
            return None

    def _placed(self, record: Record) -> Record:
        """The record with the places of its image: for thousands of images, documents have no time to compute them."""
        image = record.image
        if image is None or image.geo.georeference.crs == PIXEL_SPACE:
            return record
        systems = self._systems(image.name)
        if not systems:
            return record
        if image.places and image.places.covers(systems):
            return record
        try:
            places = places_of(image.geo.georeference, systems)
        except Exception:
            log.exception("%r has no place on the ground", image.name.identifier)
            places = Places(None, tuple(PlaceIn(key, None) for key in systems))
        return record._replace(image=image._replace(places=places))

    def _read(self, path: str, name: ImageName) -> CatalogImage | None:
        """What documents tell of a file. Raises errors that pass."""
        try:
            if not self._library.is_image(path):
                return None
            info = self._library.brief_info(name)
            geo = self._geo_image(info) or in_pixel_space(info)
        except (ImageChanged, ImageUnavailable, Overloaded):
            raise
        except IIPServeError as error:
            log.warning("%r is not listed as a layer: %s", name.identifier, error)
            return None
        except Exception:
            log.exception("%r is not listed as a layer", name.identifier)
            return None
        return CatalogImage(name, replace(info, icc=None, xmp=None, exif=None), geo)


def is_printable(identifier: str) -> bool:
    """Whether documents can hold an identifier."""
    return UNPRINTABLE.search(identifier) is None


def _time_text(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
