"""Tile indexes: shapefiles with one image for each row, its footprint and attributes (gdaltindex; MapServer, TILEINDEX)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo import crs
from iipserve.geo.grid import Bounds
from iipserve.geo.image_index import IndexedImage
from iipserve.geo.service import files
from iipserve.geo.service.image_paths import ImagePaths
from iipserve.image import ImageName

MAX_LENGTH = 64 << 20
"""Bytes of each file of an index."""
MAX_WKT = 1 << 16
"""Bytes of the text of a coordinate reference system."""
MAX_ROWS = 100_000
USUAL_ITEM = "location"
"""Attribute with the path of an image."""


def read(values: Mapping[str, Any], folder: Path, config: Config) -> tuple[IndexedImage, ...]:
    """The images of a layer, in the order of its index.

    Args:
        values: of the checked table of the layer: `tile_index` and other keys.
        folder: of the service file.
        config: the settings.

    Raises:
        ConfigError: the index cannot be read, has no image that is below FILESYSTEM_PREFIX, or too many.
    """
    path = Path(os.path.abspath(folder / values["tile_index"]))
    base = values.get("tile_folder") or str(path.parent)
    item = values.get("tile_item", USUAL_ITEM).lower()
    chosen, paths = values.get("tile_filter"), ImagePaths(config)
    found = []
    for bounds, attributes in _rows(path):
        if item not in attributes:
            raise ConfigError(f"layer.tile_item is {item!r}, but {path.name} has {', '.join(attributes)}")
        identifier = paths.identifier(attributes[item], os.path.join(folder, base))
        if identifier is None or (chosen and attributes.get(chosen[0].lower()) != chosen[1]):
            continue
        found.append(IndexedImage(ImageName(identifier), bounds, tuple(attributes.items())))
    if not found:
        raise ConfigError(f"{path.name} names no image that is below FILESYSTEM_PREFIX")
    return tuple(found)


def system(values: Mapping[str, Any], folder: Path) -> str:
    """The key of the coordinate reference system of an index (`.prj`); empty where it does not say."""
    with suppress(ConfigError):
        text = files.content(_part(Path(os.path.abspath(folder / values["tile_index"])), "prj"), MAX_WKT).data
        return crs.key_of_wkt(text.decode("utf-8", "replace").strip()) or ""
    return ""


def is_there(path: Path) -> bool:
    """Whether there is a shapefile of a name, which may lack its extension; in a worker, as it was when it was taken over."""
    try:
        files.content(_part(path, "shp"), MAX_LENGTH)
    except ConfigError:
        return False
    return True


def _part(path: Path, extension: str) -> Path:
    """One of the files of a shapefile."""
    stem = path.with_suffix("") if path.suffix.lower() in (".shp", ".dbf") else path
    return Path(f"{stem}.{extension}")


def _rows(path: Path) -> Iterator[tuple[Bounds, dict[str, str]]]:
    """The footprint and the attributes of each row. Raises `ConfigError`."""
    try:
        import shapefile
    except ImportError as error:
        raise ConfigError("tile_index needs pyshp, which pip install 'iipserve[geo]' installs") from error
    parts = {end: files.content(_part(path, end), MAX_LENGTH).data for end in ("shp", "dbf")}
    encoding = "utf-8"
    with suppress(ConfigError):
        encoding = files.content(_part(path, "cpg"), 64).data.decode("ascii", "replace").strip() or encoding
    try:
        reader: Any = shapefile.Reader(
            **{end: BytesIO(data) for end, data in parts.items()}, encoding=encoding, encodingErrors="replace"
        )
        if len(reader) > MAX_ROWS:
            raise ConfigError(f"{path.name} has {len(reader)} rows; at most {MAX_ROWS} are read")
        names = [field[0].lower() for field in reader.fields if field[0] != "DeletionFlag"]
        for row in reader.iterShapeRecords():
            if row.shape.shapeType != shapefile.NULL:
                values = ["" if value is None else str(value).strip() for value in row.record]
                yield Bounds(*map(float, row.shape.bbox)), dict(zip(names, values, strict=False))
    except ConfigError:
        raise
    except Exception as error:  # the reader's own, and those of damaged files, of several unrelated classes
        raise ConfigError(f"{path.name} is no shapefile: {error}") from error
