"""Names of classes, which the samples of images with a palette are: of GDAL's auxiliary files and of map files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

MAX_CLASSES = 256
"""Of an image."""
MAX_NAME = 200
"""Characters of a name."""
NAME, MINIMUM, EXACT = "2", "3", "5"
"""Usages of columns of a raster attribute table (GDALRATFieldUsage): names of classes, and the values that have them."""
TEXT = "2"
"""Type of columns of texts (GDALRATFieldType)."""
PIXEL = re.compile(
    r"""\(*\s*"?(?:\[pixel\]"?\s*(?:=|==|eq)\s*)?["']?(?P<value>[0-9]{1,3})["']?\s*\)*""",
    re.ASCII | re.IGNORECASE,
)
"""EXPRESSION of one value: `"1"`, with CLASSITEM `[pixel]`, or `([pixel] = 1)`."""


class ClassName(NamedTuple):
    """The name of one class."""

    value: int
    """The sample that stands for it, 0 to 255."""
    name: str


def of_expression(text: str, name: str) -> ClassName | None:
    """The class of a CLASS of a map file; None if its EXPRESSION is not one value, or it has no name."""
    match = PIXEL.fullmatch(text.strip())
    return next(iter(_known([(match["value"], name)])), None) if match else None


def of_band(band: Any) -> tuple[ClassName, ...]:
    """The classes of a `PAMRasterBand`: of its raster attribute table, or else of its category names, which are numbered.

    Args:
        band: the element.
    """
    table, categories = band.find("GDALRasterAttributeTable"), band.find("CategoryNames")
    found = tuple(_known(_rows(table))) if table is not None else ()
    if found or categories is None:
        return found
    return tuple(
        _known((str(index), each.text or "") for index, each in enumerate(categories.findall("Category")))
    )


def _rows(table: Any) -> Iterator[tuple[str, str]]:
    """Value and name of each row; rows are numbered where no column has values."""
    columns = table.findall("FieldDefn")
    usages = [column.findtext("Usage", "") for column in columns]
    titles = [column.findtext("Name", "").strip().lower() for column in columns]
    kinds = [column.findtext("Type", "") for column in columns]
    name = _first(usages, NAME, kinds, TEXT)
    value = _first(usages, EXACT, usages, MINIMUM, titles, "value")
    for row in table.findall("Row") if name is not None else ():
        cells = [cell.text or "" for cell in row.findall("F")]
        if name is not None and name < len(cells) and (value is None or value < len(cells)):
            yield row.get("index", "") if value is None else cells[value], cells[name]


def _first(*wanted: Any) -> int | None:
    """The index of the first text that is found: pairs of a list and a text."""
    for texts, text in zip(wanted[::2], wanted[1::2], strict=True):
        if text in texts:
            return int(texts.index(text))
    return None


def _known(rows: Iterable[tuple[str, str]]) -> Iterator[ClassName]:
    """Those of classes that a palette may have, each once, with printable names."""
    seen = set()
    for text, name in rows:
        value = _class(text)
        shown = "".join(each if each.isprintable() else " " for each in name).strip()[:MAX_NAME]
        if value is not None and shown and value not in seen:
            seen.add(value)
            yield ClassName(value, shown)


def _class(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and 0 <= value < MAX_CLASSES else None
