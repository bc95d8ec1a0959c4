"""What the settings add to plans; watermarks of every kind of file."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from iipserve.config import Config
from iipserve.engine import output_policy as finishing
from iipserve.engine.output_policy import OutputPolicy, load_watermark
from iipserve.errors import ConfigError
from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.plan import (
    Composite,
    Crop,
    Encoding,
    Mosaic,
    MosaicPart,
    RenderPlan,
    StyledView,
    image_ref,
)
from iipserve.processing import Operation, pipeline
from iipserve.processing.color import Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.icc import ToSRGB
from iipserve.processing.transform import Mirror
from iipserve.processing.watermark import AdditiveMark, OverMark, Watermark
from tests.engine.fakes import ArraySource
from tests.images import Picture, gradient

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def info(*, icc: bytes | None = SRGB, color_space: ColorSpace = ColorSpace.SRGB) -> ImageInfo:
    return replace(ArraySource([gradient((64, 64))], icc=icc).info, color_space=color_space)


def plan(*operations: Operation, format: str = "jpeg") -> RenderPlan:
    crop = Crop(image_ref(info()), 0, Region(0, 0, 64, 64), Size(64, 64))
    return RenderPlan(crop, Encoding(format, 75), operations)


def save(path: Path, pixels: Picture, **options: Any) -> Path:
    Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).save(path, **options)
    return path


MARK = gradient((12, 8), 4)


@pytest.fixture
def mark_path(tmp_path: Path) -> Path:
    return save(tmp_path / "mark.png", MARK)


def test_nothing_is_added_by_default() -> None:
    one = plan(Mirror())
    assert OutputPolicy(Config()).apply(one, [info()]) is one


@pytest.mark.parametrize("format", ["jpeg", "raw", "tiff"])
def test_watermark_is_added_to_every_plan(mark_path: Path, format: str) -> None:
    complete = OutputPolicy(Config(watermark=str(mark_path))).apply(plan(Mirror(), format=format), [info()])
    assert [type(operation) for operation in complete.operations] == [Mirror, Watermark]
    assert complete.encoding.format == format


def test_each_image_of_several_is_converted_by_itself() -> None:
    """Of a mosaic, and of one among layers; those without a profile are left as they are."""
    first = info()
    second = replace(info(icc=None), identifier="other")
    crops = [Crop(image_ref(each), 0, Region(0, 0, 64, 64), Size(64, 64)) for each in (first, second)]
    mosaic = Mosaic(tuple(MosaicPart(crop, (Mirror(),)) for crop in crops), Size(64, 64))
    layers = Composite((StyledView(mosaic), StyledView(crops[0])), Size(64, 64))
    policy, encoding = OutputPolicy(Config(icc_to_srgb=True)), Encoding("png", 1)
    converted = policy.apply(RenderPlan(mosaic, encoding), [first, second]).view
    assert isinstance(converted, Mosaic)
    assert [part.operations for part in converted.parts] == [
        pipeline.ordered((ToSRGB(), Mirror())),
        (Mirror(),),
    ]
    composite = policy.apply(RenderPlan(layers, encoding), [first, second]).view
    assert isinstance(composite, Composite)
    assert composite.parts == (StyledView(converted), StyledView(crops[0], (ToSRGB(),)))


def test_plans_with_different_watermarks_differ(mark_path: Path) -> None:
    digests, plans = set(), set()
    for config in (
        Config(),
        Config(watermark=str(mark_path)),
        Config(watermark=str(mark_path), watermark_opacity=0.5),
        Config(watermark=str(mark_path), watermark_probability=0.5),
        Config(watermark=str(mark_path), watermark_blend="alpha"),
        Config(watermark=str(save(mark_path.with_name("other.png"), MARK[::-1]))),
        Config(watermark=str(save(mark_path.with_name("shape.png"), MARK.reshape(12, 8, 4)))),
    ):
        complete = OutputPolicy(config).apply(plan(), [info()])
        digests.add(complete.digest)
        plans.add(complete)
    assert len(digests) == len(plans) == 7


def test_the_same_watermark_in_every_process(mark_path: Path) -> None:
    plans = {OutputPolicy(Config(watermark=str(mark_path))).apply(plan(), [info()]) for _ in range(2)}
    assert len(plans) == 1
    assert len({complete.digest for complete in plans}) == 1


CONVERTED = [
    pytest.param(SRGB, ColorSpace.SRGB, (), True, id="color"),
    pytest.param(SRGB, ColorSpace.GRAY, (), True, id="gray"),
    pytest.param(None, ColorSpace.SRGB, (), False, id="without a profile"),
    pytest.param(SRGB, ColorSpace.CMYK, (), False, id="CMYK always is"),
    pytest.param(SRGB, ColorSpace.CIELAB, (), False, id="CIELAB has no profile that fits"),
    pytest.param(SRGB, ColorSpace.SRGB, (Mirror(),), True, id="with a harmless operation"),
]


@pytest.mark.parametrize(("icc", "color_space", "operations", "converted"), CONVERTED)
def test_conversion_to_srgb(
    icc: bytes | None, color_space: ColorSpace, operations: tuple[Operation, ...], converted: bool
) -> None:
    one = plan(*operations)
    complete = OutputPolicy(Config(icc_to_srgb=True)).apply(one, [info(icc=icc, color_space=color_space)])
    assert (ToSRGB() in complete.operations) == converted
    assert converted or complete is one


def test_conversion_where_one_of_several_images_has_a_profile() -> None:
    policy, with_profile, without = OutputPolicy(Config(icc_to_srgb=True)), info(), info(icc=None)
    assert policy.apply(plan(), [without, with_profile]).operations == (ToSRGB(),)
    assert policy.apply(plan(), [without, without]).operations == ()


@pytest.mark.parametrize(
    "operation", [Colormap("hot"), Twist(((0, 1, 0), (1, 0, 0), (0, 0, 1)))], ids=["map", "twist"]
)
def test_no_conversion_of_colors_that_the_profile_does_not_describe(operation: Operation) -> None:
    one = plan(operation, Mirror())
    assert OutputPolicy(Config(icc_to_srgb=True)).apply(one, [info()]) is one


def test_additions_keep_the_canonical_order(mark_path: Path) -> None:
    config = Config(watermark=str(mark_path), icc_to_srgb=True)
    complete = OutputPolicy(config).apply(plan(Mirror()), [info()])
    assert [type(operation) for operation in complete.operations] == [ToSRGB, Mirror, Watermark]


def pixels_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> Picture:
    """What a mark is made of."""
    taken: list[Picture] = []

    class Noted(AdditiveMark):
        def __init__(self, pixels: Picture, opacity: float) -> None:
            taken.append(pixels)
            super().__init__(pixels, opacity)

    monkeypatch.setattr(finishing, "BLENDS", {"additive": Noted})
    assert load_watermark(Config(watermark=str(path))) is not None
    return taken[0]


def opaque(pixels: Picture) -> Picture:
    return np.concatenate((pixels, np.full_like(pixels[..., :1], 255)), axis=2)


def write_tiff(path: Path, pixels: Any, **options: Any) -> None:
    tifffile.imwrite(path, pixels, metadata=None, **options)


def deep(pixels: Picture) -> Any:
    return pixels.astype(np.uint16) * np.uint16(257)


RGB = gradient((12, 8))
GRAY = gradient((12, 8), 1)
GRAY_ALPHA = gradient((12, 8), 2)
AS_RGBA = [0, 0, 0, 1]
FILES: dict[str, tuple[str, Callable[[Path], object], Picture]] = {
    "RGB PNG": ("png", lambda path: save(path, RGB), opaque(RGB)),
    "RGBA PNG": ("png", lambda path: save(path, MARK), MARK),
    "gray PNG": ("png", lambda path: save(path, GRAY), opaque(GRAY.repeat(3, 2))),
    "gray and alpha PNG": ("png", lambda path: save(path, GRAY_ALPHA), GRAY_ALPHA[..., AS_RGBA]),
    "RGB TIFF": ("tif", lambda path: write_tiff(path, RGB, photometric="rgb"), opaque(RGB)),
    "RGBA TIFF": (
        "tif",
        lambda path: write_tiff(path, MARK, photometric="rgb", extrasamples=["unassalpha"]),
        MARK,
    ),
    "gray TIFF": ("tif", lambda path: write_tiff(path, GRAY[..., 0]), opaque(GRAY.repeat(3, 2))),
    "16-bit RGB TIFF": ("tif", lambda path: write_tiff(path, deep(RGB), photometric="rgb"), opaque(RGB)),
    "16-bit RGBA TIFF": (
        "tif",
        lambda path: write_tiff(path, deep(MARK), photometric="rgb", extrasamples=["unassalpha"]),
        MARK,
    ),
    "16-bit gray TIFF": ("tif", lambda path: write_tiff(path, deep(GRAY)[..., 0]), opaque(GRAY.repeat(3, 2))),
    "min-is-white TIFF": (
        "tif",
        lambda path: write_tiff(path, 255 - GRAY[..., 0], photometric="miniswhite"),
        opaque(GRAY.repeat(3, 2)),
    ),
    "tiled deflate TIFF": (
        "tif",
        lambda path: write_tiff(path, RGB, photometric="rgb", tile=(16, 16), compression="deflate"),
        opaque(RGB),
    ),
    "lossless WebP": ("webp", lambda path: save(path, MARK, lossless=True, exact=True), MARK),
    "no extension": ("", lambda path: save(path, RGB, format="png"), opaque(RGB)),
}


@pytest.mark.parametrize("name", FILES)
def test_kinds_of_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extension, write, expected = FILES[name]
    path = tmp_path / f"mark.{extension}"
    write(path)
    np.testing.assert_array_equal(pixels_of(path, monkeypatch), expected)


def test_premultiplied_colors_are_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = np.full((8, 12, 4), (50, 25, 0, 100), np.uint8)
    write_tiff(tmp_path / "mark.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    found = pixels_of(tmp_path / "mark.tif", monkeypatch).astype(int)
    assert np.abs(found - (127, 64, 0, 100)).max() <= 1


@pytest.mark.parametrize("extension", ["png", "gif"])
def test_palette_with_a_clear_color(extension: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("P", (12, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((3, 2), 0)
    image.save(tmp_path / f"mark.{extension}", transparency=0)
    found = pixels_of(tmp_path / f"mark.{extension}", monkeypatch)
    assert found[0, 0].tolist() == [200, 100, 50, 255]
    assert found[2, 3, 3] == 0


def test_one_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("1", (12, 8), 1)
    image.putpixel((3, 2), 0)
    image.save(tmp_path / "mark.tif", compression="group4")
    found = pixels_of(tmp_path / "mark.tif", monkeypatch)
    assert found[0, 0].tolist() == [255] * 4
    assert found[2, 3].tolist() == [0, 0, 0, 255]


def test_cmyk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ink = np.zeros((8, 12, 4), np.uint8)
    ink[:, 6:, 3] = 255
    write_tiff(tmp_path / "mark.tif", ink, photometric="separated")
    found = pixels_of(tmp_path / "mark.tif", monkeypatch)
    assert found.shape == (8, 12, 4)
    assert found[0, 0].min() > 250
    assert found[0, 6:, :3].max() < 70
    assert (found[..., 3] == 255).all()


def test_profile_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Pillow's color management: colors of a gamma of 1 become lighter."""
    profile = linear_profile()
    save(tmp_path / "mark.png", MARK, icc_profile=profile)
    expected = ImageCms.profileToProfile(
        Image.fromarray(np.ascontiguousarray(MARK[..., :3])),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
    )
    found = pixels_of(tmp_path / "mark.png", monkeypatch).astype(int)
    assert np.abs(found[..., :3] - np.asarray(expected)).max() <= 2
    np.testing.assert_array_equal(found[..., 3], MARK[..., 3])
    assert found[..., 0].mean() > MARK[..., 0].mean() + 5


def linear_profile() -> bytes:
    """sRGB's, with curves replaced by a gamma of 1."""
    profile = bytearray(SRGB)
    for at in range(132, 132 + 12 * profile[131], 12):
        if profile[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            place = int.from_bytes(profile[at + 4 : at + 8], "big")
            profile[place : place + 12] = b"curv" + bytes(8)
    return bytes(profile)


def test_broken_profile_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiff(tmp_path / "mark.tif", RGB, photometric="rgb", iccprofile=b"no profile" * 30)
    np.testing.assert_array_equal(pixels_of(tmp_path / "mark.tif", monkeypatch), opaque(RGB))


def test_orientation_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiff(tmp_path / "mark.tif", RGB, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    found = pixels_of(tmp_path / "mark.tif", monkeypatch)
    np.testing.assert_array_equal(found, opaque(np.rot90(RGB, -1)))


@pytest.mark.parametrize(("word", "kind"), [("additive", AdditiveMark), ("alpha", OverMark)])
def test_blend(word: str, kind: type, mark_path: Path) -> None:
    found = load_watermark(Config(watermark=str(mark_path), watermark_blend=word, watermark_probability=0.3))
    assert found is not None
    assert type(found.mark) is kind
    assert found.mark.size == Size(12, 8)
    assert found.probability == 0.3


@pytest.mark.parametrize("blend", ["additive", "alpha"])
def test_opacity_of_the_settings(blend: str, mark_path: Path) -> None:
    """Half as much of the mark, on black."""
    config = Config(watermark=str(mark_path), watermark_blend=blend, watermark_opacity=0.5)
    found = load_watermark(config)
    assert found is not None
    result = found(np.zeros((8, 12, 3), np.uint8))
    assert np.abs(result - MARK[..., :3] * (MARK[..., 3:] / 510)).max() <= 1


def test_none_by_default() -> None:
    assert load_watermark(Config()) is None


@pytest.mark.parametrize("setting", ["watermark_probability", "watermark_opacity"])
def test_none_that_would_never_show(setting: str, mark_path: Path) -> None:
    assert load_watermark(Config(watermark=str(mark_path), **{setting: 0.0})) is None  # type: ignore[arg-type]


def cut_png(path: Path) -> None:
    save(path, np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:50_000])


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "is not a file; an image is required"),
    "a folder": (lambda path: path.mkdir(), "is not a file; an image is required"),
    "empty": (lambda path: path.touch(), "a readable image is required"),
    "text": (lambda path: path.write_text("a mark"), "a readable image is required"),
    "SVG": (
        lambda path: path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        "a readable image is required",
    ),
    "cut short": (cut_png, "a readable image is required"),
    "too large": (
        lambda path: save(path, np.zeros((4001, 4000, 1), np.uint8), format="png"),
        "of 4000 x 4001 pixels; one of at most 16 megapixels is required",
    ),
    "floating point": (
        lambda path: write_tiff(path, np.zeros((8, 12), np.float32)),
        "with samples of type float; 8 or 16 bits are required",
    ),
    "six bands": (
        lambda path: write_tiff(
            path, np.zeros((8, 12, 6), np.uint8), photometric="minisblack", planarconfig="contig"
        ),
        "with 6 bands; gray, RGB or CMYK, with or without opacity, is required",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_unusable_watermark_stops_the_start(name: str, probability: float, tmp_path: Path) -> None:
    make, message = UNUSABLE[name]
    path = tmp_path / "mark"
    make(path.with_suffix(".png") if name == "cut short" else path)
    if name == "cut short":
        path = path.with_suffix(".png")
    with pytest.raises(ConfigError, match=message) as refusal:
        OutputPolicy(Config(watermark=str(path), watermark_probability=probability))
    assert str(refusal.value).startswith(f"WATERMARK is {str(path)!r}")
    assert "\n" not in str(refusal.value)


def test_gray_is_computed_from_converted_colors() -> None:
    complete = OutputPolicy(Config(icc_to_srgb=True)).apply(plan(Grayscale()), [info()])
    assert [type(operation) for operation in complete.operations] == [ToSRGB, Grayscale]
