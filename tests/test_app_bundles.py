"""Bundles (IIP's TIL): their entity tags, and who serves others while they are made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from iipserve import app
from iipserve.config import Config
from iipserve.leader import Leadership, leads
from iipserve.plan import LaterPlans, RenderPlan
from iipserve.protocols.iip import tiles
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import ask, header

BUNDLE = "/iip?FIF=a.tif&TIL=2,0-11"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((600, 800)).astype(np.uint16), compression="zlib")
    return tmp_path


def test_a_known_bundle_is_proved_without_being_made(folder: Path) -> None:
    """By an application that may not decode any of it."""
    made = ask(app.build(Config(filesystem_prefix=f"{folder}/")), BUNDLE)
    tag = header(made, "ETag") or ""
    assert made.status == 200
    unable = app.build(Config(filesystem_prefix=f"{folder}/", max_decode=0.01))
    assert ask(unable, BUNDLE).status == 400
    assert ask(unable, BUNDLE, if_none_match=tag).status == 304
    assert ask(unable, BUNDLE, if_match='"other"').status == 412
    other = BUNDLE.replace("0-11", "0-10")
    assert ask(unable, other, if_none_match=tag).status == 400

    write_tiff_pyramid(folder / "a.tif", smooth((600, 800)).astype(np.uint16)[::-1], compression="zlib")
    again = ask(app.build(Config(filesystem_prefix=f"{folder}/")), BUNDLE, if_none_match=tag)
    assert again.status == 200
    assert header(again, "ETag") != tag


def test_another_thread_leads_while_a_bundle_is_planned_and_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    led: list[bool] = []
    plan = tiles.plan_tile
    monkeypatch.setattr(tiles, "plan_tile", lambda *values: led.append(leads()) or plan(*values))
    application = app.build(Config(filesystem_prefix=f"{folder}/"))

    def serve() -> int:
        leadership = Leadership()
        leadership.acquire()
        leadership.busy()
        return int(ask(application, BUNDLE).status)

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(serve).result() == 200
    first, *others = led
    assert first, "as for any other request"
    assert len(others) == 12
    assert not any(others)


def test_a_fault_of_planning_is_no_end_of_a_bundle() -> None:
    def fails(index: int) -> RenderPlan:
        raise IndexError(index)

    with pytest.raises(IndexError):
        list(LaterPlans(3, fails))
