"""What documents are read, and what is refused by name."""

from __future__ import annotations

import pytest

pytest.importorskip("lxml")

from iipserve.processing.value_colormap import Between
from iipserve.protocols.sld.document import NamedLayer, UserStyle, read, style_named
from iipserve.protocols.sld.symbolizer import Channel, Enhancement, Symbolizer
from iipserve.protocols.sld.xml import MAX_LENGTH, StyleRefused
from tests.protocols.sld.documents import SLD, color_map, document, enhanced, gray, rgb

CATEGORIZE = (
    "<ColorMap><Categorize{}><LookupValue>Rasterdata</LookupValue><Value>#000000</Value><Threshold>10</Threshold>"
    "<Value>#ff0000</Value><Threshold>20.5</Threshold><Value>#0000FF</Value></Categorize></ColorMap>"
)
INTERPOLATE = (
    "<ColorMap><Interpolate{}><LookupValue>Rasterdata</LookupValue>"
    "<InterpolationPoint><Data>0</Data><Value>#000000</Value></InterpolationPoint>"
    "<InterpolationPoint><Data>1e2</Data><Value>#0a0b0c</Value></InterpolationPoint></Interpolate></ColorMap>"
)


def symbolizer(text: str, version: str = "1.0.0") -> Symbolizer:
    (layer,) = read(document(text, version=version))
    assert isinstance(layer.style, UserStyle)
    (rule,) = layer.style.rules
    return rule.symbolizer


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_channels_and_contrast(version: str) -> None:
    text = rgb(
        3, "red", 1, enhancements=(enhanced("<GammaValue>2</GammaValue>"), enhanced("<Normalize/>"), "")
    )
    found = symbolizer(f"<Opacity>0.25</Opacity>{text}{enhanced('<Histogram/>')}", version)
    channels = (Channel("3", Enhancement("", 2.0)), Channel("red", Enhancement("Normalize")), Channel("1"))
    assert found == Symbolizer(0.25, channels, Enhancement("Histogram"))


def test_color_maps() -> None:
    entries = ((-1.5, "#010203"), (7, "#ffFFff"))
    ramp = symbolizer(color_map(*entries)).colors
    assert ramp is not None
    assert ramp[:3] == (Between.RAMP, (-1.5, 7.0), ((1, 2, 3, 255), (255, 255, 255, 255)))
    steps = symbolizer(color_map(*entries, type="intervals", opacity="0.5")).colors
    assert steps is not None
    assert steps[:3] == (Between.STEPS, (-1.5, 7.0), ((1, 2, 3, 128), (255, 255, 255, 128), (0, 0, 0, 0)))
    values = symbolizer(color_map(*entries[::-1], type="values")).colors
    assert values is not None
    assert values[:3] == (Between.NOTHING, *ramp[1:3])


def test_functions_of_symbology_encoding() -> None:
    steps = symbolizer(CATEGORIZE.format(' fallbackValue="#000000"'), "1.1.0").colors
    black, red, blue = (0, 0, 0, 255), (255, 0, 0, 255), (0, 0, 255, 255)
    assert steps == (Between.STEPS, (10.0, 20.5), (black, red, blue), (), False)
    steps = symbolizer(CATEGORIZE.format(' thresholdsBelongTo="preceding"'), "1.1.0").colors
    assert steps == (Between.STEPS, (10.0, 20.5), (black, red, blue), (), True)
    ramp = symbolizer(INTERPOLATE.format(' method="color"'), "1.1.0").colors
    assert ramp == (Between.RAMP, (0.0, 100.0), (black, (10, 11, 12, 255)), (), False)


def test_limits_as_qgis_writes_them() -> None:
    options = "".join(
        f'<VendorOption name="{name}">{value}</VendorOption>'
        for name, value in (("algorithm", "StretchToMinimumMaximum"), ("minValue", 5), ("maxValue", 90.5))
    )
    found = symbolizer(gray(1, enhanced(f"<Normalize>{options}</Normalize>")))
    assert found.channels == (Channel("1", Enhancement("Normalize", 1.0, (5.0, 90.5))),)


def test_layers_and_their_styles() -> None:
    layers = (
        "<NamedLayer><Name>a</Name></NamedLayer>"
        "<NamedLayer><Name>b</Name><NamedStyle><Name>x</Name></NamedStyle>"
        "<UserStyle><Name>y</Name><IsDefault>true</IsDefault><FeatureTypeStyle><Rule><RasterSymbolizer/></Rule>"
        "</FeatureTypeStyle></UserStyle></NamedLayer>"
    )
    text = f'<StyledLayerDescriptor version="1.0.0" xmlns="{SLD}">{layers}</StyledLayerDescriptor>'
    found = read(text.encode())
    assert [each.name for each in found] == ["a", "b", "b"]
    assert found[:2] == (NamedLayer("a", ""), NamedLayer("b", "x"))
    assert style_named(found, "b", "x") == "x"
    assert style_named(found, "b", "y") == style_named(found, "b", "") == found[2].style
    assert style_named(found, "b", "z") is None
    assert style_named(found, "c", "") is None


REFUSED = {
    "ShadedRelief": "<ShadedRelief><ReliefFactor>5</ReliefFactor></ShadedRelief>",
    "ImageOutline": "<ImageOutline/>",
    "Function": "<Opacity><Function name='env'/></Opacity>",
    "'#12'": color_map((1, "#12")),
    "finite": color_map((float("nan"), "#123456")),
    "'inf'": color_map((float("inf"), "#123456")),
    "from 0 to 1": color_map((1, "#123456"), opacity="1.5"),
    "'spline'": color_map((1, "#123456"), type="spline"),
    "more than the one before": color_map((2, "#123456"), (1, "#123456")),
    "no entries": "<ColorMap/>",
    "entries": color_map(*((value, "#123456") for value in range(5000))),
    "GammaValue": enhanced("<GammaValue>0</GammaValue>"),
    "'Logarithmic'": enhanced("<Logarithmic/>"),
    "Histogram; remove": enhanced("<Normalize/><Histogram/>"),
    "ContrastEnhancement with ColorMap": color_map((1, "#123456")) + enhanced("<Normalize/>"),
    "twice": "<Opacity>1</Opacity><Opacity>1</Opacity>",
    "needs GrayChannel alone": "<ChannelSelection><RedChannel/></ChannelSelection>",
    "SourceChannelName": "<ChannelSelection><GrayChannel/></ChannelSelection>",
    "cubic": INTERPOLATE.format(' mode="cubic"'),
    "sideways": CATEGORIZE.format(' thresholdsBelongTo="sideways"'),
    "text between": "words",
    "LATEST": "<OverlapBehavior><LATEST/></OverlapBehavior>",
    "'{urn:x}y'": "<y xmlns='urn:x'/>",
}


@pytest.mark.parametrize("named", REFUSED)
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_what_is_not_understood_is_named(named: str, version: str) -> None:
    with pytest.raises(StyleRefused, match=named.replace("{", r"\{")):
        read(document(REFUSED[named], version=version))


def wrapped(inside: str) -> bytes:
    return f'<StyledLayerDescriptor version="1.0.0" xmlns="{SLD}">{inside}</StyledLayerDescriptor>'.encode()


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY a%d "%s">' % (index, b"&a%d;" % (index - 1) * 10) for index in range(1, 12))
    + b"]>"
)
HOSTILE = {
    "empty": b"",
    "no XML": b"\x00\xff\xfe<",
    "not closed": b"<StyledLayerDescriptor>",
    "another root": b"<FeatureCollection/>",
    "another version": b'<StyledLayerDescriptor version="2.0"/>',
    "nothing in it": wrapped(""),
    "a user layer": wrapped("<UserLayer><Name>a</Name></UserLayer>"),
    "a link": wrapped("<NamedLayer><Name>a</Name><OnlineResource/></NamedLayer>"),
    "no name": wrapped("<NamedLayer><NamedStyle><Name>a</Name></NamedStyle></NamedLayer>"),
    "a filter": document("", rule="<Filter/>"),
    "no scale": document("", rule="<MinScaleDenominator>-1</MinScaleDenominator>"),
    "scales of nothing": document("", rule="<MaxScaleDenominator>0</MaxScaleDenominator>"),
    "no number": document("", rule="<MaxScaleDenominator>NaN</MaxScaleDenominator>"),
    "too many layers": wrapped("<NamedLayer><Name>a</Name></NamedLayer>" * 101),
    "too long": document(" " * MAX_LENGTH),
    "deep": wrapped("<NamedLayer>" * 5000 + "</NamedLayer>" * 5000),
    "a document type": b"<!DOCTYPE a>" + document(""),
    "entities": BOMB + wrapped("<Name>&a11;</Name>"),
    "a file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + wrapped("<Name>&a;</Name>"),
    "wrong encoding": b'<?xml version="1.0" encoding="UTF-7"?>' + document("")[:40],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused(name: str) -> None:
    with pytest.raises(StyleRefused) as caught:
        read(HOSTILE[name])
    assert len(str(caught.value)) < 400
