"""What a file next to an image adds to its manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iipserve.errors import DecodeError
from iipserve.protocols.iiif.side_car import merged

ADDRESS = "http://example.org/iiif/manifest/a.tif"


def manifest() -> dict[str, Any]:
    """A manifest of two pages."""
    return {
        "id": ADDRESS,
        "type": "Manifest",
        "label": {"none": ["a.tif"]},
        "metadata": [
            {"label": {"en": ["Creator"]}, "value": {"none": ["A. Painter"]}},
            {"label": {"en": ["Date"]}, "value": {"none": ["1901"]}},
        ],
        "items": [
            {"id": f"{ADDRESS}/canvas/{n}", "type": "Canvas", "height": 5, "items": []} for n in (1, 2)
        ],
    }


def with_side_car(**members: Any) -> dict[str, Any]:
    return merged(manifest(), json.dumps(members).encode(), "a.tif.manifest.json")


def test_properties_are_replaced_and_identity_is_kept() -> None:
    found = with_side_car(
        id="http://evil.example", type="Collection", label={"de": ["Karte"]}, viewingDirection="right-to-left"
    )
    assert (found["id"], found["type"]) == (ADDRESS, "Manifest")
    assert found["label"] == {"de": ["Karte"]}
    assert found["viewingDirection"] == "right-to-left"
    assert found["items"] == manifest()["items"]


def test_metadata_precedes_that_of_the_image_and_replaces_the_same_label() -> None:
    found = with_side_car(metadata=[{"label": {"de": ["Urheber"], "en": ["Creator"]}, "value": "B. Painter"}])
    assert found["metadata"] == [
        {"label": {"de": ["Urheber"], "en": ["Creator"]}, "value": {"none": ["B. Painter"]}},
        manifest()["metadata"][1],
    ]


def test_pages_get_labels_in_order() -> None:
    found = with_side_car(items=[{"label": "recto", "height": 99}, {"label": {"en": ["verso"]}}])
    assert [page["label"] for page in found["items"]] == [{"none": ["recto"]}, {"en": ["verso"]}]
    assert [page["height"] for page in found["items"]] == [5, 5]
    assert len(with_side_car(items=[{"label": "recto"}])["items"]) == 2


def test_ranges_name_canvases_by_their_number() -> None:
    own = {
        "id": f"{ADDRESS}/range/1",
        "type": "Range",
        "items": [{"type": "Canvas", "id": "canvas/2#xywh=0,0,9,9"}],
    }
    (found,) = with_side_car(structures=[own])["structures"]
    assert found["items"] == [{"type": "Canvas", "id": f"{ADDRESS}/canvas/2#xywh=0,0,9,9"}]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (b"{", "Expecting"),
        (b"\xff", "utf-8"),
        (b"[]", "an object is needed"),
        (b'{"items": [{}, {}, {}]}', "3 entries, but the image has 2 pages"),
        (b'{"items": {}}', "list of objects"),
        (b'{"metadata": "x"}', "label and value"),
        (b'{"structures": ' + b"[" * 60 + b"]" * 60 + b"}", "levels"),
        (b"[" * 100_000, "cannot be added"),
    ],
)  # fmt: skip
def test_other_files_are_refused(stated: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as refused:
        merged(manifest(), stated, "a.tif.manifest.json")
    assert "a.tif.manifest.json" in str(refused.value)
