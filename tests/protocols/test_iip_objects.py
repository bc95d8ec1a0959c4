"""What OBJ tells, line by line as iipsrv spaces it."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from iipserve.config import Config
from iipserve.image import ImageInfo, PhysicalResolution
from iipserve.plan import Document
from iipserve.protocols.iip import PROTOCOL
from iipserve.protocols.iip_objects import OBJECTS, OBJECTS_TOLD, SERVER_OBJECTS, IIPFault
from tests.protocols.asking import CONFIG, GRAY, ask, image, text_of

TEXTS = MappingProxyType({"title": 'A "title"', "rights": "Ours\n", "creator": "Zoë", "software": "S"})
SMALL = image(1000, 700, resolution=PhysicalResolution(11811.0234375, 11811.0234375))
TOLD = image(1000, 700, text=TEXTS, xmp="<x>ü</x>".encode())
DEEP = image(10, 10, bits=12, dtype="uint16", bands=1)


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
    ("IIP-opt-comm", "IIP-opt-comm:CVT QLT JTL PTL WTL ATL TTL TIL WID HEI RGN LYR"),
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
        (image(bands=1, bits=32, dtype="float32"), "Min-Max-sample-values", "Min-Max-sample-values: 0  1"),
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
    told = json.loads(objects("metadata", TOLD))
    assert told == dict(TEXTS)
    assert list(told) == sorted(TEXTS)
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
    with pytest.raises(IIPFault) as caught:
        objects(name, bare)
    assert caught.value.body.startswith(
        b"Error/" + str(len(f"2 1 FIF=a.tif&OBJ={name}")).encode() + b":2 1 FIF=a"
    )
    assert objects(f"max-size {name}", bare) == "Max-size:10 10\r\n"


def test_the_server_tells_only_of_objects_it_has() -> None:
    assert {name.lower() for name in OBJECTS_TOLD.split()} <= OBJECTS.keys()
    assert objects("iip-opt-obj", None) == f"{SERVER_OBJECTS['iip-opt-obj']}\r\n"
