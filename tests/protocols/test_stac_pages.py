"""Pages of the STAC API: what they show of each kind of document, and that nothing in it is run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.protocols.stac_pages import POLICY, page

ROOT = "https://a.example/stac/"
EVIL = "<script>alert('\"&')</script>"


def link(rel: str, path: str, **more: str) -> dict[str, str]:
    return {"rel": rel, "href": ROOT + path, "type": "application/json", **more}


def item(name: str = "a.tif", **properties: Any) -> dict[str, Any]:
    ring = [[10.0, 50.0], [11.0, 50.0], [11.0, 51.0], [10.0, 51.0], [10.0, 50.0]]
    return {
        "type": "Feature",
        "id": name,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": "2024-05-14T10:30:00Z",
            "proj:shape": [800, 600],
            "gsd": 0.5,
            **properties,
        },
        "assets": {
            "image": {"href": f"{ROOT}collections/c/items/a.tif/assets/image", "type": "image/tiff"},
            "thumbnail": {
                "href": "https://a.example/iiif/a.tif/full/!256,256/0/default.jpg",
                "roles": ["thumbnail"],
            },
        },
        "links": [
            link("self", f"collections/c/items/{name}"),
            link("collection", "collections/c", title="Coast"),
        ],
    }


COLLECTION = {
    "type": "Collection",
    "id": "c",
    "title": "Coast",
    "description": "The coast",
    "license": "CC0-1.0",
    "extent": {
        "spatial": {"bbox": [[170, 0, -170, 5]]},
        "temporal": {"interval": [["2024-02-10T10:30:00Z", None]]},
    },
    "links": [
        link("self", "collections/c"),
        link("root", "", title="Survey"),
        link("items", "collections/c/items"),
    ],
}
ITEMS = {
    "type": "FeatureCollection",
    "features": [item(), item("b.tif")],
    "numberMatched": 12,
    "links": [
        link("self", "collections/c/items?limit=2&filter=gsd+%3C+1"),
        link("next", "collections/c/items?limit=2&token=x"),
        link("collection", "collections/c", title="Coast"),
    ],
}
CATALOG = {
    "type": "Catalog",
    "id": "survey",
    "description": "All images",
    "links": [
        link("self", ""),
        link("data", "collections", title="Collections"),
        link("search", "search", method="GET"),
        link("search", "search", method="POST"),
    ],
}
DOCUMENTS = {
    "catalog": CATALOG,
    "collections": {"collections": [COLLECTION], "links": [link("self", "collections")]},
    "collection": COLLECTION,
    "items": ITEMS,
    "item": item(),
    "conformance": {"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]},
    "nothing": {},
    "malformed": {
        "type": "Feature",
        "geometry": 5,
        "properties": None,
        "assets": None,
        "links": [{"rel": "self"}, 7],
    },
}


class Links(HTMLParser):
    """Texts of links by their addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = dict(attrs).get("href") or "" if tag == "a" else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.setdefault(self._open, data)
            self._open = ""


def text_of(name: str) -> str:
    return page("Title", DOCUMENTS[name]).decode()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_a_page_without_scripts(name: str) -> None:
    text = text_of(name)
    ElementTree.fromstring(re.sub(r"<meta[^>]*>|<!doctype html>\n", "", text))
    assert "<script" not in text
    assert not re.search(r"\sstyle=|\son\w+=", text)


def test_the_policy_runs_nothing() -> None:
    policy = dict(POLICY)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_items_are_listed_with_a_map_and_the_next_page() -> None:
    text = text_of("items")
    links = Links(text).found
    assert links[f"{ROOT}collections/c/items/a.tif"] in ("a.tif", "")
    assert links[f"{ROOT}collections/c/items?limit=2&token=x"] == "Next page"
    assert links[f"{ROOT}collections/c"] == "Coast"
    assert text.count('class="shape"') == 2
    assert "2 images of 12" in text
    assert "600 x 800" in text
    assert text.count("<img ") == 2


def test_the_form_repeats_what_was_searched_for() -> None:
    text = text_of("items")
    assert f'<form action="{ROOT}collections/c/items"' in text
    assert 'name="filter" value="gsd &lt; 1"' in text
    assert 'name="limit" value="2"' in text
    assert "token" not in text.partition("<form")[2].partition("</form>")[0]


def test_an_item_is_shown_with_its_picture_and_its_file() -> None:
    text = text_of("item")
    assert "!256,256/0/default.jpg" in text
    assert Links(text).found[f"{ROOT}collections/c/items/a.tif/assets/image"] == "image"
    assert "2024-05-14T10:30:00Z" in text


def test_a_box_across_the_seam_is_drawn_as_one() -> None:
    text = text_of("collection")
    (path,) = re.findall(r'class="shape" d="([^"]+)"', text)
    xs = [float(x) for x in re.findall(r"[ML](-?[\d.]+),", path)]
    assert max(xs) - min(xs) > 300
    assert "2024-02-10" in text


def test_texts_of_clients_are_escaped() -> None:
    value = item(EVIL, title=EVIL, **{EVIL: EVIL})
    value["assets"][EVIL] = {
        "href": f"javascript:{EVIL}",
        "title": EVIL,
        "type": EVIL,
        "roles": ["thumbnail"],
    }
    value["links"] += [{"rel": EVIL, "href": "javascript:alert(1)", "title": EVIL}]
    for document in (value, {"type": "FeatureCollection", "features": [value], "links": value["links"]}):
        text = page(EVIL, document).decode()
        assert "<script" not in text
        assert 'href="javascript:' not in text
        assert 'src="javascript:' not in text


def test_methods_other_than_get_are_no_links() -> None:
    assert text_of("catalog").count(f'<a href="{ROOT}search">') >= 1
    assert Links(text_of("catalog")).found[f"{ROOT}collections"] == "Collections"


NAMES = st.sampled_from(
    ["type", "title", "description", "geometry", "coordinates", "properties", "assets", "links", "href", "rel", "roles",
     "features", "collections", "extent", "spatial", "temporal", "bbox", "interval", "proj:shape", "gsd", "datetime",
     "numberMatched", "keywords", "thumbnail", "method", "id"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["Feature", "FeatureCollection", "Collection", "Catalog", "Polygon", "MultiPolygon", "self", "next", "items", "thumbnail",
     "http://a.example/?x", "GET", "", "\x00\ud800"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-200, 200) | st.floats(-1e300, 1e300) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=40,
)


@given(
    st.dictionaries(NAMES, VALUES, max_size=8),
    st.sampled_from(["Feature", "FeatureCollection", "Collection", "Catalog", ""]),
)
def test_members_of_any_type_make_a_page(value: dict[str, Any], kind: str) -> None:
    """Clients write members of items and collections, which extensions of STAC may define."""
    text = page("Title", {**value, "type": kind}).decode()
    assert text.endswith("</body></html>\n")
    assert 'href="javascript:' not in text
