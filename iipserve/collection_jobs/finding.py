"""The images that references name: files, folders, patterns."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from iipserve.engine.item_roots import ItemRoots
from iipserve.engine.layer_names import is_side_file
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError, InvalidRequest

ANY_DEPTH = "**"
"""Stands for any number of folders in a pattern."""


class Finder:
    """Finds the images that references name."""

    def __init__(self, roots: ItemRoots, library: Library, place: Callable[[str], str]) -> None:
        """Look only below the roots.

        Args:
            roots: of files that may become items.
            library: knows images by their first bytes.
            place: the path that a reference means, or a pattern of paths.
        """
        self._roots = roots
        self._library = library
        self._place = place

    def identifiers(self, references: Iterable[str]) -> Iterator[str]:
        """Those of all images that references name, each once.

        Files that are named count whatever they are; of folders and patterns, those that look like images.

        Raises:
            InvalidRequest: a reference names nothing.
            Forbidden: it is not below the folder of images.
        """
        found: set[str] = set()
        for reference in references:
            named = False
            for identifier in self._named(reference):
                named = True
                if identifier not in found:
                    found.add(identifier)
                    yield identifier
            if not named:
                raise InvalidRequest(f"{reference!r} holds no image that is below the folder of images")

    def _named(self, reference: str) -> Iterator[str]:
        path = self._place(reference)
        if os.path.isdir(path):
            yield from self._images(files_below(path))
        elif os.path.exists(path) or not glob.has_magic(path):
            yield self._roots.identifier(path if os.path.exists(path) else reference)
        else:
            names = list(matching(path))
            if not names:
                raise InvalidRequest(f"no file matches {reference!r}")
            yield from self._images(names)

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Identifiers and paths of all files below a folder, whatever they are.

        Raises:
            InvalidRequest: there is no such folder.
        """
        path = self._place(folder)
        if not os.path.isdir(path):
            raise InvalidRequest(f"there is no folder {folder!r}")
        yield from self._files(files_below(path))

    def _images(self, paths: Iterable[str]) -> Iterator[str]:
        """The identifiers of files that look like images."""
        for identifier, path in self._files(paths):
            if self._library.is_image(path):
                yield identifier

    def _files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Identifiers and paths of files that may be images."""
        for path in paths:
            if is_side_file(path):
                continue
            try:
                identifier = self._roots.identifier(path)
            except IIPServeError:
                continue
            yield identifier, self._roots.path(identifier)


def files_below(folder: str) -> Iterator[str]:
    """Paths of all files below a folder, in alphabetical order, without hidden ones; links to folders are not followed."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))


def matching(pattern: str) -> Iterator[str]:
    """Paths of files that match an absolute pattern, or are in a folder that does: `*`, `?`, `[a-z]`, and `**` for folders."""
    parts = pattern.split("/")
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    folder = "/".join(parts[:first]) or "/"
    for path in files_below(folder):
        if _matches(os.path.relpath(path, folder).split("/"), parts[first:]):
            yield path


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path, or a folder above it, matches a pattern."""
    reached = _skipping({0}, pattern)
    for name in names:
        after = {each for each in reached if each < len(pattern) and pattern[each] == ANY_DEPTH}
        after |= {
            each + 1
            for each in reached
            if each < len(pattern) and pattern[each] != ANY_DEPTH and fnmatch.fnmatchcase(name, pattern[each])
        }
        reached = _skipping(after, pattern)
        if len(pattern) in reached:
            return True
    return False


def _skipping(reached: set[int], pattern: Sequence[str]) -> set[int]:
    """Parts of a pattern that the next name may match, where `**` may stand for no folder."""
    found = set(reached)
    for each in sorted(reached):
        while each < len(pattern) and pattern[each] == ANY_DEPTH:
            each += 1
            found.add(each)
    return found
