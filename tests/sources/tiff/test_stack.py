"""Stacks: pixels, names and scales of layers, OME-TIFF, many directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.containers.ifd import MAX_CHAIN_FIELDS, MAX_DIRECTORIES, Reader, read_chain
from iipserve.errors import ImageNotFound
from iipserve.image import Selector
from iipserve.sources import Source
from tests.contracts.source import SourceContract, open_file, open_source
from tests.sources.tiff.directories import Directory, page_of
from tests.sources.tiff.files import TILED
from tests.tiff_corpus import KINDS
from tests.tiff_corpus.layout import Layout
from tests.tiff_corpus.tiff_writer import ASCII, DOUBLE, LONG, SHORT, Page, Samples, write_tiff

STACKS = {"stack": 3, "stack-flat": 3, "stack-of-pages": 4, "stack-ome": 4}
LAYERS = [
    pytest.param((name, layer), id=f"{name}, {layer}") for name, n in STACKS.items() for layer in range(n)
]


class TestLayers(SourceContract):
    """Every picture of a stack is an image like any other."""

    format_name = "tiff"

    @pytest.fixture(params=LAYERS)
    def layer(self, request: pytest.FixtureRequest) -> tuple[str, int]:
        name, layer = request.param
        return name, layer

    @pytest.fixture
    def levels(self, layer: tuple[str, int], tmp_path: Path) -> Sequence[Samples]:
        return KINDS[layer[0]](tmp_path / "a.tif").layers[layer[1]][1]

    @pytest.fixture
    def source(self, layer: tuple[str, int], levels: Sequence[Samples], tmp_path: Path) -> Source:
        return open_source(TILED, tmp_path / "a.tif", layer=layer[1])

    def test_knows_which_picture_it_is(self, source: Source, layer: tuple[str, int]) -> None:
        assert source.info.selector == Selector(layer[1])
        assert len(source.info.stack) == STACKS[layer[0]]


@pytest.mark.parametrize("name", STACKS)
def test_layers_have_names(tmp_path: Path, name: str) -> None:
    written = KINDS[name](tmp_path / "a.tif")
    stack = open_source(TILED, tmp_path / "a.tif").info.stack
    assert [layer.name for layer in stack] == [label for label, _ in written.layers]


def test_layers_have_scales(tmp_path: Path) -> None:
    KINDS["stack"](tmp_path / "a.tif")
    assert [layer.scale for layer in open_source(TILED, tmp_path / "a.tif").info.stack] == [0.5, 1.5, 2.5]


@pytest.mark.parametrize(("name", "layer"), [("stack", 3), ("stack", -1), ("gray8", 1), ("gray8", 10**9)])
def test_there_is_no_picture_behind_the_last(tmp_path: Path, name: str, layer: int) -> None:
    KINDS[name](tmp_path / "a.tif")
    with pytest.raises(ImageNotFound, match=f"no image {layer}"):
        open_source(TILED, tmp_path / "a.tif", layer=layer)


# -- names -------------------------------------------------------------------------------------------


def text(value: str) -> tuple[int, bytes]:
    return ASCII, value.encode() + b"\0"


NAMES: list[Any] = [
    pytest.param([{269: text("red")}, {269: text("blue")}], ["red", "blue"], id="DocumentName"),
    pytest.param([{285: text("red")}, {285: text("blue")}], ["red", "blue"], id="PageName"),
    pytest.param([{269: text("a"), 285: text("b")}, {}], ["a", "layer1"], id="DocumentName before PageName"),
    pytest.param([{}, {269: text("  ")}], ["layer0", "layer1"], id="none"),
    pytest.param([{269: text("x" * 2000), 285: text("a")}, {}], ["a", "layer1"], id="too long a name"),
]


@pytest.mark.parametrize(("fields", "names"), NAMES)
def test_names(tmp_path: Path, fields: list[dict[int, Any]], names: list[str]) -> None:
    page = page_of(Directory((100, 75)), 1)
    write_tiff(tmp_path / "a.tif", [Page({**page.fields, **more}, page.tiles) for more in fields])
    assert [layer.name for layer in open_source(TILED, tmp_path / "a.tif").info.stack] == names


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_one(tmp_path: Path, scale: float) -> None:
    page = page_of(Directory((100, 75)), 1)
    scaled = Page({**page.fields, 37439: (DOUBLE, [scale])}, page.tiles)
    write_tiff(tmp_path / "a.tif", [scaled, page])
    assert [layer.scale for layer in open_source(TILED, tmp_path / "a.tif").info.stack] == [1.0, 1.0]


def ome_names(path: Path, xml: str, planes: int = 4) -> list[str]:
    """Names of the layers of a file with this description."""
    page = page_of(Directory((100, 75)), 1)
    described = Page({**page.fields, 270: text(xml)}, page.tiles)
    write_tiff(path, [described, *[page] * (planes - 1)])
    return [layer.name for layer in open_source(TILED, path).info.stack]


def ome(pixels: str, inside: str, attributes: str = 'SizeC="2" SizeZ="2" SizeT="1"') -> str:
    return f'<OME xmlns="x"><Image><Pixels {pixels} {attributes}>{inside}</Pixels></Image></OME>'


CHANNELS = '<Channel Name="A"/><Channel Name="B"/>'
UNNAMED = [f"layer{number}" for number in range(4)]
OME: list[Any] = [
    pytest.param(ome('DimensionOrder="XYZCT"', CHANNELS), ["A z0", "A z1", "B z0", "B z1"], id="depth first"),
    pytest.param(ome('DimensionOrder="XYCZT"', CHANNELS), ["A z0", "B z0", "A z1", "B z1"], id="channels first"),
    pytest.param(
        ome('DimensionOrder="XYCTZ"', CHANNELS, 'SizeC="2" SizeZ="1" SizeT="2"'),
        ["A t0", "B t0", "A t1", "B t1"],
        id="times",
    ),
    pytest.param(
        ome('DimensionOrder="XYCZT"', "<Channel/><Channel Name=' B\n2 '/>"),
        ["channel 0 z0", "B 2 z0", "channel 0 z1", "B 2 z1"],
        id="a channel without a name",
    ),
    pytest.param(
        ome('DimensionOrder="XYCZT"', CHANNELS + '<TiffData IFD="1" FirstC="1" FirstZ="1" PlaneCount="1"/>'),
        ["layer0", "B z1", "layer2", "layer3"],
        id="one plane placed",
    ),
    pytest.param(
        ome('DimensionOrder="XYCZT"', CHANNELS + '<TiffData IFD="2" PlaneCount="2"/>'),
        ["layer0", "layer1", "A z0", "B z0"],
        id="planes placed together",
    ),
    pytest.param(
        ome('DimensionOrder="XYCZT"', '<Channel Name="RGB" SamplesPerPixel="3"/>', 'SizeC="3" SizeZ="4" SizeT="1"'),
        ["RGB z0", "RGB z1", "RGB z2", "RGB z3"],
        id="samples are no channels",
    ),
    pytest.param(
        "<?xml version='1.0' encoding='UTF-8'?>" + ome('DimensionOrder="XYCZT"', CHANNELS).replace("</OME>", "")
        + '<Image><Pixels DimensionOrder="XYCZT" SizeC="1"><Channel Name="C"/></Pixels></Image></OME>',
        ["A z0", "B z0", "A z1", "B z1"],
        id="several images",
    ),
    pytest.param("<OME><Image>", UNNAMED, id="cut"),
    pytest.param("no XML", UNNAMED, id="no XML"),
    pytest.param(ome('DimensionOrder="sideways"', CHANNELS), UNNAMED, id="an unknown order"),
    pytest.param(ome('DimensionOrder="XYCZT"', CHANNELS, 'SizeC="two"'), UNNAMED, id="no numbers"),
    pytest.param(ome('DimensionOrder="XYCZT"', CHANNELS, f'SizeC="{"9" * 5000}"'), UNNAMED, id="a long number"),
    pytest.param(
        ome('DimensionOrder="XYCZT"', CHANNELS + '<TiffData IFD="-7" FirstC="-1" PlaneCount="-3"/>'),
        UNNAMED,
        id="negative numbers",
    ),
    pytest.param(
        ome(
            'DimensionOrder="XYCZT"',
            CHANNELS + '<TiffData IFD="0"><UUID FileName="a"/></TiffData><TiffData IFD="0"><UUID FileName="b"/></TiffData>',
        ),
        UNNAMED,
        id="several files",
    ),
    pytest.param(
        '<!DOCTYPE OME [<!ENTITY a "b">]>' + ome('DimensionOrder="XYCZT"', "<Channel Name='&a;'/>"),
        UNNAMED,
        id="entities",
    ),
    pytest.param("<OME>" + "<a>" * 100_000, UNNAMED, id="deep"),
]  # fmt: skip


@pytest.mark.parametrize(("xml", "names"), OME)
def test_names_of_ome_planes(tmp_path: Path, xml: str, names: list[str]) -> None:
    assert ome_names(tmp_path / "a.tif", xml) == names


def test_planes_without_end_are_not_counted(tmp_path: Path) -> None:
    endless = '<TiffData IFD="0" PlaneCount="1000000000"/>' * 1000
    names = ome_names(tmp_path / "a.tif", ome('DimensionOrder="XYCZT"', CHANNELS + endless))
    assert names == ["A z0", "B z0", "A z1", "B z1"]


# -- many directories --------------------------------------------------------------------------------


def test_a_thousand_pages(tmp_path: Path) -> None:
    pages = []
    for number in range(1000):
        page = Layout(fields={269: text(f"band {number}")}).page(np.full((16, 16, 1), number % 251, np.uint8))
        pages.append(Page(page.fields, page.tiles))
    write_tiff(tmp_path / "a.tif", pages, big=True)
    for layer in (0, 517, 999):
        source = open_source(TILED, tmp_path / "a.tif", layer=layer)
        assert [one.name for one in source.info.stack] == [f"band {number}" for number in range(1000)]
        assert np.all(source.read_tile(0, 0, 0) == layer % 251)


def chain_length(path: Path) -> int:
    file = open_file(path)
    with open(file.descriptor, "rb"):
        return sum(1 for _ in read_chain(Reader.of(file.read_at, file.head, file.version.length)))


def test_all_pictures_share_the_list_of_them(tmp_path: Path) -> None:
    KINDS["stack"](tmp_path / "a.tif")
    stacks = [open_source(TILED, tmp_path / "a.tif", layer=layer).info.stack for layer in range(3)]
    assert stacks[0] is stacks[1] is stacks[2]


def test_no_chain_is_followed_for_ever(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", [Page({256: (LONG, [number])}) for number in range(MAX_DIRECTORIES + 50)])
    assert chain_length(tmp_path / "a.tif") == MAX_DIRECTORIES
    many = {tag: (SHORT, [1]) for tag in range(1000, 1900)}
    write_tiff(tmp_path / "b.tif", [Page(many)] * (MAX_CHAIN_FIELDS // 900 + 50))
    assert chain_length(tmp_path / "b.tif") <= MAX_CHAIN_FIELDS // 900 + 2
