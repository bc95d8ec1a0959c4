"""Which files may become images of collections: those below FILESYSTEM_PREFIX, or below named folders in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from iipserve.config import Config
from iipserve.errors import ConfigError, Forbidden, InvalidRequest
from iipserve.geo.crs import quoted
from iipserve.geo.service.image_paths import ImagePaths

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_HREF = 1024
"""Characters."""
VIRTUAL = "/vsi"
"""Begins the names of GDAL's virtual file systems."""
REFERRING = (".vrt", ".xml", ".wms", ".gti", ".gti.gpkg")
"""Endings of files that name other files or addresses, of which nobody knows where they are."""
NONE: Mapping[str, str] = MappingProxyType({})


class ItemRoots:
    """Tells which identifiers references to files are. Opens nothing. Safe for many threads."""

    def __init__(self, config: Config, roots: Mapping[str, str] = NONE) -> None:
        """Take the folders.

        Args:
            config: the settings.
            roots: folders by the names that references may begin with (`scans:2024/a.tif`), absolute or relative to
                FILESYSTEM_PREFIX. If there are any, files elsewhere are refused.

        Raises:
            ConfigError: a folder is not below FILESYSTEM_PREFIX.
        """
        self._paths = ImagePaths(config)
        self._prefix = os.path.abspath(config.filesystem_prefix or ".")
        self.suffix = config.filesystem_suffix
        """What identifiers leave out of the names of files."""
        self._folders = {name: self._folder(name, folder) for name, folder in roots.items()}

    def identifier(self, href: str) -> str:
        """The identifier of the image that a reference names; whether there is one is not looked up.

        Args:
            href: an identifier, an absolute path, a `file` URL, or the name of a root, a colon and a path below it.

        Raises:
            InvalidRequest: it is not of these forms.
            Forbidden: it names a file elsewhere.
        """
        if not href or len(href) > MAX_HREF or CONTROL.search(href):
            raise InvalidRequest(f"{quoted(href)} does not name a file")
        path = self._path(href)
        if "\\" in path or any(part in (".", "..") for part in path.split("/")):
            raise InvalidRequest(
                f"{quoted(href)} contains '.', '..' or a backslash; give the full path of an image"
            )
        if path.lower().startswith(VIRTUAL) or path.lower().endswith(REFERRING):
            raise Forbidden(f"{quoted(href)} is not a file with pixels, which alone can be added")
        identifier = self._paths.identifier(path, self._prefix) if path.startswith("/") else path
        if not identifier or identifier.endswith("/") or not self._is_inside(identifier):
            raise Forbidden(f"{quoted(href)} is not below a folder whose images can be added")
        return identifier

    def place(self, href: str) -> str:
        """The path of what a reference names: a file, a folder, or a pattern of names; whether it is there is not looked up.

        Args:
            href: as of `identifier`, also with a slash at its end; `.` is the folder of all images, a root by its name and a
                colon its folder.

        Raises:
            InvalidRequest, Forbidden: as `identifier`.
        """
        name, colon, rest = href.partition(":")
        if colon and name in self._folders and not rest.strip("/"):
            return self._joined(self._folders[name])
        if href in (".", "./") and (not self._folders or "" in self._folders.values()):
            return self._joined("")
        return self._joined(self.identifier(href.rstrip("/") or href))

    def reference(self, path: str) -> str:
        """The reference to a file or folder at an absolute path, as `place` reads it. Raises as `identifier`."""
        return "." if os.path.normpath(path) == os.path.normpath(self._prefix) else self.identifier(path)

    def path(self, identifier: str) -> str:
        """The path of the file of an image."""
        return self._joined(f"{identifier}{self.suffix}")

    def _joined(self, path: str) -> str:
        return f"{self._prefix.rstrip('/')}/{path}"

    def _path(self, href: str) -> str:
        """A path, absolute or relative to the prefix."""
        name, colon, rest = href.partition(":")
        if colon and name in self._folders:
            folder = self._folders[name]
            return f"{folder}/{rest.lstrip('/')}" if folder else rest.lstrip("/")
        if not SCHEME.match(href):
            return href
        parts = urlsplit(href)
        if (
            parts.scheme.lower() != "file"
            or parts.netloc not in ("", "localhost")
            or parts.query
            or parts.fragment
        ):
            raise Forbidden(f"{quoted(href)} is not read; files below the folder of images can be added")
        try:
            path = unquote(parts.path, errors="strict")
        except UnicodeDecodeError:
            raise InvalidRequest(f"{quoted(href)} is not UTF-8") from None
        if CONTROL.search(path):
            raise InvalidRequest(f"{quoted(href)} does not name a file")
        return path

    def _is_inside(self, identifier: str) -> bool:
        """Whether a file or folder, and what a link in its path leads to, is below one of the folders, or of all images."""
        reals = [f"{os.path.realpath(path)}/" for path in {self.path(identifier), self._joined(identifier)}]
        for folder in self._folders.values() or ("",):
            whole = os.path.realpath(self._joined(folder)).rstrip("/")
            is_below = all(real.startswith(f"{whole}/") for real in reals)
            if is_below and (not folder or f"{identifier}/".startswith(f"{folder}/")):
                return True
        return False

    def _folder(self, name: str, folder: str) -> str:
        """A folder, relative to the prefix; empty for that itself."""
        path = os.path.normpath(os.path.join(self._prefix, folder))
        relative = os.path.relpath(path, self._prefix)
        if relative.partition("/")[0] == "..":
            raise ConfigError(f"the root {name!r} is {folder!r}, which is not below FILESYSTEM_PREFIX")
        return "" if relative == "." else relative
