"""The files that arguments of commands name: files, folders, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator

from iipserve.engine.item_roots import ItemRoots
from iipserve.engine.layer_names import is_side_file
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError, InvalidRequest


class Finder:
    """Finds the images that arguments name."""

    def __init__(self, roots: ItemRoots, library: Library) -> None:
        """Look only below the roots."""
        self._roots = roots
        self._library = library

    def identifiers(self, arguments: Iterable[str]) -> list[str]:
        """Those of all images that arguments name, each once.

        Files that are named count whatever they are; of folders and patterns, those that look like images.

        Raises:
            InvalidRequest: an argument names nothing.
            Forbidden: it is not below the folder of images.
        """
        found: dict[str, None] = {}
        for argument in arguments:
            named = dict.fromkeys(self._named(argument))
            if not named:
                raise InvalidRequest(f"{argument!r} holds no image that is below the folder of images")
            found |= named
        return list(found)

    def _named(self, argument: str) -> Iterator[str]:
        path = self._path(argument)
        if os.path.isdir(path):
            yield from self._images(self.files_below(path))
        elif os.path.exists(path) or not glob.has_magic(argument):
            yield self._roots.identifier(path if os.path.exists(path) else argument)
        else:
            names = sorted(glob.glob(path, recursive=True))
            if not names:
                raise InvalidRequest(f"no file matches {argument!r}")
            for name in names:
                yield from self._images(self.files_below(name) if os.path.isdir(name) else [name])

    def _path(self, argument: str) -> str:
        """The path that an argument means: relative to the current folder, else to that of images."""
        here = os.path.abspath(argument)
        there = self._roots.path(argument).removesuffix(self._roots.suffix)
        matches = glob.has_magic(argument) and glob.glob(here, recursive=True)
        return here if os.path.exists(here) or matches or os.path.isabs(argument) else there

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Identifiers and paths of all images below a folder.

        Raises:
            InvalidRequest: there is no such folder.
        """
        path = self._path(folder)
        if not os.path.isdir(path):
            raise InvalidRequest(f"there is no folder {folder!r}")
        for identifier in self._images(self.files_below(path)):
            yield identifier, self._roots.path(identifier)

    def files_below(self, folder: str) -> Iterator[str]:
        """Paths of all files below a folder, in alphabetical order, without hidden ones."""
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))

    def _images(self, paths: Iterable[str]) -> Iterator[str]:
        """The identifiers of files that look like images."""
        for path in paths:
            if is_side_file(path):
                continue
            try:
                identifier = self._roots.identifier(path)
            except IIPServeError:
                continue
            if self._library.is_image(self._roots.path(identifier)):
                yield identifier
