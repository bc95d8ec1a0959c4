"""Requests that nobody should send: spoiled ones, and words of all protocols in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tests.properties.images import Subject
from tests.properties.strategies import MODIFIERS, TILE_COMMANDS, Asked

WORDS = (
    *MODIFIERS, *TILE_COMMANDS, "FIF", "OBJ", "CVT", "TIL", "PFL", "SPECTRA", "JTLS", "SHD", "SDS", "RGN", "WID", "HEI",
    "ROT", "IIIF", "DeepZoom", "Zoomify", "full", "max", "square", "pct:", "info.json", "default.jpg", ".dzi", "_files/",
    "TileGroup0/", "TTL=0,0", "CVT=png", "SHD=30,30", "CTW=[]", "TIL=99,0", "SDS=1", "SDS=90,90", ";1/",
    "&", "&&", "=", "/", "//", "../", "?", "#", "%", "%00", "%2F", "%25", "%ff", "%zz", "+", ",", ";", "[", "]", "-", "!", ":", "^",
    "nan", "inf", "-inf", "1e309", "-1", "0", "-0", "1e-320", "99999999999999999999", "0x10", "2147483648", "4294967297",
    "1_0", "\u00b2", "\u00e9", "\xff", "\t", " ", "'", '"', "<a>", "{}", "%s", "a" * 300,
)  # fmt: skip
"""What requests are spoiled with."""


@st.composite
def spoiled(draw: st.DrawFn, requests: st.SearchStrategy[Asked]) -> Asked:
    """A valid request with parts of it replaced, left out, doubled or exchanged."""
    address = draw(requests).address
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.sampled_from(CHANGES))
        start = draw(st.integers(1, max(1, len(address) - 1)))
        stop = min(len(address), start + draw(st.integers(0, 12)))
        address = change(address, start, stop, draw(st.sampled_from(WORDS)))
    return Asked(address if address.startswith("/") else f"/{address}")


def _exchanged(address: str, start: int, stop: int, word: str) -> str:
    """The commands of a query in another order."""
    path, mark, query = address.partition("?")
    tokens = query.split("&")
    return path + mark + "&".join(tokens[start % len(tokens) :] + tokens[: start % len(tokens)])


CHANGES: Sequence[Callable[[str, int, int, str], str]] = (
    lambda address, start, stop, word: address[:start] + word + address[stop:],
    lambda address, start, stop, word: address[:start] + word + address[start:],
    lambda address, start, stop, word: address[:start] + address[stop:],
    lambda address, start, stop, word: address[:stop] + address[start:stop] + address[stop:],
    _exchanged,
)

PATHS = (
    "/iip?",
    "/iiif/",
    "/iiif/2/",
    "/iiif/3/",
    "/deepzoom/",
    "/zoomify/",
    "/",
    "/iip?FIF=",
    "/fcgi-bin/iipsrv.fcgi?IIIF=",
)


def assembled(subjects: Sequence[Subject]) -> st.SearchStrategy[Asked]:
    """Requests out of the words of all protocols in any order."""
    parts = st.one_of(st.sampled_from(WORDS), st.sampled_from([subject.identifier for subject in subjects]))
    return st.builds(
        lambda path, words: Asked(path + "".join(words)), st.sampled_from(PATHS), st.lists(parts, max_size=14)
    )
