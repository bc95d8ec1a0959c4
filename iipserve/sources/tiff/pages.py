"""Which directories of a TIFF file make up which image: pyramid levels, transparency masks, layers of a stack.

Every directory of the chain is an image of its own, one layer of a stack, of any size and in tiles or strips, except:

* transparency masks, which belong to the image before;
* smaller copies, which are marked as such (NewSubfileType 1); or are at most half as wide as an image before them, of
  the same shape and samples, and show the same picture (`comparison`). Those in tiles are levels of a tiled image. After
  several images of one size (channels) the first copy of a size is that of the first image, and so on;
* directories that cannot be read, if they are not the first image.

The first image in the file is layer 0, the one shown by default. A label, an overview or a thumbnail at the beginning
of the file is not: it follows as a further layer, as does every other image, in the order of the file.

Levels may be SubIFDs too (as in OME-TIFF).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TypeAlias

from iipserve.containers.ifd import Directory, read_directory
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    COLOR_MAP,
    COMPRESSION,
    EXTRA_SAMPLES,
    IMAGE_DEPTH,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    INK_SET,
    NEW_SUBFILE_TYPE,
    OLD_SUBFILE_TYPES,
    PHOTOMETRIC,
    PLANAR_CONFIGURATION,
    PREDICTOR,
    REDUCED_IMAGE,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES_PER_PIXEL,
    SINGLE_PAGE,
    STRIP_BYTE_COUNTS,
    STRIP_OFFSETS,
    SUB_IFDS,
    SUBFILE_TYPE,
    TILE_BYTE_COUNTS,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    TRANSPARENCY_MASK,
    Compression,
)
from iipserve.errors import DecodeError, ImageNotFound
from iipserve.geometry import Size
from iipserve.sources.tiff.conventions import Role, has_unmarked_copies, role_of
from iipserve.sources.tiff.layout import read_size, same_shape

MAX_MEMBERS = 64
"""Directories that may be smaller levels or masks of one image; further ones are ignored."""
MAX_CANDIDATES = 16
"""Images before a smaller copy that it may belong to."""
INLINE_TAGS = (
    IMAGE_WIDTH, IMAGE_LENGTH, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, PLANAR_CONFIGURATION,
    PREDICTOR, TILE_WIDTH, TILE_LENGTH, INK_SET, IMAGE_DEPTH,
)  # fmt: skip
COUNTED_TAGS = (
    BITS_PER_SAMPLE, SAMPLE_FORMAT, EXTRA_SAMPLES, COLOR_MAP, STRIP_OFFSETS, STRIP_BYTE_COUNTS, TILE_OFFSETS,
    TILE_BYTE_COUNTS,
)  # fmt: skip
"""Images with the same values of the former, and as many values of the latter, are stored alike."""
MIN_PYRAMID_AREA = 4
"""A pyramid of tiles this many times larger than an image in strips before it is the main image of the file."""

SamePicture: TypeAlias = Callable[[Directory, Directory, Size | None], bool]
"""(full size, smaller directory, the size of its part that shows all, or None for all of it) -> whether it is a copy."""


@dataclass(frozen=True, slots=True)
class Page:
    """One image of the file, and the directories of the chain that may belong to it."""

    first: Directory
    index: int
    """Of this directory in the chain, from 0."""
    role: Role | None = None
    """Its role in the file; None for an image of no known role, the main one included."""
    smaller: list[Directory] = field(default_factory=list)
    """Candidates for its smaller levels."""
    masks: list[Directory] = field(default_factory=list)
    """Transparency masks of any size."""

    @property
    def is_tiled(self) -> bool:
        """Whether it is read tile by tile: old-style JPEG is decoded all at once."""
        return TILE_WIDTH in self.first and self.first.integer(COMPRESSION, 1) != Compression.OLD_JPEG


def page_of_layer(pages: Sequence[Page], layer: int) -> Page:
    """The image at an index.

    Raises:
        ImageNotFound: the file has no such image.
    """
    if not 0 <= layer < len(pages):
        raise ImageNotFound(f"there is no image {layer}; the file has {len(pages)}, from 0")
    return pages[layer]


def kind_of(directory: Directory) -> int:
    """The bits of NewSubfileType."""
    if NEW_SUBFILE_TYPE in directory:
        return directory.integer(NEW_SUBFILE_TYPE, 0)
    return OLD_SUBFILE_TYPES.get(directory.integer(SUBFILE_TYPE, 0), 0)


def read_pages(chain: Sequence[Directory], same: SamePicture) -> list[Page]:
    """The images of a file, the one to be shown first; at least one. Only a few fields of each directory are read.

    Args:
        chain: all directories; at least one.
        same: compares the pixels of directories that are not marked.
    """
    if len(chain) == 1:
        return [Page(chain[0], 0)]
    grouping = _Grouping(chain[0], same)
    for index, directory in enumerate(chain):
        grouping.add(index, directory)
    return grouping.finish() or [Page(chain[0], 0)]


class _Grouping:
    """Assigns the directories of a chain, one after the other, to images."""

    def __init__(self, first: Directory, same: SamePicture) -> None:
        self._file = first
        self._same = same
        self._sizes: dict[int, Size | None] = {}
        """Of each image, by the index of its directory."""
        self._copies: dict[int, tuple[Directory, Size | None]] = {}
        """The last unmarked copy of each image, and its size."""
        self._pages: list[Page] = []
        self._pictures: list[Page] = []
        """Those without a role."""
        self._last_size: Size | None = None
        self._last_tiled: Page | None = None
        """Of these, or of whole slides."""
        self._run: list[Page] = []
        """The last images of one size, one after the other: channels, whose levels may follow them in the same order."""
        self._given: dict[int, set[tuple[Size | None, bool]]] = {}
        """The copies of an image, by the index of its directory: their size, and whether they are in tiles."""

    def add(self, index: int, directory: Directory) -> None:
        """Assign the next directory."""
        kind, is_tiled = kind_of(directory), TILE_WIDTH in directory
        if kind & TRANSPARENCY_MASK:
            if self._pages:
                _append(self._pages[-1].masks, directory)
            return
        # thumbnails, labels and overviews are in strips, or come first
        role = None if self._pages and is_tiled else role_of(self._file, directory)
        size = _size_of(directory)
        if role is None and kind & REDUCED_IMAGE:
            if self._pictures or self._last_tiled:
                if is_tiled and self._last_tiled:
                    original = self._marked_original(directory, size) if len(self._pages) > 1 else None
                    self._give(original or self._last_tiled, directory, size)
                return
            role = Role.THUMBNAIL
        if size is None and self._pages:
            return
        if role is None and not kind & SINGLE_PAGE and SUB_IFDS not in directory:
            original = self._original(directory, size)
            if original is not None:
                self._give(original, directory, size)
                return
        self._start(Page(directory, index, role), size)

    def _start(self, page: Page, size: Size | None) -> None:
        is_tiled = TILE_WIDTH in page.first
        if page.role is None or (page.role is Role.MACRO and is_tiled):
            run = self._run if size == self._run_size else []
            self._run = [*([] if any(one.index in self._given for one in run) else run), page]
            self._last_tiled = page if is_tiled else self._last_tiled
        self._pages.append(page)
        self._sizes[page.index] = self._last_size = size
        if page.role is None:
            self._pictures.append(page)

    @property
    def _run_size(self) -> Size | None:
        return self._sizes[self._run[0].index] if self._run else None

    def _give(self, page: Page, directory: Directory, size: Size | None) -> None:
        """Make a smaller copy a candidate for a level of an image."""
        self._given.setdefault(page.index, set()).add((size, TILE_WIDTH in directory))
        if TILE_WIDTH in directory and TILE_WIDTH in page.first:
            _append(page.smaller, directory)

    def _original(self, directory: Directory, size: Size | None) -> Page | None:
        """The image before an unmarked directory that it is a smaller copy of."""
        first = self._pictures[0] if self._pictures else None
        if first and size == self._sizes[first.index] == self._last_size:
            return None
        last_tiled = self._last_tiled if TILE_WIDTH in directory else None
        likely = [page for page in (last_tiled, *self._pictures[-1:], first) if page]
        candidates = self._candidates(directory, size, likely)
        return next((page for page in candidates if self._is_copy(page, directory, size)), None)

    def _marked_original(self, directory: Directory, size: Size | None) -> Page | None:
        """The tiled image before a marked directory in tiles that it is a copy of, as its shape and place say.

        Only if several images are of its shape, and have no copy of its size yet, pixels are compared.
        """
        candidates = [page for page in self._candidates(directory, size) if TILE_WIDTH in page.first]
        if len(candidates) > 1:
            alike = (page for page in candidates if self._is_copy(page, directory, size))
            return next(alike, candidates[0])
        return next(iter(candidates), None)

    def _candidates(self, directory: Directory, size: Size | None, likely: Sequence[Page] = ()) -> list[Page]:
        """The images of which a directory of this size may be a copy: those that have none like it yet, or else all.

        Those of the last run come first, in its order, then the likely ones, and the others from the last on.
        """
        recent = self._pictures[: -MAX_CANDIDATES - 1 : -1]
        unique = {page.index: page for page in (*self._run, *likely, *recent)}.values()
        pages = [page for page in unique if _may_be_copy(size, self._sizes[page.index])]
        copy = size, TILE_WIDTH in directory
        without = [page for page in pages if copy not in self._given.get(page.index, ())]
        return (without or pages)[:MAX_CANDIDATES]

    def _is_copy(self, page: Page, directory: Directory, size: Size | None) -> bool:
        """Whether a directory of the right size is a smaller copy of an image.

        It is compared with the last one that is, if that is large enough, which takes the fewest tiles.
        """
        if self._trusts_shape:
            return True
        copy, copy_size = self._copies.get(page.index, (page.first, None))
        same = self._same(copy if _may_be_copy(size, copy_size) else page.first, directory, None)
        if same:
            self._copies[page.index] = directory, size
        return same

    @cached_property
    def _trusts_shape(self) -> bool:
        return has_unmarked_copies(self._file)

    def finish(self) -> list[Page]:
        """The images found, the main one first."""
        pictures = self._pictures or sorted(self._pages, key=self._area, reverse=True)
        if not pictures:
            return []
        first = pictures[0]
        for page in pictures[1:]:
            if self._outweighs(page, first):
                if self._may_be_copy_of(first, page):
                    self._pages[self._pages.index(first)] = replace(first, role=Role.THUMBNAIL)
                first = page
        for page in self._pages:
            if page.role is Role.THUMBNAIL and TILE_WIDTH in page.first:
                _append(first.smaller, page.first)
        return [first, *(page for page in self._pages if page is not first)]

    def _outweighs(self, page: Page, first: Page) -> bool:
        """Whether an image is the main one of the file, instead of the first one.

        The first is in strips and the other a much larger pyramid of tiles; or the first is a smaller copy of the other.
        """
        if TILE_WIDTH not in first.first and (page.smaller or SUB_IFDS in page.first):
            return self._area(page) >= MIN_PYRAMID_AREA * self._area(first)
        return self._may_be_copy_of(first, page) and self._same(page.first, first.first, None)

    def _may_be_copy_of(self, page: Page, original: Page) -> bool:
        is_marked = kind_of(page.first) & SINGLE_PAGE or SUB_IFDS in page.first
        return not is_marked and _may_be_copy(self._sizes[page.index], self._sizes[original.index])

    def _area(self, page: Page) -> int:
        size = self._sizes[page.index]
        return size.area if size else 0


def _append(members: list[Directory], directory: Directory) -> None:
    if len(members) < MAX_MEMBERS:
        members.append(directory)


def _size_of(directory: Directory) -> Size | None:
    try:
        return read_size(directory)
    except DecodeError:
        return None


def _may_be_copy(small: Size | None, large: Size | None) -> bool:
    """Whether one size is at most half the other, up to rounding, and of the same shape."""
    if small is None or large is None or small == large or not small.fits_in(large):
        return False
    return 2 * small.width <= large.width + 1 and same_shape(small, large)


def sub_directories(directory: Directory) -> Iterator[Directory]:
    """The SubIFDs that can be read."""
    for offset in islice(directory.integers(SUB_IFDS), MAX_MEMBERS):
        try:
            yield read_directory(directory.reader, offset)
        except DecodeError:
            continue


def without_unreadable(pages: Sequence[Page], can_open: Callable[[Page], bool]) -> list[Page]:
    """The first image, and the others that can be opened; one of those stored alike is tried."""
    tried: dict[object, bool] = {}

    def opens(page: Page) -> bool:
        form = _storage(page.first)
        if form not in tried:
            tried[form] = can_open(page)
        return tried[form]

    return [page for number, page in enumerate(pages) if number == 0 or opens(page)]


def _storage(directory: Directory) -> object:
    """The fields that decide whether an image can be read, without the places of its data."""
    entries = directory.entries
    return (
        tuple(entries),
        *[entries[tag].inline for tag in INLINE_TAGS if tag in entries],
        *[entries[tag].size for tag in COUNTED_TAGS if tag in entries],
    )
