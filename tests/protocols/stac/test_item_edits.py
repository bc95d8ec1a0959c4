"""What clients say of items: identifiers, times, places, references to files and addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds
from iipserve.protocols.stac.item_edits import item_edit

ROOT = "https://maps.example.org/img/"
NOON = "2024-07-01T12:00:00Z"
SQUARE = {"type": "Polygon", "coordinates": [[[10, 40], [11, 40], [11, 41], [10, 41], [10, 40]]]}


def feature(**members: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": "a", "geometry": SQUARE, "bbox": [10, 40, 11, 41],
        "properties": {"datetime": NOON}, "assets": {}, "links": [],
    } | members  # fmt: skip


def edit(value: Any, **options: str) -> Any:
    return item_edit(value, collection="c", root=ROOT, **options)


def test_members_of_an_item() -> None:
    properties = {"datetime": NOON, "title": "A", "created": NOON, "proj:code": "EPSG:3857"}
    found = edit(feature(properties=properties, stac_extensions=["https://example.org/x"], collection="c"))
    assert found.id == "a"
    assert found.times == (datetime(2024, 7, 1, 12, tzinfo=UTC), None, None)
    assert found.footprint.bounds == (Bounds(10, 40, 11, 41),)
    assert found.properties == {"title": "A", "proj:code": "EPSG:3857"}
    assert found.members == {"stac_extensions": ["https://example.org/x"]}
    assert found.file is None


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a/b"}, {"id": ""}, {"id": "."}, {"id": ".."}, {"id": "a\nb"}, {"id": "x" * 300}, {"id": 7}, {"id": None},
        {"id": " a"}, {"id": "a\u200f"},
        {"collection": "other"},
        {"type": "Point"}, {"type": 5},
        {"geometry": []}, {"geometry": {"type": "Circle"}}, {"geometry": {"type": "Polygon", "coordinates": []}},
        {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}},
        {"geometry": {"type": "Point", "coordinates": [3, 94]}}, {"geometry": {"type": "Point", "coordinates": [True, 4]}},
        {"bbox": [1, 2, 3]}, {"bbox": [1, 5, 2, 4]}, {"bbox": "1,2,3,4"}, {"bbox": [1, 2, None, 4]},
        {"properties": []}, {"properties": {"datetime": 5}}, {"properties": {"datetime": "2024-07-01"}},
        {"properties": {"datetime": "2024-07-01T12:00:00"}}, {"properties": {"start_datetime": NOON}},
        {"properties": {"start_datetime": NOON, "end_datetime": "2023-07-01T12:00:00Z"}},
        {"assets": []}, {"assets": {"a": 5}}, {"assets": {"a": {}}}, {"assets": {"a": {"href": 5}}},
        {"stac_extensions": 5}, {"stac_extensions": [5]}, {"providers": {}}, {"title": []},
        {"links": {}}, {"links": [5]}, {"links": [{"rel": "x"}]}, {"links": [{"href": "http://a/"}]},
    ],
    ids=str,
)  # fmt: skip
def test_malformed_items_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        edit(feature(**change))


@pytest.mark.parametrize("id", ["S2A_x.SAFE.v1.tif", "50%25", "影像 2024:a", "a.json", "..a", "x" * 255])
def test_identifiers_that_addresses_can_name(id: str) -> None:
    assert edit(feature(id=id)).id == id


def test_the_address_decides_which_item_it_is() -> None:
    assert edit(feature(id=None), id="b").id == "b"
    with pytest.raises(InvalidRequest, match="by its address"):
        edit(feature(id="a"), id="b")


@pytest.mark.parametrize(
    ("assets", "href"),
    [
        ({"image": {"href": "scenes/a.tif"}}, "scenes/a.tif"),
        ({"x": {"href": "scenes/a.tif", "roles": ["data"]}, "y": {"href": "b.tif"}}, "scenes/a.tif"),
        ({"thumb": {"href": "t.png", "roles": ["thumbnail"]}, "y": {"href": "b.tif"}}, "b.tif"),
        ({"thumb": {"href": "t.png", "roles": ["thumbnail"]}}, None),
        ({"image": {"href": "scans:2024/a.tif"}}, "scans:2024/a.tif"),
        ({"image": {"href": "file:///data/a.tif"}}, "file:///data/a.tif"),
        ({"image": {"href": f"{ROOT}stac/collections/c/items/a/assets/image"}}, None),
        ({"image": {"href": "https://example.com/a.tif"}}, None),
    ],
)
def test_the_asset_that_is_the_image(assets: dict[str, Any], href: str | None) -> None:
    found = edit(feature(assets=assets))
    assert (found.file and found.file.href) == href


def test_assets_and_links_elsewhere_are_kept() -> None:
    foreign = {"href": "https://example.com/a.tif", "roles": ["data"]}
    link = {"href": "https://example.com/", "rel": "license"}
    own = {"href": f"{ROOT}iiif/a/info.json"}
    found = edit(
        feature(
            assets={"b": foreign, "iiif": own},
            links=[link, {"href": f"{ROOT}x", "rel": "about"}, {"href": "../x", "rel": "self"}],
        )
    )
    assert found.members == {"assets": {"b": foreign}, "links": [link]}


def test_bands_of_an_earlier_version_are_those_of_this_one() -> None:
    """By the table of fields that the best practices of STAC 1.1 have."""
    eo = [
        {"name": "B04", "common_name": "red", "center_wavelength": 0.66, "full_width_half_max": 0.03},
        {"name": "B08", "common_name": "nir", "description": "Near infrared", "solar_illumination": 1040.0},
    ]
    raster = [
        {
            "nodata": 0,
            "data_type": "uint16",
            "bits_per_sample": 15,
            "scale": 1e-4,
            "offset": -0.1,
            "unit": "1",
        },
        {"sampling": "area", "spatial_resolution": 10, "statistics": {"mean": 3}},
    ]
    asset = {"href": "https://example.com/a.tif", "roles": ["data"], "eo:bands": eo, "raster:bands": raster}
    (kept,) = edit(feature(assets={"b": asset})).members["assets"].values()
    assert kept == {
        "href": asset["href"],
        "roles": ["data"],
        "bands": [
            {
                "name": "B04", "eo:common_name": "red", "eo:center_wavelength": 0.66, "eo:full_width_half_max": 0.03,
                "nodata": 0, "data_type": "uint16", "raster:bits_per_sample": 15, "raster:scale": 1e-4, "raster:offset": -0.1,
                "unit": "1",
            },
            {
                "name": "B08", "eo:common_name": "nir", "description": "Near infrared", "eo:solar_illumination": 1040.0,
                "raster:sampling": "area", "raster:spatial_resolution": 10, "statistics": {"mean": 3},
            },
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "asset",
    [{"eo:bands": 5}, {"raster:bands": [5]}, {"eo:bands": []}, {"bands": [{"name": "a"}]}, {}],
    ids=str,
)
def test_assets_without_earlier_bands_are_kept_as_they_are(asset: dict[str, Any]) -> None:
    stated = {"href": "https://example.com/a.tif", **asset}
    assert edit(feature(assets={"b": stated})).members["assets"] == {"b": stated}


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "vbscript://x", "http:x", "https://", "http://a b\x7f/"],
)  # fmt: skip
def test_addresses_that_clients_cannot_safely_follow_are_refused(href: str) -> None:
    with pytest.raises(InvalidRequest):
        edit(feature(assets={"a": {"href": href}}))
    with pytest.raises(InvalidRequest):
        edit(feature(links=[{"href": href, "rel": "about"}]))


def test_references_to_files() -> None:
    found = edit({"href": "a/b.tif", "id": "x", "properties": {"datetime": NOON, "eo:cloud_cover": 3}})
    assert (found.file.href, found.id, found.properties) == ("a/b.tif", "x", {"eo:cloud_cover": 3})
    assert edit("a/b.tif").file.href == "a/b.tif"


@pytest.mark.parametrize(
    "value", [5, None, [], {}, {"href": 5}, {"href": "a.tif", "file": 1}, {"href": "a", "id": "b/c"}]
)
def test_malformed_references_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        edit(value)
