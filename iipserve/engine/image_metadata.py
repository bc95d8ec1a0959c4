"""Items of metadata in image files, by name, whoever wrote them: TIFF fields, Exif, GDAL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from iipserve.containers import exif
from iipserve.containers.ifd import VARIANTS, Reader, read_chain
from iipserve.engine.image_files import OpenedFile
from iipserve.errors import DecodeError
from iipserve.geo.xml import parsed
from iipserve.image import ImageInfo

GDAL_METADATA = 42112
DATE_TIME_ORIGINAL = 36867
"""Of the Exif directory: when a picture was taken."""
MAX_ITEM = 1000
"""Characters of an item."""
MAX_ITEMS = 500
HEAD_LENGTH = 4


def metadata_of(info: ImageInfo, file: OpenedFile) -> dict[str, str]:
    """Items of metadata of a file, names in lower case.

    Args:
        info: of the image.
        file: of the image.
    """
    found = {name.lower(): text for name, text in info.text.items()}
    found |= dict(_exif_items(info.exif))
    for name, text in _gdal_items(file):
        if len(found) < MAX_ITEMS:
            found.setdefault(name.lower(), text)
    return {name: text[:MAX_ITEM].strip() for name, text in found.items()}


def _exif_items(block: bytes | None) -> Iterator[tuple[str, str]]:
    fields = exif.read(block) if block else None
    for field in fields.exif_ifd if fields else ():
        if field.tag == DATE_TIME_ORIGINAL:
            yield "datetime_original", field.value.decode("ascii", "replace").rstrip("\0 ")


def _gdal_items(file: OpenedFile) -> Iterator[tuple[str, str]]:
    """Items that GDAL keeps in TIFF, of any domain."""
    head = file.read_at(HEAD_LENGTH, 0)
    if head not in VARIANTS:
        return
    document = b""
    with suppress(DecodeError):
        document = next(read_chain(Reader.of(file.read_at, head, file.length))).data(GDAL_METADATA)
    root: Any = parsed(document.rstrip(b"\0 ")) if document else None
    for item in root.iter("Item") if root is not None else ():
        if item.get("name") and item.get("sample") is None:
            yield item.get("name"), item.text or ""
