"""Renditions: what is passed through, decoded, cached, shared; and what is embedded with the pixels."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.cache import TieredCache
from iipserve.cache.memory import MemoryCache
from iipserve.codecs import NO_METADATA, Encoder, Metadata, Output, Shape
from iipserve.config import Config
from iipserve.engine import renderer as rendering
from iipserve.engine.admission import Cost
from iipserve.engine.crop import metadata_for
from iipserve.engine.files import ImageChanged
from iipserve.engine.renderer import Renderer
from iipserve.engine.view_reader import RenderServices, ViewReader
from iipserve.errors import DecodeError, TooLarge, UnsupportedEncoding
from iipserve.formats import Format
from iipserve.geometry import Region, Size
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding, ImageRef, LargeRendition, RenderPlan, Rendition
from iipserve.processing import Operation, Pixels
from iipserve.processing.color import Grayscale
from iipserve.processing.transform import Mirror, Rotate
from iipserve.pyramid import Placement
from iipserve.sources import Source
from tests.engine.fakes import ArraySource, CachingSource, plan_of
from tests.images import gradient
from tests.open_files import open_paths

PICTURE = gradient((150, 100))
TILE = Placement(0, Region(0, 0, 64, 64), Size(64, 64))
EDGE = Placement(0, Region(128, 64, 22, 36), Size(22, 36))
SECONDS = 120.0


def raw(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """An encoder that keeps the samples, and says what metadata it was given."""
    return pixels.tobytes() + (metadata.icc or b"")


def raw_rows(
    strips: Iterable[Pixels], shape: Shape, encoding: Encoding, metadata: Metadata, output: Output
) -> None:
    for strip in strips:
        assert strip.shape[1:] == shape[1:]
        output.write(raw(strip, encoding, metadata))


def cropped(body: bytes, size: Size) -> bytes | None:
    return body + f" cropped to {size.width} x {size.height}".encode()


ENCODERS = {
    "png": Encoder(Format("png", "png", "image/png", frozenset({1, 2, 3, 4})), raw),
    "jpeg": Encoder(Format("jpeg", "jpg", "image/jpeg", frozenset({1, 3})), raw, crop=cropped),
    "tiff": Encoder(Format("tiff", "tif", "image/tiff", frozenset({1, 3})), raw, encode_rows=raw_rows),
}


class OneSource:
    """A library of one image."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def source(self, image: object) -> Source:
        return self._source

    def check(self, image: object) -> None:
        pass


def renderer(source: Source, megabytes: int = 10, **settings: object) -> Renderer:
    memory = MemoryCache(megabytes * 1_000_000)
    config = Config(**settings)  # type: ignore[arg-type]
    return Renderer(config, OneSource(source), ENCODERS, TieredCache(memory, None), memory)  # type: ignore[arg-type]


def test_pixels_reach_the_encoder() -> None:
    source = ArraySource([PICTURE])
    rendition = renderer(source).render(plan_of(source, EDGE))
    assert rendition.body == PICTURE[64:100, 128:150].tobytes()
    assert rendition.media_type == "image/png"
    assert rendition.etag == plan_of(source, EDGE).digest


def test_nothing_is_read_the_second_time() -> None:
    source = ArraySource([PICTURE])
    maker = renderer(source)
    first = maker.render(plan_of(source, TILE))
    source.reads.clear()
    assert maker.render(plan_of(source, TILE)) == first
    assert source.reads == []


def test_stored_tile_is_passed_through() -> None:
    source = ArraySource([PICTURE])
    source.stored[0, 0, 0] = b"stored"
    assert renderer(source).render(plan_of(source, TILE, format="jpeg")).body == b"stored"
    assert source.reads == []


def test_stored_edge_tile_is_cropped() -> None:
    source = ArraySource([PICTURE])
    source.stored[0, 2, 1] = b"stored"
    assert renderer(source).render(plan_of(source, EDGE, format="jpeg")).body == b"stored cropped to 22 x 36"


@pytest.mark.parametrize(
    ("placement", "options", "settings"),
    [
        pytest.param(TILE, {"stored": False}, {}, id="quality asked for"),
        pytest.param(TILE, {"operations": (Mirror(),)}, {}, id="an operation"),
        pytest.param(TILE, {"format": "png"}, {}, id="another format"),
        pytest.param(TILE, {}, {"codec_passthrough": False}, id="turned off"),
        pytest.param(Placement(0, Region(0, 0, 64, 64), Size(32, 32)), {}, {}, id="scaled"),
        pytest.param(Placement(0, Region(1, 0, 64, 64), Size(64, 64)), {}, {}, id="off the grid"),
        pytest.param(Placement(0, Region(0, 0, 128, 64), Size(128, 64)), {}, {}, id="two tiles"),
        pytest.param(Placement(0, Region(0, 0, 32, 64), Size(32, 64)), {}, {}, id="part of a tile"),
        pytest.param(Placement(0, Region(128, 64, 23, 36), Size(23, 36)), {}, {}, id="past the edge"),
    ],
)
def test_stored_tile_is_not_the_answer(
    placement: Placement, options: dict[str, object], settings: dict[str, object]
) -> None:
    source = ArraySource([PICTURE])
    source.stored = {(0, column, row): b"stored" for column in range(3) for row in range(2)}
    plan = plan_of(source, placement, **{"format": "jpeg", **options})  # type: ignore[arg-type]
    assert b"stored" not in renderer(source, **settings).render(plan).body


def test_decoded_tiles_of_expensive_formats_are_kept() -> None:
    source = CachingSource([PICTURE])
    maker = renderer(source)
    maker.render(plan_of(source, Placement(0, Region(0, 0, 30, 30), Size(30, 30))))
    maker.render(plan_of(source, Placement(0, Region(30, 30, 30, 30), Size(30, 30))))
    assert source.reads == [(0, 0, 0)]


def test_decoded_tiles_of_cheap_formats_are_not() -> None:
    source = ArraySource([PICTURE])
    maker = renderer(source)
    maker.render(plan_of(source, Placement(0, Region(0, 0, 30, 30), Size(30, 30))))
    maker.render(plan_of(source, Placement(0, Region(30, 30, 30, 30), Size(30, 30))))
    assert source.reads == [(0, 0, 0)] * 2


def test_many_at_once_are_made_once(waiting: threading.Semaphore) -> None:
    class Slow(ArraySource):
        release = threading.Event()

        def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
            self.release.wait(SECONDS)
            return super().read_tile(level, column, row, quality_layers)

    source = Slow([PICTURE])
    maker = renderer(source, megabytes=0)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(maker.render, plan_of(source, TILE)) for _ in range(8)]
        assert all(waiting.acquire(timeout=SECONDS) for _ in range(7))
        Slow.release.set()
        assert len({future.result().body for future in futures}) == 1
    assert source.reads == [(0, 0, 0)]


def test_what_others_make_is_proved_for_each(waiting: threading.Semaphore) -> None:
    """An image that was replaced while a rendition is made: a request that came after that must not get it."""

    class Slow(ArraySource):
        reading, release = threading.Event(), threading.Event()

        def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
            self.reading.set()
            self.release.wait(SECONDS)
            return super().read_tile(level, column, row, quality_layers)

    class Replaced(OneSource):
        def check(self, image: object) -> None:
            if Slow.reading.is_set():
                raise ImageChanged

    source, memory = Slow([PICTURE]), MemoryCache(0)
    library: Any = Replaced(source)
    maker = Renderer(Config(), library, ENCODERS, TieredCache(memory, None), memory)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(maker.render, plan_of(source, TILE))
        assert Slow.reading.wait(SECONDS)
        second = pool.submit(maker.render, plan_of(source, TILE))
        assert waiting.acquire(timeout=SECONDS)
        Slow.release.set()
        assert first.result().body == PICTURE[:64, :64].tobytes()
        with pytest.raises(ImageChanged):
            second.result()


def test_error_is_not_remembered() -> None:
    class Damaged(ArraySource):
        damaged = True

        def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
            if self.damaged:
                raise DecodeError("tile 0,0 of level 0 is damaged")
            return super().read_tile(level, column, row, quality_layers)

    source = Damaged([PICTURE])
    maker = renderer(source)
    with pytest.raises(DecodeError):
        maker.render(plan_of(source, TILE))
    source.damaged = False
    assert maker.render(plan_of(source, TILE)).body == PICTURE[:64, :64].tobytes()


def test_unknown_format() -> None:
    source = ArraySource([PICTURE])
    with pytest.raises(UnsupportedEncoding, match="gif"):
        renderer(source).render(plan_of(source, TILE, format="gif"))


def test_opacity_is_composited_on_white_for_jpeg() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    source = ArraySource([pixels])
    body = renderer(source).render(plan_of(source, TILE, format="jpeg")).body
    assert body == b"\xff" * (64 * 64 * 3)


def test_tile_embeds_at_most_its_profile() -> None:
    source = ArraySource([PICTURE], icc=b"profile")
    plain, profiled = plan_of(source, TILE), plan_of(source, TILE, profile=True)
    assert metadata_for(plain, plain.view, source.info).icc is None
    assert metadata_for(profiled, profiled.view, source.info).icc == b"profile"
    assert metadata_for(profiled, profiled.view, source.info).resolution is None


def test_profile_goes_with_the_colors_it_describes() -> None:
    source = ArraySource([PICTURE], icc=b"profile")
    gray = plan_of(source, TILE, profile=True, operations=(Grayscale(),))
    mirrored = plan_of(source, TILE, profile=True, operations=(Mirror(),))
    assert metadata_for(gray, gray.view, source.info).icc is None
    assert metadata_for(mirrored, mirrored.view, source.info).icc == b"profile"


def test_export_embeds_the_resolution_of_its_own_size() -> None:
    source = ArraySource([gradient((400, 300)), gradient((200, 150))])
    object.__setattr__(source.info, "resolution", PhysicalResolution(12_000, 6_000))
    plan = plan_of(source, Placement(1, Region(0, 0, 200, 150), Size(100, 75)), metadata=True)
    assert metadata_for(plan, plan.view, source.info).resolution == PhysicalResolution(3_000, 1_500)
    rotated = replace(plan, operations=(Rotate(270),))
    assert metadata_for(rotated, rotated.view, source.info).resolution == PhysicalResolution(1_500, 3_000)


WHOLE = Placement(0, Region(0, 0, 150, 100), Size(150, 100))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything longer than 1000 bytes is large, and its files are below `tmp_path`."""
    monkeypatch.setattr(rendering, "LARGE_BYTES", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "operations",
    [
        pytest.param((), id="as it is"),
        pytest.param((Grayscale(),), id="gray"),
        pytest.param((Mirror(), Grayscale()), id="mirrored and gray"),
        pytest.param((Rotate(90),), id="turned, which needs all rows"),
    ],
)
def test_strips_make_what_the_whole_does(bands: int, operations: tuple[Operation, ...]) -> None:
    source = ArraySource([gradient((150, 100), bands)])
    made = renderer(source).render(plan_of(source, WHOLE, format="tiff", operations=operations))
    whole = renderer(source).render(plan_of(source, WHOLE, format="jpeg", operations=operations))
    turned = operations == (Rotate(90),)
    assert isinstance(made, Rendition if turned else LargeRendition)
    assert (made.body if turned else b"".join(made.body)) == whole.body
    assert made.media_type == "image/tiff"


@pytest.mark.usefixtures("large")
def test_large_file_is_not_kept(tmp_path: Path) -> None:
    source = ArraySource([PICTURE])
    maker = renderer(source)
    first, second = (maker.render(plan_of(source, WHOLE, format="tiff")) for _ in range(2))
    assert len(source.reads) == 12
    assert first.etag == second.etag == plan_of(source, WHOLE, format="tiff").digest
    assert len(first.body) == PICTURE.nbytes
    assert len(open_paths(tmp_path)) == 2
    del first, second
    assert not open_paths(tmp_path)


def test_file_that_came_out_small_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "LARGE_BYTES", PICTURE.nbytes // 2)
    source = ArraySource([PICTURE])
    maker = renderer(source)
    small = plan_of(source, WHOLE, format="tiff", operations=(Grayscale(),))
    rendition = maker.render(small)
    assert isinstance(rendition.body, bytes)
    assert maker.render(small) is rendition
    assert len(source.reads) == 6


def test_large_images_are_recognized_before_they_are_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "LARGE_BYTES", PICTURE.nbytes)
    source = ArraySource([PICTURE])
    assert isinstance(renderer(source).render(plan_of(source, WHOLE, format="tiff")), Rendition)


@pytest.mark.usefixtures("large")
def test_damage_further_down_is_an_error_too(tmp_path: Path) -> None:
    class Damaged(ArraySource):
        def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
            if row:
                raise DecodeError("tile 0,1 of level 0 is damaged")
            return super().read_tile(level, column, row, quality_layers)

    source = Damaged([PICTURE])
    with pytest.raises(DecodeError):
        renderer(source).render(plan_of(source, WHOLE, format="tiff"))
    assert not open_paths(tmp_path)


@pytest.mark.usefixtures("large")
def test_rendering_that_takes_too_long_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(rendering, "monotonic", lambda: next(clock))
    source = ArraySource([PICTURE])
    with pytest.raises(TooLarge, match="longer to render than the 45 seconds"):
        renderer(source).render(plan_of(source, WHOLE, format="tiff"))


@dataclass(frozen=True)
class Flat:
    """A kind of view that the package does not know: one color."""

    color: tuple[int, int, int]
    size: Size
    images: tuple[ImageRef, ...] = ()


class FlatReader(ViewReader):
    after_scaling: tuple[Operation, ...] = ()

    def __init__(self, services: RenderServices, plan: Any, view: Flat) -> None:
        self._view = view

    def stored(self, encoder: Encoder) -> bytes | None:
        return None

    def cost(self) -> Cost:
        area = self._view.size.area
        return Cost("flat", self._view.size, area, area, False, area, 3, 3 * area)

    def read(self) -> Pixels:
        (strip,) = self.read_strips()
        return strip

    def strips_cost(self) -> Cost:
        return self.cost()

    def read_strips(self) -> Iterator[Pixels]:
        yield np.full((self._view.size.height, self._view.size.width, 3), self._view.color, np.uint8)

    def metadata(self) -> Metadata:
        return NO_METADATA


def test_another_kind_of_view_is_one_more_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rendering.READERS, Flat, FlatReader)
    maker = renderer(ArraySource([PICTURE]), max_render_memory=1)
    small, large = (
        RenderPlan(Flat((1, 2, 3), Size(side, side)), Encoding("png", 1))  # type: ignore[arg-type]
        for side in (2, 2000)
    )
    assert maker.render(small).body == bytes((1, 2, 3) * 4)
    assert maker.render(small) is maker.render(small)
    with pytest.raises(TooLarge, match="2000 x 2000"):
        maker.render(large)
