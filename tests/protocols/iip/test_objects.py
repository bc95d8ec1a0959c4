"""OBJ, line by line, with iipsrv's spacing."""

from __future__ import annotations

import json
import math
from types import MappingProxyType

import pytest

from iipserve.config import Config
from iipserve.image import Angles, ColorSpace, ImageInfo, PhysicalResolution, Selector, StackLayer
from iipserve.plan import Document, StatisticsPlan, image_ref
from iipserve.processing.statistics import BandStatistics, Statistics
from iipserve.protocols.iip import PROTOCOL
from iipserve.protocols.iip.errors import IIPError
from iipserve.protocols.iip.objects import ADVERTISED_OBJECTS, OBJECTS, OLD_TEXTS
from iipserve.protocols.iip.objects import TEXTS as TEXT_NAMES
from tests.protocols.client import CONFIG, GRAY, ask, image, text_of

TEXTS = MappingProxyType({"title": 'A "title"', "rights": "Ours\n", "creator": "Zoë", "software": "S"})
SMALL = image(1000, 700, resolution=PhysicalResolution(11811.0234375, 11811.0234375))
TOLD = image(1000, 700, text=TEXTS, xmp="<x>ü</x>".encode())
DEEP = image(10, 10, bits=12, dtype="uint16", bands=1)
STACK = image(stack=(StackLayer("layer0"), StackLayer('b"ü', 0.25), StackLayer("")))
SEQUENCE = image(angles=Angles((0, 30, 90), (60, 90)))
UNKNOWN = image(1000, 700, bands=2, bits=32, dtype="float32", color_space=ColorSpace.GRAY)
"""Nobody has declared its range."""
MEASURED = Statistics(
    (
        BandStatistics(-1.5, 2.0, 0.25, 0.125, (1,) * 256),
        BandStatistics(0.0, math.nan, math.inf, 0.0, (2,) * 256),
    ),
    samples=700,
    brightness=tuple(range(256)),
    threshold=126,
)


def objects(names: str, info: ImageInfo | None = SMALL, config: Config = CONFIG) -> str:
    image_first = "" if info is None else "FIF=a.tif&"
    return text_of(
        ask(PROTOCOL, image_first + "&".join(f"OBJ={name}" for name in names.split(" ")), info, config)
    )


LINES = [
    ("IIP,1.0", "IIP:1.0"),
    ("IIP-server", "IIP-server:3.65"),
    ("Max-size", "Max-size:1000 700"),
    ("max-SIZE", "Max-size:1000 700"),
    ("Resolution-number", "Resolution-number:3"),
    ("Resolutions", "Resolutions:250 175,500 350,1000 700"),
    ("Tile-size", "Tile-size:256 256"),
    ("Bits-per-channel", "Bits-per-channel:8"),
    ("Horizontal-views", "Horizontal-views:0"),
    ("Vertical-views", "Vertical-views:90"),
    ("Min-Max-sample-values", "Min-Max-sample-values: 0  255  0  255  0  255"),
    ("DPI", "DPI:11811.023438 11811.023438"),
    ("Colorspace", "Colorspace,0-2,0:0 0 3 3 0 1 2"),
    ("Colorspace,0-2,0", "Colorspace,0-2,0:0 0 3 3 0 1 2"),
    ("IIP%2C1.0", "IIP:1.0"),
    (
        "Basic-info",
        "IIP-server:3.65\r\nMax-size:1000 700\r\nResolution-number:3\r\nColorspace,0-2,0:0 0 3 3 0 1 2",
    ),
    (
        "IIP-opt-comm",
        "IIP-opt-comm:CVT CNT QLT JTL PTL WTL ATL TTL JTLS TIL WID HEI RGN ROT MINMAX SHD CMP INV CTW GAM COL CNV "
        "LYR SDS ICC BPC SPECTRA PFL XTL",
    ),
]


@pytest.mark.parametrize(("name", "line"), LINES, ids=[name for name, _ in LINES])
def test_lines(name: str, line: str) -> None:
    assert objects(name) == f"{line}\r\n"


@pytest.mark.parametrize(
    ("info", "name", "line"),
    [
        (GRAY, "Colorspace", "Colorspace,0-4,0:0 0 1 1 0"),
        (GRAY, "Min-Max-sample-values", "Min-Max-sample-values: 0  255"),
        (DEEP, "Min-Max-sample-values", "Min-Max-sample-values: 0  4095"),
        (DEEP, "Bits-per-channel", "Bits-per-channel:12"),
        (image(bands=1, bits=1), "Min-Max-sample-values", "Min-Max-sample-values: 0  255"),
        (
            image(bands=2, has_alpha=True, band_ranges=((7, 99),)),
            "Min-Max-sample-values",
            "Min-Max-sample-values: 7  99  0  255",
        ),
        (
            image(bands=1, bits=32, dtype="float32", band_ranges=((-1e-7, 16777216.0),)),
            "Min-Max-sample-values",
            "Min-Max-sample-values: -1e-07  16777216",
        ),
        (image(color_space=ColorSpace.CIELAB), "Colorspace", "Colorspace,0-4,0:1 0 4 3 0 1 2"),
        (image(bands=4, color_space=ColorSpace.CMYK), "Colorspace", "Colorspace,0-4,0:0 0 3 3 0 1 2"),
        (
            image(bands=1, bits=1, color_space=ColorSpace.GRAY),
            "Colorspace",
            "Colorspace,0-4,0:0 0 3 3 0 1 2",
        ),
        (STACK, "Horizontal-views", "Horizontal-views:0 1 2"),
        (STACK, "Vertical-views", "Vertical-views:90"),
        (SEQUENCE, "Horizontal-views", "Horizontal-views:0 30 90"),
        (SEQUENCE, "Vertical-views", "Vertical-views:60 90"),
        (
            image(bands=2, band_ranges=((-1.5, 2.0), (0.0, 1 / 3))),
            "Min-Max-sample-values",
            "Min-Max-sample-values: -1.5  2  0  0.333333333",
        ),
        (image(1000, 700, levels=1), "Resolutions", "Resolutions:250 175,500 350,1000 700"),
        (image(1000, 700, (128, 64), levels=2), "Tile-size", "Tile-size:128 64"),
    ],
)
def test_lines_of_other_images(info: ImageInfo, name: str, line: str) -> None:
    assert objects(name, info) == f"{line}\r\n"


@pytest.mark.parametrize(
    ("turn", "line"),
    [
        ("", "Max-size:1000 700"),
        ("ROT=90", "Max-size:700 1000"),
        ("ROT=-90", "Max-size:700 1000"),
        ("ROT=450", "Max-size:700 1000"),
        ("ROT=!270", "Max-size:700 1000"),
        ("ROT=180", "Max-size:1000 700"),
        ("ROT=!180", "Max-size:1000 700"),
        ("ROT=45", "Max-size:1000 700"),
        ("ROT=90&ROT=0", "Max-size:1000 700"),
    ],
)
def test_width_and_height_change_places_after_a_quarter_turn(turn: str, line: str) -> None:
    assert text_of(ask(PROTOCOL, f"FIF=a&{turn}&OBJ=max-size", SMALL)) == f"{line}\r\n"
    basic = text_of(ask(PROTOCOL, f"FIF=a&{turn}&OBJ=Basic-info&OBJ=Tile-size", SMALL))
    assert basic.split("\r\n")[1] == line
    assert "Max-size:1000 700" in text_of(ask(PROTOCOL, f"FIF=a&OBJ=max-size&{turn}", SMALL))


def test_layers_of_a_stack() -> None:
    text = objects("stack", STACK)
    assert text == (
        '[\n\t{\n\t\t"id": 0,\n\t\t"name": "layer0",\n\t\t"scale": 1\n\t},'
        '\n\t{\n\t\t"id": 1,\n\t\t"name": "b\\"ü",\n\t\t"scale": 0.25\n\t},'
        '\n\t{\n\t\t"id": 2,\n\t\t"name": "",\n\t\t"scale": 1\n\t}\n]\r\n'
    )
    assert [layer["name"] for layer in json.loads(text)] == ["layer0", 'b"ü', ""]


# -- what has to be measured -----------------------------------------------------------------------


def measured(names: str, info: ImageInfo = UNKNOWN) -> Document:
    target = "FIF=a&" + "&".join(f"OBJ={name}" for name in names.split())
    content = ask(PROTOCOL, target, info).content
    assert isinstance(content, StatisticsPlan)
    assert content.image == image_ref(info)
    return content.describe(MEASURED)


def test_statistics() -> None:
    answer = measured("statistics")
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) == {
        "samples": 700,
        "threshold": 126,
        "bands": [
            {"minimum": -1.5, "maximum": 2, "mean": 0.25, "deviation": 0.125},
            {"minimum": 0, "maximum": None, "mean": None, "deviation": 0},
        ],
    }


def test_histogram() -> None:
    answer = measured("Histogram", SMALL)
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) == {
        "samples": 700,
        "brightness": list(range(256)),
        "bands": [
            {"minimum": -1.5, "maximum": 2, "counts": [1] * 256},
            {"minimum": 0, "maximum": None, "counts": [2] * 256},
        ],
    }


def test_ranges_that_nobody_declares_are_measured() -> None:
    """All bands have one range, by which they are shown."""
    measured_by = Statistics(
        (BandStatistics(-1.5, 2.0, 0, 0, (1,) * 256), BandStatistics(3.0, 4.0, 0, 0, (1,) * 256)),
        samples=1,
        brightness=(1,) * 256,
        threshold=1,
    )
    content = ask(PROTOCOL, "FIF=a&OBJ=Min-Max-sample-values", UNKNOWN).content
    assert isinstance(content, StatisticsPlan)
    assert content.describe(measured_by).body == b"Min-Max-sample-values: -1.5  4  -1.5  4\r\n"


def test_all_objects_are_answered_together_when_one_has_to_be_measured() -> None:
    answer = ask(PROTOCOL, "OBJ=IIP,1.0&FIF=a&ROT=90&OBJ=Max-size&OBJ=statistics&OBJ=Tile-size", SMALL)
    assert isinstance(answer.content, StatisticsPlan)
    lines = answer.content.describe(MEASURED).body.decode().split("\r\n")
    assert lines[:2] == ["IIP:1.0", "Max-size:700 1000"]
    assert json.loads(lines[2])["samples"] == 700
    assert lines[3:] == ["Tile-size:256 256", ""]
    assert answer.headers == (("IIP", "1.0"),)


def test_statistics_are_of_the_picture_that_is_meant() -> None:
    info = image(selector=Selector(2), stack=STACK.stack)
    content = ask(PROTOCOL, "FIF=a&SDS=2&OBJ=statistics", info).content
    assert isinstance(content, StatisticsPlan)
    assert content.image.selector == Selector(2)


# -- together --------------------------------------------------------------------------------------


def test_what_viewers_ask_for() -> None:
    answer = ask(
        PROTOCOL,
        "FIF=a.tif&obj=IIP,1.0&obj=Max-size&obj=Tile-size&obj=Resolution-number&obj=Resolutions",
        SMALL,
    )
    assert text_of(answer) == (
        "IIP:1.0\r\nMax-size:1000 700\r\nTile-size:256 256\r\nResolution-number:3\r\n"
        "Resolutions:250 175,500 350,1000 700\r\n"
    )
    assert answer.headers == (("IIP", "1.0"),)
    assert isinstance(answer.content, Document)
    assert answer.content.media_type == "application/vnd.netfpx"


@pytest.mark.parametrize("name", ["iip,1.0", "iip-server", "iip-opt-comm", "iip-opt-obj"])
def test_objects_that_need_no_image(name: str) -> None:
    assert objects(name, None) == objects(name)


def test_texts() -> None:
    assert objects("title creator", TOLD) == 'A "title"\r\nZoë\r\n'
    assert objects("summary-info", TOLD) == "Ours\n\r\nZoë\r\nS\r\n"
    assert objects("title xmp comment", TOLD) == 'A "title"\r\n<x>ü</x>\r\n'


def test_metadata_is_json_whatever_the_texts_hold() -> None:
    metadata = json.loads(objects("metadata", TOLD))
    assert metadata == dict(TEXTS)
    assert list(metadata) == sorted(TEXTS)
    assert json.loads(objects("metadata", SMALL)) == {}


def test_images_without_rights_get_those_of_the_settings() -> None:
    config = Config(copyright="Everyone")
    assert objects("rights", SMALL, config) == "Everyone\r\n"
    assert objects("rights", TOLD, config) == "Ours\n\r\n"
    assert json.loads(objects("metadata", SMALL, config)) == {"rights": "Everyone"}


@pytest.mark.parametrize(
    ("names", "media_type"),
    [
        ("title", "text/plain; charset=utf-8"),
        ("xmp", "application/xml"),
        ("metadata", "application/json"),
        ("title metadata", "application/json"),
        ("metadata max-size", "application/json"),
        ("title stack", "text/plain; charset=utf-8"),
        ("max-size", "application/vnd.netfpx"),
        ("title dpi", "text/plain; charset=utf-8"),
    ],
)
def test_the_last_media_type_counts(names: str, media_type: str) -> None:
    content = ask(PROTOCOL, "FIF=a&" + "&".join(f"OBJ={name}" for name in names.split()), TOLD).content
    assert isinstance(content, Document)
    assert content.media_type == media_type


@pytest.mark.parametrize("name", ["title", "xmp", "dpi", "stack", "summary-info", "scale"])
def test_facts_that_are_not_known_are_nothing_to_send(name: str) -> None:
    bare = image(10, 10)
    with pytest.raises(IIPError) as caught:
        objects(name, bare)
    assert caught.value.body.startswith(
        b"Error/" + str(len(f"2 1 FIF=a.tif&OBJ={name}")).encode() + b":2 1 FIF=a"
    )
    assert objects(f"max-size {name}", bare) == "Max-size:10 10\r\n"


def test_the_server_lists_every_object_but_single_texts_and_the_base() -> None:
    assert objects("iip-opt-obj", None) == (
        "IIP-opt-obj:Horizontal-views Vertical-views Tile-size Bits-per-channel Min-Max-sample-values "
        "Resolutions DPI Stack Metadata Summary-info XMP Statistics Histogram\r\n"
    )
    base = {"basic-info", "max-size", "resolution-number", "colorspace"}
    assert OBJECTS.keys() - base - {*TEXT_NAMES, *OLD_TEXTS} == {name.lower() for name in ADVERTISED_OBJECTS}
