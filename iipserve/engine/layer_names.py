"""Names of layers that are made from the image folder: the identifier of the image without its extension.

Where two images share a name apart from the extension, both keep theirs: `scene.jp2` and `scene.tif`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from iipserve.engine.image_folder import ImageFolder
from iipserve.errors import ImageNotFound, InvalidRequest
from iipserve.leader import hand_over
from iipserve.lru import LRU

SIDE_FILES = (".ovr", ".msk")
"""Endings of TIFF files that belong to the file whose name precedes them (GDAL): they are no layers."""
MAX_FILES = 100_000
"""Files of a folder among which a name without extension is looked for."""
MAX_NAMESAKES = 16
"""Files of one name apart from the extension that are opened to find those that are images."""
MAX_FOLDERS = 64
"""Folders whose names are kept."""
MAX_FOUND = 4096
"""Names of layers whose images are kept."""
SETTLING_NS = 2_000_000_000
"""A folder that was changed less long ago, in nanoseconds, may change again without another time of change."""


def is_side_file(identifier: str) -> bool:
    """Whether a file holds overviews or the mask of another one."""
    return identifier.lower().endswith(SIDE_FILES)


def stem(identifier: str) -> str:
    """An identifier without its extension, which follows the last dot of the name unless the name begins with it."""
    return os.path.splitext(identifier)[0]


def layer_names(identifiers: Collection[str]) -> dict[str, str]:
    """The names of layers by the identifiers of their images; all names differ."""
    stems, known = Counter(map(stem, identifiers)), set(identifiers)
    names = {}
    for identifier in identifiers:
        short = stem(identifier)
        names[identifier] = identifier if stems[short] > 1 or short in known else short
    return names


class NamedImage(NamedTuple):
    """An image, and the name of its layer."""

    layer: str
    identifier: str


class _File(NamedTuple):
    identifier: str
    path: str


class _Listing(NamedTuple):
    """The files of one folder."""

    changed_ns: int
    """Time of the last change of the folder."""
    by_stem: Mapping[str, Sequence[_File]]
    """By the identifier without its extension."""


class LayerFinder:
    """Finds images by names of layers. Lists one folder for it, and keeps the list until the folder changes.

    Safe for many threads.
    """

    def __init__(self, folder: ImageFolder, is_image: Callable[[str], bool]) -> None:
        """List nothing yet.

        Args:
            folder: of the images.
            is_image: whether the file at a path is one; it is opened.
        """
        self._folder = folder
        self._is_image = is_image
        self._listings: LRU[str, _Listing] = LRU(MAX_FOLDERS)
        self._found: LRU[str, tuple[_Listing, NamedImage]] = LRU(MAX_FOUND)

    def find(self, name: str) -> NamedImage | None:
        """The image whose identifier or layer has that name; None where there is none, or more than one."""
        try:
            parent, base = os.path.split(self._folder.path(name))
            listing = self._listing(parent)
        except (ImageNotFound, InvalidRequest, OSError, ValueError):
            # errors of the operating system: no such folder, or a name that no file system has
            return None
        known = self._found.get(name)
        if known is not None and known[0] is listing:
            return known[1]
        found = self._named(listing, self._folder.identifier(os.path.join(parent, base)))
        if found is not None:
            self._found.set(name, (listing, found))
        return found

    def _named(self, listing: _Listing, name: str) -> NamedImage | None:
        exact = [one for one in self._images(listing, stem(name)) if one == name]
        candidates = exact or self._images(listing, name)
        if len(candidates) != 1:
            return None
        (identifier,) = candidates
        short = stem(identifier)
        namesakes = {*self._images(listing, short), *self._images(listing, stem(short))}
        return NamedImage(layer_names(namesakes)[identifier], identifier)

    def _images(self, listing: _Listing, short: str) -> list[str]:
        """Identifiers of the images of a name without extension."""
        files = listing.by_stem.get(short, ())[:MAX_NAMESAKES]
        return [file.identifier for file in files if self._is_image(file.path)]

    def _listing(self, parent: str) -> _Listing:
        """The files of a folder. Raises `OSError`."""
        changed_ns = os.stat(parent or ".").st_mtime_ns
        known = self._listings.get(parent)
        if known is not None and known.changed_ns == changed_ns:
            return known
        hand_over()
        by_stem: dict[str, list[_File]] = {}
        with os.scandir(parent or ".") as entries:
            for path in sorted(os.path.join(parent, entry.name) for entry in islice(entries, MAX_FILES)):
                identifier = self._folder.identifier(path) if self._folder.holds(path) else ""
                if identifier and not is_side_file(identifier):
                    by_stem.setdefault(stem(identifier), []).append(_File(identifier, path))
        listing = _Listing(changed_ns, by_stem)
        if time.time_ns() - changed_ns > SETTLING_NS:
            self._listings.set(parent, listing)
        return listing
