"""StyledLayerDescriptor: its layers and their styles."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from iipserve.protocols.sld.symbolizer import Symbolizer, symbolizer
from iipserve.protocols.sld.xml import Element, StyleRefused, quoted, root

VERSIONS = ("1.0.0", "1.1.0")
MAX_STYLES = 100
"""Of all layers of a document, and rules of one style."""
TEXTS = ("Name", "Title", "Abstract", "Description")
DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
"""What states an encoding, which text that has been decoded does not have any more."""
ROOT_NAME = "StyledLayerDescriptor"


class Rule(NamedTuple):
    """A symbolizer, and at which scales it applies."""

    symbolizer: Symbolizer
    minimum: float = 0.0
    """The scale denominator from which on it applies."""
    maximum: float = math.inf
    """That below which it does."""

    def applies(self, scale: float | None) -> bool:
        """Whether it does at a scale denominator; None is of no map: a legend."""
        return scale is None or self.minimum <= scale < self.maximum


class UserStyle(NamedTuple):
    """A style of the document."""

    name: str
    title: str
    is_default: bool
    rules: tuple[Rule, ...]
    abstract: str = ""


class NamedLayer(NamedTuple):
    """A layer and one of the styles that the document gives it: layers are repeated for each of their styles."""

    name: str
    style: UserStyle | str
    """A style of the document, or the name of one of the layer; empty for its default."""


def read(text: bytes | str) -> tuple[NamedLayer, ...]:
    """What a document says of layers, in its order, which is that of drawing: the first is the lowest.

    Args:
        text: bytes are in the encoding that the XML declaration names, UTF-8 by default.

    Raises:
        StyleRefused: it is no such document, or asks for something that is not understood.
        NotInstalled: the extra `geo` is not.
    """
    if isinstance(text, str):
        text = DECLARATION.sub("", text, count=1).encode("utf-8", "replace")
    document = root(text)
    if document.name != ROOT_NAME:
        raise StyleRefused(f"the root element is {quoted(document.name)}; it must be {ROOT_NAME}")
    version = document.attribute("version", VERSIONS[0])
    if version not in VERSIONS:
        raise StyleRefused(f"the version is {quoted(version)}; {' and '.join(VERSIONS)} are understood")
    layers: list[NamedLayer] = []
    for element in document.children((*TEXTS, "NamedLayer")):
        if element.name == "NamedLayer":
            layers.extend(_layers(element))
    if not 0 < len(layers) <= MAX_STYLES:
        raise StyleRefused(f"the document has {len(layers)} styles of layers; it can have 1 to {MAX_STYLES}")
    return tuple(layers)


def style_named(layers: tuple[NamedLayer, ...], layer: str, name: str) -> UserStyle | str | None:
    """The style of a layer that a request names, of a document that is a library of styles (02-070 section 5.3).

    Args:
        layers: of the document.
        layer: name of the layer.
        name: of the style; empty for the one that the document has by default.

    Returns:
        None if the document has no such style of the layer.
    """
    styles = [each.style for each in layers if each.name == layer]
    if name:
        return next((each for each in styles if _name(each) == name), None)
    defaults = [each for each in styles if isinstance(each, UserStyle) and each.is_default]
    return next(iter((*defaults, *styles)), None)


def _name(style: UserStyle | str) -> str:
    return style if isinstance(style, str) else style.name


def _layers(element: Element) -> Iterator[NamedLayer]:
    name = ""
    styles: list[UserStyle | str] = []
    for child in element.children((*TEXTS, "NamedStyle", "UserStyle")):
        if child.name == "Name":
            name = child.text()
        elif child.name == "NamedStyle":
            styles.append(_named_style(child))
        elif child.name == "UserStyle":
            styles.append(_user_style(child))
    if not name:
        raise StyleRefused("a NamedLayer has no Name; add the name of a layer")
    yield from (NamedLayer(name, style) for style in styles or [""])


def _named_style(element: Element) -> str:
    parts = element.by_name(TEXTS)
    if "Name" not in parts or not parts["Name"].text():
        raise StyleRefused("a NamedStyle has no Name; add the name of a style of the layer")
    return parts["Name"].text()


def _user_style(element: Element) -> UserStyle:
    texts: dict[str, str] = {}
    rules: list[Rule] = []
    for child in element.children((*TEXTS, "IsDefault", "FeatureTypeStyle", "CoverageStyle")):
        if child.name == "Description":
            texts |= _texts(child)
        elif child.name.endswith("TypeStyle") or child.name == "CoverageStyle":
            rules.extend(_rules(child))
        else:
            texts[child.name] = child.text()
    if not 0 < len(rules) <= MAX_STYLES:
        raise StyleRefused(f"a UserStyle has {len(rules)} rules; it can have 1 to {MAX_STYLES}")
    return UserStyle(
        texts.get("Name", ""),
        texts.get("Title", ""),
        texts.get("IsDefault", "").lower() in ("1", "true"),
        tuple(rules),
        texts.get("Abstract", ""),
    )


def _texts(description: Element) -> dict[str, str]:
    return {name: each.text() for name, each in description.by_name(("Title", "Abstract")).items()}


def _rules(element: Element) -> Iterator[Rule]:
    known = (*TEXTS, "FeatureTypeName", "CoverageName", "SemanticTypeIdentifier", "Rule")
    for child in element.children(known):
        if child.name == "Rule":
            yield from _symbolized(child)


def _symbolized(rule: Element) -> Iterator[Rule]:
    scales = {"MinScaleDenominator": 0.0, "MaxScaleDenominator": math.inf}
    found: list[Symbolizer] = []
    for child in rule.children((*TEXTS, *scales, "RasterSymbolizer")):
        if child.name in scales:
            scales[child.name] = child.number()
        elif child.name == "RasterSymbolizer":
            found.append(symbolizer(child))
    minimum, maximum = scales.values()
    if not 0 <= minimum < maximum:
        raise StyleRefused(
            f"MinScaleDenominator {minimum!r} is not less than MaxScaleDenominator {maximum!r}"
        )
    yield from (Rule(each, minimum, maximum) for each in found)
