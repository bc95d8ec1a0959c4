"""How two answers of map servers to one request differ, if they do."""

from __future__ import annotations

import enum
import io
import json
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.differential.replies import Reply
from tests.differential.wms.questions import Question

EDGE = 0.015
"""Part of the pixels of a map in another grid than the raster's that may be clear in one and not in the other."""
NEAR, MOST_NEAR, MEAN = 1, 0.985, 0.15
"""Columns and rows by which this part of the pixels may be off, and all on average: GDAL, by which MapServer finds them,
is up to an eighth of a pixel off."""
JPEG_BIAS, JPEG_MOST = 2.5, 30.0
"""Differences of JPEG: of the mean, and of 99 of 100 samples."""


class Kind(enum.Enum):
    """In what two answers differ; the first that holds."""

    FORM = "one is a picture, the other is not"
    MEDIA_TYPE = "media type of the picture"
    SIZE = "size of the picture"
    OPACITY = "which pixels are clear"
    PIXELS = "pixels"
    CODE = "code of the exception"
    VALUES = "values of feature info"


class Difference(NamedTuple):
    """What was found."""

    kind: Kind
    detail: str


def difference(question: Question, own: Reply, other: Reply) -> Difference | None:
    """How our answer differs from theirs; None when it does not."""
    forms = _form(own), _form(other)
    if forms[0] != forms[1]:
        return Difference(Kind.FORM, f"{forms[0]}, not {forms[1]}: {own.body[:500]!r}, {other.body[:500]!r}")
    if forms[0] == "exception":
        codes = _code(own.body), _code(other.body)
        return Difference(Kind.CODE, f"{codes[0]!r}, not {codes[1]!r}") if codes[0] != codes[1] else None
    if forms[0] == "info":
        values = own_values(own.body), their_values(other.body)
        equal = values[0].keys() == values[1].keys() and all(
            len(found) == len(values[1][name]) and np.allclose(found, values[1][name], rtol=1e-6)
            for name, found in values[0].items()
        )
        return None if equal else Difference(Kind.VALUES, f"{values[0]}, not {values[1]}")
    if own.media_type != other.media_type:
        return Difference(Kind.MEDIA_TYPE, f"{own.media_type}, not {other.media_type}")
    return _of_pictures(_pixels(own.body), _pixels(other.body), question, other.media_type)


def _form(reply: Reply) -> str:
    if reply.media_type.startswith("image/"):
        return "picture"
    return "exception" if b"ServiceException" in reply.body else "info"


def _code(body: bytes) -> str:
    match = re.search(rb'<ServiceException[^>]*\bcode="([^"]*)"', body)
    return match[1].decode() if match else ""


def _pixels(body: bytes) -> NDArray[np.int16]:
    """RGBA; what is clear is black."""
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    return np.where(pixels[..., 3:] == 0, 0, pixels).astype(np.int16)


def _of_pictures(
    own: NDArray[np.int16], other: NDArray[np.int16], question: Question, media_type: str
) -> Difference | None:
    if own.shape != other.shape:
        return Difference(Kind.SIZE, f"{own.shape}, not {other.shape}")
    clear = own[..., 3] != other[..., 3]
    if clear.mean() > (0 if question.exact else EDGE):
        return Difference(Kind.OPACITY, f"{clear.sum()} of {clear.size} pixels: {_places(clear)}")
    apart = np.abs(own - other)[~clear]
    if "jpeg" in media_type:
        bias, usual = apart.mean(), np.percentile(apart, 99)
        return Difference(Kind.PIXELS, f"{bias=} {usual=}") if bias > JPEG_BIAS or usual > JPEG_MOST else None
    differs = (own != other).any(axis=-1) & ~clear
    is_off = question.exact or (
        apart.size and (apart.mean() > MEAN or np.percentile(apart, 100 * MOST_NEAR) > NEAR)
    )
    if differs.any() and is_off:
        detail = f"{differs.sum()} of {differs.size}, mean {apart.mean():.2f}, most {apart.max()}: {_places(differs)}"
        return Difference(Kind.PIXELS, detail)
    return None


def _places(mask: NDArray[np.bool_]) -> str:
    rows, columns = np.nonzero(mask)
    return f"columns {columns.min()} to {columns.max()}, rows {rows.min()} to {rows.max()}"


def own_values(body: bytes) -> dict[str, list[float]]:
    """Samples by layer in GeoJSON of this server; layers without data are left out."""
    found = [feature["properties"] for feature in json.loads(body)["features"]]
    return {
        each["layer"]: [float(band["raw"]) for band in sorted(each["bands"], key=lambda band: band["name"])]
        for each in found
        if not each["nodata"]
    }


def their_values(body: bytes) -> dict[str, list[float]]:
    """Samples by layer in MapServer's plain text."""
    pattern = r"Layer '([^']*)'\n(?:(?!Layer).*\n)*?\s+value_list = '([^']*)'"
    return {
        layer: [float(each) for each in text.split(",")] for layer, text in re.findall(pattern, body.decode())
    }
