"""A plan is key and entity tag: equal plans meet, any difference tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iipserve.geometry import Region, Size
from iipserve.image import ImageVersion, Selector
from iipserve.plan import Encoding, ImageRef, RenderPlan
from iipserve.processing.transform import Mirror, Rotate

PLAN = RenderPlan(
    ImageRef("a.tif", ImageVersion(1, 2)), 0, Region(0, 0, 256, 256), Size(256, 256), Encoding("jpeg", 75)
)

DIFFERENCES = [
    replace(PLAN, image=ImageRef("b.tif", ImageVersion(1, 2))),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(2, 2))),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(1, 2), 3)),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(1, 2), selector=Selector(1))),
    replace(PLAN, level=1),
    *(replace(PLAN, region=replace(PLAN.region, **{side: 255})) for side in ("x", "y", "width", "height")),
    *(replace(PLAN, size=replace(PLAN.size, **{side: 255})) for side in ("width", "height")),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(1, 3))),
    replace(PLAN, encoding=Encoding("jpeg", 76)),
    replace(PLAN, encoding=Encoding("png", 75)),
    replace(PLAN, encoding=Encoding("jpeg", 75, profile=True)),
    replace(PLAN, encoding=Encoding("jpeg", 75, stored=False)),
    replace(PLAN, encoding=Encoding("jpeg", 75, metadata=True)),
    replace(PLAN, encoding=Encoding("jpeg", 75, "deflate")),
    replace(PLAN, encoding=Encoding("jpeg", 75, bits=16)),
    replace(PLAN, operations=(Mirror(),)),
    replace(PLAN, operations=(Rotate(90),)),
]


def test_equal_plans_are_one_key() -> None:
    twin = replace(PLAN)
    assert twin == PLAN
    assert hash(twin) == hash(PLAN)
    assert twin.digest == PLAN.digest


@pytest.mark.parametrize("other", DIFFERENCES, ids=repr)
def test_every_difference_tells(other: RenderPlan) -> None:
    assert other != PLAN
    assert other.digest != PLAN.digest


def test_digest_has_every_field() -> None:
    """The differences above change each field of the plan and of its parts at least once."""
    changed = {
        (part, name)
        for other in DIFFERENCES
        for part in ("image", "region", "size", "encoding")
        for name in getattr(PLAN, part).__slots__
        if getattr(getattr(other, part), name) != getattr(getattr(PLAN, part), name)
    }
    fields = {
        (part, name)
        for part in ("image", "region", "size", "encoding")
        for name in getattr(PLAN, part).__slots__
    }
    assert changed == fields


def test_digest_is_short_and_plain() -> None:
    assert len(PLAN.digest) == 32
    assert PLAN.digest.isalnum()
