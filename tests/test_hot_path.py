"""What the two hot paths may do, counted: a hit opens nothing and computes nothing, a stored tile meets no codec."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

import imagecodecs
import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.engine import assembly
from iipserve.engine.single_flight import SingleFlight
from iipserve.exchange import Exchange, running
from iipserve.http import Request
from iipserve.plan import RenderPlan
from tests.images import smooth, write_tiff_pyramid

TILES = [
    "/iip?FIF=a.tif&JTL=2,0",
    "/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg",
    "/deepzoom/a.tif_files/10/0_0.jpg",
    "/zoomify/a.tif/TileGroup0/2-0-0.jpg",
]


def never(*args: object, **kwargs: object) -> None:
    raise AssertionError("this is not needed on the hot path")


@pytest.fixture
def application(tmp_path: Path) -> app.Application:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((600, 500)), compression="jpeg")
    return app.build(Config(filesystem_prefix=f"{tmp_path}/"))


def ask(application: app.Application, address: str) -> int:
    return int(application.handle(Request.from_environ({"REQUEST_URI": address})).status)


@pytest.mark.parametrize("address", TILES)
def test_hit_does_one_stat_and_no_more(
    application: app.Application, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert ask(application, address) == 200
    stats: list[object] = []
    real_stat = os.stat

    def counted(*args: object, **kwargs: object) -> os.stat_result:
        stats.append(args)
        return real_stat(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counted)
    for name in ("open", "pread", "fstat", "read"):
        monkeypatch.setattr(os, name, never)
    monkeypatch.setattr(assembly, "read_region", never)
    monkeypatch.setattr(RenderPlan, "digest", property(never))
    status = ask(application, address)
    monkeypatch.undo()
    assert status == 200
    assert len(stats) == 1


@pytest.mark.parametrize("address", TILES)
def test_stored_tile_meets_no_codec_and_no_other_thread(
    application: app.Application, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(SingleFlight, "do", never)
    for name in ("jpeg8_decode", "jpeg8_encode", "jpeg_decode", "jpeg_encode"):
        if hasattr(imagecodecs, name):
            monkeypatch.setattr(imagecodecs, name, never)
    monkeypatch.setattr(assembly, "read_region", never)
    assert ask(application, address) == 200


@pytest.mark.parametrize("address", [*TILES, "/iiif/3/a.tif/info.json", "/iip?FIF=a.tif&obj=IIP,1.0"])
def test_only_what_is_in_no_memory_is_work(application: app.Application, address: str) -> None:
    """What a process may die of is noted before; a hit needs no note."""
    noted = []
    for _ in range(2):
        exchange = Exchange()
        exchange.on_work = noted.append
        exchange.request = Request.from_environ({"REQUEST_URI": address})
        running[get_ident()] = exchange
        try:
            assert application.handle(exchange.request).status == 200
        finally:
            del running[get_ident()]
        assert noted == [exchange.request]
        del exchange


@pytest.mark.parametrize("address", TILES)
def test_a_tile_of_a_known_address_that_must_be_made_again_is_work(tmp_path: Path, address: str) -> None:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((600, 500)), compression="jpeg")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/", max_image_cache_size=0))
    for _ in range(2):
        exchange = running[get_ident()] = Exchange()
        try:
            assert ask(application, address) == 200
        finally:
            del running[get_ident()]
        assert exchange.works
