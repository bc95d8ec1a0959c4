"""Requests whose right answers are known, and how answers are judged."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from iipserve.transport.fatal_requests import REFUSED

JPEG_TOLERANCE = 12
"""By which samples of JPEG of slow ramps may be off."""
FRAME = re.compile(rb"Tile,\d+,(\d+),0/(\d+):")

Check: TypeAlias = Callable[[bytes], str | None]
"""What is wrong with a body; None if it is right."""


class Answer(NamedTuple):
    """A response."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and what is a right answer to it."""

    kind: str
    """For counts: a protocol and what is asked for."""
    address: str
    check: Check
    """Of answers with status 200."""
    refusals: frozenset[int] = frozenset()
    """Other statuses that are right."""

    def is_suspected(self, answer: Answer) -> bool:
        """Whether the server refuses the request because workers died of it, as it seems: those that were killed."""
        return answer.status == 422 and REFUSED.encode() in answer.body

    def failure(self, answer: Answer) -> str | None:
        """The cause, if the request was not answered as it has to be."""
        if answer.status == 200 or answer.status in self.refusals:
            return None
        return f"{answer.status} {answer.body[:100]!r}"

    def wrong(self, answer: Answer) -> str | None:
        """What is wrong with an answer that is none of failure."""
        return self.check(answer.body) if answer.status == 200 else None


def anything(_: bytes) -> None:
    """Of answers that have no known content."""


def shows(expected: NDArray[np.uint8], tolerance: int = 0) -> Check:
    """A picture of these pixels: (rows, columns, bands); the fourth band is opacity, and clear pixels have no color."""

    def check(body: bytes) -> str | None:
        try:
            picture = Image.open(io.BytesIO(body))
            shown = np.asarray(picture.convert("RGBA") if expected.shape[2] == 4 else picture)
        except (OSError, ValueError) as error:
            return f"no picture: {error}, {body[:60]!r}"
        return difference(shown, expected, tolerance)

    return check


def difference(shown: NDArray[Any], expected: NDArray[Any], tolerance: int = 0) -> str | None:
    """How pixels differ; None if they do not by more than the tolerance."""
    if shown.shape != expected.shape:
        return f"{shown.shape} in place of {expected.shape}"
    if np.array_equal(shown, expected):
        return None
    if expected.shape[2] == 4:
        shown, expected = (np.where(each[..., 3:] == 0, 0, each) for each in (shown, expected))
    off = np.abs(shown.astype(np.int32) - expected.astype(np.int32))
    if off.max(initial=0) <= tolerance:
        return None
    row, column = np.argwhere(off.max(axis=2) > tolerance)[0]
    return (
        f"{int((off > tolerance).sum())} samples differ, by up to {off.max()}, the first at {column},{row}: "
        f"{shown[row, column].tolist()} in place of {expected[row, column].tolist()}"
    )


def holds(expected: NDArray[Any]) -> Check:
    """A TIFF of these samples, (rows, columns, bands)."""

    def check(body: bytes) -> str | None:
        try:
            found = tifffile.imread(io.BytesIO(body))
        except (OSError, ValueError, tifffile.TiffFileError) as error:
            return f"no TIFF: {error}, {body[:60]!r}"
        if found.ndim == 3 and found.shape[0] == expected.shape[2] != found.shape[2]:
            found = np.moveaxis(found, 0, -1)
        return difference(found, expected)

    return check


def frames(tiles: dict[int, NDArray[np.uint16]]) -> Check:
    """A range of tiles, each framed: samples of 16 bits in the byte order of the server."""

    def check(body: bytes) -> str | None:
        at, seen = 0, set()
        while at < len(body):
            head = FRAME.match(body, at)
            if head is None:
                return f"no frame at {at}: {body[at : at + 40]!r}"
            number, length = int(head[1]), int(head[2])
            start = head.end() + 8
            samples = np.frombuffer(body[start : head.end() + length], "=u2")
            expected = tiles[number]
            if samples.size != expected.size or (samples != expected.ravel()).any():
                return f"tile {number} has other samples"
            seen.add(number)
            at = head.end() + length + 2
        return None if seen == tiles.keys() else f"tiles {sorted(seen)} in place of {sorted(tiles)}"

    return check
