"""A plan is cache key and entity tag: equal plans share one, any difference makes another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, make_dataclass, replace
from typing import Any

import numpy as np
import pytest

from iipserve.cache.memcached import MemcachedCache
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.ground_steps import GroundSteps
from iipserve.geometry import Region, Size
from iipserve.image import ImageVersion
from iipserve.plan import (
    Blank,
    Composite,
    CoverageBand,
    CoverageDescription,
    CoverageEncoding,
    CoveragePlan,
    Crop,
    Encoding,
    Envelope,
    ImageRef,
    Legend,
    MetadataItem,
    Mosaic,
    MosaicPart,
    MosaicRule,
    RenderPlan,
    Resampling,
    StyledView,
)
from iipserve.processing import Operation, pipeline
from iipserve.processing.channels import ChannelGamma, Normalize, Opacity
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.icc import ToSRGB
from iipserve.processing.stretching import Ends, GaussianStretch, StatisticsStretch
from iipserve.processing.terrain import Terrain, TerrainFunction
from iipserve.processing.tone import Brightness, Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.processing.transparency import Background, Transparency
from iipserve.processing.value_colormap import Between, ValueColormap
from iipserve.processing.watermark import BLENDS, Watermark

CROP = Crop(ImageRef("a.tif", ImageVersion(1, 2)), 0, Region(0, 0, 256, 256), Size(256, 256))
PLACE = Georeference("EPSG:32633", Affine(1.0, 0.0, 5.0, 0.0, -1.0, 9.0), CROP.size)
MARK = BLENDS["additive"](np.zeros((8, 8, 4), np.uint8), 0.5)
OPERATIONS: tuple[Operation, ...] = (
    Terrain(TerrainFunction.SLOPE, 1, 2.0, 3.0, 4.0, GroundSteps(PLACE)),
    Transparency((0.0, -1.0)),
    SampleRange(((0, 0.0, 1.5), (None, 0.25, 0.5))),
    Stretch((1, 2)),
    Normalize((0, 1), True),
    StatisticsStretch(Ends.PERCENT, 0.5, 1.0),
    GaussianStretch(3.0, True, (((0.0, 1.0), (0.5, 0.6)),)),
    Hillshade(3, 4),
    Twist(((1.0, 0.5), (0.1, 0.2))),
    Gamma(0.3),
    ChannelGamma((0.3, 0.4)),
    Logarithm(),
    Invert(),
    Colormap("own", b"\0\1"),
    ValueColormap(Between.STEPS, (0.5,), ((1, 2, 3, 4), (5, 6, 7, 8)), ("a", "b"), 2.0, 1.0),
    Convolve(((0.0, 1.0), (0.1, 0.2))),
    Contrast(1.2),
    Brightness(0.1),
    ToSRGB(b"profile"),
    Grayscale(),
    Bitonal(7),
    Equalize((1, 2)),
    Mirror(),
    Rotate(90.0),
    Opacity(0.3),
    Background(1, 2, 3),
    Watermark("fingerprint", MARK, 0.5),
)
PLAN = RenderPlan(CROP, Encoding("jpeg", 75), OPERATIONS)

LEGEND = RenderPlan(Legend(CROP.image, CROP.size, 2.0, 1.0, "m"), PLAN.encoding, (Gamma(0.3),))
PARTS = StyledView(CROP, (Gamma(0.3),), 0.5), StyledView(CROP._replace(level=1), (Transparency(None),))
COMPOSITE = RenderPlan(Composite(PARTS, CROP.size), PLAN.encoding, (Background(1, 2, 3),))
COVERAGE = CoveragePlan(
    CROP,
    (0, 2),
    GridRef("EPSG:32633", Affine(1.0, 0.0, 5.0, 0.0, -1.0, 9.0), CROP.size),
    Resampling.NEAREST,
    CoverageEncoding("geotiff", "deflate", "horizontal", "pixel", Size(256, 256), 9),
    CoverageDescription(
        "int16",
        (CoverageBand("red", "m", 2.0, 1.0, -9, "text"), CoverageBand("blue")),
        b"\0\1\2",
        12,
        True,
        1,
        (MetadataItem("NAME", "text", "DOMAIN", 1),),
    ),
    Envelope(b"head", b"tail", "multipart/related"),
    (CROP._replace(image=ImageRef("b.tif", ImageVersion(1, 2))),),
    ((1.0, 2.0), (3.0, 4.0)),
)
MOSAIC = RenderPlan(
    Mosaic(
        (MosaicPart(CROP, (Gamma(0.3),), 5, 6), MosaicPart(CROP._replace(level=1), (Transparency(None),))),
        CROP.size,
        range_of=CROP.image,
    ),
    PLAN.encoding,
    (Background(1, 2, 3),),
)
BLANK = RenderPlan(Blank(CROP.size, "text"), PLAN.encoding, (Background(1, 2, 3),))


def variations(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed, for every thing by which two such values can differ."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.compare:
                yield from (replace(value, **{field.name: other}) for other in _inside(value, field.name))
    elif hasattr(value, "_fields"):
        for name in value._fields:
            yield from (value._replace(**{name: other}) for other in _inside(value, name))
    elif isinstance(value, tuple):
        yield value[:-1]
        for index, item in enumerate(value):
            yield from ((*value[:index], other, *value[index + 1 :]) for other in variations(item))
    else:
        yield CHANGES[type(value)](value)


def _inside(value: Any, name: str) -> Iterator[Any]:
    return variations(getattr(value, name))


CHANGES = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value + 0.001,
    str: lambda value: value + "x",
    bytes: lambda value: value + b"x",
    type(None): lambda value: 0,
    Between: lambda value: Between.RAMP,
    Resampling: lambda value: Resampling.CUBIC,
    MosaicRule: lambda value: MosaicRule.MEAN,
    TerrainFunction: lambda value: TerrainFunction.ASPECT,
    Ends: lambda value: Ends.EXTREMES,
}
"""Another value of each type that parts of a plan are made of."""


def test_every_operation_takes_part() -> None:
    assert tuple(type(operation) for operation in OPERATIONS) == pipeline.ORDER


def test_equal_plans_are_one_key() -> None:
    twin = RenderPlan(CROP._replace(), PLAN.encoding._replace(), (*OPERATIONS,))
    assert twin == PLAN
    assert hash(twin) == hash(PLAN)
    assert twin.digest == PLAN.digest


@pytest.mark.parametrize("other", [*variations(PLAN)], ids=lambda other: other.digest[:8])
def test_every_difference_makes_another_key(other: RenderPlan) -> None:
    assert other != PLAN
    assert hash(other) != hash(PLAN)
    assert other.digest != PLAN.digest


@pytest.mark.parametrize("other", [*variations(LEGEND)], ids=lambda other: other.digest[:8])
def test_every_difference_of_a_legend_makes_another_key(other: RenderPlan) -> None:
    assert other != LEGEND
    assert hash(other) != hash(LEGEND)
    assert other.digest != LEGEND.digest


@pytest.mark.parametrize(
    "plan", [COMPOSITE, MOSAIC, BLANK, COVERAGE], ids=["composite", "mosaic", "blank", "coverage"]
)
def test_every_difference_of_other_views_makes_another_key(plan: RenderPlan) -> None:
    others = [*variations(plan)]
    assert len({plan.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert not any(other == plan or hash(other) == hash(plan) for other in others)


def test_the_file_of_a_coverage_has_one_key_whatever_surrounds_it() -> None:
    other = replace(COVERAGE, envelope=Envelope(b"other", b"tail", "multipart/mixed"))
    assert other != COVERAGE
    assert other.file == COVERAGE.file
    assert other.file.digest == COVERAGE.file.digest


def test_images_of_a_composite_are_named_once() -> None:
    assert COMPOSITE.images == (CROP.image,)
    assert BLANK.images == ()


def test_fields_left_out_of_keys_are_known() -> None:
    """The watermark's, for which its fingerprint is a key, and what a plan computes from the others."""
    parts = (PLAN, *OPERATIONS)
    left_out = {(type(part), field.name) for part in parts for field in fields(part) if not field.compare}
    watermark = {(Watermark, name) for name in ("mark", "probability", "block", "seed")}
    computed = {(RenderPlan, name) for name in ("images", "_hash", "_digest")}
    assert left_out == {*computed, *watermark}


def test_new_field_is_part_of_every_key() -> None:
    """A field that is added to the plan and mentioned nowhere else."""
    own = {name: RenderPlan.__dict__[name] for name in ("__post_init__", "__hash__", "digest")}
    declared = [(field.name, field.type, field) for field in fields(RenderPlan)]
    wider: Any = make_dataclass(
        "RenderPlan", [*declared, ("background", str, "white")], namespace=own, frozen=True
    )
    white, black = wider(CROP, PLAN.encoding), wider(CROP, PLAN.encoding, background="black")
    cache = MemcachedCache((), 0)
    assert white == wider(CROP, PLAN.encoding)
    assert white != black
    assert hash(white) != hash(black)
    assert white.digest != black.digest
    assert cache.key(white) != cache.key(black)


def test_digest_is_the_same_in_every_process() -> None:
    """Hash seeds and addresses of objects have no influence on it."""
    script = "from tests.test_plan import PLAN; print(PLAN.digest)"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == PLAN.digest


def test_digest_is_short_and_plain() -> None:
    assert len(PLAN.digest) == 32
    assert PLAN.digest.isalnum()


def test_images_are_those_of_the_view() -> None:
    assert PLAN.images == (CROP.image,)
