"""How two answers of coverage servers to one request differ, if they do."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

import numpy as np

from tests.differential.replies import Reply
from tests.differential.wcs.questions import Question
from tests.differential.wcs.reading import Coverage, file_of, read_file

NEAR, MOST_NEAR = 1, 0.985
"""Columns and rows by which this part of samples in another grid may be off: GDAL, by which MapServer finds them, is up
to an eighth of a pixel off."""


class Kind(enum.Enum):
    """In what two answers differ; the first that holds."""

    FORM = "one is a coverage, the other is not"
    SIZE = "number of samples"
    TYPE = "type of samples"
    PLACE = "place"
    SAMPLES = "samples"
    CODE = "code of the exception"
    LOCATOR = "locator of the exception"


class Difference(NamedTuple):
    """What was found."""

    kind: Kind
    detail: str


def difference(question: Question, own: Reply, other: Reply) -> Difference | None:
    """How our answer differs from theirs; None when it does not."""
    faults = _fault(own.body), _fault(other.body)
    if (faults[0] is None) != (faults[1] is None):
        return Difference(
            Kind.FORM, f"{faults[0]}, not {faults[1]}: {own.body[:300]!r}, {other.body[:300]!r}"
        )
    if faults[0] is not None and faults[1] is not None:
        for kind, mine, theirs in zip((Kind.CODE, Kind.LOCATOR), *faults, strict=True):
            if mine.lower() != theirs.lower():
                return Difference(kind, f"{faults[0]}, not {faults[1]}")
        return None
    files = [read_file(file_of(reply.media_type, reply.body)) for reply in (own, other)]
    return _of_coverages(question, *files)


def _fault(body: bytes) -> tuple[str, str] | None:
    """Code and locator of an exception; None if it is none."""
    match = re.search(rb"<(?:\w+:)?(?:ServiceException|Exception)\b([^>]*)>", body[:4000])
    if match is None:
        return None
    attributes = dict(re.findall(rb'(\w+)="([^"]*)"', match[1]))
    code = attributes.get(b"code") or attributes.get(b"exceptionCode", b"")
    return code.decode(), attributes.get(b"locator", b"").decode()


def _of_coverages(question: Question, own: Coverage, other: Coverage) -> Difference | None:
    if own.samples.shape != other.samples.shape:
        return Difference(Kind.SIZE, f"{own.samples.shape}, not {other.samples.shape}")
    apart_by = np.abs(np.subtract(own.transform[:6], other.transform[:6]))
    if not (apart_by <= abs(own.transform.a) * 1e-4).all() or own.crs != other.crs:
        return Difference(Kind.PLACE, f"{own.transform} {own.crs}, not {other.transform} {other.crs}")
    differs = ~((own.samples == other.samples) | (np.isnan(own.samples) & np.isnan(other.samples)))
    apart = np.abs(own.samples.astype(float) - other.samples.astype(float))
    is_off = question.exact or np.percentile(apart, 100 * MOST_NEAR) > NEAR
    if differs.any() and is_off:
        return Difference(Kind.SAMPLES, f"{differs.sum()} of {differs.size}, most {np.nanmax(apart)}")
    if own.samples.dtype != other.samples.dtype:
        return Difference(Kind.TYPE, f"{own.samples.dtype}, not {other.samples.dtype}")
    return None
