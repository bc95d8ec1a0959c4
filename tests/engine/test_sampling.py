"""Single samples equal those of the whole array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.sampling import Sampler
from iipserve.errors import RegionOutOfBounds, TooLarge
from iipserve.image import FIRST, ImageInfo, Selector
from iipserve.plan import Document, ImageRef, SamplePlan, image_ref
from iipserve.processing import Pixels
from iipserve.sources import Source
from tests.engine.fakes import ArraySource
from tests.images import gradient

POINTS = ((0, 0), (63, 63), (64, 63), (63, 64), (332, 210), (100, 50), (0, 0))


class Stack:
    """Some sources under one identifier, as a library hands them out."""

    def __init__(self, *sources: ArraySource) -> None:
        self.sources = sources

    def info(self, identifier: str, selector: Selector) -> ImageInfo:
        return self.sources[selector.horizontal].info

    def source(self, image: ImageRef) -> Source:
        return next(source for source in self.sources if source.info.version == image.version)


def undescribed(samples: Sequence[Pixels]) -> Document:
    raise AssertionError("the caller describes samples")


def sampled(source: ArraySource, points: tuple[tuple[int, int], ...], **settings: Any) -> list[Pixels]:
    config = Config(**settings)
    sampler = Sampler(Stack(source), AdmissionControl(config), TileDecoder(MemoryCache(0)))  # type: ignore[arg-type]
    return sampler.samples(SamplePlan(image_ref(source.info), (FIRST,), 0, points, undescribed))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 3])
def test_samples_of_the_array(bands: int, dtype: str) -> None:
    picture = gradient((333, 211), bands).astype(dtype)
    (samples,) = sampled(ArraySource([picture]), POINTS)
    assert samples.shape == (1, len(POINTS), bands)
    assert samples.dtype == dtype
    for index, (x, y) in enumerate(POINTS):
        np.testing.assert_array_equal(samples[0, index], picture[y, x])


def test_each_tile_is_read_once() -> None:
    source = ArraySource([gradient((333, 211))])
    sampled(source, tuple((x, 5) for x in range(333)))
    assert sorted(source.reads) == [(0, column, 0) for column in range(6)]


def test_a_smaller_picture_of_the_stack() -> None:
    with pytest.raises(RegionOutOfBounds):
        sampled(ArraySource([gradient((50, 50))]), ((50, 0),))


def test_limit_on_what_is_decoded() -> None:
    source = ArraySource([gradient((3000, 1100))], (2048, 1024))
    with pytest.raises(TooLarge):
        sampled(source, ((0, 0),), max_decode=1)
