"""The names of images in folders and below them, for pages that show them: read rarely, opened hardly ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from stat import S_ISREG
from typing import NamedTuple, TypeAlias

from iipserve.cache import MemoryCache
from iipserve.config import MEGABYTE, Config
from iipserve.engine.files import SETTLING_NS
from iipserve.engine.image_folder import ImageFolder, missing_folder
from iipserve.engine.natural_order import natural_key
from iipserve.engine.single_flight import SingleFlight
from iipserve.errors import IIPServeError
from iipserve.leader import hand_over

Judgement: TypeAlias = tuple[int, int, bool]
"""Length and time of modification of a file, and whether its first bytes are those of an image."""

NAMES_OF_IMAGES = frozenset(
    [
        "avif",
        "bif",
        "bmp",
        "btf",
        "cr2",
        "dcm",
        "dicom",
        "dng",
        "dzi",
        "exr",
        "fit",
        "fits",
        "gif",
        "hdr",
        "heic",
        "heif",
        "j2c",
        "j2k",
        "jfif",
        "jp2",
        "jpc",
        "jpe",
        "jpeg",
        "jpf",
        "jpg",
        "jph",
        "jpm",
        "jpx",
        "jxl",
        "nef",
        "ndpi",
        "pam",
        "pbm",
        "pfm",
        "pgm",
        "png",
        "pnm",
        "ppm",
        "psb",
        "psd",
        "ptif",
        "ptiff",
        "qptiff",
        "raw",
        "scn",
        "svg",
        "svs",
        "tf8",
        "tif",
        "tiff",
        "vms",
        "webp",
    ]
)
"""Extensions of files that are listed unopened: one that turns out to be no image has its reason when it is shown."""
NAMES_OF_OTHERS = frozenset(
    [
        "csv",
        "db",
        "html",
        "htm",
        "ini",
        "jgw",
        "json",
        "log",
        "md",
        "md5",
        "prj",
        "py",
        "sha1",
        "sha256",
        "tfw",
        "txt",
        "xml",
    ]
)
"""Extensions of files that are not opened and not listed."""
MAX_NAMES = 250_000
"""Names in a folder and below it that are listed, those of folders included."""
MAX_OPENED = 10_000
"""Files of one folder that are opened for their first bytes, as their names say nothing."""
MAX_COUNTED = 1000
"""Names in a folder that are counted for its entry in another."""
FIRST = 3
"""Images of a folder of which one that can be read stands for it."""
KEPT_SECONDS = 60.0
"""A list of names is read again after this time even if the folder is unchanged."""
KEPT_RELATIVE = 10
"""Names of a folder that changes are kept for so many times the time that it takes to read them."""
TREE_SECONDS = 10.0
"""Names of a whole tree are kept this long, and longer where reading them takes long (`KEPT_RELATIVE`)."""
MEMORY_BYTES = 60 * MEGABYTE
"""For names that are remembered."""
NAME_BYTES = 150
"""Memory of a remembered name, about."""


class Names(NamedTuple):
    """What is in a folder, in natural order."""

    folders: tuple[str, ...]
    """Names of folders."""
    images: tuple[str, ...]
    """Identifiers of the files that are images, or seem to be by their names."""
    is_complete: bool
    """False if there is more than is listed."""


class Summary(NamedTuple):
    """What is known of a folder without reading all of it."""

    folders: int
    images: int
    first: tuple[str, ...]
    """Identifiers of its first images, up to `FIRST`."""
    is_complete: bool
    """False if there are more than `MAX_COUNTED` names in it."""


class _Read(NamedTuple):
    """The names of a folder, and when they were read."""

    names: Names
    judged: Mapping[str, Judgement]
    """The files that had to be opened, by name."""
    changed_ns: int
    """Time of the folder's last change, in nanoseconds since 1970."""
    began_ns: int
    """When reading began, in nanoseconds since 1970."""
    read_at: float
    """When it was read, on the monotonic clock, in seconds."""
    seconds: float
    """How long that took."""


class FolderTree:
    """The folders below FILESYSTEM_PREFIX. Safe for many threads.

    Names that begin with a dot are left out, and links to folders.
    """

    def __init__(self, config: Config, looks_like_image: Callable[[bytes], bool]) -> None:
        """Take the settings; nothing is read.

        Args:
            config: the settings.
            looks_like_image: whether a file is an image, by its first bytes.
        """
        self._folder = ImageFolder(config)
        self._looks_like_image = looks_like_image
        self._read: MemoryCache = MemoryCache(MEMORY_BYTES)
        self._trees: MemoryCache = MemoryCache(MEMORY_BYTES)
        self._walks: SingleFlight[str, Names] = SingleFlight()

    def names(self, folder: str) -> Names:
        """What is in a folder, by its path below the prefix; empty for that of the prefix.

        Raises:
            InvalidRequest: the path could lead out of the prefix.
            ImageNotFound: there is no such folder, or it cannot be read.
        """
        return self._current(folder, self._folder.folder_path(folder)).names

    def below(self, folder: str) -> Names:
        """All images in a folder and in folders below it, those of a folder before those of folders in it; no folders.

        As they were `TREE_SECONDS` ago, or `KEPT_RELATIVE` times as long as reading them took. One thread reads a tree.

        Raises:
            InvalidRequest, ImageNotFound: as `names`.
            Overloaded: too many requests wait already.
        """
        path = self._folder.folder_path(folder)
        return self._kept_tree(folder) or self._walks.do(folder, lambda: self._tree(folder, path))

    def _kept_tree(self, folder: str) -> Names | None:
        """All images below a folder, if they are known."""
        known: tuple[float, Names] | None = self._trees.get(folder)
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def _tree(self, folder: str, path: str) -> Names:
        """All images below a folder, kept for some time."""
        if known := self._kept_tree(folder):  # since another thread has just read them
            return known
        began = time.monotonic()
        found: list[str] = []
        count, is_complete = 0, True
        for names in self._walked(folder, path):
            found += names.images
            count += len(names.images) + len(names.folders)
            is_complete = is_complete and names.is_complete and count <= MAX_NAMES
            if count > MAX_NAMES:
                break
        tree = Names((), tuple(found[:MAX_NAMES]), is_complete)
        ended = time.monotonic()
        until = ended + max(TREE_SECONDS, KEPT_RELATIVE * (ended - began))
        self._trees.set(folder, (until, tree), NAME_BYTES * (1 + len(tree.images)))
        return tree

    def _walked(self, folder: str, path: str) -> Iterator[Names]:
        """The names of a folder and of all folders below it that can be read."""
        waiting = [(folder, path)]
        while waiting:
            folder, path = waiting.pop()
            try:
                names = self._current(folder, path).names
            except IIPServeError:
                continue
            yield names
            waiting += [
                (f"{folder}/{name}" if folder else name, os.path.join(path, name))
                for name in reversed(names.folders)
            ]

    def summary(self, folder: str) -> Summary | None:
        """What is in a folder, from the first `MAX_COUNTED` names that the system gives; None if it cannot be read."""
        try:
            path = self._folder.folder_path(folder)
            known: _Read | None = self._read.get(folder)
            if known is not None and self._is_current(known, path):
                names = known.names
                return Summary(len(names.folders), len(names.images), names.images[:FIRST], names.is_complete)
            with os.scandir(path or ".") as entries:
                found = [each for each in islice(entries, MAX_COUNTED + 1) if _is_shown(each.name)]
        except (OSError, IIPServeError):
            return None
        folders = sum(each.is_dir(follow_symlinks=False) for each in found)
        paths = [os.path.join(path, each.name) for each in found if _extension(each.name) in NAMES_OF_IMAGES]
        images = sorted(filter(None, map(self._identifier, paths)), key=natural_key)
        return Summary(folders, len(images), tuple(images[:FIRST]), len(found) <= MAX_COUNTED)

    def file_length(self, identifier: str) -> int | None:
        """The length in bytes of the regular file of an image, links not followed; None if it is none."""
        try:
            status = os.lstat(self._folder.path(identifier))
        except (OSError, IIPServeError):
            return None
        return status.st_size if S_ISREG(status.st_mode) else None

    def looks_like_image(self, identifier: str) -> bool:
        """Whether the first bytes of a file are those of an image."""
        try:
            return self._folder.is_image(self._folder.path(identifier), self._looks_like_image)
        except IIPServeError:
            return False

    # -- reading -------------------------------------------------------------------------------------

    def _current(self, folder: str, path: str) -> _Read:
        known: _Read | None = self._read.get(folder)
        if known is not None and self._is_current(known, path):
            return known
        hand_over()
        read = self._names(folder, path, known.judged if known else {})
        size = len(read.names.images) + len(read.names.folders) + len(read.judged)
        self._read.set(folder, read, NAME_BYTES * (1 + size))
        return read

    def _is_current(self, known: _Read, path: str) -> bool:
        age = time.monotonic() - known.read_at
        if age < known.seconds * KEPT_RELATIVE:
            return True
        try:
            changed_ns = os.stat(path or ".").st_mtime_ns
        except OSError:
            return False
        is_settled = changed_ns + SETTLING_NS < known.began_ns
        return age < KEPT_SECONDS and is_settled and changed_ns == known.changed_ns

    def _names(self, folder: str, path: str, judged: Mapping[str, Judgement]) -> _Read:
        began, began_ns = time.monotonic(), time.time_ns()
        try:
            changed_ns = os.stat(path or ".").st_mtime_ns
            with os.scandir(path or ".") as entries:
                found = list(islice(entries, MAX_NAMES + 1))
        except OSError as error:
            raise missing_folder(folder) from error
        is_complete = len(found) <= MAX_NAMES
        shown = [each for each in found[:MAX_NAMES] if _is_shown(each.name)]
        folders = [each.name for each in shown if each.is_dir(follow_symlinks=False)]
        inside = set(folders)
        files = [each for each in shown if each.name not in inside]
        odd = [each for each in files if _extension(each.name) not in NAMES_OF_IMAGES | NAMES_OF_OTHERS]
        now_judged = self._judged(islice(odd, MAX_OPENED), path, judged)
        paths = (
            os.path.join(path, each.name)
            for each in files
            if _extension(each.name) in NAMES_OF_IMAGES or now_judged.get(each.name, (0, 0, False))[2]
        )
        images = sorted(filter(None, map(self._identifier, paths)), key=natural_key)
        names = Names(
            tuple(sorted(folders, key=natural_key)), tuple(images), is_complete and len(odd) <= MAX_OPENED
        )
        ended = time.monotonic()
        return _Read(names, now_judged, changed_ns, began_ns, ended, ended - began)

    def _judged(
        self, files: Iterable[os.DirEntry[str]], path: str, before: Mapping[str, Judgement]
    ) -> dict[str, Judgement]:
        """Whether each file is an image; those that have not changed are not opened again."""
        judged = {}
        for each in files:
            try:
                status = each.stat()
            except OSError:
                continue
            known = before.get(each.name)
            if known is None or known[:2] != (status.st_size, status.st_mtime_ns):
                is_image = self._folder.is_image(os.path.join(path, each.name), self._looks_like_image)
                known = (status.st_size, status.st_mtime_ns, is_image)
            judged[each.name] = known
        return judged

    def _identifier(self, path: str) -> str:
        """That of the image in a file; empty if there is none."""
        return self._folder.identifier(path) if self._folder.holds(path) else ""


def _is_shown(name: str) -> bool:
    return not name.startswith(".")


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
