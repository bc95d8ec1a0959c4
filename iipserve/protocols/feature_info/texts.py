"""Feature info for people and for simple clients: plain text, HTML, and XML of layers and fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from iipserve.geo.ows.xml import document, element
from iipserve.plan import Document
from iipserve.protocols.feature_info.measuring import BandValue, Measured, Number
from iipserve.protocols.feature_info.planning import LayerAnswer

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What would end a line of text, or worse."""
NOTHING = "no data here"
STYLE = (
    "body{font:14px sans-serif}table{border-collapse:collapse;margin-bottom:.5em}caption{font-weight:bold;text-align:left}"
    "th,td{border:1px solid #ccc;padding:1px 6px;text-align:right}th:first-child{text-align:left}"
)
HEADINGS = ("Band", "Value", "Unit", "Stored", "Minimum", "Maximum", "Mean", "Pixels")


def number_text(number: Number | None) -> str:
    """The fewest digits that give a number back; empty for none."""
    return "" if number is None else repr(number)


# -- text/xml --------------------------------------------------------------------------------------


def write_layers(answers: Sequence[LayerAnswer]) -> Document:
    """`layers`, a `layer` for each band, and its `feature`, if there is one, with fields."""
    several = len(answers) > 1
    layers = [
        element("layer", *parts, attributes={"name": f"{each.layer.identifier}/{name}" if several else name})
        for each in answers
        for name, parts in _layer_parts(each)
    ]
    return Document(document(element("layers", *layers)), "text/xml; charset=utf-8")


def _layer_parts(answer: LayerAnswer) -> Iterator[tuple[str, list[str]]]:
    """Name and features of each band."""
    for index, band in enumerate(answer.bands):
        found = answer.measured
        if found is None:
            yield band.name, []
            continue
        texts = (*_fields(found, found.bands[index]), ("Images", " ".join(answer.images)))
        fields = (element(name, text) for name, text in texts if text)
        yield band.name, [element("feature", *fields, attributes={"id": "1"})]


def _fields(found: Measured, band: BandValue) -> Iterator[tuple[str, str]]:
    """Name and text of each field; those without text are left out."""
    spot = found.spot
    yield "Value", number_text(band.value)
    yield "Unit", band.band.unit
    yield "Stored", number_text(band.raw)
    yield "NoData", "false" if found.has_data else "true"
    yield "Minimum", number_text(band.minimum)
    yield "Maximum", number_text(band.maximum)
    yield "Mean", number_text(band.mean)
    yield "Pixels", str(band.pixels)
    yield "X", number_text(spot.x)
    yield "Y", number_text(spot.y)
    yield "Longitude", number_text(spot.longitude)
    yield "Latitude", number_text(spot.latitude)
    yield "Column", str(spot.column)
    yield "Row", str(spot.row)


# -- text/plain ------------------------------------------------------------------------------------


def write_text(answers: Sequence[LayerAnswer]) -> Document:
    """Lines of `name = value`, layer by layer."""
    text = "\n".join(CONTROLS.sub(" ", line).rstrip() for each in answers for line in _lines(each))
    return Document(f"{text}\n".encode("utf-8", "replace"), "text/plain; charset=utf-8")


def _lines(answer: LayerAnswer) -> Iterator[str]:
    yield f"Layer {answer.layer.identifier}"
    found = answer.measured
    if found is None:
        yield f"  {NOTHING}"
        return
    for name, text in _place(answer, found):
        yield f"  {name} = {text}"
    for each in found.bands:
        value = number_text(each.value) or NOTHING
        stored = f" (stored {number_text(each.raw)})" if each.raw != each.value else ""
        yield f"  {each.band.name} = {value} {each.band.unit}".rstrip() + stored
        if each.pixels:
            ends = f"minimum {number_text(each.minimum)}, maximum {number_text(each.maximum)}"
            yield f"    {ends}, mean {number_text(each.mean)} of {each.pixels} pixels"


def _place(answer: LayerAnswer, found: Measured) -> Iterator[tuple[str, str]]:
    """What is known of the place."""
    if answer.images:
        yield "images", " ".join(answer.images)
    spot = found.spot
    yield "coordinate system", answer.crs_name
    yield "x", number_text(spot.x)
    yield "y", number_text(spot.y)
    if spot.longitude is not None:
        yield "longitude", number_text(spot.longitude)
        yield "latitude", number_text(spot.latitude)
    yield "column", str(spot.column)
    yield "row", str(spot.row)


# -- text/html -------------------------------------------------------------------------------------


def write_html(answers: Sequence[LayerAnswer]) -> Document:
    """One table for each layer."""
    body = "".join(map(_table, answers))
    head = f'<meta charset="utf-8"><title>Feature info</title><style>{STYLE}</style>'
    text = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
    return Document(text.encode("utf-8", "replace"), "text/html; charset=utf-8")


def _table(answer: LayerAnswer) -> str:
    caption = f"<caption>{_text(answer.layer.displayed_title)}</caption>"
    found = answer.measured
    if found is None:
        return f"<table>{caption}<tr><td>{NOTHING}</td></tr></table>\n"
    rows = "".join(map(_row, found.bands))
    place = ", ".join(f"{name} {text}" for name, text in _place(answer, found))
    headings = "".join(f"<th>{each}</th>" for each in HEADINGS)
    return f"<table>{caption}<tr>{headings}</tr>{rows}</table>\n<p>{_text(place)}</p>\n"


def _row(found: BandValue) -> str:
    numbers = (found.raw, found.minimum, found.maximum, found.mean, found.pixels)
    cells = [number_text(found.value) or NOTHING, found.band.unit, *map(number_text, numbers)]
    return f"<tr><th>{_text(found.band.name)}</th>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    return escape(CONTROLS.sub(" ", text))
