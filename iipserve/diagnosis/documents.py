"""What is known of an image as JSON and as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iipserve.diagnosis.commands import mending
from iipserve.diagnosis.findings import findings
from iipserve.diagnosis.values import Examination, ExaminedLevel, Severity
from iipserve.geometry import Size


def document(name: str, examination: Examination) -> dict[str, Any]:
    """All as values of JSON.

    Args:
        name: of the file, for the command.
        examination: of the image.
    """
    info, found = examination.info, findings(examination)
    return {
        "name": name,
        "format": info.format,
        "width": info.size.width,
        "height": info.size.height,
        "bands": info.bands,
        "samples": info.dtype,
        "bytes": info.version.length,
        "images": len(info.stack) or 1,
        "opening_ms": _milliseconds(examination.opening),
        "overview_pixels": examination.overview_pixels,
        "levels": [
            _level(level.size, examined)
            for level, examined in zip(info.levels, examination.levels, strict=True)
        ],
        "findings": [
            {
                "severity": each.severity.value,
                "subject": each.subject,
                "text": each.text,
                "advice": each.advice or None,
            }
            for each in found
        ],
        "command": mending(name) if any(each.converts for each in found) else None,
    }


def _level(size: Size, examined: ExaminedLevel) -> dict[str, Any]:
    storage = examined.storage
    return {
        "width": size.width,
        "height": size.height,
        "tile": [*storage.unit] if storage and storage.is_tiled else None,
        "strip": storage.unit.height if storage and not storage.is_tiled and storage.units > 1 else None,
        "compression": storage.compression if storage else None,
        "units": storage.units if storage else None,
        "unit_bytes": round(storage.mean_bytes) if storage and storage.mean_bytes else None,
        "decoded_pixels": examined.decoded_pixels,
        "decoding_ms": _milliseconds(examined.milliseconds),
    }


def _milliseconds(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def is_well(known: dict[str, Any]) -> bool:
    """Whether a document finds nothing that is slow or broken."""
    grave = (Severity.SLOW.value, Severity.BROKEN.value)
    return not any(each["severity"] in grave for each in known["findings"])


def lines(known: dict[str, Any]) -> Iterator[str]:
    """A document as text."""
    yield (
        f"{known['name']}: {known['format']}, {known['width']} x {known['height']} pixels, {known['bands']} bands of "
        f"{known['samples']}, {known['bytes']:,} bytes, opened in {known['opening_ms']} ms"
    )
    rows = [("level", "size", "stored in", "compression", "bytes each", "one decoded in"), *_rows(known)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    for each in known["findings"]:
        yield f"{each['severity']}: {each['text']}" + (f"; {each['advice']}" if each["advice"] else "")
    if known["command"]:
        yield f"to mend it: {known['command']}"


def _rows(known: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for index, level in enumerate(known["levels"]):
        tile, strip = level["tile"], level["strip"]
        kind = f"{tile[0]} x {tile[1]} tiles" if tile else f"strips of {strip} rows" if strip else "one piece"
        length, time = level["unit_bytes"], level["decoding_ms"]
        yield (
            str(index),
            f"{level['width']} x {level['height']}",
            kind,
            level["compression"] or "?",
            f"{length:,}" if length else "",
            "not decoded" if time is None else f"{time} ms",
        )
