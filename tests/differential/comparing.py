"""How two answers to one request differ, if they do."""

from __future__ import annotations

import enum
import io
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.differential.replies import Reply
from tests.differential.tolerances import Tolerance


class Kind(enum.Enum):
    """In what two answers differ; the first that holds."""

    DIED = "iipsrv gave no answer"
    STATUS = "status"
    FORM = "one is an image, the other is not"
    SIZE = "size of the picture"
    PIXELS = "pixels"
    TEXT = "text"


class Difference(NamedTuple):
    """What was found."""

    kind: Kind
    detail: str


def difference(own: Reply, other: Reply | None, tolerance: Tolerance) -> Difference | None:
    """How our answer differs from theirs; None when it does not.

    Args:
        own: our answer.
        other: theirs, or None when there was none.
        tolerance: within which pixels count as equal.
    """
    if other is None:
        return Difference(Kind.DIED, f"ours is {own.status}")
    if own.status != other.status:
        return Difference(
            Kind.STATUS, f"{own.status} {own.body[:120]!r}, not {other.status} {other.body[:120]!r}"
        )
    if _is_jpeg(own.body) != _is_jpeg(other.body):
        return Difference(Kind.FORM, f"{own.body[:200]!r}, not {other.body[:200]!r}")
    if _is_jpeg(own.body):
        return _picture_difference(_pixels(own.body), _pixels(other.body), tolerance)
    if own.status >= 400:
        return None  # in what words a refusal is told is nobody's business; its number is
    return _text_difference(own.body, other.body)


def _is_jpeg(body: bytes) -> bool:
    return body.startswith(b"\xff\xd8")


def _pixels(body: bytes) -> NDArray[np.int16]:
    pixels = np.asarray(Image.open(io.BytesIO(body)))
    return np.atleast_3d(pixels).astype(np.int16)


def _picture_difference(
    own: NDArray[np.int16], other: NDArray[np.int16], tolerance: Tolerance
) -> Difference | None:
    if any(abs(a - b) > tolerance.sides for a, b in zip(own.shape[:2], other.shape[:2], strict=True)):
        return Difference(Kind.SIZE, f"{own.shape}, not {other.shape}")
    height, width = (min(sides) for sides in zip(own.shape[:2], other.shape[:2], strict=True))
    apart = own[:height, :width] - other[:height, :width]
    apart = _inside(apart, tolerance.margin)  # gray against RGB of equal bands is the same picture
    bias = float(np.abs(apart.mean(axis=(0, 1))).max())
    usual, most = float(np.percentile(np.abs(apart), 99)), int(np.abs(apart).max())
    if bias <= tolerance.bias and usual <= tolerance.usual and most <= tolerance.most:
        return None
    return Difference(Kind.PIXELS, f"bias {bias:.2f}, usual {usual:.0f}, most {most}; {tolerance}")


def _inside(apart: NDArray[np.int16], margin: int) -> NDArray[np.int16]:
    """Differences without those at the edges, of pictures that are not all margin."""
    if not margin or min(apart.shape[:2]) < 3 * margin:
        return apart
    return apart[margin:-margin, margin:-margin]


def _text_difference(own: bytes, other: bytes) -> Difference | None:
    for matches, read in READERS:
        if matches(other):
            if read(own) == read(other):
                return None
            return Difference(Kind.TEXT, f"{read(own)}, not {read(other)}")
    raise AssertionError("the last reader takes everything")


def _json_value(text: bytes) -> Any:
    return json.loads(text)


def _described(text: bytes) -> Any:
    """What an info.json says of sizes; the rest differs by version and address."""
    known = json.loads(text)
    told = {name: known[name] for name in ("protocol", "width", "height", "tiles")}
    # the full size may stand among the others
    full = {"width": known["width"], "height": known["height"]}
    return told | {"sizes": [size for size in known["sizes"] if size != full]}


def _elements(text: bytes) -> Any:
    """Names, attributes and texts of XML, whatever its white space."""
    root = ElementTree.fromstring(text.strip())
    return [(node.tag, dict(node.attrib), (node.text or "").strip()) for node in root.iter()]


def _lines(text: bytes) -> Any:
    """Lines without the empty one that 1.1 begins with where `OBJ=IIP` is not asked for."""
    return [line for line in text.split(b"\r\n") if line]


READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Any]], ...] = (
    (lambda body: b"iiif.io" in body and body.lstrip().startswith(b"{"), _described),
    (lambda body: re.match(rb'\{\s*"profile": \[', body) is not None, _json_value),
    (lambda body: body.lstrip().startswith(b"<"), _elements),
    (lambda body: True, _lines),
)
"""(whether a body of theirs is of this kind, what it says)."""
