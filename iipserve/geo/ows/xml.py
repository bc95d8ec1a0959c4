"""XML as text: elements whose content is escaped unless it is an element itself.

Capabilities documents are long and flat: one of 6,000 layers has two million elements. Text takes a sixth of the time
that a tree of lxml takes for the same document (0.4 s instead of 2.5 s).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

SPECIAL = re.compile('[&<>"\r]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""Characters that have to be written otherwise, and those that XML cannot have (XML 1.0 section 2.2)."""
REFERENCES = MappingProxyType({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})
REPLACEMENT = "\ufffd"
NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Xml(str):
    """Text that is well-formed XML already."""

    __slots__ = ()


NOTHING = Xml()


def escaped(text: str) -> str:
    """The text as content of an element or an attribute; characters that XML cannot have become U+FFFD."""
    if SPECIAL.search(text) is None:
        return text
    return SPECIAL.sub(lambda match: REFERENCES.get(match[0], REPLACEMENT), text)


def element(name: str, *content: str, attributes: Mapping[str, str] = NO_ATTRIBUTES) -> Xml:
    """An element with its prefix.

    Args:
        name: `ows:Title`.
        content: elements, and texts, which are escaped.
        attributes: values are escaped.
    """
    start = name
    if attributes:
        start += "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    inner = "".join([part if type(part) is Xml else escaped(part) for part in content])
    return Xml(f"<{start}>{inner}</{name}>" if inner else f"<{start}/>")


def optional(name: str, text: str) -> Xml:
    """An element with text; nothing where the text is empty."""
    return element(name, text) if text else NOTHING


def several(name: str, texts: Iterable[str]) -> Xml:
    """One element for each text."""
    return joined(element(name, text) for text in texts)


def joined(parts: Iterable[Xml]) -> Xml:
    """Elements after one another."""
    return Xml("".join(parts))


def document(root: Xml) -> bytes:
    """The bytes of a document with this root element."""
    return f"{DECLARATION}{root}\n".encode()
