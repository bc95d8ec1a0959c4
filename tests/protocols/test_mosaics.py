"""The images of a mosaic: which can be opened, and what clients and the log learn of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from iipserve.errors import (
    DecodeError,
    ImageNotFound,
    ImageUnavailable,
    InvalidRequest,
    NotInstalled,
    Overloaded,
    UnsupportedImage,
)
from iipserve.geo.grid import Bounds
from iipserve.geo.image_index import IndexedImage
from iipserve.image import ImageInfo, ImageName
from iipserve.protocols import Images
from iipserve.protocols.mosaics import Members, open_members
from tests.engine.mosaics import collection_image, random_pixels
from tests.protocols.client import SERVER

IMAGE = collection_image("a.tif", random_pixels(1, (10, 10), 3))
INDEXED = [
    IndexedImage(ImageName(f"{index}.tif"), Bounds(0, 0, 1, 1), identifier=f"scene {index}")
    for index in range(10)
]
SERVICE = replace(SERVER, geo_image=lambda info: IMAGE.member.geo)


def opened(errors: Mapping[str, Exception], *, is_cut: bool = False) -> tuple[Members, Images]:
    """The members of a mosaic of ten images, of which some cannot be opened."""

    def look_up(name: ImageName) -> ImageInfo:
        if name.identifier in errors:
            raise errors[name.identifier]
        return replace(IMAGE.source.info, identifier=name.identifier)

    images = Images()
    images.look_up = look_up
    return open_members(INDEXED, SERVICE, images, is_cut=is_cut), images


@pytest.mark.parametrize(
    "error",
    [ImageNotFound, UnsupportedImage, DecodeError, ImageUnavailable, InvalidRequest],
    ids=lambda error: error.__name__,
)
def test_one_of_ten_is_missing(error: type[Exception]) -> None:
    members, images = opened({"3.tif": error("it is at fault")})
    assert [member.info.identifier for member in members.present] == [
        f"{index}.tif" for index in range(10) if index != 3
    ]
    headers = dict(images.headers)
    assert headers["Warning"] == '199 iipserve "1 of 10 images cannot be read: scene 3"'
    assert headers["Cache-Control"] == "no-cache"
    assert not images.is_lasting


def test_many_missing_images_are_counted() -> None:
    errors = {f"{index}.tif": ImageNotFound("there is none") for index in range(8)}
    _, images = opened(errors, is_cut=True)
    listed = ", ".join(f"scene {index}" for index in range(5))
    assert images.headers == (
        ("Warning", f'199 iipserve "8 of 10 images cannot be read: {listed} and 3 more"'),
        ("Cache-Control", "no-cache"),
        ("Warning", '199 iipserve "50 images are shown, further ones are left out"'),
    )


def test_nothing_is_said_of_images_that_can_be_opened() -> None:
    members, images = opened({})
    assert len(members.present) == 10
    assert images.headers == ()
    assert images.is_lasting


@pytest.mark.parametrize("error", [Overloaded("busy"), NotInstalled("pyproj")], ids=lambda error: str(error))
def test_what_is_wrong_with_the_server_is_no_fault_of_an_image(error: Exception) -> None:
    with pytest.raises(type(error)):
        opened({"3.tif": error})
