"""IIP: size, region, format and file name of exports (CVT)."""

from __future__ import annotations

import pytest

from iipserve.config import Config
from iipserve.geometry import Region, Size
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols.iip import PROTOCOL
from tests.protocols.client import (
    IMAGE,
    Case,
    ask,
    image,
    plan_of,
)
from tests.protocols.iip.client import SMALL, planned

NO_UPSCALING = Config(allow_upscaling=False)


EXPORTS = [
    Case("width", "FIF=a&WID=100&CVT=jpeg", (100, 70)),
    Case("height", "FIF=a&HEI=100&CVT=jpeg", (143, 100)),
    Case("both are a box", "FIF=a&WID=100&HEI=10&CVT=jpeg", (14, 10)),
    Case("neither", "FIF=a&CVT=jpeg", (1000, 700)),
    Case("region by width", "FIF=a&RGN=.1,.1,.2,.2&WID=500&CVT=jpeg", (500, 350)),
    Case(
        "limit", "FIF=a&RGN=0,0,.2,.9&HEI=600&CVT=jpeg", (95, 300), config=Config(max_cvt=300),
    ),
    Case("region alone is as large as the image", "FIF=a&RGN=.1,.1,.2,.2&CVT=jpeg", (1000, 700)),
    Case("limit on the whole", "FIF=a&CVT=jpeg", (500, 350), config=Config(max_cvt=500)),
    Case("no limit", "FIF=a&WID=20000&CVT=jpeg", (20000, 14000), config=Config(max_cvt=-1)),
    Case("limit on the height", "FIF=a&WID=9000&CVT=jpeg", (500, 5000), info=image(100, 1000)),
    Case("zero is not given", "FIF=a&WID=0&HEI=100&CVT=jpeg", (143, 100)),
    Case("decimals are cut off", "FIF=a&WID=100.9&CVT=jpeg", (100, 70)),
    Case("at least a pixel", "FIF=a&WID=1&CVT=jpeg", (1, 1), info=image(1000, 3)),
    Case("last of a name counts", "FIF=a&WID=10&WID=100&CVT=jpeg", (100, 70)),
    Case("enlarged", "FIF=a&WID=2000&CVT=jpeg", (2000, 1400)),
    Case("not enlarged", "FIF=a&WID=2000&CVT=jpeg", (1000, 700), config=NO_UPSCALING),
    Case("region not enlarged", "FIF=a&RGN=.1,.1,.2,.2&WID=500&CVT=jpeg", (200, 140), config=NO_UPSCALING),
    Case("region alone not enlarged", "FIF=a&RGN=.1,.1,.2,.4&CVT=jpeg", (200, 280), config=NO_UPSCALING),
    Case("bare command", "FIF=a&CVT", (1000, 700)),
    Case("encoded", "FIF=a&RGN=0%2C0%2C.5%2C.5&WID=50&CVT=jpeg", (50, 35)),
    Case("exponents", "FIF=a&RGN=1e-7,0,5E-1,.5&WID=50&CVT=jpeg", (50, 35)),
]  # fmt: skip


@pytest.mark.parametrize("case", EXPORTS, ids=lambda case: case.id)
def test_exports(case: Case) -> None:
    info = SMALL if case.info is IMAGE else case.info
    assert planned(case.target, info, case.config).view.size == Size(*case.size)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        pytest.param("0,0,1,1", Region(0, 0, 1000, 700), id="all"),
        pytest.param(".1,.1,.2,.2", Region(100, 70, 200, 140), id="inside"),
        pytest.param(".9,.9,.5,.5", Region(900, 630, 100, 70), id="over the edge"),
        pytest.param("-1,-.5,2,2", Region(0, 0, 1000, 700), id="each number is held to 0 and 1"),
        pytest.param("0,0,1e-9,1e-9", Region(0, 0, 1, 1), id="at least a pixel"),
        pytest.param(".99999,.99999,.00001,.00001", Region(999, 699, 1, 1), id="last pixel"),
    ],
)
def test_regions(region: str, expected: Region) -> None:
    plan = planned(f"FIF=a&RGN={region}&WID=5000&CVT=png")
    assert (plan.view.level, plan.view.region) == (0, expected)


@pytest.mark.parametrize(
    ("argument", "format", "extension"),
    [
        ("jpeg", "jpeg", "jpg"), ("JPG", "jpeg", "jpg"), ("png", "png", "png"), ("webp", "webp", "webp"),
        ("avif", "avif", "avif"), ("tiff", "tiff", "tif"), ("gif", "gif", "gif"), ("jp2", "jp2", "jp2"), ("pdf", "pdf", "pdf"), ("bmp", "jpeg", "jpg"), ("%2e%2e", "jpeg", "jpg"),
    ],
)  # fmt: skip
def test_export_formats_and_file_names(argument: str, format: str, extension: str) -> None:
    answer = ask(PROTOCOL, f"FIF=b/my.image.tif&WID=100&CVT={argument}", SMALL)
    encoding = plan_of(answer).encoding
    assert (encoding.format, encoding.metadata, encoding.stored) == (format, True, False)
    assert answer.headers == (("Content-Disposition", f'inline; filename="my.image_100x70.{extension}"'),)


@pytest.mark.parametrize(
    ("identifier", "disposition"),
    [
        ("%C3%BC.tif", "inline; filename=\"__1x1.jpg\"; filename*=UTF-8''%C3%BC_1x1.jpg"),
        ("a%22b%0d%0ac.tif", "inline; filename=\"a_b__c_1x1.jpg\"; filename*=UTF-8''a%22b%0D%0Ac_1x1.jpg"),
        ("dir/", 'inline; filename="_1x1.jpg"'),
        (".hidden", 'inline; filename=".hidden_1x1.jpg"'),
    ],
)  # fmt: skip
def test_file_names_are_safe_in_a_header(identifier: str, disposition: str) -> None:
    headers = ask(PROTOCOL, f"FIF={identifier}&CVT=jpeg", image(1, 1)).headers
    assert headers == (("Content-Disposition", disposition),)


@pytest.mark.parametrize("angle", ["45", "0.5", "359.999", "-30"])
def test_exports_are_turned_by_any_angle(angle: str) -> None:
    plan = planned(f"FIF=a&ROT=!{angle}&WID=200&CVT=jpeg")
    assert plan.operations == (Mirror(), Rotate(float(angle) % 360))
    assert plan.view.size == Size(200, 140)
