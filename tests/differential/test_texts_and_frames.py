"""What is compared in a way of its own: metadata, which 1.1 has under other names, and the frames of TIL."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from iipserve.app import Application
from tests.differential.client import answer
from tests.differential.comparing import difference
from tests.differential.iipsrv import Iipsrv
from tests.differential.replies import Reply
from tests.differential.tolerances import tolerance_of

NAMES: Mapping[str, str] = {
    "copyright": "rights",
    "subject": "description",
    "author": "creator",
    "create-dtm": "date",
    "app-name": "software",
}
"""What iipsrv 1.1 calls a text, and what it is called since 1.2 (iipsrv.md 13)."""
FRAME = re.compile(rb"Tile,(\d+),(\d+),0/(\d+):")


@pytest.mark.parametrize("image", ["described.tif", "gray8.tif"])
@pytest.mark.parametrize("name", NAMES)
def test_old_names_are_answered_as_then(ours: Application, theirs: Iipsrv, name: str, image: str) -> None:
    query = f"FIF={image}&OBJ=Max-size&OBJ={name}"
    own, other = answer(ours, query), theirs.ask(query)
    assert (own.status, own.media_type) == (other.status, other.media_type)
    assert own.body == other.body.lstrip()


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_the_same_text(ours: Application, theirs: Iipsrv, name: str) -> None:
    value = theirs.ask(f"FIF=described.tif&OBJ={name}").body.strip().decode()
    spelling, _, text = value.partition(":")
    assert re.fullmatch(rf"{name}/\d+", spelling)
    assert answer(ours, f"FIF=described.tif&OBJ={NAMES[name]}").body.decode() == f"{text}\r\n"


def test_summary_has_the_same_texts_in_the_same_order(ours: Application, theirs: Iipsrv) -> None:
    lines = theirs.ask("FIF=described.tif&OBJ=Summary-info").body.strip().decode().split("\r\n")
    texts = [line.partition(":")[2] for line in lines]
    assert answer(ours, "FIF=described.tif&OBJ=Summary-info").body.decode().splitlines() == texts


@pytest.mark.parametrize("range_of_tiles", ["0,0", "1,0-1", "2,0-5", "2,1-4", "2,2-3", "2,2"])
@pytest.mark.parametrize("image", ["gray8", "rgb_deflate", "rgb_lzw"])
def test_frames_of_several_tiles(ours: Application, theirs: Iipsrv, image: str, range_of_tiles: str) -> None:
    query = f"FIF={image}.tif&TIL={range_of_tiles}"
    own, other = frames(answer(ours, query).body), frames(theirs.ask(query).body)
    assert list(own) == list(other)
    for place, body in own.items():
        # both at quality 75
        found = difference(
            Reply(200, "", body), Reply(200, "", other[place]), tolerance_of(["default quality"])
        )
        assert found is None, f"tile {place}: {found}"


def frames(body: bytes) -> dict[tuple[int, int], bytes]:
    """JPEG files by (resolution, tile), in their order."""
    found, at = {}, 0
    while at < len(body):
        head = FRAME.match(body, at)
        assert head is not None, body[at : at + 40]
        start, length = head.end(), int(head[3])
        assert body[start : start + 8] == b"\x02\0\0\0\0\x11\0\0"
        found[int(head[1]), int(head[2])] = body[start + 8 : start + length]
        at = start + length
        assert body[at : at + 2] == b"\r\n"
        at += 2
    return found
