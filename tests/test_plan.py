"""A plan is key and entity tag: equal plans meet, any difference tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iipserve.geometry import Region, Size
from iipserve.image import ImageVersion
from iipserve.plan import Encoding, ImageRef, RenderPlan
from iipserve.processing.transform import Mirror, Rotate

PLAN = RenderPlan(
    ImageRef("a.tif", ImageVersion(1, 2)), 0, Region(0, 0, 256, 256), Size(256, 256), Encoding("jpeg", 75)
)

DIFFERENCES = [
    replace(PLAN, image=ImageRef("b.tif", ImageVersion(1, 2))),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(2, 2))),
    replace(PLAN, image=ImageRef("a.tif", ImageVersion(1, 2), 3)),
    replace(PLAN, level=1),
    replace(PLAN, region=Region(0, 0, 256, 255)),
    replace(PLAN, size=Size(255, 256)),
    replace(PLAN, encoding=Encoding("jpeg", 76)),
    replace(PLAN, encoding=Encoding("png", 75)),
    replace(PLAN, encoding=Encoding("jpeg", 75, profile=True)),
    replace(PLAN, encoding=Encoding("jpeg", 75, stored=False)),
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


def test_digest_is_short_and_plain() -> None:
    assert len(PLAN.digest) == 32
    assert PLAN.digest.isalnum()
