"""The keys of the table `[collections]` of the service file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iipserve.geo.collection_settings import SERVICES
from iipserve.geo.service.key_kinds import LINES, Key
from iipserve.geo.service.readers import Choice, Folders, Identifier, Several, Switch, Text

STORE = "collections.store"
"""Option of the service: empty without the section."""
PATHS = ("store", "tokens", "overview_folder", "upload_folder")
"""Keys whose values are paths."""
PAIRS = ("roots", "watch")
"""Keys whose values are names and paths."""

COLLECTIONS = {
    "name": Key(Identifier(), '"archive"', "Name of the service of collections.", "collections"),
    "description": Key(LINES, '"Aerial images from 1950 on."', "What the collections are about.", ""),
    "store": Key(
        Text(), '"archive.sqlite"',
        "Where collections are kept: the path of an SQLite file, relative to the service file, or the address of a database of "
        "PostgreSQL, `postgresql://user@host/name`.", "collections.sqlite",
    ),
    "services": Key(
        Several(Choice(SERVICES), f"a list out of {', '.join(SERVICES)}"), '["rest", "wmts", "wms"]',
        "Services that show each collection as a layer; `rest` is STAC, OGC API and `/xyz/`.", SERVICES[:1],
    ),
    "editable": Key(Switch(), "true", "Whether collections and images may be added, changed and deleted over HTTP.", False),
    "downloadable": Key(Switch(), "true", "Whether the files of images may be fetched.", False),
    "tokens": Key(
        Text(), '"tokens.txt"',
        "File of those who may edit, a line for each: SHA-256 of a token in hexadecimal digits, and a name. Without it, only "
        "clients on the same host may.", "",
    ),
    "roots": Key(
        Folders(), '[["archive", "/data/archive"]]',
        "The only folders below FILESYSTEM_PREFIX whose images may be added, by names with which references may begin: "
        "`archive:1950/a.tif`; any folder there if it is left out.", (),
    ),
    "overview_folder": Key(
        Text(), '"overviews"', "Where `iipserve collection overview` builds overviews, and maps look for them: a folder below FILESYSTEM_PREFIX.", ""
    ),
    "upload_folder": Key(
        Text(), '"uploads"', "Where uploaded images are kept: a folder below FILESYSTEM_PREFIX. None are accepted without it.", ""
    ),
    "watch": Key(
        Folders(), '[["aerial", "incoming"]]', "Collections, and the folders below FILESYSTEM_PREFIX whose new images are added to them as they come.", ()
    ),
}  # fmt: skip


def absolute(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of the table with absolute paths.

    Args:
        values: of the checked table, with the defaults.
        folder: of the service file.
    """
    found = dict(values)
    for key in PATHS:
        if found[key] and "://" not in found[key]:
            found[key] = str(folder.absolute() / found[key])
    for key in PAIRS:
        found[key] = tuple((name, str(folder.absolute() / path)) for name, path in found[key])
    return found
