"""Parameters of requests, against the rules of OWS Common and the octets that clients send."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.geo.ows import kvp
from iipserve.geo.ows.exceptions import OwsError
from iipserve.http import Body, Request

CASES = [
    ("names in any case", "Service=WMTS", "SERVICE", "WMTS"),
    ("the first of equal names", "layer=a&LAYER=b", "layer", "a"),
    ("the first, if it is empty", "layer=&LAYER=b", "layer", ""),
    ("empty is absent", "style=", "style", ""),
    ("no value", "style", "style", ""),
    ("plus is a space", "layer=a+b", "layer", "a b"),
    ("escaped plus", "layer=a%2Bb", "layer", "a+b"),
    ("decoded once", "layer=50%2525", "layer", "50%25"),
    ("UTF-8", "layer=%E5%BD%B1", "layer", "\u5f71"),
    ("octets as they are", "layer=\xe5\xbd\xb1", "layer", "\u5f71"),
    ("an equals sign in a value", "format=a=b", "format", "a=b"),
    ("malformed escapes stay", "layer=50%", "layer", "50%"),
    ("names are decoded", "L%41yer=a", "layer", "a"),
    ("nothing between ampersands", "&&layer=a&", "layer", "a"),
]


@pytest.mark.parametrize(("query", "name", "value"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_values(query: str, name: str, value: str) -> None:
    assert kvp.parse(query).get(name) == value


def test_every_value_of_a_name_that_occurs_again() -> None:
    found = kvp.parse("subset=x(1%2C2)&SUBSET=&Subset=y(3)&other=1")
    assert found.every("SUBSET") == ("x(1,2)", "y(3)")
    assert found.get("subset") == "x(1,2)"
    assert found.every("other") == ("1",)
    assert found.every("none") == ()


@pytest.mark.parametrize("query", ["layer=%FF", "layer=\xff", "layer=a%00b", "%FF=a"])
def test_text_that_is_none_is_refused(query: str) -> None:
    with pytest.raises(OwsError) as caught:
        kvp.parse(query)
    assert caught.value.code == "InvalidParameterValue"


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_forms_are_read_as_browsers_write_them(fields: dict[str, str]) -> None:
    text = urlencode(fields)
    if any("\0" in value for value in fields.values()):
        with pytest.raises(OwsError):
            kvp.parse(text)
    else:
        assert kvp.parse(text).values == fields


def test_a_posted_form_follows_the_query() -> None:
    form = b"layer=b&style=default"
    environ = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
    request = Request("POST", "/wmts", "LAYER=a", environ, Body(io.BytesIO(form), len(form)))
    assert kvp.read(request).values == {"layer": "a", "style": "default"}


def test_required_parameters() -> None:
    parameters = kvp.parse("layer=a&style=&tilerow=4x&tilecol=%D9%A1&i=-1&j=9999999999")
    assert parameters.required("layer") == "a"
    assert parameters.integer("i") == -1
    assert parameters.states("STYLE")
    assert not parameters.states("format")
    for name, code in (
        ("style", "MissingParameterValue"),
        ("format", "MissingParameterValue"),
        ("tilerow", "InvalidParameterValue"),
        ("tilecol", "InvalidParameterValue"),
        ("j", "InvalidParameterValue"),
    ):
        with pytest.raises(OwsError) as caught:
            parameters.integer(name)
        assert (caught.value.code, caught.value.locator) == (code, name)
