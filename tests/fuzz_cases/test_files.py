"""Spoiled files that scripts/fuzz once made the server fail with: each is refused, or shown."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from iipserve.app import build
from tests import tiff_corpus as kinds
from tests.properties.answers import flaw
from tests.properties.images import ask, settings
from tests.tiff_corpus import Maker, further

MAKERS: Mapping[str, Maker] = {**kinds.KINDS, **further.KINDS}
ADDRESSES = (
    "/iip?FIF={}&OBJ=Basic-Info",
    "/iip?FIF={}&OBJ=statistics",
    "/iip?FIF={}&JTL=0,0",
    "/iip?FIF={}&GAM=0.7&CNV=sobel&WID=90&CVT=png",
    "/iip?FIF={}&PFL=0:0,0-9,9",
    "/iiif/3/{}/pct:50,50,50,50/40,/0/gray.png",
    "/deepzoom/{}_files/7/0_0.jpg",
)

Edit = Callable[[bytearray], None]


@dataclass(frozen=True)
class Spoiled:
    """A file of a kind, and what is wrong with it."""

    id: str
    kind: str
    edit: Edit


def field(tag: int, *, kind: int | None = None, count: int | None = None, value: int | None = None) -> Edit:
    """Gives the first directory's field of a little-endian TIFF another type, count or single value."""

    def edit(data: bytearray) -> None:
        (start,) = struct.unpack_from("<I", data, 4)
        (number,) = struct.unpack_from("<H", data, start)
        places = range(start + 2, start + 2 + 12 * number, 12)
        place = next(at for at in places if struct.unpack_from("<H", data, at) == (tag,))
        if kind is not None:
            struct.pack_into("<H", data, place + 2, kind)
        if count is not None:
            struct.pack_into("<I", data, place + 4, count)
        if value is not None:
            struct.pack_into("<I", data, place + 8, value)

    return edit


def long_box_at_the_end(data: bytearray) -> None:
    """The last box inside the JP2 header says that its length follows, which would be past the header's end."""
    at = data.index(b"colr") - 4
    start = data.index(b"jp2h") - 4
    struct.pack_into(">I", data, at, 1)
    # only the box's short head is left inside
    struct.pack_into(">I", data, start, at + 8 - start)


CASES = (
    Spoiled("libtiff does not read a directory that we read", "strips-old-jpeg", field(273, kind=5)),
    Spoiled("one number of two for the subsampling", "ycc-422-rec709", field(530, count=1)),
    Spoiled("one column, mirrored", "strips-orientation2", field(256, value=1)),
    Spoiled("one row, mirrored", "strips-orientation4", field(257, value=1)),
    Spoiled("a box whose head does not fit in its superbox", "jp2-rgb8", long_box_at_the_end),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_spoiled_file_is_refused_or_shown(tmp_path: Path, case: Spoiled) -> None:
    path = tmp_path / "spoiled"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glymur tells what is odd about odd files
        MAKERS[case.kind](path)
    data = bytearray(path.read_bytes())
    case.edit(data)
    path.write_bytes(data)
    application = build(settings(tmp_path))
    for address in ADDRESSES:
        found = flaw(ask(application, address.format("spoiled")), None, str(tmp_path))
        assert found is None, f"{address}: {found}"
