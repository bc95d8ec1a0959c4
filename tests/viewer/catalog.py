"""A library of invented images, for tests of the page without files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iipserve.errors import IIPServeError, ImageNotFound
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level

TILE = Size(256, 256)


def image(name: str, *sizes: tuple[int, int], **facts: Any) -> ImageInfo:
    """An image of these level sizes, full size first; 12,345 bytes of TIFF, RGB if `facts` say nothing else."""
    known = {"bands": 3, "dtype": "uint8", "bits": 8, "color_space": ColorSpace.SRGB} | facts
    return ImageInfo(
        identifier=name,
        format="tiff",
        version=ImageVersion(1_700_000_000_000_000_000, 12_345),
        levels=tuple(Level(Size(*size), TILE) for size in sizes),
        tile=TILE,
        **known,
    )


class Catalog:
    """Names and what is known of each: an image, or the error that reading it raises."""

    def __init__(self, images: Mapping[str, ImageInfo | IIPServeError]) -> None:
        self._images = images

    def identifiers(self, limit: int) -> list[str]:
        """The first names."""
        return sorted(self._images)[:limit]

    def info(self, identifier: str) -> ImageInfo:
        """The image, or its error."""
        found = self._images.get(identifier, ImageNotFound(f"there is no image {identifier!r}"))
        if isinstance(found, IIPServeError):
            raise found
        return found
