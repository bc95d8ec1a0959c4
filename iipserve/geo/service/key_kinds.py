"""What the tables of keys of the service file consist of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from iipserve.geo.service.readers import Reader, Several, Text


class Key(NamedTuple):
    """One key of a section."""

    reader: Reader
    example: str
    """A value, as it is written in TOML."""
    text: str
    """One sentence for administrators."""
    default: Any = None
    """The value of options that are not set."""
    required: bool = False


class Section(NamedTuple):
    """A table of the file."""

    text: str
    """What it is about."""
    keys: Mapping[str, Key]
    repeated: bool = False
    """It is an array of tables, `[[layer]]`."""


LINES = Text("a text, which may have several lines", lines=True)
TEXTS = Several(Text(), 'a list of texts, as in ["maps", "relief"]')
