"""What every cache of renditions must keep: subclass `RenditionCacheContract` and give the fixture `cache`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from iipserve.cache import RenditionCache
from iipserve.geometry import Region, Size
from iipserve.image import ImageVersion
from iipserve.plan import Crop, Encoding, ImageRef, RenderPlan, Rendition
from iipserve.processing import Pixels


@dataclass(frozen=True, slots=True)
class Darkened:
    """An operation, for plans that have one."""

    amount: int
    keeps_profile: ClassVar[bool] = True
    works_by_rows: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def output_size(self, size: Size) -> Size:
        return size


def plan(number: int = 0) -> RenderPlan:
    """One of many plans: equal for equal numbers."""
    image = ImageRef("folder/picture.tif", ImageVersion(1_700_000_000_000_000_000, 123_456))
    crop = Crop(image, 2, Region(256 * number, 0, 256, 256), Size(256, 256))
    return RenderPlan(crop, Encoding("jpeg", 75))


def rendition(of: RenderPlan, length: int = 1000) -> Rendition:
    """Bytes that belong to no other plan."""
    body = (of.digest.encode() * (length // 32 + 1))[:length]
    return Rendition(body, "image/jpeg", of.digest)


def changed(**changes: Any) -> RenderPlan:
    return replace(plan(), **changes)


def cropped(**changes: Any) -> RenderPlan:
    return changed(view=plan().view._replace(**changes))


IMAGE = plan().view.image
OTHERS = {
    "identifier": cropped(image=IMAGE._replace(identifier="folder/picture2.tif")),
    "time of modification": cropped(
        image=IMAGE._replace(version=ImageVersion(1_700_000_000_000_000_001, 123_456))
    ),
    "length": cropped(image=IMAGE._replace(version=ImageVersion(1_700_000_000_000_000_000, 123_457))),
    "inode": cropped(image=IMAGE._replace(version=IMAGE.version._replace(inode=1))),
    "time of change in the kernel": cropped(image=IMAGE._replace(version=IMAGE.version._replace(ctime_ns=1))),
    "fingerprint": cropped(image=IMAGE._replace(version=IMAGE.version._replace(fingerprint="1"))),
    "layers": cropped(image=IMAGE._replace(quality_layers=1)),
    "level": cropped(level=1),
    "region": cropped(region=Region(0, 1, 256, 256)),
    "size": cropped(size=Size(256, 255)),
    "format": changed(encoding=Encoding("webp", 75)),
    "quality": changed(encoding=Encoding("jpeg", 76)),
    "scheme": changed(encoding=Encoding("jpeg", 75, "x")),
    "profile": changed(encoding=Encoding("jpeg", 75, profile=True)),
    "metadata": changed(encoding=Encoding("jpeg", 75, metadata=True)),
    "operation": changed(operations=(Darkened(1),)),
}


class RenditionCacheContract:
    """The tests. The cache must have room for 200 renditions of 1,000 bytes."""

    @pytest.fixture
    def cache(self) -> RenditionCache:
        """An empty cache."""
        raise AssertionError("give an empty cache")

    def test_unknown_plan_is_a_miss(self, cache: RenditionCache) -> None:
        assert cache.get(plan()) is None

    def test_rendition_comes_back(self, cache: RenditionCache) -> None:
        cache.set(plan(), rendition(plan()))
        assert cache.get(plan()) == rendition(plan())
        assert cache.get(plan()) == rendition(plan())

    @pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
    def test_plan_that_differs_is_a_miss(self, cache: RenditionCache, other: RenderPlan) -> None:
        cache.set(plan(), rendition(plan()))
        assert cache.get(other) is None
        cache.set(other, rendition(other))
        assert cache.get(other) == rendition(other)
        assert cache.get(plan()) == rendition(plan())

    def test_later_rendition_replaces(self, cache: RenditionCache) -> None:
        cache.set(plan(), rendition(plan(), 500))
        cache.set(plan(), rendition(plan(), 700))
        assert cache.get(plan()) == rendition(plan(), 700)

    @pytest.mark.parametrize(
        "body", [b"", b"\r\nEND\r\n", bytes(range(256)) * 400], ids=["empty", "END", "any byte"]
    )
    def test_any_body_comes_back(self, cache: RenditionCache, body: bytes) -> None:
        kept = Rendition(body, "image/jpeg", plan().digest)
        cache.set(plan(), kept)
        assert cache.get(plan()) == kept

    def test_clear_does_no_harm(self, cache: RenditionCache) -> None:
        cache.set(plan(), rendition(plan()))
        cache.clear()
        assert cache.get(plan()) in (None, rendition(plan()))
        cache.set(plan(1), rendition(plan(1)))
        assert cache.get(plan(1)) == rendition(plan(1))

    def test_many_threads_see_only_what_belongs_to_the_plan(self, cache: RenditionCache) -> None:
        def use(number: int) -> bool:
            wanted = plan(number % 50)
            found = cache.get(wanted)
            cache.set(wanted, rendition(wanted))
            return found in (None, rendition(wanted))

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(use, range(2000)))
        assert all(cache.get(plan(number)) == rendition(plan(number)) for number in range(50))
