"""IIP's modifiers in front of other protocols."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import InvalidRequest, UnsupportedEncoding
from iipserve.image import ImageInfo, ImageName, Selector
from iipserve.plan import RenderPlan
from iipserve.processing import Operation, pipeline
from iipserve.processing.color import Bitonal, Grayscale
from iipserve.processing.colormap import Colormap
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.protocols import Protocol, deepzoom, iiif, iip, zoomify
from iipserve.protocols.iip import modification, modifiers
from tests.protocols.client import IMAGE, SERVER, ask, image, plan_of

DEEPZOOM_TILE = (deepzoom.PROTOCOL, "a.tif_files/12/0_0.jpg")


ZOOMIFY_TILE = (zoomify.PROTOCOL, "a.tif/TileGroup0/4-0-0.jpg")


IIIF_TILE = (iiif.PROTOCOL, "3/a.tif/0,0,256,256/256,256/0/default.jpg")


IIIF_EXPORT = (iiif.PROTOCOL, "3/a.tif/full/800,/0/default.png")


OTHERS = [DEEPZOOM_TILE, ZOOMIFY_TILE, IIIF_TILE, IIIF_EXPORT]


def modified(text: str, protocol: Protocol, target: str, info: ImageInfo = IMAGE) -> RenderPlan:
    plan = plan_of(ask(protocol, target, info))
    return modification.apply_modifiers(plan, modifiers.read(text), info, SERVER)


@pytest.mark.parametrize(("protocol", "target"), OTHERS)
def test_modifiers_apply_to_every_protocol(protocol: Protocol, target: str) -> None:
    plain = plan_of(ask(protocol, target, image(icc=b"profile")))
    plan = modified("GAM=2&QLT=33&CMP=hot&ROT=90", protocol, target, image(icc=b"profile"))
    assert plan.operations == (Gamma(2.0), Colormap("hot"), Rotate(90.0))
    assert (plan.view.level, plan.view.region, plan.view.size) == (
        plain.view.level,
        plain.view.region,
        plain.view.size,
    )
    assert plan.encoding.metadata is plain.encoding.metadata
    assert (plan.encoding.stored, plan.encoding.profile) == (False, False)
    assert plan.encoding.quality == (9 if plan.encoding.format == "png" else 33)


def test_one_tile_is_one_plan_in_all_protocols() -> None:
    text = "CNT=1.5&INV&QLT=80"
    plans = {modified(text, *tile) for tile in (DEEPZOOM_TILE, ZOOMIFY_TILE, IIIF_TILE)}
    plans.add(plan_of(ask(iip.PROTOCOL, f"FIF=a.tif&{text}&JTL=4,0")))
    assert len(plans) == 1


@pytest.mark.parametrize(
    "text", ["", "&&", "WID=100&HEI=3&RGN=0,0,.1,.1", "ICC=1", "CNT=1&GAM=1&ROT=0", "SDS=2"]
)
@pytest.mark.parametrize(("protocol", "target"), OTHERS)
def test_what_changes_nothing_leaves_the_plan(protocol: Protocol, target: str, text: str) -> None:
    assert modified(text, protocol, target) == plan_of(ask(protocol, target))


@pytest.mark.parametrize(
    ("text", "target", "operations"),
    [
        ("ROT=90", "full/800,/180/default.jpg", (Rotate(180.0),)),
        ("ROT=90", "full/800,/!0/default.jpg", (Mirror(),)),
        ("ROT=!90", "full/800,/0/gray.jpg", (Grayscale(), Mirror(), Rotate(90.0))),
        ("COL=binary", "full/800,/0/gray.jpg", (Grayscale(),)),
        ("COL=gray", "full/800,/90/bitonal.jpg", (Bitonal(), Rotate(90.0))),
        ("GAM=2&INV", "full/800,/90/gray.jpg", (Gamma(2.0), Invert(), Grayscale(), Rotate(90.0))),
        ("ROT=22.5", "full/800,/0/default.jpg", (Rotate(22.5),)),
    ],
)
def test_what_the_protocol_does_itself_wins(
    text: str, target: str, operations: tuple[Operation, ...]
) -> None:
    assert modified(text, iiif.PROTOCOL, f"3/a.tif/{target}").operations == operations


@pytest.mark.parametrize(
    ("text", "quality", "operations"),
    [
        ("GAM=2&CNT=2", "log", (Logarithm(), Contrast(2.0))),
        ("GAM=2&CNT=2&CNT=eq", "stretch", (Stretch(), Gamma(2.0), Equalize())),
        ("INV", "negative", (Invert(),)),
    ],
)
def test_qualities_beyond_the_specification_win_as_well(
    text: str, quality: str, operations: tuple[Operation, ...]
) -> None:
    config = Config(iiif_extensions=True)
    plan = plan_of(ask(iiif.PROTOCOL, f"3/a.tif/full/800,/0/{quality}.jpg", IMAGE, config))
    assert (
        modification.apply_modifiers(
            plan, modifiers.read(text), IMAGE, replace(SERVER, config=config)
        ).operations
        == operations
    )


@pytest.mark.parametrize(("protocol", "target"), [DEEPZOOM_TILE, ZOOMIFY_TILE, IIIF_TILE])
def test_tiles_are_turned_by_quarters_only(protocol: Protocol, target: str) -> None:
    with pytest.raises(InvalidRequest, match="90, 180 or 270"):
        modified("ROT=30", protocol, target)


def test_bits_and_layers() -> None:
    assert modified("BPC=16", *IIIF_EXPORT).encoding.bits == 16
    with pytest.raises(UnsupportedEncoding, match="jpeg has 8 bits"):
        modified("BPC=16", *IIIF_TILE)
    layered = image(quality_layers=6)
    assert modified("LYR=2", *DEEPZOOM_TILE, layered).view.image.quality_layers == 2
    assert modified("GAM=2", *DEEPZOOM_TILE, layered).view.image.quality_layers == 3


@pytest.mark.parametrize("text", ["JTL=0,0", "cvt=jpeg", "GAM=2&SPECTRA=0,0,0,0", "TIL=0,0", "PFL"])
def test_a_second_output_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="second output") as caught:
        modification.read_modifiers(text, SERVER)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["FIF=b", "OBJ=Max-size", "FOO=1", "_=17", "17", "t", "IIIF=x", ""])
def test_what_is_no_modifier_is_ignored(text: str) -> None:
    assert modification.read_modifiers(f"{text}&GAM=2&{text}", SERVER).view == modifiers.read("GAM=2")


def test_which_image_is_meant() -> None:
    assert modifiers.read("SDS=2").selector == Selector(2, 90)
    chosen = modification.read_modifiers("SDS=2", SERVER)
    assert chosen.select(ImageName("a")) == ImageName("a", Selector(2, 90))
    assert chosen.select(ImageName("a", Selector(1))) == ImageName("a", Selector(1))
    assert modification.read_modifiers("GAM=2", SERVER).select(ImageName("a")) == ImageName("a")


NAMES = st.sampled_from([*modifiers.MODIFIERS, "foo"])


ARGUMENTS = st.text("0123456789.,;:-+!eE[]%x ", max_size=14) | st.sampled_from(
    ["log", "eq", "st", "sobel", "jet"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=6), st.sampled_from(OTHERS))
def test_whatever_comes_is_understood_or_refused(
    commands: list[tuple[str, str]], other: tuple[Protocol, str]
) -> None:
    try:
        plan = modified("&".join(f"{name}={argument}" for name, argument in commands), *other)
    except InvalidRequest:  # 400
        return
    assert plan.operations == pipeline.ordered(plan.operations)
    assert len(plan.digest) == 32


def test_modifiers_of_a_view_of_several_images_are_refused() -> None:
    plan, images = plan_of(ask(*DEEPZOOM_TILE)), (IMAGE, image(icc=b"profile"))
    with pytest.raises(InvalidRequest, match="shows 2 images"):
        modification.read_modifiers("GAM=2", SERVER).apply(plan, images, SERVER)
    assert modification.read_modifiers("x=y", SERVER).apply(plan, images, SERVER) is plan
