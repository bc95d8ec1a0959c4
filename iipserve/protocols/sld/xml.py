"""Elements of SLD: by their names without prefix, each known one once or as often as it may occur."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from iipserve.geo import xml
from iipserve.geo.ows.exceptions import OwsError

STYLE_NOT_DEFINED = "StyleNotDefined"
LOCATOR = "sld_body"
MAX_LENGTH = 1 << 18
"""Bytes of a document."""
MAX_QUOTED = 80
"""Characters of a text that a message quotes."""
NAMESPACES = frozenset(
    {
        "",
        "http://www.opengis.net/sld",
        "http://www.opengis.net/se",
        "http://www.opengis.net/ogc",
    }
)
"""Of elements; many clients leave them out."""


class StyleRefused(OwsError):
    """The document asks for something that is not understood."""

    def __init__(self, text: str) -> None:
        super().__init__(STYLE_NOT_DEFINED, text, LOCATOR)


class Element:
    """An element of the document."""

    __slots__ = ("_node", "name")

    def __init__(self, node: Any, within: str) -> None:
        """Take an element of lxml.

        Raises:
            StyleRefused: it is in no namespace of SLD.
        """
        namespace, _, name = node.tag.rpartition("}")
        self._node = node
        self.name: str = name
        if namespace.removeprefix("{") not in NAMESPACES:
            raise StyleRefused(f"{quoted(node.tag)} in {within} is not understood; remove it")

    def attribute(self, name: str, default: str = "") -> str:
        """The value of an attribute without namespace."""
        value: str = self._node.get(name, default)
        return value.strip()

    def children(self, known: Collection[str]) -> Iterator[Element]:
        """All elements in it.

        Raises:
            StyleRefused: one is none of the known ones, or there is text between them.
        """
        if any((text or "").strip() for text in (self._node.text, *(each.tail for each in self._node))):
            raise StyleRefused(f"there is text between the elements of {self.name}; remove it")
        for node in self._node:
            if not isinstance(node.tag, str):
                continue
            child = Element(node, self.name)
            if child.name not in known:
                raise StyleRefused(f"{quoted(child.name)} in {self.name} is not understood; remove it")
            yield child

    def by_name(self, known: Collection[str]) -> dict[str, Element]:
        """The elements in it by name, each once at most. Raises the same."""
        found: dict[str, Element] = {}
        for child in self.children(known):
            if child.name in found:
                raise StyleRefused(f"{child.name} occurs twice in {self.name}; it can once")
            found[child.name] = child
        return found

    def text(self) -> str:
        """Its text, or that of a literal in it (Filter Encoding).

        Raises:
            StyleRefused: it contains another element.
        """
        inner = [node for node in self._node if isinstance(node.tag, str)]
        if not inner:
            return "".join(self._node.itertext()).strip()
        if len(inner) == 1 and Element(inner[0], self.name).name == "Literal":
            return Element(inner[0], self.name).text()
        raise StyleRefused(
            f"{self.name} contains {quoted(Element(inner[0], self.name).name)}; only a literal is understood"
        )

    def number(self) -> float:
        """Its text as a finite number. Raises `StyleRefused`."""
        return number(self.text(), self.name)


def root(text: bytes) -> Element:
    """The root of a document.

    Raises:
        StyleRefused: it is too long, has a document type, or is not well-formed.
    """
    if len(text) > MAX_LENGTH:
        raise StyleRefused(f"the style has {len(text)} bytes; it can have {MAX_LENGTH}")
    node = xml.parsed(text.strip())
    if node is None:
        raise StyleRefused("the style is no well-formed XML; send a StyledLayerDescriptor")
    if node.getroottree().docinfo.doctype:
        raise StyleRefused("the style has a document type; send it without <!DOCTYPE>")
    return Element(node, "the document")


def number(text: str, name: str) -> float:
    """A finite number. Raises `StyleRefused`."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StyleRefused(f"{name} {quoted(text)} is no finite number")
    return value


def quoted(text: str) -> str:
    """The beginning of a text of the document, in quotes."""
    return repr(text[:MAX_QUOTED])
