"""TIME and further dimensions of requests (06-042, annexes C and D), and the operations of single layers."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.geo.ows.exceptions import OwsError
from iipserve.protocols.wms.dimension_values import checked
from iipserve.protocols.wms.query import Dimension
from tests.protocols.wms.services import INFO, MAP, read
from tests.protocols.wmts.catalogs import FakeCatalog, layer
from tests.protocols.wmts.services import kvp

EXTENT = "2014-01-01,2015-01-01,2016-07-01"
TIMED = layer("timed", metadata=MappingProxyType({"timeextent": EXTENT, "timedefault": "2016-07-01"}))
STRICT = layer("strict", metadata=MappingProxyType({"timeextent": "2014-01-01/2016-07-01/P1D"}))
HIGH = layer(
    "high", metadata=MappingProxyType({"dimensionlist": "elevation,band", "elevation_extent": "0/500/10", "band_extent": "a,b", "band_default": "a"})
)  # fmt: skip


def code(chosen: str, **values: str) -> str:
    """The code of the exception; empty where the values are those of the layer."""
    known = {"timed": TIMED, "strict": STRICT, "high": HIGH}
    try:
        checked([known[chosen]], [Dimension(name, value) for name, value in values.items()])
    except OwsError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("chosen", "time", "expected"),
    [
        ("timed", "2015-01-01", ""),
        ("timed", "2015", ""),
        ("timed", "20150101", ""),
        ("timed", "2015-01-01T00:00:00.000Z", ""),
        ("timed", "current", ""),
        ("timed", "2014-01-01,2015-01-01", ""),
        ("timed", "2014-06-01/2015-06-01", ""),
        ("timed", "2015-09-01", "InvalidDimensionValue"),
        ("timed", "2015-01-01,2015-09-01", "InvalidDimensionValue"),
        ("timed", "yesterday", "InvalidDimensionValue"),
        ("strict", "2015-09-01", ""),
        ("strict", "2016-07-02", "InvalidDimensionValue"),
        ("strict", "2017/2018", "InvalidDimensionValue"),
        ("strict", "", "MissingDimensionValue"),
    ],
)
def test_times(chosen: str, time: str, expected: str) -> None:
    assert code(chosen, time=time) == expected


def test_other_dimensions() -> None:
    assert code("high", elevation="250") == ""
    assert code("high", elevation="1e2", band="b") == ""
    assert code("high", elevation="501") == "InvalidDimensionValue"
    assert code("high", elevation="0", band="c") == "InvalidDimensionValue"
    assert code("high") == "MissingDimensionValue"


def test_a_default_is_told() -> None:
    expected = (("Warning", "99 Default value used: time=2016-07-01 ISO8601"),)
    assert checked([TIMED, TIMED], ()) == expected
    assert checked([TIMED], [Dimension("time", "2015-01-01")]) == ()
    assert checked([layer("plain")], [Dimension("time", "2015-09-01")]) == ()


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789-:TZ/,.PDe +xn", max_size=40))
def test_any_text_is_a_value_or_none(text: str) -> None:
    assert code("timed", time=text) in ("", "InvalidDimensionValue")


def test_operations_of_layers() -> None:
    hidden = layer("hidden", metadata=MappingProxyType({"enable_request": "GetCapabilities GetFeatureInfo"}))
    catalog = FakeCatalog([layer("degrees"), hidden])
    with pytest.raises(OwsError) as caught:
        read(kvp(MAP, layers="degrees,hidden"), catalog=catalog)
    assert caught.value.code == "LayerNotDefined"
    silent = FakeCatalog([layer("degrees", metadata=MappingProxyType({"queryable": "false"}))])
    with pytest.raises(OwsError) as caught:
        read(kvp(INFO), catalog=silent)
    assert caught.value.code == "LayerNotQueryable"
