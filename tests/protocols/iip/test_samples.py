"""SPECTRA and PFL: which samples, and the text they become, as iipsrv writes it."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.errors import IIPServeError, InvalidRequest, RegionOutOfBounds, TileNotFound, TooLarge
from iipserve.image import Angles, ColorSpace, ImageInfo, Selector, StackLayer
from iipserve.plan import SamplePlan
from iipserve.protocols.iip import PROTOCOL
from iipserve.protocols.iip.samples import line
from tests.protocols.client import Refused, ask, image, text_of_samples

GRAY_FACTS: dict[str, Any] = {"bands": 1, "color_space": ColorSpace.GRAY}
PLAIN = image(1000, 700, **GRAY_FACTS)
RGB = image(1000, 700)
STACK = image(1000, 700, **GRAY_FACTS, stack=(StackLayer("layer0"), StackLayer("layer1")))
SEQUENCE = image(1000, 700, **GRAY_FACTS, angles=Angles((0, 30, 90), (60, 90)), selector=Selector(30, 60))


def sampled(command: str, info: ImageInfo = PLAIN) -> SamplePlan:
    content = ask(PROTOCOL, f"FIF=a&{command}", info).content
    assert isinstance(content, SamplePlan)
    return content


def answered(command: str, info: ImageInfo, *samples: Any, dtype: str = "uint8") -> str:
    """The answer when the pictures hold these samples: a list of pixels each, which are lists of bands."""
    arrays = [np.array([pixels], dtype) for pixels in samples]
    return text_of_samples(ask(PROTOCOL, f"FIF=a&{command}", info), arrays)


# -- which samples ---------------------------------------------------------------------------------


LINES = [
    ("2:10,20", [(10, 20)]),
    ("2:10,20-10,20", [(10, 20)]),
    ("2:10,20-13,20", [(10, 20), (11, 20), (12, 20)]),
    ("2:10,20-10,23", [(10, 20), (10, 21), (10, 22)]),
    ("2:13,20-10,20", [(13, 20), (12, 20), (11, 20)]),
    ("2:10,2-10,0", [(10, 2), (10, 1)]),
    ("2:10,20-13,23", [(10, 20), (11, 21), (12, 22)]),
    ("2:10,20-14,22", [(10, 20), (11, 21), (12, 21), (13, 22)]),
    ("2:10,20-8,24", [(10, 20), (10, 21), (9, 22), (9, 23)]),
    ("2:997,0-1000,0", [(997, 0), (998, 0), (999, 0)]),
    ("2:0,698-0,700", [(0, 698), (0, 699)]),
    ("0:249,174", [(249, 174)]),
]


@pytest.mark.parametrize(("argument", "points"), LINES)
def test_points_of_a_line(argument: str, points: list[tuple[int, int]]) -> None:
    plan = sampled(f"PFL={argument}")
    assert list(plan.points) == points
    assert plan.level == 2 - int(argument[0])


@given(*[st.integers(0, 300)] * 4)
def test_lines_are_as_straight_as_pixels_allow(x1: int, y1: int, x2: int, y2: int) -> None:
    points = np.array(line((x1, y1), (x2, y2)))
    steps = max(abs(x2 - x1), abs(y2 - y1))
    assert len(points) == max(1, steps)
    assert tuple(points[0]) == (x1, y1)
    if steps:
        exact = np.linspace((x1, y1), (x2, y2), steps, endpoint=False)
        assert np.abs(points - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("argument", "level", "point"),
    [
        ("2,0,3,4", 0, (3, 4)),
        ("2,5,3,4", 0, (259, 260)),
        ("2,11,231,187", 0, (999, 699)),
        ("0,0,249,174", 2, (249, 174)),
    ],
)
def test_point_of_a_tile(argument: str, level: int, point: tuple[int, int]) -> None:
    plan = sampled(f"SPECTRA={argument}")
    assert (plan.level, plan.points) == (level, (point,))


def test_resolutions_that_the_file_lacks_show_pixels_of_its_smallest_level() -> None:
    flat = image(1000, 700, levels=1, **GRAY_FACTS)
    assert (sampled("SPECTRA=0,0,249,174", flat).level, sampled("SPECTRA=0,0,249,174", flat).points) == (
        0,
        ((998, 698),),
    )
    assert sampled("PFL=1:0,0-3,0", flat).points == ((1, 1), (3, 1), (5, 1))


def test_pictures_of_stacks_and_sequences() -> None:
    for command in ("PFL=0:1,1", "SPECTRA=0,0,1,1"):
        assert sampled(command).selectors == (Selector(),)
        assert sampled(command, STACK).selectors == (Selector(0), Selector(1))
        assert sampled(command, SEQUENCE).selectors == (Selector(0, 60), Selector(30, 60), Selector(90, 60))


def test_quality_layers_follow_the_setting() -> None:
    assert sampled("LYR=2&PFL=0:1,1", image(quality_layers=6)).image.quality_layers == 2
    assert sampled("PFL=0:1,1", image(quality_layers=6)).image.quality_layers == 3


MANY_LAYERS = tuple(StackLayer(str(number)) for number in range(1001))
REFUSALS = [
    Refused("resolution", "PFL=3:1,1", TileNotFound, "0 to 2", 404),
    Refused("start outside", "PFL=2:1000,1", RegionOutOfBounds, "1000 x 700"),
    Refused("start below", "PFL=2:1,700", RegionOutOfBounds, "1000 x 700"),
    Refused("end outside", "PFL=2:1,1-1002,1", RegionOutOfBounds, "1001,1 is outside"),
    Refused("no resolution", "PFL=1,1", InvalidRequest, "resolution:x1,y1-x2,y2"),
    Refused("negative", "PFL=2:-1,1", InvalidRequest, "resolution:x1"),
    Refused("three numbers", "PFL=2:1,1-2", InvalidRequest, "resolution:x1"),
    Refused("huge", f"PFL=2:1,1-{'9' * 40},1", InvalidRequest, "resolution:x1"),
    Refused("endless line", "PFL=2:0,0-999999999,0", TooLarge, "100000"),
    Refused(
        "wide line of many bands", "PFL=2:0,0-999,0", TooLarge, "samples", info=image(1000, 700, bands=200)
    ),
    Refused("many pictures", "PFL=2:0,0", TooLarge, "1001 images", info=image(1000, 700, stack=MANY_LAYERS)),
    Refused("spectrum of many", "SPECTRA=0,0,0,0", TooLarge, "images", info=image(9, 9, stack=MANY_LAYERS)),
    Refused("three numbers of a point", "SPECTRA=2,0,1", InvalidRequest, "resolution,tile,x,y"),
    Refused("words", "SPECTRA=a,b,c,d", InvalidRequest, "resolution,tile,x,y"),
    Refused("outside the tile", "SPECTRA=2,0,256,0", RegionOutOfBounds, "256 x 256"),
    Refused("outside the last tile", "SPECTRA=2,11,232,0", RegionOutOfBounds, "232 x 188"),
    Refused("left of the tile", "SPECTRA=2,0,-1,0", RegionOutOfBounds, "is outside"),
    Refused("tile there is not", "SPECTRA=2,12,0,0", TileNotFound, "0 to 11", 404),
    Refused("resolution there is not", "SPECTRA=9,0,0,0", TileNotFound, "0 to 2", 404),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_refusals(case: Refused) -> None:
    info = RGB if case.info.size.width == 3073 else case.info
    with pytest.raises(case.error, match=case.match) as caught:
        sampled(case.target, info)
    assert caught.value.status == case.status


# -- profiles as text ------------------------------------------------------------------------------


PROFILES = [
    ("single", PLAIN, "uint16", [[[514], [514], [771], [771]]], '{\n\t"profile": [514,514,771,771]\n}'),
    ("bands take turns", RGB, "uint8", [[[1, 2, 3], [4, 5, 6]]], '{\n\t"profile": [1,2,3,4,5,6]\n}'),
    (
        "stack",
        STACK,
        "uint8",
        [[[1], [2]], [[3], [4]]],
        '{\n\t"profile": {\n\t\t"layer0": [1,2],\n\t\t"layer1": [3,4]\n\t}\n}',
    ),
    (
        "sequence",
        SEQUENCE,
        "uint8",
        [[[1]], [[3]], [[5]]],
        '{\n\t"profile": {\n\t\t"0": [1],\n\t\t"30": [3],\n\t\t"90": [5]\n\t}\n}',
    ),
    ("floats have nine decimals", PLAIN, "float32", [[[0.5], [0.1]]], '{\n\t"profile": [0.500000000,0.100000001]\n}'),
    ("no numbers", PLAIN, "float32", [[[math.nan], [-math.inf], [1]]], '{\n\t"profile": [null,null,1.000000000]\n}'),
    ("signed", PLAIN, "int16", [[[-5], [7]]], '{\n\t"profile": [-5,7]\n}'),
    ("all digits of large ones", PLAIN, "uint32", [[[4294967295]]], '{\n\t"profile": [4294967295]\n}'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("info", "dtype", "samples", "text"),
    [pytest.param(*case[1:], id=case[0]) for case in PROFILES],
)
def test_profiles(info: ImageInfo, dtype: str, samples: list[Any], text: str) -> None:
    assert answered("PFL=2:0,0-1,0", info, *samples, dtype=dtype) == text
    json.loads(text)


def scaled(*layers: StackLayer) -> ImageInfo:
    return image(1000, 700, **GRAY_FACTS, stack=layers)


@pytest.mark.parametrize(
    ("dtype", "sample", "scale", "text"),
    [
        ("uint16", 514, 0.5, "257"),
        ("uint16", 65535, 1.25, "81918.8"),
        ("uint8", 3, 0.1, "0.3"),
        ("uint32", 4000000000, 0.5, "2000000000"),
        ("float32", 0.25, 2.0, "0.500000000"),
        ("uint8", 3, math.inf, "null"),
    ],
)
def test_samples_of_layers_are_multiplied_by_the_layers_scale(
    dtype: str, sample: float, scale: float, text: str
) -> None:
    info = scaled(StackLayer("a", scale), StackLayer("b"))
    answer = answered("PFL=2:0,0", info, [[sample]], [[1]], dtype=dtype)
    assert f'"a": [{text}]' in answer


@pytest.mark.parametrize(
    ("names", "members"),
    [
        (("a", ""), ["a", "1"]),
        (("a", "a"), ["a (0)", "a (1)"]),
        (('"\n', "ü"), ['"\n', "ü"]),
        (("\ud800", "b"), ["?", "b"]),
    ],
)
def test_profiles_are_json_whatever_layers_are_called(names: tuple[str, ...], members: list[str]) -> None:
    info = scaled(*map(StackLayer, names))
    assert list(json.loads(answered("PFL=2:0,0", info, [[1]], [[2]]))["profile"]) == members


# -- spectra as text -------------------------------------------------------------------------------


def point(name: str, value: str) -> str:
    return f"\t<point>\n\t\t<wavelength>{name}</wavelength>\n\t\t<reflectance>{value}</reflectance>\n\t</point>\n"


def spectra(*points: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<spectra>\n{"".join(points)}</spectra>'


ALPHA = image(1000, 700, bands=2, has_alpha=True, color_space=ColorSpace.GRAY)
COLOR_STACK = image(1000, 700, stack=(StackLayer("a"), StackLayer("b")))
SPECTRA = [
    ("single", PLAIN, "uint8", [[214]], [("0", "0.839216")]),
    ("stack", STACK, "uint8", [[214], [0]], [("layer0", "0.839216"), ("layer1", "0.000000")]),
    ("sequence", SEQUENCE, "uint8", [[255], [51], [0]], [("0", "1.000000"), ("30", "0.200000"), ("90", "0.000000")]),
    ("16 bits", PLAIN, "uint16", [[65535]], [("0", "1.000000")]),
    ("32 bits", PLAIN, "uint32", [[70000]], [("0", "70000.000000")]),
    ("floats", PLAIN, "float32", [[-1.25]], [("0", "-1.250000")]),
    ("no number", PLAIN, "float32", [[math.nan]], [("0", "nan")]),
    ("bands", RGB, "uint8", [[255, 51, 0]], [("band0", "1.000000"), ("band1", "0.200000"), ("band2", "0.000000")]),
    ("opacity", ALPHA, "uint8", [[51, 255]], [("0", "0.200000")]),
    (
        "bands of a stack", COLOR_STACK, "uint8", [[255, 51, 0], [0, 0, 51]],
        [("a", "1.000000"), ("a band1", "0.200000"), ("a band2", "0.000000"),
         ("b", "0.000000"), ("b band1", "0.000000"), ("b band2", "0.200000")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("info", "dtype", "samples", "points"),
    [pytest.param(*case[1:], id=case[0]) for case in SPECTRA],
)
def test_spectra(info: ImageInfo, dtype: str, samples: list[Any], points: list[tuple[str, str]]) -> None:
    text = answered("SPECTRA=2,0,0,0", info, *([sample] for sample in samples), dtype=dtype)
    assert text == spectra(*(point(*pair) for pair in points))


def test_spectra_are_xml_whatever_layers_are_called() -> None:
    info = scaled(StackLayer("<&>\x00"), StackLayer("é\ufffe"), StackLayer("\ud800]"))
    text = answered("SPECTRA=2,0,0,0", info, [[1]], [[2]], [[3]])
    names = [found.text for found in ElementTree.fromstring(text.encode()).iter("wavelength")]
    assert names == ["<&>", "é", "]"]


@given(st.text("0123456789:,-", max_size=14), st.sampled_from(["PFL", "SPECTRA"]))
def test_whatever_comes_is_answered_or_refused(argument: str, command: str) -> None:
    try:
        plan = sampled(f"{command}={argument}", STACK)
    except IIPServeError:
        return
    level = STACK.levels[plan.level].size
    assert all(0 <= x < level.width and 0 <= y < level.height for x, y in plan.points)
    assert len(plan.points) <= 100_000


def test_thumbnails_and_labels_are_left_out() -> None:
    label = StackLayer("label", is_auxiliary=True)
    slide = scaled(StackLayer("layer0"), label)
    assert sampled("PFL=2:0,0", slide).selectors == (Selector(0),)
    assert answered("PFL=2:0,0", slide, [[7]]) == answered("PFL=2:0,0", PLAIN, [[7]])
    assert answered("SPECTRA=2,0,0,0", slide, [[7]]) == answered("SPECTRA=2,0,0,0", PLAIN, [[7]])
    stack = scaled(StackLayer("a", 2.0), label, StackLayer("b", 3.0))
    assert sampled("PFL=2:0,0", stack).selectors == (Selector(0), Selector(2))
    answer = answered("PFL=2:0,0", stack, [[7]], [[7]])
    assert '"a": [14]' in answer
    assert '"b": [21]' in answer
