"""From identifiers to files: safe paths, cached information, open sources."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, TypeAlias

from iipserve import damage, exchange
from iipserve.cache import MemoryCache
from iipserve.config import MEGABYTE, Config
from iipserve.engine.checked_source import CheckedSource
from iipserve.engine.files import (
    ATTEMPTS,
    NO_DESCRIPTOR,
    Descriptor,
    DescriptorPool,
    ImageChanged,
    KnownFile,
    PooledFile,
    file_state,
    reported,
    settled_status,
    unavailable,
    version_by_content,
    version_by_inode,
)
from iipserve.engine.image_files import ImageFiles
from iipserve.engine.image_folder import HEAD_LENGTH, ImageFolder, other_spellings
from iipserve.engine.masked_source import MaskedSource
from iipserve.engine.opening_delay import OpeningDelay
from iipserve.engine.selection import as_selected, check_selector
from iipserve.engine.sequences import Sequence
from iipserve.errors import (
    ConfigError,
    DecodeError,
    IIPServeError,
    ImageNotFound,
    InvalidRequest,
    Overloaded,
    UnreadableSamples,
    UnsupportedImage,
)
from iipserve.image import FIRST, ImageInfo, ImageName, MaskRef, Selector
from iipserve.leader import hand_over
from iipserve.lru import LRU
from iipserve.plan import ImageRef
from iipserve.purges import Purges
from iipserve.sources import OpenFile, Source, SourceFormat

log = logging.getLogger(__name__)

STRUCTURE_BYTES = 40 * MEGABYTE
"""Of memory for what was parsed of files, in addition to `ImageInfo`."""
MAX_HELD = 200
"""Sources that hold their descriptor, and with it what a library has read of the file: libvips up to some 100 kB."""
LISTING_SECONDS = 10.0
"""A list of images is kept this long, because making one opens every file."""

Key: TypeAlias = tuple[str, Selector]
"""Identifier, and the selected image of a stack or sequence."""


class CachedInfo(NamedTuple):
    """Information on an image, and the file it is of."""

    file: KnownFile
    info: ImageInfo


class Listing(NamedTuple):
    """Identifiers of the images in the folder."""

    limit: int
    """Maximum number requested."""
    made_at: float
    """On the monotonic clock, in seconds."""
    identifiers: list[str]


def unknown_formats(names: Iterable[str], formats: Mapping[str, SourceFormat]) -> list[str]:
    """A line for each name in EXTRA_FORMATS that no format has that may be switched on."""
    optional = sorted(name for name, kind in formats.items() if kind.optional)
    return [
        f"EXTRA_FORMATS contains the unknown format {name!r}; known are {', '.join(optional) or 'none'}"
        for name in names
        if name not in optional
    ]


class Library:
    """The images below one folder. Safe for many threads."""

    def __init__(self, config: Config, formats: Mapping[str, SourceFormat]) -> None:
        """Hold no image yet.

        Raises:
            ConfigError: EXTRA_FORMATS contains an unknown format.
        """
        if mistakes := unknown_formats(config.extra_formats, formats):
            raise ConfigError("\n".join(mistakes))
        self._given = formats
        self._folder = ImageFolder(config)
        self.files = ImageFiles(config)
        """The files of images, apart from their pixels."""
        self._undeclared_opacity = config.undeclared_opacity
        self._config = config
        is_on = {kind: not kind.optional or kind.name in config.extra_formats for kind in formats.values()}
        self._formats = tuple(
            sorted((kind for kind, on in is_on.items() if on), key=lambda kind: kind.fallback)
        )
        self._switched_off = tuple(kind for kind, on in is_on.items() if not on)
        self._version_of = version_by_content if config.version_by == "content" else version_by_inode
        self._sources: LRU[Key, CheckedSource] = LRU(min(config.max_open_images, MAX_HELD))
        """Those that hold their file's descriptor."""
        self._structures = MemoryCache(STRUCTURE_BYTES)
        """The other sources by `Key`, while there is information on the image."""
        self._descriptors = DescriptorPool(config.max_open_images)
        limit = config.max_metadata_cache_size
        self._infos: LRU[Key, CachedInfo] = LRU(None if limit < 0 else limit, self._structures.discard)
        self._keeps_structures = limit != 0
        self._listing: Listing | None = None
        self._purges = Purges()
        self._opening_delay = OpeningDelay()

    def info(self, identifier: str, selector: Selector = FIRST, *, literal: bool = False) -> ImageInfo:
        """Information on an image; one `stat` proves that what is cached is current.

        Args:
            identifier: of the image.
            selector: selects from a stack or sequence; other files have only layer 0.
            literal: if there is no such image, do not try `other_spellings` of the identifier.

        Raises:
            InvalidRequest: the identifier could lead out of the folder.
            ImageNotFound: there is no readable file, or it or its sequence has no such image.
            ImageUnavailable, Overloaded: the file cannot be read at present, or is written all the time.
            UnsupportedImage, DecodeError: the file cannot be read as an image.
        """
        key = (identifier, selector)
        cached = self._infos.get(key)
        if cached is not None:
            if cached.file.is_current():
                return cached.info
            self._infos.discard(key)
        try:
            return self._read_info(identifier, selector)
        except ImageNotFound:
            for spelling in () if literal else other_spellings(identifier):
                with suppress(ImageNotFound, InvalidRequest):
                    return self.info(spelling, selector, literal=True)
            raise

    def _read_info(self, identifier: str, selector: Selector) -> ImageInfo:
        if selector != FIRST:
            first = self.info(identifier, literal=True)
            check_selector(first, selector)
            if first.angles is None and selector.vertical != FIRST.vertical:
                return self.info(identifier, Selector(selector.layer), literal=True)
            if not first.stack and first.angles is None:
                return first
        return self._open(identifier, selector).info

    def unopened(self) -> Library:
        """The same images, of which nothing has been read."""
        return Library(self._config, self._given)

    def unproved_info(self, identifier: str, selector: Selector = FIRST) -> ImageInfo:
        """As `info`, but what is cached may be out of date; `check` finds that out once the answer is made."""
        cached = self._infos.get((identifier, selector))
        return cached.info if cached is not None else self.info(identifier, selector)

    def brief_info(self, name: ImageName) -> ImageInfo:
        """As `info` of a name taken literally, but what had to be read for it is not kept."""
        is_known = self._infos.get(name) is not None
        info = self.info(*name, literal=True)
        if not is_known:
            self._infos.discard(name)
            self._sources.discard(name)
        return info

    def check(self, image: ImageRef | ImageInfo) -> None:
        """Check, by one `stat`, that an image is of the version that its file has at present, and likewise its mask.

        Raises:
            ImageChanged: it is not, or that cannot be found out; `info` then gives the reason.
        """
        key = (image.identifier, image.selector)
        known: CachedInfo | CheckedSource | None = self._infos.get(key) or self._opened(key)
        if known is None or known.info.version != image.version or not known.file.is_current():
            self._infos.discard(key)
            raise ImageChanged
        if isinstance(image, ImageRef) and image.mask is not None:
            self._check_mask(image.mask)

    def _check_mask(self, mask: MaskRef) -> None:
        """Raises `ImageChanged` if a mask is not of that version."""
        try:
            version = self.info(mask.identifier, literal=True).version
        except (UnsupportedImage, DecodeError):
            return  # not used
        except IIPServeError as error:
            raise ImageChanged from error
        if version != mask.version:
            raise ImageChanged

    def source(self, image: ImageRef) -> Source:
        """An open source of exactly this version of an image, with its mask as opacity if it has one.

        Raises:
            ImageChanged: the file has been replaced or written. Methods of the source raise it too.
            ImageNotFound, ImageUnavailable, Overloaded, UnsupportedImage, DecodeError: as `info`.
        """
        source = self._opened((image.identifier, image.selector))
        if source is None or source.is_stale or source.info.version != image.version:
            source = self._open(image.identifier, image.selector)
            if source.info.version != image.version:
                raise ImageChanged
        return source if image.mask is None else self._masked(source, image.mask)

    def _masked(self, source: Source, mask: MaskRef) -> Source:
        """A source with a mask, unless that cannot be read, or is not of its size."""
        try:
            found = self.source(ImageRef(mask.identifier, mask.version))
        except (UnsupportedImage, DecodeError) as error:
            log.warning("%r is not used as a mask: %s", mask.identifier, error)
            return source
        fits = found.info.size == source.info.size and not source.info.has_alpha
        return MaskedSource(source, found) if fits else source

    def identifiers(self, limit: int = 10_000) -> list[str]:
        """Identifiers of files whose first bytes are those of an image, in alphabetical order.

        At most `LISTING_SECONDS` old.

        Args:
            limit: maximum number.
        """
        listing, now = self._listing, time.monotonic()
        if listing is None or listing.limit != limit or now - listing.made_at >= LISTING_SECONDS:
            listing = self._listing = Listing(limit, now, self._list(limit))
        return list(listing.identifiers)

    def _list(self, limit: int) -> list[str]:
        hand_over()
        return list(islice(self._folder.identifiers(self.looks_like_image), limit))

    def is_image(self, path: str) -> bool:
        """Whether the first bytes of the file at a path of `ImageFolder` are those of an image."""
        return self._folder.is_image(path, self.looks_like_image)

    def looks_like_image(self, head: bytes) -> bool:
        """Whether the first bytes of a file, `HEAD_LENGTH` of them, are those of an image."""
        return any(kind.matches(head) for kind in self._formats)

    def purge(self, purges: Purges) -> None:
        """Take images for changed since they were last purged, whatever their files say."""
        self._purges = purges
        infos = [(key, cached.info) for key, cached in self._infos.items()]
        infos += [(key, source.info) for key, source in self._sources.items()]
        for key, info in infos:
            if self.is_purged(info):
                self._infos.discard(key)
                self._sources.discard(key)
        self._descriptors.clear()

    def is_purged(self, image: ImageRef | ImageInfo) -> bool:
        """Whether an image has been purged since it was opened."""
        return self._purges.time(image.identifier) != image.version.purged_ms

    def clear(self) -> None:
        """Forget all cached information and release all open files."""
        self._infos.clear()
        self._structures.clear()
        self._release()
        self._listing = None

    def _release(self) -> None:
        """Close all files."""
        self._sources.clear()
        self._descriptors.clear()

    def _open(self, identifier: str, selector: Selector) -> CheckedSource:
        with exchange.opening(identifier), self._opening_delay.opening():
            return self._open_patiently(identifier, selector)

    def _open_patiently(self, identifier: str, selector: Selector) -> CheckedSource:
        lacks_descriptors = False
        for _ in range(ATTEMPTS):
            try:
                return self._open_file(identifier, selector)
            except ImageChanged:
                continue
            except IIPServeError:
                raise
            except OSError as error:
                if error.errno not in NO_DESCRIPTOR:
                    raise
                if lacks_descriptors:
                    raise unavailable(repr(identifier), error) from error
                lacks_descriptors = True
                self._release()
        raise Overloaded(f"{identifier!r} is being replaced; ask again")

    def _open_file(self, identifier: str, selector: Selector) -> CheckedSource:
        """Open the file of an image and read its structure.

        Raises:
            ImageChanged: the file was written meanwhile.
            OSError: no descriptor is left.
        """
        with reported(repr(identifier), opening=True):
            path, sequence, number = self._folder.open(identifier, selector)
        # the reference keeps it open until the structure is read
        descriptor = Descriptor(number)
        layer = 0 if sequence else selector.layer
        with reported(repr(identifier)):
            known = KnownFile(path, file_state(settled_status(number)))
            pooled = PooledFile(descriptor, known, identifier, self._folder.descriptor, self._descriptors)
            version, head = self._version_of(number, known.state), os.pread(number, HEAD_LENGTH, 0)
            if purged := self._purges.time(identifier):
                version = version._replace(purged_ms=purged)
            file = OpenFile(
                number, path, identifier, version, head, layer, self._config, reopening=pooled.read
            )
            source = self._read_structure(file, selector, sequence, pooled)
        key = (identifier, selector)
        self._infos.set(key, CachedInfo(source.file, source.info))
        if self._keeps_structures and not source.holds_descriptor:
            self._structures.set(key, source, source.memory)
        else:
            self._sources.set(key, source)
        if self.is_purged(source.info):
            raise ImageChanged  # meanwhile
        return source

    def _opened(self, key: Key) -> CheckedSource | None:
        """What was opened before."""
        source: CheckedSource | None = self._structures.get(key) or self._sources.get(key)
        return source

    def _read_structure(
        self, file: OpenFile, selector: Selector, sequence: Sequence | None, pooled: PooledFile
    ) -> CheckedSource:
        """Open with the format that the first bytes indicate, else with a fallback.

        A format closes the descriptor it is given, so each gets its own. The refusal of the first is the one that is
        reported: it knows the format best.

        Raises:
            ImageChanged: the file has another state by now.
        """
        refusal: UnsupportedImage | None = None
        try:
            for kind in self._formats:
                if not kind.matches(file.head):
                    continue
                if kind.optional or kind.fallback:
                    hand_over()
                try:
                    source = kind.open(file.with_own_descriptor())
                except UnreadableSamples:
                    raise
                except UnsupportedImage as error:
                    refusal = refusal or error
                else:
                    info = self._info(source, selector, sequence)
                    checked = CheckedSource(source, info, pooled)
                    checked.check()
                    return checked
            raise refusal or self._unreadable(file)
        except (DecodeError, ImageNotFound, UnsupportedImage, OSError) as error:
            if file_state(pooled.status()) != pooled.known.state:
                raise ImageChanged from error
            damage.report(file.identifier, file.version, error)
            raise
        finally:
            del refusal  # which refers to this frame

    def _info(self, source: Source, selector: Selector, sequence: Sequence | None) -> ImageInfo:
        """The information on a source, as selected; without opacity that is neither declared nor set to count."""
        if not (source.info.alpha_declared or self._undeclared_opacity):
            source.info = replace(source.info, has_alpha=False)
        return as_selected(source.info, selector, sequence)

    def _unreadable(self, file: OpenFile) -> UnsupportedImage:
        """The error for a file that no format takes."""
        for kind in self._switched_off:
            if kind.matches(file.head):
                return UnsupportedImage(
                    f"{file.identifier!r} seems to be {kind.name.upper()}, which this server reads only if its "
                    f"setting EXTRA_FORMATS contains {kind.name}"
                )
        return UnsupportedImage(f"{file.identifier!r} is not an image that this server can read")
