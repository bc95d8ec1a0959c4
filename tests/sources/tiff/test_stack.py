"""Which directories make up which picture: stacks, pyramids of each picture, whole slides, masks, OME-TIFF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from iipserve.containers.ifd import MAX_CHAIN_FIELDS, MAX_DIRECTORIES, Reader, read_chain
from iipserve.errors import ImageNotFound, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import Selector
from iipserve.sources import Source
from tests.contracts.source import SourceContract, open_file, open_source
from tests.images import gradient, halved
from tests.sources.tiff.files import TILED
from tests.tiff_corpus import KINDS
from tests.tiff_corpus.layout import DEFLATE, JPEG2000, LZW, MASK, RGB, Layout, scenes, whole
from tests.tiff_corpus.samples import jpeg2000
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


# -- which directory is what -------------------------------------------------------------------------


class Directory(NamedTuple):
    """A directory of a test file: side lengths, NewSubfileType, and what else it has."""

    size: tuple[int, int]
    kind: int | None = 0
    bands: int = 1
    tiled: bool = True
    below: tuple[Directory, ...] = ()
    """SubIFDs."""
    old_kind: int = 0
    """SubfileType."""


def page_of(directory: Directory, value: int) -> Page:
    """A page all of one value."""
    pixels = np.full((directory.size[1], directory.size[0], directory.bands), value, np.uint8)
    layout = Layout(compression=DEFLATE, photometric=RGB if directory.bands == 3 else 1)
    reduced = [page_of(one, value) for one in directory.below]
    page = layout.page(pixels, kind=directory.kind or 0, reduced=reduced)
    fields = dict(page.fields)
    if directory.kind is None:
        del fields[254]
    if directory.old_kind:
        fields[255] = SHORT, [directory.old_kind]
    if not directory.tiled:
        del fields[322], fields[323]
    return Page(fields, page.tiles, page.reduced)


F, H, Q = (400, 300), (200, 150), (100, 75)

CLASSIFIED: list[Any] = [
    pytest.param([Directory(F)], [[F]], id="one picture"),
    pytest.param([Directory(F), Directory(H), Directory(Q)], [[F, H, Q]], id="unmarked levels"),
    pytest.param([Directory(F), Directory(H, 1), Directory(Q, 1)], [[F, H, Q]], id="marked levels"),
    pytest.param([Directory(F, 2), Directory(H, 3), Directory(Q, 3)], [[F, H, Q]], id="levels of a page"),
    pytest.param([Directory(F, None), Directory(H, None, old_kind=2)], [[F, H]], id="levels marked the old way"),
    pytest.param([Directory(F, None), Directory(F, None, old_kind=3)], [[F], [F]], id="pages marked the old way"),
    pytest.param([Directory(F), Directory(F), Directory(F)], [[F], [F], [F]], id="unmarked pages"),
    pytest.param([Directory(F, 2), Directory(H, 2), Directory(Q, 2)], [[F], [H], [Q]], id="marked pages of any size"),
    pytest.param(
        [Directory(F), Directory(H), Directory(Q), Directory(F), Directory(H), Directory(Q)],
        [[F, H, Q], [F, H, Q]],
        id="each page before its unmarked levels",
    ),
    pytest.param(
        [Directory(F, 2), Directory(H, 1), Directory(F, 2), Directory(H, 1), Directory(Q, 1)],
        [[F, H], [F, H, Q]],
        id="each page before its marked levels",
    ),
    pytest.param(
        [Directory(F, 2), Directory(F, 2), Directory(H, 1), Directory(Q, 1)],
        [[F, H, Q], [F]],
        id="levels behind all pages are the first one's",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(F, below=(Directory(H, 1), Directory(Q, 1)))],
        [[F, H], [F, H, Q]],
        id="SubIFDs of each page",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(H, below=(Directory(Q, 1),))],
        [[F, H], [H, Q]],
        id="a smaller picture with SubIFDs is one of its own",
    ),
    pytest.param(
        [Directory(F, below=(Directory(H, 1),)), Directory(Q, 1)],
        [[F, H]],
        id="SubIFDs before further directories",
    ),
    pytest.param(
        [Directory(F), Directory(H, tiled=False), Directory(F, tiled=False), Directory(Q)],
        [[F, Q]],
        id="untiled pictures are passed over",
    ),
    pytest.param([Directory(F), Directory((800, 600)), Directory(H)], [[F, H]], id="larger ones are passed over"),
    pytest.param([Directory(F, bands=3), Directory(H), Directory(Q, bands=3)], [[F, Q]], id="other bands"),
    pytest.param(
        [Directory(F, bands=3), Directory(F)], [[F], [F]], id="pictures of a stack may differ in bands"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("directories", "expected"), CLASSIFIED)
def test_directories_are_told_apart(
    tmp_path: Path, directories: list[Directory], expected: list[list[tuple[int, int]]]
) -> None:
    pages = [page_of(directory, 10 + number) for number, directory in enumerate(directories)]
    write_tiff(tmp_path / "a.tif", pages)
    first = open_source(TILED, tmp_path / "a.tif")
    assert len(first.info.stack) == (len(expected) if len(expected) > 1 else 0)
    for layer, sizes in enumerate(expected):
        info = open_source(TILED, tmp_path / "a.tif", layer=layer).info
        assert [level.size for level in info.levels] == [Size(*size) for size in sizes]


def test_each_picture_has_its_own_pixels(tmp_path: Path) -> None:
    directories = [Directory(F), Directory(H), Directory(F), Directory(H)]
    write_tiff(tmp_path / "a.tif", [page_of(one, 10 + number) for number, one in enumerate(directories)])
    for layer, values in enumerate([(10, 11), (12, 13)]):
        source = open_source(TILED, tmp_path / "a.tif", layer=layer)
        assert [int(source.read_tile(level, 0, 0)[0, 0, 0]) for level in (0, 1)] == list(values)


def test_a_picture_that_cannot_be_read_does_not_spoil_the_others(tmp_path: Path) -> None:
    good = page_of(Directory(F), 1)
    strange = Page({**good.fields, 259: (SHORT, [50002])}, good.tiles)
    write_tiff(tmp_path / "a.tif", [good, strange, good])
    assert len(open_source(TILED, tmp_path / "a.tif").info.stack) == 3
    assert open_source(TILED, tmp_path / "a.tif", layer=2).read_tile(0, 0, 0).any()
    with pytest.raises(UnsupportedImage, match="50002"):
        open_source(TILED, tmp_path / "a.tif", layer=1)


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
    page = page_of(Directory(Q), 1)
    write_tiff(tmp_path / "a.tif", [Page({**page.fields, **more}, page.tiles) for more in fields])
    assert [layer.name for layer in open_source(TILED, tmp_path / "a.tif").info.stack] == names


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_one(tmp_path: Path, scale: float) -> None:
    page = page_of(Directory(Q), 1)
    scaled = Page({**page.fields, 37439: (DOUBLE, [scale])}, page.tiles)
    write_tiff(tmp_path / "a.tif", [scaled, page])
    assert [layer.scale for layer in open_source(TILED, tmp_path / "a.tif").info.stack] == [1.0, 1.0]


def ome_names(path: Path, xml: str, planes: int = 4) -> list[str]:
    """Names of the layers of a file with this description."""
    page = page_of(Directory(Q), 1)
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
        return sum(1 for _ in read_chain(Reader.of(file.descriptor, file.head, file.version.length)))


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


# -- whole slides ------------------------------------------------------------------------------------


def without_tiles(page: Page, kind: int) -> Page:
    """As scanners add thumbnails, labels and overviews of the slide: in strips."""
    fields = {tag: value for tag, value in page.fields.items() if tag not in (322, 323)}
    return Page({**fields, 254: (LONG, [kind])}, page.tiles)


@pytest.mark.parametrize("compression", [33003, 33005, JPEG2000, LZW])
def test_a_whole_slide_with_steps_of_four(tmp_path: Path, compression: int) -> None:
    full = gradient((1000, 760))
    quarter = halved(halved(full))
    sixteenth = halved(halved(quarter))
    encode = None if compression == LZW else jpeg2000
    layout = Layout(photometric=RGB, compression=compression, encode=encode)
    small = Layout(photometric=RGB).page(gradient((120, 90)))
    pages = [layout.page(full), without_tiles(small, 0), layout.page(quarter), layout.page(sixteenth)]
    write_tiff(tmp_path / "a.svs", [*pages, without_tiles(small, 1), without_tiles(small, 9)])
    source = open_source(TILED, tmp_path / "a.svs")
    assert [level.size for level in source.info.levels] == [Size(1000, 760), Size(250, 190), Size(62, 47)]
    assert source.info.stack == ()
    for level, pixels in enumerate((full, quarter, sixteenth)):
        assert np.array_equal(source.read_tile(level, 0, 0), pixels[:128, :128])


# -- transparency masks ------------------------------------------------------------------------------


def masked_pages(sizes: Sequence[int], masks: Sequence[int], bits: int = 16) -> list[Page]:
    """Levels of these numbers, and masks of these levels, all of which let the left half through."""
    levels = whole(scenes(1), bits)
    mask_layout = Layout(1, photometric=MASK, compression=DEFLATE)
    pages = [Layout(bits).page(levels[number], kind=int(number > 0)) for number in sizes]
    for number in masks:
        height, width, _ = levels[number].shape
        half = np.broadcast_to(np.arange(width)[None, :, None] < width // 2, (height, width, 1))
        pages.append(mask_layout.page(half.astype(np.uint8), kind=5 if number else 4))
    return pages


def test_a_mask_of_16_bits_is_opacity_of_16_bits(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1], [0, 1]))
    source = open_source(TILED, tmp_path / "a.tif")
    assert (source.info.bands, source.info.has_alpha, len(source.info.levels)) == (2, True, 2)
    assert source.info.band_ranges == ((0, 65535), (0, 65535))
    edge = source.read_tile(0, 2, 0)[:, :, 1]
    assert edge.dtype == np.uint16
    assert np.all(edge[:, : 300 - 256] == 65535)
    assert not edge[:, 300 - 256 :].any()


def test_a_level_without_its_mask_is_left_out(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1, 2], [0, 2]))
    source = open_source(TILED, tmp_path / "a.tif")
    assert [level.size for level in source.info.levels] == [Size(600, 450), Size(150, 112)]


def test_a_mask_of_a_smaller_level_alone_is_none(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", masked_pages([0, 1], [1]))
    info = open_source(TILED, tmp_path / "a.tif").info
    assert (info.bands, info.has_alpha, len(info.levels)) == (1, False, 1)


def test_opacity_of_its_own_comes_before_a_mask(tmp_path: Path) -> None:
    pixels = gradient((600, 450), 4)
    mask = masked_pages([], [0])[0]
    write_tiff(tmp_path / "a.tif", [Layout(photometric=RGB, extra=(2,)).page(pixels), mask])
    assert np.array_equal(open_source(TILED, tmp_path / "a.tif").read_tile(0, 4, 3), pixels[384:, 512:])
