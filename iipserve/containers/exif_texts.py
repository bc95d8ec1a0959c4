"""How a photograph was taken, in words: fields of the Exif directory (Exif 3.0, CIPA DC-008, section 4.6.5)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from iipserve.containers import exif
from iipserve.containers.field_types import CODES, FieldType
from iipserve.containers.ifd import Field

MAX_TEXT = 200
"""Characters of a text."""
NUMBERS = frozenset({
    FieldType.SHORT, FieldType.LONG, FieldType.RATIONAL, FieldType.FLOAT, FieldType.DOUBLE
})  # fmt: skip
Write: TypeAlias = Callable[[Field, str], str]
"""(field, byte order) -> its value in words; empty if it has none."""


def texts(block: bytes | None) -> dict[str, str]:
    """What a block says of how a photograph was taken, by label, in the order of `LABELS`.

    Args:
        block: without `exif.MARK`; None for none. Nothing is taken from a damaged one.
    """
    fields = exif.read(block) if block else None
    if fields is None:
        return {}
    by_tag = {field.tag: field for field in fields.exif_ifd}
    written = {
        label: write(by_tag[tag], fields.order) for tag, (label, write) in LABELS.items() if tag in by_tag
    }
    return {label: text for label, text in written.items() if text}


def _text(field: Field, order: str) -> str:
    if field.type != FieldType.ASCII:
        return ""
    return field.value.partition(b"\0")[0].decode("utf-8", "replace").strip()[:MAX_TEXT]


def _time(field: Field, order: str) -> str:
    """`2026:11:27 18:30:00` with hyphens in the date."""
    date, _, time = _text(field, order).partition(" ")
    return f"{date.replace(':', '-')} {time}".strip()


def _number(field: Field, order: str) -> float:
    """The first number, of whole ones as in the standard, or a float; 0 if there is none."""
    if field.type not in NUMBERS:
        return 0.0
    form = f"{order}{CODES[field.type]}"
    if len(field.value) < struct.calcsize(form):
        return 0.0
    numerator, denominator, *_ = (*struct.unpack_from(form, field.value), 1)
    number = numerator / denominator if denominator else 0.0
    return number if math.isfinite(number) else 0.0


def _exposure(field: Field, order: str) -> str:
    """Seconds; below a third of one as a fraction, as cameras show it."""
    seconds = _number(field, order)
    if seconds < 1e-9:
        return ""
    return f"1/{round(1 / seconds)} s" if seconds < 0.3 else f"{seconds:.3g} s"


def _with(form: str) -> Write:
    """A number above 0 in a text."""

    def write(field: Field, order: str) -> str:
        number = _number(field, order)
        return form.format(number) if number else ""

    return write


LABELS: Mapping[int, tuple[str, Write]] = {
    36867: ("Taken", _time),
    33434: ("Exposure time", _exposure),
    33437: ("Aperture", _with("f/{:.3g}")),
    34855: ("Sensitivity", _with("ISO {:.0f}")),
    37386: ("Focal length", _with("{:.4g} mm")),
    42036: ("Lens", _text),
}
"""Tag -> label in English, and how the value is written."""
