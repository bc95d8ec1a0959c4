"""What makers of slide scanners write into their files: which image is a label, and how large padded levels are.

The conventions are those that OpenSlide and tifffile read: ImageDescription of Aperio, Leica (SCN), Ventana, Philips and
PerkinElmer (QPTIFF), and the fields of Hamamatsu (NDPI).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import (
    IMAGE_DESCRIPTION,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    NDPI_FORMAT,
    NDPI_MAGNIFICATION,
)
from iipserve.geometry import Size, TileGrid

MAX_DESCRIPTION = 64 * 1024
"""Bytes of a longer ImageDescription name no role."""


class Role(enum.Enum):
    """The role of an image that is not the main one of its file; the values are names of layers."""

    LABEL = "label"
    MACRO = "macro"
    """The whole glass slide, label included."""
    MAP = "map"
    """Of what was scanned."""
    THUMBNAIL = "thumbnail"


WORDS: Mapping[str, Role] = MappingProxyType(
    {
        "label": Role.LABEL,
        "macro": Role.MACRO,
        "overview": Role.MACRO,
        "map": Role.MAP,
        "probability": Role.MAP,
        "thumbnail": Role.THUMBNAIL,
    }
)
DESCRIBED = re.compile(
    # Ventana, Philips: the description is the name
    rf"\A({'|'.join(WORDS)})(?:[ _-]?image)?\Z"
    # Aperio: the first word of the second line
    rf"|\AAperio [^\r\n]*[\r\n]+({'|'.join(WORDS)})\b"
    # PerkinElmer
    rf"|<ImageType>({'|'.join(WORDS)})</ImageType>",
    re.IGNORECASE,
)
APERIO_THUMBNAIL = re.compile(r"\AAperio [^\r\n]*[\r\n]+\d+x\d+ -> \d+x\d+ ")
PERKIN_ELMER = "<PerkinElmer-QPI-ImageDescription"
LEICA = "http://www.leica-microsystems.com/scn/"
LEICA_ELEMENT = re.compile(r"<(collection|image|pixels|view)\b([^<>]*)>")
INTEGER_ATTRIBUTE = re.compile(r'\b(\w+)="(\d{1,18})"')
MAGNIFICATION_ROLES = {-1.0: Role.MACRO, -2.0: Role.MAP}
"""By Hamamatsu's magnification."""
PHILIPS = "DPUfsImport"
PHILIPS_SPACING = re.compile(r'"DICOM_PIXEL_SPACING"[^>]*>\s*(?:&quot;|")([\d.eE+-]+)(?:&quot;|")')
POWERS_OF_TWO = tuple(float(1 << power) for power in range(1, 24))


def role_of(file: Directory, directory: Directory) -> Role | None:
    """What an image is according to its description; None if that does not say.

    Args:
        file: the first directory, which shows the maker.
        directory: of an image in strips, or the first one.
    """
    if NDPI_FORMAT in file:
        return MAGNIFICATION_ROLES.get(next(iter(directory.reals(NDPI_MAGNIFICATION)), 0.0))
    if not 0 < directory.count(IMAGE_DESCRIPTION) <= MAX_DESCRIPTION:
        return None
    return _described_role(directory, directory.text(IMAGE_DESCRIPTION))


def _described_role(directory: Directory, text: str) -> Role | None:
    if APERIO_THUMBNAIL.search(text):
        return Role.THUMBNAIL
    if LEICA in text:
        size = directory.integer(IMAGE_WIDTH, 0), directory.integer(IMAGE_LENGTH, 0)
        return Role.MACRO if size in _leica_macros(text) else None
    found = DESCRIBED.search(text)
    return WORDS[next(word for word in found.groups() if word).lower()] if found else None


def _leica_macros(text: str) -> set[tuple[int, int]]:
    """Width and height of the images that show as much as the whole slide, which is that of the collection."""
    slide, pixels, view, found = (0, 0), (0, 0), None, set()
    for kind, content in LEICA_ELEMENT.findall(text):
        values = {name: int(value) for name, value in INTEGER_ATTRIBUTE.findall(content)}
        size = values.get("sizeX", 0), values.get("sizeY", 0)
        if kind == "collection":
            slide = size
        elif kind == "image":
            pixels, view = (0, 0), None
        elif kind == "pixels":
            pixels = size
        else:
            view = (*size, values.get("offsetX", 0), values.get("offsetY", 0))
        if view == (*slide, 0, 0):
            found.add(pixels)
    return found


def has_unmarked_copies(file: Directory) -> bool:
    """Whether directories of the same shape are smaller levels, though not marked so: those of Aperio, Hamamatsu and
    PerkinElmer.
    """
    if NDPI_FORMAT in file:
        return True
    described = 0 < file.count(IMAGE_DESCRIPTION) <= MAX_DESCRIPTION
    text = file.text(IMAGE_DESCRIPTION) if described else ""
    return text.startswith("Aperio ") or PERKIN_ELMER in text


def philips_reductions(full: Directory) -> tuple[float, ...]:
    """How many times smaller the levels of a Philips slide are, ascending; empty for other files.

    Their sizes are those of whole tiles; the true ones follow from the spacing of pixels.
    """
    text = full.text(IMAGE_DESCRIPTION)
    if PHILIPS not in text[:1024]:
        return ()
    try:
        spacings = sorted({float(found) for found in PHILIPS_SPACING.findall(text)})
    except ValueError:
        return ()
    return tuple(spacing / spacings[0] for spacing in spacings[1:] if spacings[0] > 0)


def cut_size(full: Size, padded: Size, tile: Size, reduction: float) -> Size | None:
    """The size of a level that is filled up to whole tiles, if `padded` is what that gives."""
    size = Size(max(1, int(full.width / reduction + 0.01)), max(1, int(full.height / reduction + 0.01)))
    grid = TileGrid(size, tile)
    whole = Size(grid.columns * tile.width, grid.rows * tile.height)
    return size if whole == padded != size else None
