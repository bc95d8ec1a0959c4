"""XML of files that nobody vouches for."""

from __future__ import annotations

from typing import Any

from iipserve.geo import require


def parsed(document: bytes) -> Any:
    """The root element of a document, without entities and anything outside of it; None if it is not well-formed.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    require()
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
