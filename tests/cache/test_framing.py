"""Renditions as bytes."""

from __future__ import annotations

import pytest

from iipserve.cache.framing import pack, unpack
from iipserve.plan import Rendition
from tests.contracts.cache import plan

DIGEST = plan().digest
KEPT = Rendition(b"some body" * 20, "image/svg+xml; charset=utf-8", DIGEST)
PACKED = pack(KEPT, DIGEST)


def test_comes_back() -> None:
    assert unpack(PACKED, DIGEST) == KEPT


@pytest.mark.parametrize("length", range(len(PACKED)))
def test_cut_short_is_nothing(length: int) -> None:
    assert unpack(PACKED[:length], DIGEST) is None


STRANGE = {
    "too long": PACKED + b"x",
    "other mark": b"XXXX" + PACKED[4:],
    "later layout": PACKED[:3] + b"\2" + PACKED[4:],
    "media type beyond the end": PACKED[:20] + b"\xff\xff" + PACKED[22:],
    "body beyond the end": PACKED[:22] + b"\xff\xff\xff\xff" + PACKED[26:],
    "media type not ASCII": PACKED[:26] + b"\xff" + PACKED[27:],
    "another program's text": b"Status: 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" * 10,
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE.keys())
def test_anything_else_is_nothing(value: bytes) -> None:
    assert unpack(value, DIGEST) is None


def test_of_another_plan_is_nothing() -> None:
    assert unpack(PACKED, plan(1).digest) is None
