"""Image API 1.1: what its specification has and later ones do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.errors import InvalidRequest, InvalidSize
from iipserve.geometry import Size
from iipserve.image import ImageInfo
from iipserve.plan import Document
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.protocols.iiif import PROTOCOL
from tests.protocols.client import FORMATS, GRAY, IMAGE, ask, image, plan_of, text_of

PROFILE = '<http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2>;rel="profile"'


def described(info: ImageInfo = IMAGE, config: Config = Config()) -> dict[str, Any]:  # noqa: B008 (frozen)
    document: dict[str, Any] = json.loads(
        text_of(ask(PROTOCOL, "1/a%2Fb.tif/info.json", info, config, mount="/iiif/"))
    )
    return document


def test_description_complete() -> None:
    """Section 5."""
    document = described()
    assert next(iter(document)) == "@context"
    assert document == {
        "@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json",
        "@id": "http://example.org/iiif/1/a%2Fb.tif",
        "width": 3073,
        "height": 2680,
        "maxWidth": 5000,
        "maxHeight": 5000,
        "scale_factors": [1, 2, 4, 8, 16],
        "tile_width": 256,
        "tile_height": 256,
        "formats": list(FORMATS.by_extension),
        "qualities": ["native", "color", "grey", "bitonal"],
        "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2",
    }


def test_gray_images_list_no_color() -> None:
    assert described(GRAY)["qualities"] == ["native", "grey", "bitonal"]


def test_tiles_that_are_not_square() -> None:
    document = described(image(1000, 700, (128, 64)))
    assert (document["tile_width"], document["tile_height"]) == (128, 64)
    assert document["scale_factors"] == [1, 2, 4, 8, 16]


def test_profile_is_in_every_answer() -> None:
    """Section 8. The version has no canonical form."""
    for target in ("1/a.tif/info.json", "1/a.tif/full/full/0/native.jpg"):
        assert dict(ask(PROTOCOL, target).headers)["Link"] == PROFILE


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_description_is_plain_json(accept: str | None) -> None:
    headers: dict[str, Any] = {} if accept is None else {"HTTP_ACCEPT": accept}
    content = ask(PROTOCOL, "1/a.tif/info.json", **headers).content
    assert isinstance(content, Document)
    assert content.media_type == "application/json"


@pytest.mark.parametrize(
    ("quality", "operations"),
    [("native", ()), ("color", ()), ("grey", (Grayscale(),)), ("bitonal", (Bitonal(),))],
)
def test_qualities(quality: str, operations: tuple[object, ...]) -> None:
    """Section 4.4."""
    assert plan_of(ask(PROTOCOL, f"1/a.tif/full/100,/0/{quality}.jpg")).operations == operations


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("full", (3073, 2680)),
        ("150,75", (150, 75)),
        ("!150,75", (86, 75)),
        ("100,", (100, 87)),
        (",100", (115, 100)),
        ("pct:50", (1537, 1340)),
        ("4000,", (4000, 3488)),
    ],
)
def test_sizes(size: str, expected: tuple[int, int]) -> None:
    """Section 4.2; a server may scale beyond the full size."""
    assert plan_of(ask(PROTOCOL, f"1/a.tif/full/{size}/0/native.jpg")).view.size == Size(*expected)


def test_no_caret() -> None:
    with pytest.raises(InvalidSize, match="does not exist in Image API 1"):
        ask(PROTOCOL, "1/a.tif/full/^100,/0/native.jpg")


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        (None, "jpeg"),
        ("*/*", "jpeg"),
        ("image/png", "png"),
        ("image/*;q=0.5, image/webp", "webp"),
        ("image/jpeg;q=0.1, image/tiff;q=0.2", "tiff"),
        ("text/html", "jpeg"),
    ],
)
def test_format_that_is_left_out_is_negotiated(accept: str | None, format: str) -> None:
    """Section 4.5: of the server's choosing where the Accept header decides nothing."""
    headers: dict[str, Any] = {} if accept is None else {"HTTP_ACCEPT": accept}
    answer = ask(PROTOCOL, "1/a.tif/full/full/0/native", **headers)
    assert plan_of(answer).encoding.format == format
    assert "Accept" in dict(answer.headers)["Vary"].split(", ")


def test_format_in_the_address_is_not_negotiated() -> None:
    answer = ask(PROTOCOL, "1/a.tif/full/full/0/native.png", HTTP_ACCEPT="image/jpeg")
    assert plan_of(answer).encoding.format == "png"
    assert "Accept" not in dict(answer.headers)["Vary"].split(", ")


def test_unknown_format_is_an_unsupported_media_type() -> None:
    """Section 6.2; later versions have 400."""
    for version, status in ((1, 415), (2, 400), (3, 400)):
        with pytest.raises(InvalidRequest) as caught:
            ask(PROTOCOL, f"{version}/a.tif/full/100,/0/color.xyz")
        assert caught.value.status == status


@pytest.mark.parametrize("version", [2, 3])
def test_later_versions_require_a_format(version: int) -> None:
    with pytest.raises(InvalidRequest, match=r"QUALITY\.FORMAT"):
        ask(PROTOCOL, f"{version}/a.tif/full/100,/0/default", HTTP_ACCEPT="image/png")


@pytest.mark.parametrize("last", ["foo", "native.", "NATIVE", "foo.jpg", ".jpg"])
def test_malformed_qualities(last: str) -> None:
    with pytest.raises(InvalidRequest):
        ask(PROTOCOL, f"1/a.tif/full/100,/0/{last}")


def test_version_of_the_settings() -> None:
    config = Config(iiif_version=1)
    answer = ask(PROTOCOL, "a.tif/full/full/0/native", config=config, by_path=False)
    assert dict(answer.headers)["Link"] == PROFILE
