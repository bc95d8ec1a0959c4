"""Bodies in JSON that clients send, and patches of them."""

from __future__ import annotations

import io
from typing import Any

import pytest

from iipserve.errors import InvalidRequest
from iipserve.http import Body, Request
from iipserve.protocols.stac.bodies import json_object, json_value, merged, search_object


def request(content: bytes) -> Request:
    return Request("POST", "/", "", {}, Body(io.BytesIO(content), len(content)))


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "\xc3\xa4"]}', {"a": [1, 2.5, None, True, "ä"]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b' "\\ud83d\\ude00" ', "😀"),
        (b"[]", []),
    ],
)
def test_json(content: bytes, value: Any) -> None:
    assert json_value(request(content)) == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no body"),
        (b"  ", "no body"),
        (b"{", "line 1"),
        (b'{"a": 1,}', "line 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 9223372036854775808}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": "\\u0000"}', "U+0000"),
        (b'{"a\\u0000": 1}', "U+0000"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 100_000, "in one another"),
        (b"[" * 100 + b"]" * 100, "in one another"),
        (b'{"a": "\xff"}', "UTF-8"),
    ],
)
def test_what_cannot_be_kept_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said.replace("+", r"\+")):
        json_value(request(content))


def test_an_object_is_needed() -> None:
    with pytest.raises(InvalidRequest, match="an array"):
        json_object(request(b"[]"))


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_specification_of_patches(value: Any, patch: Any, result: Any) -> None:
    """RFC 7396, appendix A."""
    assert merged(value, patch) == result


FORM = "application/x-www-form-urlencoded; charset=UTF-8"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"limit": 3}', {"limit": 3}),
        (b"{'collections':[\"island\"],'limit':20}", {"collections": ["island"], "limit": 20}),
        (
            b"{'query':{'eo:cloud_cover':{'lt':5.5}},'fields':{},'a':null,'b':true}",
            {"query": {"eo:cloud_cover": {"lt": 5.5}}, "fields": {}, "a": None, "b": True},
        ),
        (b'{\'ids\':["a \'x\': b","50%25 %26 &lt;c&gt; \\"d\\""]}', {"ids": ["a 'x': b", '50% & <c> "d"']}),
        (b"{'a':\"%2526\"}", {"a": "%26"}),
    ],
)
def test_searches_as_the_client_of_supermap_posts_them(content: bytes, value: Any) -> None:
    posted = request(content)._replace(environ={"CONTENT_TYPE": FORM})
    assert search_object(posted) == value


@pytest.mark.parametrize("content", [b"{'a':NaN}", b"{'a':1e999}", b"{'a", b"{'a':'b'}", b"[1]", b"a=1", b""])
def test_malformed_searches_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        search_object(request(content)._replace(environ={"CONTENT_TYPE": FORM}))
