"""Files of images that clients fetch and upload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iipserve import app
from tests.geo_rasters import KINDS
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_changes import change, feature, folder, ids, service, value
from tests.test_app import body as body_of
from tests.test_app import header

__all__ = ["folder", "service"]

ITEM = "collections/c/items/utm.tif"
IMAGE = f"{ITEM}/assets/image"


def content(response: object) -> bytes:
    body = response.body  # type: ignore[attr-defined]
    return body if isinstance(body, bytes) else b"".join(body)


def test_the_file_of_an_image_is_fetched_whole_and_in_parts(service: app.Application, folder: Path) -> None:
    found = value(change(service, "POST", "collections/c/items", {"href": "scenes/utm.tif"}), 201)
    address = found["assets"]["image"]["href"]
    assert address == f"{ROOT}{IMAGE}"
    expected = (folder / "scenes" / "utm.tif").read_bytes()
    whole = ask(service, address)
    assert content(whole) == expected
    assert header(whole, "Content-Disposition") == 'attachment; filename="utm.tif"'
    assert header(whole, "Content-Type") == "image/tiff; application=geotiff"
    part = ask(service, address, HTTP_RANGE="bytes=100-199")
    assert (part.status, content(part)) == (206, expected[100:200])
    head = ask(service, address, "HEAD")
    assert (head.status, head.body, header(head, "Content-Length")) == (200, b"", str(len(expected)))
    after = ask(service, address, HTTP_RANGE="bytes=99999999-")
    assert (after.status, header(after, "Content-Range")) == (416, f"bytes */{len(expected)}")
    assert ask(service, address, HTTP_IF_NONE_MATCH=str(header(whole, "ETag"))).status == 304
    assert ask(service, f"{ROOT}{ITEM}/assets/other").status == 404


def test_an_item_without_a_file_has_none_to_fetch(service: app.Application) -> None:
    value(change(service, "POST", "collections/c/items", feature("a")), 201)
    assert ask(service, f"{ROOT}collections/c/items/a/assets/image").status == 404


def test_an_image_is_uploaded_and_replaced(service: app.Application, folder: Path, tmp_path: Path) -> None:
    first, second = (KINDS[kind](tmp_path).read_bytes() for kind in ("utm", "wgs84"))
    created = change(service, "PUT", IMAGE, first, CONTENT_TYPE="image/tiff")
    assert value(created, 201)["properties"]["proj:code"] == "EPSG:32633"
    assert header(created, "Location") == f"{ROOT}{ITEM}"
    assert content(ask(service, f"{ROOT}{IMAGE}")) == first
    value(change(service, "PATCH", ITEM, {"properties": {"title": "T"}}))
    tag = str(header(ask(service, f"{ROOT}{ITEM}"), "ETag"))
    replaced = value(change(service, "PUT", IMAGE, second, CONTENT_TYPE="", HTTP_IF_MATCH=tag))
    assert (replaced["properties"]["proj:code"], replaced["properties"]["title"]) == ("EPSG:4326", "T")
    assert content(ask(service, f"{ROOT}{IMAGE}")) == second
    assert change(service, "PUT", IMAGE, first, HTTP_IF_MATCH=tag).status == 412
    assert change(service, "PUT", IMAGE, first, HTTP_IF_NONE_MATCH="*").status == 412
    assert sorted(os.listdir(folder / "uploads" / "c")) == ["utm.tif"]


@pytest.mark.parametrize(
    ("id", "body", "status"),
    [
        ("a.tif", b"no image", 415),
        ("a.tif", b"<VRTDataset/>", 415),
        ("a.tif", b"", 400),
        ("a.vrt", b"II*\0", 403),
        ("a.tif.aux.xml", b"<PAMDataset/>", 403),
        ("a%2Fb.tif", b"II*\0", 400),
        ("..%2Fa.tif", b"II*\0", 400),
        ("%2E%2E", b"II*\0", 400),
        ("a%00.tif", b"II*\0", 400),
        ("x" * 255 + ".tif", b"II*\0", 400),
        ("%E5%BD%B1" * 200, b"II*\0", 400),
        (".upload-1.tif", b"II*\0", 400),
    ],
)
def test_what_is_no_image_leaves_nothing(
    service: app.Application, folder: Path, id: str, body: bytes, status: int
) -> None:
    before = sorted(folder.rglob("*.*"))
    response = change(service, "PUT", f"collections/c/items/{id}/assets/image", body)
    assert response.status == status, body_of(response)
    assert str(folder).encode() not in body_of(response)
    assert sorted(folder.rglob("*.*")) == before
    assert ids(service) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_CONTENT_RANGE": "bytes 0-10/100"}, 400),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        ({"HTTP_CONTENT_ENCODING": "identity"}, 200),
    ],
    ids=["part", "compressed", "whole"],
)
def test_a_part_of_a_file_does_not_replace_it(
    service: app.Application, folder: Path, headers: dict[str, str], status: int
) -> None:
    body = (folder / "scenes" / "utm.tif").read_bytes()
    assert change(service, "PUT", IMAGE, body).status == 201
    response = change(service, "PUT", IMAGE, body, **headers)
    assert response.status == status, body_of(response)
