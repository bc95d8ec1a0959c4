"""IIP's modifiers: the operations that each argument stands for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.errors import ConfigError, InvalidRequest
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import RenderPlan
from iipserve.processing import Operation, pipeline
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import KERNELS, Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import iip
from tests.protocols.client import CONFIG, GRAY, IMAGE, ask, image, plan_of

SWAP = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


SHARPEN = ((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0))


GRID = ",".join(map(str, range(25)))


OPERATIONS: list[tuple[str, tuple[Operation, ...]]] = [
    ("CNT=1.5", (Contrast(1.5),)),
    ("CNT=0", (Contrast(0.0),)),
    ("CNT=-0", (Contrast(0.0),)),
    ("CNT=1", ()),
    ("CNT=1.0e0", ()),
    ("CNT=eq", (Equalize(),)),
    ("CNT=Equalization", (Equalize(),)),
    ("CNT=st", (Stretch(),)),
    ("CNT=STRETCH", (Stretch(),)),
    ("CNT=-1", (Stretch(),)),
    ("CNT=-1.0", (Stretch(),)),
    ("CNT=2&CNT=st", (Stretch(),)),
    ("CNT=st&CNT=2", (Contrast(2.0),)),
    ("CNT=2&CNT=1", ()),
    ("CNT=eq&CNT=2", (Contrast(2.0), Equalize())),
    ("GAM=0.5", (Gamma(0.5),)),
    ("GAM=.5", (Gamma(0.5),)),
    ("GAM=+2", (Gamma(2.0),)),
    ("GAM=0", (Gamma(0.0),)),
    ("GAM=1", ()),
    ("GAM=log", (Logarithm(),)),
    ("GAM=Logarithm", (Logarithm(),)),
    ("GAM=-1", (Logarithm(),)),
    ("GAM=2&GAM=log", (Logarithm(),)),
    ("GAM=log&GAM=2", (Gamma(2.0),)),
    ("INV", (Invert(),)),
    ("INV=1", (Invert(),)),
    ("inv=whatever", (Invert(),)),
    ("MINMAX=0:10,200", (SampleRange(((0, 10.0, 200.0),)),)),
    ("MINMAX=-:10,200", (SampleRange(((None, 10.0, 200.0),)),)),
    ("MINMAX=2:-1.5,2e3", (SampleRange(((2, -1.5, 2000.0),)),)),
    ("MINMAX=1:5,6&MINMAX=0:1,2", (SampleRange(((0, 1.0, 2.0), (1, 5.0, 6.0))),)),
    ("MINMAX=1:5,6&MINMAX=1:1,2", (SampleRange(((1, 1.0, 2.0),)),)),
    ("MINMAX=-:5,6&MINMAX=1:1,2", (SampleRange(((None, 5.0, 6.0), (1, 1.0, 2.0))),)),
    ("MINMAX=1:1,2&MINMAX=-:5,6", (SampleRange(((None, 5.0, 6.0),)),)),
    ("MINMAX=3:1,2", ()),
    ("MINMAX=-1:1,2", ()),
    ("MINMAX=3:1,2&MINMAX=0:1,2", (SampleRange(((0, 1.0, 2.0),)),)),
    ("SHD=45,30", (Hillshade(45, 30),)),
    ("SHD=45.9,-30.9", (Hillshade(45, -30),)),
    ("CTW=[0,0,1;0,1,0;1,0,0]", (Twist(SWAP),)),
    ("CTW=0,0,1;0,1,0;1,0,0", (Twist(SWAP),)),
    ("CTW=%5B0,0,1%3B0,1,0;1,0,0;%5D", (Twist(SWAP),)),
    ("CTW=[0,0,1]&CTW=[0,1,0;1,0,0]", (Twist(SWAP),)),
    ("CTW=[.3, .3, .4]", (Twist(((0.3, 0.3, 0.4),)),)),
    ("CTW=[1;0,1;0,0,1,5]", (Twist(((1.0,), (0.0, 1.0), (0.0, 0.0, 1.0, 5.0))),)),
    ("CTW=[1;2;3;4]", (Twist(((1.0,), (2.0,), (3.0,))),)),
    ("COL=grey", (Grayscale(),)),
    ("COL=GRAY", (Grayscale(),)),
    ("COL=binary", (Bitonal(),)),
    ("COL=binary&COL=gray", (Grayscale(),)),
    ("COL=purple", ()),
    ("COL=gray&COL=purple", (Grayscale(),)),
    ("CMP=hot", (Colormap("hot"),)),
    ("CMP=JET", (Colormap("jet"),)),
    ("CMP=hot&CMP=cold", (Colormap("cold"),)),
    ("CMP=none", ()),
    ("CMP=hot&CMP=none", ()),
    ("CNV=sharpen", (Convolve(SHARPEN),)),
    ("CNV=[Sharpen]", (Convolve(SHARPEN),)),
    ("CNV=[0,-1,0,-1,5,-1,0,-1,0]", (Convolve(SHARPEN),)),
    ("CNV=%5B0,-1,0,-1,5,-1,0,-1,0%5D", (Convolve(SHARPEN),)),
    ("CNV=2", (Convolve(((2.0,),)),)),
    (f"CNV={GRID}", (Convolve(tuple(tuple(map(float, range(row, row + 5))) for row in range(0, 25, 5))),)),
    ("ROT=90", (Rotate(90.0),)),
    ("ROT=-90", (Rotate(270.0),)),
    ("ROT=450.0", (Rotate(90.0),)),
    ("ROT=!90", (Mirror(), Rotate(90.0))),
    ("ROT=!180", (Mirror(), Rotate(180.0))),
    ("ROT=!0", (Mirror(),)),
    ("ROT=0", ()),
    ("ROT=-360", ()),
    ("ROT=-1e-20", ()),
    ("ROT=359.9999999", ()),
    ("ROT=!90&ROT=180", (Rotate(180.0),)),
    ("ICC", ()),
    ("ICC=1", ()),
    ("WID=100&HEI=50&RGN=0,0,.5,.5&SDS=1&LYR=3", ()),
]


def tile(text: str, info: ImageInfo = IMAGE, config: Config = CONFIG) -> RenderPlan:
    """The plan of an IIP tile after these modifiers."""
    return plan_of(ask(iip.PROTOCOL, f"FIF=a&{text}&PTL=0,0", info, config))


@pytest.mark.parametrize(("text", "operations"), OPERATIONS, ids=[text for text, _ in OPERATIONS])
def test_operations(text: str, operations: tuple[Operation, ...]) -> None:
    plan = tile(text)
    assert plan.operations == operations
    assert repr(plan.operations) == repr(operations), "one spelling of numbers, for digests"
    if not operations:
        assert plan == tile("")
        assert plan.digest == tile("").digest


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr", "laplace", "gaussian", "sharpen", "emboss"])
def test_kernels_by_name(name: str) -> None:
    assert tile(f"CNV={name}").operations == (Convolve(KERNELS[name]),)


ORDERED = (
    ("CNT=2", Contrast(2.0)),
    ("MINMAX=0:1,2", SampleRange(((0, 1.0, 2.0),))),
    ("SHD=1,2", Hillshade(1, 2)),
    ("CTW=[1;2;3]", Twist(((1.0,), (2.0,), (3.0,)))),
    ("GAM=2", Gamma(2.0)),
    ("INV", Invert()),
    ("CMP=jet", Colormap("jet")),
    ("CNV=1", Convolve(((1.0,),))),
    ("COL=gray", Grayscale()),
    ("CNT=eq", Equalize()),
    ("ROT=90", Rotate(90.0)),
)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_client_means_nothing(seed: int) -> None:
    chosen = random.Random(seed).sample(ORDERED, len(ORDERED))
    plan = tile("&".join(text for text, _ in chosen))
    assert plan.operations == pipeline.ordered(operation for _, operation in ORDERED)
    assert plan.operations.index(Hillshade(1, 2)) < plan.operations.index(Gamma(2.0))


REFUSED = [
    ("CNT=x", "CNT='x': a factor"),
    ("CNT=nan", "factor"),
    ("CNT=inf", "factor"),
    ("CNT=1e31", "factor"),
    ("CNT=1e999", "factor"),
    ("CNT", "factor"),
    ("GAM=x", "an exponent"),
    ("GAM=-2", "0 or more"),
    ("MINMAX=0", "BAND:MINIMUM,MAXIMUM"),
    ("MINMAX=0:1", "BAND"),
    ("MINMAX=x:1,2", "BAND"),
    ("MINMAX=0:1,2,3", "BAND"),
    ("MINMAX=0:nan,1", "BAND"),
    ("MINMAX=0:0,1e999", "BAND"),
    ("CMP=rainbo", "rainbo"),
    ("SHD=45", "two angles"),
    ("SHD=45,30,1", "two angles"),
    ("SHD=x,y", "whole number"),
    ("CTW=[]", "the matrix is empty"),
    ("CTW=;", "the matrix is empty"),
    ("CTW=[a,b]", "numbers are needed"),
    ("CTW=[1,,2]", "numbers are needed"),
    ("CTW=[1e99]", "numbers are needed"),
    ("CNV=blur", "sobel"),
    ("CNV=[]", "sobel"),
    ("CNV=1,2,3,4", "4 numbers do not form a square"),
    (f"CNV={GRID},1", "26 numbers"),
    ("CNV=1,2,x,4,5,6,7,8,9", "9 or 25 numbers"),
    ("ROT=x", "degrees clockwise"),
    ("ROT=", None),
    ("ROT=!", "degrees"),
    ("ROT=!!90", "degrees"),
    ("SDS=x", "whole number"),
    ("SDS=-1", "0 or more"),
    ("SDS=1,2,3", "a layer or two angles"),
    ("LYR=x", "whole number"),
    ("BPC=12", "8 or 16"),
    ("BPC", "8 or 16"),
    ("QLT=x", "whole number"),
]


@pytest.mark.parametrize(
    ("text", "match"), [case for case in REFUSED if case[1]], ids=[text for text, match in REFUSED if match]
)
def test_refusals(text: str, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match) as caught:
        tile(text)
    assert caught.value.status == 400


def test_an_unknown_color_map_is_refused_with_the_known_names() -> None:
    with pytest.raises(InvalidRequest, match=r"hot.*jet"):
        tile("CMP=jett")


def test_color_maps_of_the_administrator(tmp_path: Path) -> None:
    (tmp_path / "Terrain.csv").write_text("0,64,0\n255,255,255\n")
    config = Config(colormaps=str(tmp_path))
    (step,) = tile("CMP=terrain", IMAGE, config).operations
    assert isinstance(step, Colormap)
    assert step.name == "terrain"
    with pytest.raises(InvalidRequest, match=r"hot.*, terrain; none removes it"):
        tile("CMP=terain", IMAGE, config)


def test_color_maps_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken.txt").write_text("red\n")
    assert iip.PROTOCOL.check is not None
    iip.PROTOCOL.check(CONFIG)
    with pytest.raises(ConfigError, match="broken"):
        iip.PROTOCOL.check(Config(colormaps=str(tmp_path)))


@pytest.mark.parametrize(
    "info", [GRAY, image(bands=4, color_space=ColorSpace.CMYK), image(bands=2, has_alpha=True)]
)
def test_hillshade_needs_three_bands(info: ImageInfo) -> None:
    with pytest.raises(InvalidRequest, match="SHD needs three bands"):
        tile("SHD=1,2", info)


def test_hillshade_counts_no_opacity() -> None:
    assert tile("SHD=1,2", image(bands=4, has_alpha=True)).operations == (Hillshade(1, 2),)


BILEVEL = image(bands=1, bits=1, color_space=ColorSpace.GRAY)


GRAYS = [
    (IMAGE, "COL=gray", True),
    (GRAY, "COL=gray", False),
    (image(bands=7, color_space=ColorSpace.GRAY), "COL=gray", False),
    (image(bands=4, color_space=ColorSpace.CMYK), "COL=gray", True),
    (image(color_space=ColorSpace.CIELAB), "COL=gray", True),
    (IMAGE, "SHD=1,2&COL=gray", False),
    (GRAY, "CMP=hot&COL=gray", True),
    (GRAY, "CTW=[1;.5;.2]&COL=gray", True),
    (IMAGE, "CTW=[.3,.3,.4]&COL=gray", False),
    (GRAY, "COL=binary", True),
    (BILEVEL, "COL=binary", False),
    (BILEVEL, "CMP=jet&COL=binary", True),
]


@pytest.mark.parametrize(("info", "text", "effective"), GRAYS)
def test_gray_and_binary_only_where_they_change_anything(info: ImageInfo, text: str, effective: bool) -> None:
    steps = [step for step in tile(text, info).operations if isinstance(step, Grayscale | Bitonal)]
    assert bool(steps) is effective


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GAM=2&CNT=2&INV&MINMAX=0:1,2&CNV=sobel&ROT=90&CNT=eq", True),
        ("QLT=50", True),
        ("CMP=hot", False),
        ("SHD=1,2", False),
        ("CTW=[1,1,1]", False),
        ("COL=gray", False),
        ("COL=gray&QLT=50", False),
    ],
)
def test_what_drops_the_profile(text: str, kept: bool) -> None:
    info = image(icc=b"profile")
    for output in ("JTL=0,0", "CVT=jpeg"):
        plan = plan_of(ask(iip.PROTOCOL, f"FIF=a&{text}&{output}", info))
        assert plan.encoding.profile is kept
