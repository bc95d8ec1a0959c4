"""Names of single images of collections as layers, and as identifiers that XML allows (NCName), which can be read back.

`aerial/2015.tif` is the image `2015.tif` of the collection `aerial`; `aerial_x002F_2015.tif` is the same as an NCName, where
`_x002F_` is a character by its number (ISO/IEC 9075-14, SQL/XML, 9.1).
"""

from __future__ import annotations

import re

SEPARATOR = "/"
ESCAPED = re.compile(r"_x([0-9A-F]{4,6})_")
LAST = 0x10FFFF


def item_name(collection: str, identifier: str) -> str:
    """The name of a layer of one image, whose identifier has no slash."""
    return f"{collection}{SEPARATOR}{identifier}"


def encoded(name: str) -> str:
    """A name as an NCName."""
    return "".join(_escaped(character, index, name) for index, character in enumerate(name))


def _escaped(character: str, index: int, name: str) -> str:
    is_free = character.isascii() and (
        character.isalpha() or (index and (character.isdigit() or character in "-."))
    )
    if is_free or (character == "_" and name[index + 1 : index + 2] != "x"):
        return character
    return f"_x{ord(character):04X}_"


def decoded(name: str) -> str:
    """The name of which an NCName is."""
    return ESCAPED.sub(lambda match: chr(min(int(match[1], 16), LAST)), name)


def split(name: str) -> tuple[str, str] | None:
    """Collection and image of the name of a layer, in either form; None if it is none of one image."""
    collection, _, identifier = decoded(name).rpartition(SEPARATOR)
    return (collection, identifier) if collection and identifier else None
