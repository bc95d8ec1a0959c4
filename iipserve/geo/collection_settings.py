"""What the service file says of collections of images: which store has them, and who may do what with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

REST, WMTS, WMTS_CHINA, WMS, WCS, MAPML = "rest", "wmts", "wmts-china", "wms", "wcs", "mapml"
SERVICES = (REST, WMTS, WMTS_CHINA, WMS, WCS, MAPML)
"""Through which collections can be published; `rest` is STAC, OGC API and `/xyz/`."""


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """The table `[collections]`. Paths are absolute; empty texts stand for what is not set."""

    store: str
    """Path of an SQLite file, or the address of a database of PostgreSQL."""
    name: str = "collections"
    """Of the service."""
    description: str = ""
    services: tuple[str, ...] = (REST,)
    """Out of `SERVICES`: those that show collections as layers."""
    editable: bool = False
    """Collections and images may be added, changed and deleted over HTTP."""
    downloadable: bool = False
    """The files of images may be fetched."""
    tokens: str = ""
    """Path of the file of hashes of tokens; without one, only clients on this host edit."""
    roots: tuple[tuple[str, str], ...] = ()
    """Names and folders of the only images that may be added; none: any below FILESYSTEM_PREFIX."""
    overview_folder: str = ""
    """Where overviews of collections are built."""
    upload_folder: str = ""
    """Where uploaded images are kept."""
    watch: tuple[tuple[str, str], ...] = ()
    """Names of collections, and folders whose new images are added to them."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CollectionSettings | None:
        """What options of a service say (`ServiceMetadata.options`); None where it has no collections."""
        if not options.get("collections.store"):
            return None
        names = [f"collections.{each.name}" for each in fields(cls)]
        known = {name.partition(".")[2]: options[name] for name in names if name in options}
        return cls(**known)

    def overview_path(self, collection: str) -> str:
        """Path of the overview of a collection, whether it is built or not; empty without a folder for them."""
        return f"{self.overview_folder}/{collection}.tif" if self.overview_folder else ""

    @property
    def is_database(self) -> bool:
        """The store is reached by an address."""
        return "://" in self.store
