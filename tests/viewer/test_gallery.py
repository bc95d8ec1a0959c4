"""The list of images as JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from iipserve import __version__
from iipserve.errors import DecodeError, ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.formats import Format, Formats
from iipserve.image import Angles, PhysicalResolution, StackLayer
from iipserve.viewer.gallery import (
    Offered,
    Offers,
    Selection,
    description,
    image_name,
    listing,
    neighbours,
    offered_formats,
)
from tests.viewer.catalog import Catalog, image

LIMITED = Offers(5000)


def listed(catalog: Catalog, query: str = "", offers: Offers = LIMITED) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(listing(catalog, catalog, Selection.from_query(query), offers))
    return answer


def names(answer: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in answer["images"]]


NUMBERED = Catalog({f"page {number:03}.tif": image("", (10, 10)) for number in range(130)})


def test_an_image_is_listed_with_what_is_known_of_it() -> None:
    catalog = Catalog({"maps/Köln 1571.tif": image("maps/Köln 1571.tif", (3073, 2680), (1536, 1340))})
    assert listed(catalog, "folder=maps") == {
        "server": f"iipserve {__version__}",
        "folder": "maps",
        "folders_total": 0,
        "total": 1,
        "complete": True,
        "offset": 0,
        "next": None,
        "max_export": 5000,
        "collection": False,
        "folders": [],
        "images": [
            {
                "name": "maps/Köln 1571.tif",
                "width": 3073,
                "height": 2680,
                "format": "tiff",
                "levels": 2,
                "pages": 1,
                "views": 1,
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
    assert (first["name"], first["detail"]) == ("a.tif", "'a.tif' ends in the middle")
    assert "damaged" in first["reason"]
    assert second["width"] == 10
    assert (third["name"], third["detail"]) == ("c.tif", "'c.tif' holds 16 bits per sample")
    assert "does not show" in third["reason"]


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
        pytest.param("filter=%E6%BC%A2", [], id="not ASCII"),
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


def test_unlimited_export() -> None:
    assert listed(NUMBERED, offers=Offers(None))["max_export"] is None


TREE = Catalog(
    {
        name: image(name, (10, 10))
        for name in (
            "IMG_10.tif", "IMG_2.tif", "Book 10/1.tif", "Book 9/page 2.tif", "Book 9/Page 10.tif", "Book 9/Köln/a.tif",
        )
    }
)  # fmt: skip


def test_a_folder_has_its_folders_and_images_in_natural_order() -> None:
    answer = listed(TREE)
    assert [(each["name"], each["folders"], each["images"], each["first"]) for each in answer["folders"]] == [
        ("Book 9", 1, 2, "Book 9/page 2.tif"),
        ("Book 10", 0, 1, "Book 10/1.tif"),
    ]
    assert (names(answer), answer["total"], answer["folders_total"]) == (["IMG_2.tif", "IMG_10.tif"], 2, 2)


def test_the_first_image_of_a_folder_that_can_be_read_stands_for_it() -> None:
    catalog = Catalog(
        {"a/1.tif": DecodeError(""), "a/2.tif": image("a/2.tif", (10, 10)), "b/1.tif": DecodeError("")}
    )
    assert [each["first"] for each in listed(catalog)["folders"]] == ["a/2.tif", None]


def test_parts_go_on_from_folders_to_images() -> None:
    first, second, third = (listed(TREE, f"offset={offset}&limit=1") for offset in (1, 2, 3))
    assert ([each["name"] for each in first["folders"]], names(first), first["next"]) == (["Book 10"], [], 2)
    assert (second["folders"], names(second), second["next"]) == ([], ["IMG_2.tif"], 3)
    assert (third["folders"], names(third), third["next"]) == ([], ["IMG_10.tif"], None)


def test_what_is_searched_is_below_the_folder() -> None:
    assert names(listed(TREE, "filter=book")) == [
        "Book 9/Köln/a.tif", "Book 9/page 2.tif", "Book 9/Page 10.tif", "Book 10/1.tif",
    ]  # fmt: skip
    assert names(listed(TREE, "folder=Book+9&filter=book")) == []
    assert names(listed(TREE, "folder=Book+9&filter=PAGE")) == ["Book 9/page 2.tif", "Book 9/Page 10.tif"]


@pytest.mark.parametrize("word", ["koln", "KÖLN", "ko\u0308ln"])
def test_letters_are_found_in_any_spelling(word: str) -> None:
    assert names(listed(TREE, f"filter={quote(word)}")) == ["Book 9/Köln/a.tif"]


def test_a_part_around_an_image_or_folder() -> None:
    answer = listed(NUMBERED, "around=page+100.tif&limit=10")
    assert (answer["offset"], names(answer)[5]) == (95, "page 100.tif")
    assert listed(TREE, "around=Book+10/&limit=2")["offset"] == 0
    assert listed(NUMBERED, "around=page+999.tif&limit=10")["offset"] == 0


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(ImageNotFound, match="no folder 'maps'"):
        listed(TREE, "folder=maps")


def test_a_folder_is_offered_as_a_collection_where_these_are_on() -> None:
    offers = Offers(collections=True)
    assert listed(TREE, "folder=Book+9", offers)["collection"]
    assert not listed(TREE, "filter=page", offers)["collection"]


def test_pages_are_counted_without_thumbnails_of_scanners() -> None:
    layers = (StackLayer("1"), StackLayer("2"), StackLayer("label", is_auxiliary=True))
    (entry,) = listed(Catalog({"a.tif": image("a.tif", (30, 20), stack=layers)}))["images"]
    assert entry["pages"] == 2


def test_views_of_a_sequence_are_counted() -> None:
    (entry,) = listed(Catalog({"a": image("a", (30, 20), angles=Angles((0, 120, 240), (60, 90)))}))["images"]
    assert entry["views"] == 6


def neighbours_of(name: str, query: str = "", catalog: Catalog = TREE) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(neighbours(catalog, catalog, f"name={quote(name)}&{query}"))
    return answer


def test_neighbours_are_those_of_the_folder() -> None:
    assert neighbours_of("IMG_10.tif") == {"previous": "IMG_2.tif", "next": None, "position": 2, "total": 2}
    assert neighbours_of("Book 9/page 2.tif", "folder=Book+9")["next"] == "Book 9/Page 10.tif"


def test_neighbours_are_those_that_were_found() -> None:
    found = neighbours_of("Book 9/Page 10.tif", "filter=1")
    assert (found["previous"], found["next"], found["position"]) == (None, "Book 10/1.tif", 1)


def test_neighbours_of_an_image_that_is_not_in_the_list_are_those_of_its_folder() -> None:
    assert neighbours_of("Book 9/page 2.tif", "filter=1")["next"] == "Book 9/Page 10.tif"


def test_what_cannot_be_read_is_no_neighbour() -> None:
    some = {f"{number}.tif": image("", (10, 10)) for number in (1, 4)}
    catalog = Catalog(some | {f"{number}.tif": DecodeError("") for number in (2, 3)})
    found = neighbours_of("1.tif", "", catalog)
    assert (found["next"], found["position"], found["total"]) == ("4.tif", 1, 4)


def test_an_image_that_is_not_there_has_no_neighbours() -> None:
    with pytest.raises(ImageNotFound, match=r"c\.tif"):
        neighbours_of("c.tif")


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
        "pages": 1,
        "views": 1,
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
