"""Purges by name, between threads and processes."""

from __future__ import annotations

import os
from mmap import mmap
from typing import Any

import pytest

from iipserve.purges import EVERYTHING, MAX_NAMES, Purges, normal
from iipserve.purges.board import PurgeBoard

NOW = 1_700_000_000.0


def purged(*names: str) -> Purges:
    purges = Purges()
    for name in names:
        purges = purges.purged(name, NOW)
    return purges


@pytest.mark.parametrize(
    ("name", "identifier", "is_meant"),
    [
        ("a.tif", "a.tif", True),
        ("a.tif", "/a.tif", True),
        ("a.tif", "./a.tif", True),
        ("a.tif", "sub/a.tif", False),
        ("a.tif", "a.tif2", False),
        ("sub/a.tif", "sub//a.tif", True),
        ("sub/a.tif", "sub/./a.tif", True),
        ("sub/", "sub/a.tif", True),
        ("sub/", "sub/deep/a.tif", True),
        ("/sub/", "sub/a.tif", True),
        ("sub/", "sub", False),
        ("sub", "sub/a.tif", False),
        ("su", "sub/a.tif", False),
        ("sub/deep/", "sub/a.tif", False),
        ("/", "a.tif", True),
        ("", "sub/a.tif", True),
    ],
)
def test_names_mean_an_image_or_a_folder(name: str, identifier: str, is_meant: bool) -> None:
    assert bool(purged(name).time(identifier)) == is_meant


def test_each_purge_is_later_than_all_before() -> None:
    purges, last = Purges(), 0
    for name, now in (
        ("sub/", NOW),
        ("sub/a.tif", NOW - 100),
        ("sub/", NOW - 200),
        ("/", NOW),
        ("sub/a.tif", NOW),
    ):
        purges = purges.purged(name, now)
        assert purges.time("sub/a.tif") > last
        last = purges.time("sub/a.tif")
    assert purges.time("other.tif") < last


def test_all_hosts_come_to_know_the_same() -> None:
    one, other = purged("a.tif", "b/"), purged("b/", "c.tif")
    assert one.merged(other) == other.merged(one) == one.merged(other).merged(one)
    assert Purges.decoded(one.encoded()) == one


@pytest.mark.parametrize("text", [b"", b"[]", b'{"a":"b"}', b'{"a":1.5}', b"\xff", b'{"a":true}'])
def test_other_text_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of the JSON parser, too)
        Purges.decoded(text)


@pytest.mark.parametrize("length", [1, 900])
def test_very_many_names_are_everything(length: int) -> None:
    purges = Purges()
    for number in range(MAX_NAMES + 1):
        purges = purges.purged(f"{number:0{length}}.tif", NOW)
    assert list(purges.times) == [EVERYTHING]
    assert purges.time("0.tif") >= NOW * 1000 + MAX_NAMES


def test_normal_names() -> None:
    assert [normal(name) for name in ("a", "/a", "//a/./b//", "./", "")] == ["a", "a", "a/b/", "/", "/"]


def test_what_one_process_adds_the_others_read() -> None:
    board = PurgeBoard()
    before = board.changes
    child = os.fork()
    if not child:
        board.add(purged("a.tif"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    changes, purges = board.read()
    assert changes == board.changes > before
    assert purges == purged("a.tif")
    assert board.add(purged("a.tif")) == purges
    assert board.changes == changes, "nothing new"
    assert board.add(purged("b.tif")).times.keys() == {"a.tif", "b.tif"}


def test_a_process_that_is_killed_while_it_adds_leaves_what_was_known() -> None:
    class Killed(mmap):
        """Of a process that ends in the middle of writing."""

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(slice(key.start, key.start + len(value) // 2), value[: len(value) // 2])
            os._exit(0)

    board = PurgeBoard()
    known = Purges()
    for name in ("a.tif", "b.tif", "c.tif"):
        child = os.fork()
        if not child:
            board._memory = Killed(board._file, len(board._memory))
            board.add(purged("other.tif"))
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert board.read() == (board.changes, known)
        known = board.add(purged(name))
        assert board.read() == (board.changes, known)
    assert known.times.keys() == {"a.tif", "b.tif", "c.tif"}


def test_one_process_asks_other_hosts_until_it_ends() -> None:
    board = PurgeBoard()
    ready, end = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.write(ready[1], b"1" if board.leads() else b"0")
        os.read(end[0], 1)
        os._exit(0)
    assert os.read(ready[0], 1) == b"1"
    assert not board.leads()
    os.write(end[1], b"1")
    os.waitpid(child, 0)
    assert board.leads()
    assert board.leads()
