"""Reading the image folder for the catalog: what documents tell of each image, of unchanged files only once."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from iipserve.engine.files import FileState, ImageChanged, file_state
from iipserve.engine.image_folder import ImageFolder
from iipserve.engine.layer_names import is_side_file
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError, ImageUnavailable, Overloaded
from iipserve.geo.georeference import GeoImage, in_pixel_space
from iipserve.image import ImageInfo

log = logging.getLogger(__name__)

MAX_LISTED = 20_000
"""Images that documents list; others are found by their names all the same."""
PUBLISHING_SECONDS = 2.0
"""Between two lists of what has been read so far."""
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot hold, and control characters that no document needs."""


class CatalogImage(NamedTuple):
    """What documents tell of an image."""

    info: ImageInfo
    """Without embedded metadata."""
    geo: GeoImage


class Scanned(NamedTuple):
    """What has been read."""

    images: tuple[CatalogImage, ...]
    """In alphabetical order of identifiers."""
    version: str
    """Time of the last change of a file or folder, in a form that sorts as text; empty while the folder is read for the
    first time."""


class _Record(NamedTuple):
    state: FileState
    image: CatalogImage | None
    """None for a file that is no image, or cannot be read."""


class CatalogScan:
    """Reads a folder again and again. For one thread at a time."""

    def __init__(
        self, folder: ImageFolder, library: Library, geo_image: Callable[[ImageInfo], GeoImage | None]
    ) -> None:
        """Read nothing yet; arguments as of `LiveCatalog`."""
        self._folder = folder
        self._library = library
        self._geo_image = geo_image
        self._records: dict[str, _Record] = {}
        self._is_complete = False

    def run(self) -> Iterator[Scanned]:
        """Read the folder: what is known now and then, and at the end all of it."""
        records: dict[str, _Record] = {}
        changed_ns, published_at = 0, time.monotonic()
        for folder in self._folder.folders():
            changed_ns = max(changed_ns, _changed_ns(folder.path))
            for path in folder.files:
                record = self._record(path)
                if record is not None:
                    records[path] = record
                    changed_ns = max(changed_ns, record.state[-1])
                if not self._is_complete and time.monotonic() - published_at > PUBLISHING_SECONDS:
                    yield Scanned(_images(records), "")
                    published_at = time.monotonic()
            if sum(record.image is not None for record in records.values()) >= MAX_LISTED:
                log.warning("more than %d images: the others are no layers in lists", MAX_LISTED)
                break
        self._records, self._is_complete = records, True
        yield Scanned(_images(records), _time_text(changed_ns))

    def _record(self, path: str) -> _Record | None:
        """What is known of a file; None where it is gone, or no layer."""
        identifier = self._folder.identifier(path)
        if not identifier or is_side_file(identifier) or not is_printable(identifier):
            return None
        try:
            state = file_state(os.stat(path))
        except OSError:
            return None
        known = self._records.get(path)
        if known is not None and known.state == state:
            return known
        try:
            return _Record(state, self._read(identifier, path))
        except (ImageChanged, ImageUnavailable, Overloaded):
            return None  # another time

    def _read(self, identifier: str, path: str) -> CatalogImage | None:
        """What documents tell of a file. Raises errors that pass."""
        try:
            if not self._library.is_image(path):
                return None
            info = self._library.brief_info(identifier)
            geo = self._geo_image(info) or in_pixel_space(info)
        except (ImageChanged, ImageUnavailable, Overloaded):
            raise
        except IIPServeError as error:
            log.warning("%r is not listed as a layer: %s", identifier, error)
            return None
        except Exception:
            log.exception("%r is not listed as a layer", identifier)
            return None
        return CatalogImage(replace(info, icc=None, xmp=None, exif=None), geo)


def is_printable(identifier: str) -> bool:
    """Whether documents can hold an identifier."""
    return UNPRINTABLE.search(identifier) is None


def _images(records: dict[str, _Record]) -> tuple[CatalogImage, ...]:
    images = [record.image for record in records.values() if record.image is not None]
    return tuple(sorted(images, key=lambda image: image.info.identifier)[:MAX_LISTED])


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


def _time_text(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
