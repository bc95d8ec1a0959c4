"""The list of images as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iipserve import __version__
from iipserve.errors import DecodeError, ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.formats import Format, Formats
from iipserve.image import Angles, PhysicalResolution, StackLayer
from iipserve.viewer import gallery
from iipserve.viewer.gallery import Offered, Selection, description, image_name, listing, offered_formats
from tests.viewer.catalog import Catalog, image


def listed(catalog: Catalog, query: str = "", max_size: int | None = 5000) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(listing(catalog, Selection.from_query(query), max_size))
    return answer


def names(answer: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in answer["images"]]


NUMBERED = Catalog({f"page {number:03}.tif": image("", (10, 10)) for number in range(130)})


def test_an_image_is_listed_with_what_is_known_of_it() -> None:
    catalog = Catalog({"maps/Köln 1571.tif": image("maps/Köln 1571.tif", (3073, 2680), (1536, 1340))})
    assert listed(catalog) == {
        "server": f"iipserve {__version__}",
        "total": 1,
        "complete": True,
        "next": None,
        "max_export": 5000,
        "images": [
            {
                "name": "maps/Köln 1571.tif",
                "width": 3073,
                "height": 2680,
                "format": "tiff",
                "levels": 2,
                "bands": 3,
                "samples": "8-bit integer",
                "tile": [256, 256],
                "bytes": 12345,
            }
        ],
    }


def test_an_image_that_cannot_be_read_is_listed_with_its_reason() -> None:
    catalog = Catalog(
        {
            "a.tif": DecodeError("'a.tif' ends in the middle"),
            "b.tif": image("b.tif", (10, 10)),
            "c.tif": UnsupportedImage("'c.tif' holds 16 bits per sample"),
        }
    )
    first, second, third = listed(catalog)["images"]
    assert first == {"name": "a.tif", "reason": "'a.tif' ends in the middle"}
    assert second["width"] == 10
    assert third == {"name": "c.tif", "reason": "'c.tif' holds 16 bits per sample"}


def test_a_file_name_that_is_not_utf_8_is_listed_with_the_reason() -> None:
    name = b"K\xf6ln.tif".decode("utf-8", "surrogateescape")
    (entry,) = listed(Catalog({name: image(name, (10, 10))}))["images"]
    assert entry["name"] == "K?ln.tif"
    assert "UTF-8" in entry["reason"]


def test_pages_follow_each_other_without_gap() -> None:
    found, following = [], 0
    while following is not None:
        answer = listed(NUMBERED, f"offset={following}&limit=50")
        found += names(answer)
        following = answer["next"]
        assert answer["total"] == 130
    assert found == [f"page {number:03}.tif" for number in range(130)]


def test_a_page_past_the_end_is_empty() -> None:
    answer = listed(NUMBERED, "offset=500")
    assert (answer["images"], answer["next"]) == ([], None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param("filter=015", ["page 015.tif"], id="part of the name"),
        pytest.param("filter=PAGE%20015", ["page 015.tif"], id="whatever the case"),
        pytest.param("filter=tif+015", ["page 015.tif"], id="words in any order"),
        pytest.param("filter=015+016", [], id="every word"),
        pytest.param("filter=%C3%A4", [], id="not ASCII"),
        pytest.param("filter=&limit=1", ["page 000.tif"], id="empty"),
        pytest.param("filter=[0-9]*", [], id="no pattern language"),
    ],
)
def test_filter(wanted: str, found: list[str]) -> None:
    assert names(listed(NUMBERED, wanted)) == found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("offset=-1", "offset is '-1'", id="negative"),
        pytest.param("offset=x", "offset is 'x'", id="no number"),
        pytest.param("offset=1e3", "offset is '1e3'", id="not whole"),
        pytest.param("limit=0", "1 to 200", id="nothing"),
        pytest.param("limit=201", "1 to 200", id="too many to open at once"),
        pytest.param("limit=" + "9" * 5000, "1 to 200", id="huge"),
        pytest.param("limit=%D9%A3", "1 to 200", id="digit of another script"),
        pytest.param("&".join("a=b" * 20), "only the fields", id="many fields"),
    ],
)
def test_refused(query: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Selection.from_query(query)


def test_a_list_that_was_cut_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MAX_LISTED", 100)
    answer = listed(NUMBERED)
    assert (answer["total"], answer["complete"]) == (100, False)


def test_unlimited_export() -> None:
    assert listed(NUMBERED, max_size=None)["max_export"] is None


FORMATS = Formats([
    Format("raw", "", "application/octet-stream", frozenset({1})),
    Format("tiff", "tif", "image/tiff", frozenset({1}), position=2),
    Format("jpeg", "jpg", "image/jpeg", frozenset({1}), max_side=65500, position=1),
])  # fmt: skip
OFFERED = Offered(colormaps=("hot", "viridis"), filters=("sobel",), formats=offered_formats(FORMATS))


def described(**facts: Any) -> dict[str, Any]:
    catalog = Catalog({"a.tif": image("a.tif", (30, 20), **facts)})
    answer: dict[str, Any] = json.loads(description(catalog, "a.tif", OFFERED))
    return answer


def test_one_image_is_described_with_what_can_be_chosen() -> None:
    assert described() == {
        "name": "a.tif",
        "width": 30,
        "height": 20,
        "format": "tiff",
        "levels": 1,
        "bands": 3,
        "samples": "8-bit integer",
        "tile": [256, 256],
        "bytes": 12345,
        "layers": [],
        "angles": [],
        "heights": [],
        "resolution": None,
        "colormaps": ["hot", "viridis"],
        "filters": ["sobel"],
        "formats": [{"name": "jpeg", "max_side": 65500}, {"name": "tiff", "max_side": None}],
        "mirador": False,
    }


def test_the_layers_of_a_stack_are_named() -> None:
    answer = described(stack=(StackLayer("365 nm"), StackLayer("Röntgen", 0.5)))
    assert answer["layers"] == ["365 nm", "Röntgen"]


def test_the_views_of_a_sequence_are_told() -> None:
    answer = described(angles=Angles((0, 120, 240), (60, 90)))
    assert (answer["angles"], answer["heights"]) == ([0, 120, 240], [60, 90])


@pytest.mark.parametrize(
    ("facts", "bands", "samples"),
    [
        pytest.param({"bands": 4, "has_alpha": True}, 3, "8-bit integer", id="opacity is no band"),
        pytest.param({"bands": 1, "dtype": "uint16", "bits": 12}, 1, "12-bit integer", id="12 bits"),
        pytest.param({"dtype": "int32", "bits": 32}, 3, "32-bit signed", id="signed"),
        pytest.param({"dtype": "float32", "bits": 64}, 3, "64-bit floating point", id="floating point"),
    ],
)
def test_samples(facts: dict[str, Any], bands: int, samples: str) -> None:
    answer = described(**facts)
    assert (answer["bands"], answer["samples"]) == (bands, samples)


def test_the_resolution_is_per_inch() -> None:
    assert described(resolution=PhysicalResolution(10_000, 5_000))["resolution"] == [254, 127]


def test_an_image_that_is_not_there_is_not_described() -> None:
    with pytest.raises(ImageNotFound, match=r"b\.tif"):
        description(Catalog({}), "b.tif", OFFERED)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        pytest.param("name=a.tif", "a.tif", id="plain"),
        pytest.param("name=K%C3%B6ln%20%26+more%2Fa.tif", "Köln & more/a.tif", id="encoded"),
    ],
)
def test_image_name(query: str, name: str) -> None:
    assert image_name(query) == name


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("name=", id="no name"),
        pytest.param("image=a.tif", id="another word"),
        pytest.param("name=a.tif&name=b.tif", id="twice"),
        pytest.param("name=a.tif&limit=1", id="more"),
    ],
)
def test_image_name_refused(query: str) -> None:
    with pytest.raises(InvalidRequest, match=r"image\.json\?name="):
        image_name(query)
