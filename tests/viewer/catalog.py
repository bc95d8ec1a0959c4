"""A library of invented images, for tests of the page without files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iipserve.engine.folder_tree import Names, Summary
from iipserve.engine.natural_order import natural_key
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

    def names(self, folder: str) -> Names:
        """The folders and images in a folder; raises `ImageNotFound` if there are none."""
        begin = f"{folder}/" if folder else ""
        inside = [name[len(begin) :] for name in self._images if name.startswith(begin)]
        if folder and not inside:
            raise ImageNotFound(f"there is no folder {folder!r}")
        folders = {name.partition("/")[0] for name in inside if "/" in name}
        images = [begin + name for name in inside if "/" not in name]
        return Names(
            tuple(sorted(folders, key=natural_key)), tuple(sorted(images, key=natural_key)), is_complete=True
        )

    def below(self, folder: str) -> Names:
        """All images below a folder."""
        begin = f"{folder}/" if folder else ""
        found = sorted((name for name in self._images if name.startswith(begin)), key=natural_key)
        return Names((), tuple(found), is_complete=True)

    def summary(self, folder: str) -> Summary | None:
        """What is in a folder."""
        folders, images, is_complete = self.names(folder)
        return Summary(len(folders), len(images), images[:3], is_complete)

    def file_length(self, identifier: str) -> int | None:
        """12,345 bytes."""
        return 12_345

    def looks_like_image(self, identifier: str) -> bool:
        """Whether its extension is that of TIFF."""
        return identifier.endswith(".tif")

    def info(self, identifier: str) -> ImageInfo:
        """The image, or its error."""
        found = self._images.get(identifier, ImageNotFound(f"there is no image {identifier!r}"))
        if isinstance(found, IIPServeError):
            raise found
        return found
