"""XML as text, read back by lxml."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from iipserve.errors import Overloaded
from iipserve.geo.ows import xml
from iipserve.geo.ows.exceptions import OperationNotSupported, OwsError, exception_report


def is_allowed(character: str) -> bool:
    """XML 1.0 section 2.2, production 2."""
    code = ord(character)
    return (
        code in (9, 10, 13)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_read_back(text: str) -> None:
    written = xml.document(
        xml.element("a", xml.element("b", text), attributes={"c": text.replace("\n", "").replace("\t", "")})
    )
    root = etree.fromstring(written)
    expected = "".join(character if is_allowed(character) else "\ufffd" for character in text)
    assert (root[0].text or "") == expected
    assert root.get("c") == expected.replace("\n", "").replace("\t", "")


def test_elements_are_not_escaped_twice() -> None:
    inner = xml.element("b", "1 < 2 & 3")
    assert xml.element("a", inner, "&", xml.NOTHING) == "<a><b>1 &lt; 2 &amp; 3</b>&amp;</a>"
    assert xml.element("a") == "<a/>"
    assert xml.several("a", ["<", "b"]) == "<a>&lt;</a><a>b</a>"
    assert xml.optional("a", "") == ""


OWS = "{http://www.opengis.net/ows/1.1}"


def test_exception_reports() -> None:
    root = etree.fromstring(
        exception_report(OwsError("InvalidParameterValue", "no <layer> 'a&b'", "layer"), "1.0.0")
    )
    assert (root.tag, root.get("version")) == (f"{OWS}ExceptionReport", "1.0.0")
    (exception,) = root
    assert dict(exception.attrib) == {"exceptionCode": "InvalidParameterValue", "locator": "layer"}
    assert exception[0].text == "no <layer> 'a&b'"


def test_exceptions_of_every_kind_have_a_code() -> None:
    codes = {
        "OperationNotSupported": OperationNotSupported("no", "GetFeatureInfo"),
        "NoApplicableCode": Overloaded("later"),
    }
    for code, error in codes.items():
        assert etree.fromstring(exception_report(error, "1.0.0"))[0].get("exceptionCode") == code
