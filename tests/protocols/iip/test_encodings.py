"""IIP: quality, depth, profile and quality layers of tiles and exports."""

from __future__ import annotations

import pytest

from iipserve.config import Config
from iipserve.errors import UnsupportedEncoding
from iipserve.image import ColorSpace
from tests.protocols.client import (
    CONFIG,
    image,
)
from tests.protocols.iip.client import SMALL, planned

QUALITIES = [
    ("JTL=0,0", "QLT=90", "jpeg", 90, ""),
    ("JTL=0,0", "QLT=0", "jpeg", 1, ""),
    ("JTL=0,0", "QLT=500", "jpeg", 100, ""),
    ("PTL=0,0", "QLT=50", "png", 9, ""),
    ("WTL=0,0", "QLT=0", "webp", -1, ""),
    ("ATL=0,0", "QLT=-5", "avif", -1, "auto"),
    ("TTL=0,0", "QLT=50", "tiff", 9, "deflate"),
    ("TTL=0,0", "QLT=zstd:50", "tiff", 19, "zstd"),
    ("TTL=0,0", "QLT=LZW:5", "tiff", 0, "lzw"),
    ("TTL=0,0", "QLT=jpeg:80", "tiff", 80, "jpeg"),
    ("TTL=0,0", "QLT=what:80", "tiff", 0, "none"),
    ("CVT=jpeg", "QLT=jpeg:33", "jpeg", 33, ""),
]


@pytest.mark.parametrize(("output", "quality", "format", "value", "scheme"), QUALITIES)
def test_quality(output: str, quality: str, format: str, value: int, scheme: str) -> None:
    encoding = planned(f"FIF=a&{quality}&{output}").encoding
    assert (encoding.format, encoding.quality, encoding.scheme, encoding.stored) == (
        format,
        value,
        scheme,
        False,
    )


DEFAULTS = [
    ("JTL", Config(jpeg_quality=90), 90, ""),
    ("PTL", Config(png_quality=6), 6, ""),
    ("WTL", Config(webp_quality=-1), -1, ""),
    ("ATL", Config(avif_codec=1), 50, "aom"),
    ("TTL", Config(), 1, "deflate"),
    ("TTL", Config(tiff_compression=5, tiff_quality=99), 19, "zstd"),
    ("TTL", Config(tiff_compression=0, tiff_quality=9), 0, "none"),
]


@pytest.mark.parametrize(("command", "config", "quality", "scheme"), DEFAULTS)
def test_default_quality(command: str, config: Config, quality: int, scheme: str) -> None:
    encoding = planned(f"FIF=a&{command}=0,0", SMALL, config).encoding
    assert (encoding.quality, encoding.scheme, encoding.stored) == (quality, scheme, True)


@pytest.mark.parametrize(
    ("icc", "config", "embedded"),
    [
        (None, CONFIG, False),
        (bytes(65535), CONFIG, True),
        (bytes(65536), CONFIG, False),
        (bytes(100000), Config(max_icc=-1), True),
        (bytes(10), Config(max_icc=0), False),
        (bytes(10), Config(embed_icc=False), False),
    ],
)
def test_profile(icc: bytes | None, config: Config, embedded: bool) -> None:
    info = image(icc=icc)
    assert planned("FIF=a&JTL=0,0", info, config).encoding.profile is embedded
    assert planned("FIF=a&CVT=png", info, config).encoding.profile is embedded


LAYERS = [
    (0, "", 3), (0, "LYR=1&", 1), (0, "LYR=5&", 0), (0, "LYR=99&", 0), (-1, "", 0), (-1, "LYR=2&", 2),
    (2, "", 2), (2, "LYR=1&", 1), (2, "LYR=4&", 2), (2, "LYR=-1&", 2), (9, "", 0),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "modifier", "layers"), LAYERS)
def test_layers_of_an_image_that_has_five(setting: int, modifier: str, layers: int) -> None:
    config = Config(max_layers=setting)
    for output in ("JTL=0,0", "CVT=jpeg"):
        plan = planned(f"FIF=a&{modifier}{output}", image(quality_layers=5), config)
        assert plan.view.image.quality_layers == layers
        assert planned(f"FIF=a&{modifier}{output}", SMALL, config).view.image.quality_layers == 0


DEPTHS = [
    ("BPC=16&PTL=0,0", "png", 16),
    ("BPC=16&TTL=0,0", "tiff", 16),
    ("BPC=16&CVT=png", "png", 16),
    ("BPC=16&QLT=zstd:5&CVT=tiff", "tiff", 16),
    ("BPC=16&BPC=8&JTL=0,0", "jpeg", 8),
    ("BPC=8&CVT=png", "png", 8),
]


@pytest.mark.parametrize(("commands", "format", "bits"), DEPTHS)
def test_bits_per_sample(commands: str, format: str, bits: int) -> None:
    encoding = planned(f"FIF=a&{commands}").encoding
    assert (encoding.format, encoding.bits) == (format, bits)
    if bits == 8:
        assert planned(f"FIF=a&{commands}") == planned(f"FIF=a&{commands.rpartition('&')[2]}")


@pytest.mark.parametrize(
    "commands", ["JTL=0,0", "WTL=0,0", "ATL=0,0", "CVT=jpeg", "QLT=jpeg:80&CVT=tiff", "TIL=0,0"]
)
def test_formats_without_room_for_16_bits_are_refused(commands: str) -> None:
    with pytest.raises(UnsupportedEncoding, match=r"BPC=16: .* has 8 bits per sample"):
        planned(f"FIF=a&BPC=16&{commands}")


def test_jpeg_xl() -> None:
    encoding = planned("FIF=a&XTL=0,0", config=Config(jxl_quality=33)).encoding
    assert (encoding.format, encoding.quality, encoding.stored) == ("jxl", 33, True)
    assert planned("FIF=a&QLT=-9&CVT=jxl").encoding.quality == -1


@pytest.mark.parametrize("space", [ColorSpace.CMYK, ColorSpace.CIELAB])
def test_a_profile_of_colors_that_are_converted_does_not_go_along(space: ColorSpace) -> None:
    info = image(bands=4 if space is ColorSpace.CMYK else 3, color_space=space, icc=b"profile")
    for commands in ("JTL=0,0", "CVT=png", "QLT=90&CVT=png"):
        assert not planned(f"FIF=a&{commands}", info).encoding.profile
