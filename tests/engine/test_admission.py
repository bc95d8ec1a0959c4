"""Requests that cannot fit are refused, those that fit later wait."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from iipserve.config import Config
from iipserve.engine.admission import Limits, render_memory, strip_memory
from iipserve.errors import Overloaded, TooLarge
from iipserve.geometry import Region, Size
from iipserve.leader import Leadership
from iipserve.pyramid import Placement
from tests.engine.fakes import ArraySource, plan_of

SOURCE = ArraySource([np.broadcast_to(np.uint8(0), (40_000, 40_000, 3))])
TILE = plan_of(SOURCE, Placement(0, Region(0, 0, 64, 64), Size(64, 64)))
WHOLE = plan_of(SOURCE, Placement(0, Region(0, 0, 40_000, 40_000), Size(100, 100)))
LARGE = plan_of(SOURCE, Placement(0, Region(0, 0, 4000, 4000), Size(4000, 4000)))


def test_tile_passes() -> None:
    with Limits(Config()).admitted(TILE, SOURCE.info):
        pass


def test_too_many_pixels_to_decode() -> None:
    with pytest.raises(TooLarge, match="1600 megapixels"), Limits(Config()).admitted(WHOLE, SOURCE.info):
        pass


def test_too_much_memory() -> None:
    limits = Limits(Config(max_render_memory=50))
    with pytest.raises(TooLarge, match="limit is 50"), limits.admitted(LARGE, SOURCE.info):
        pass


def test_estimate_covers_what_is_read_and_made() -> None:
    assert render_memory(LARGE, SOURCE.info) >= 2 * 4000 * 4000 * 3


def test_second_waits_for_the_first() -> None:
    limits = Limits(Config(max_render_memory=render_memory(LARGE, SOURCE.info) / 1e6))
    entered = threading.Event()

    def second() -> None:
        with limits.admitted(LARGE, SOURCE.info):
            entered.set()

    thread = threading.Thread(target=second)
    with limits.admitted(LARGE, SOURCE.info):
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(5)
    thread.join()


def test_waiting_ends() -> None:
    limits = Limits(Config(max_render_memory=render_memory(LARGE, SOURCE.info) / 1e6, request_timeout=0.1))
    with (
        limits.admitted(LARGE, SOURCE.info),
        pytest.raises(Overloaded),
        limits.admitted(LARGE, SOURCE.info),
    ):
        pass


def test_memory_is_given_back_after_an_error() -> None:
    limits = Limits(Config(max_render_memory=render_memory(LARGE, SOURCE.info) / 1e6, request_timeout=0.1))
    for _ in range(3):
        with pytest.raises(KeyError), limits.admitted(LARGE, SOURCE.info):
            raise KeyError


@pytest.mark.parametrize("side", [20_000, 15_000, 30_000], ids=["unscaled", "smaller", "larger"])
def test_export_in_strips_fits_whatever_its_size(side: int) -> None:
    source = ArraySource([np.broadcast_to(np.uint8(0), (20_000, 20_000, 3))], (256, 256))
    export = plan_of(source, Placement(0, Region(0, 0, 20_000, 20_000), Size(side, side)))
    limits = Limits(Config(max_render_memory=512))
    with pytest.raises(TooLarge, match="limit is 512"), limits.admitted(export, source.info):
        pass
    assert strip_memory(export, source.info) < 300_000_000
    with limits.admitted(export, source.info, in_strips=True):
        pass


def test_no_more_at_once_than_set() -> None:
    limits = Limits(Config(max_renders=1, request_timeout=0.1))
    with (
        limits.admitted(TILE, SOURCE.info),
        pytest.raises(Overloaded),
        limits.admitted(TILE, SOURCE.info),
    ):
        pass
    with limits.admitted(TILE, SOURCE.info):
        pass


def test_large_ones_do_not_stand_in_the_way_of_tiles() -> None:
    limits = Limits(Config(max_renders=1, request_timeout=0.1))
    with limits.admitted(LARGE, SOURCE.info), limits.admitted(TILE, SOURCE.info):
        pass


@pytest.mark.parametrize(
    ("cores", "brief", "keeps"),
    [
        pytest.param(1, True, True, id="brief, one core"),
        pytest.param(1, False, False, id="not brief"),
        pytest.param(2, True, False, id="others could use the second core"),
    ],
)
def test_brief_work_keeps_the_leadership(
    monkeypatch: pytest.MonkeyPatch, cores: int, brief: bool, keeps: bool
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    limits, leadership = Limits(Config(workers=1)), Leadership()
    leadership.acquire()
    with limits.admitted(TILE, SOURCE.info, brief=brief):
        assert leadership.is_mine() is keeps
    leadership.release()


def test_brief_work_hands_over_where_it_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    limits, leadership = Limits(Config(workers=1, max_renders=1, request_timeout=0.2)), Leadership()
    leadership.acquire()
    with limits.admitted(TILE, SOURCE.info, brief=True):
        assert leadership.is_mine()
        with pytest.raises(Overloaded), limits.admitted(TILE, SOURCE.info, brief=True):
            pass
        assert not leadership.is_mine()
