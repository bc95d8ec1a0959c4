"""Requests in XML, as the parameters that say the same: one reading for both, so both give the same answers.

Elements are known by their names without namespaces, since the published schemas, the texts of the standards and clients
use different ones, and their order does not matter. Elements that are not known are looked into, since versions of the
extensions wrap others around the same contents. Entities are not resolved, and nothing outside the document is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from iipserve.geo import xml
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import Parameters, collected
from iipserve.protocols.wcs.exceptions import INVALID_SYNTAX

MAX_LENGTH = 1 << 18
"""Bytes of a document."""
MAX_ELEMENTS = 10_000
"""Of a document."""
MAX_DEPTH, MAX_ATTRIBUTES = 24, 100
"""Elements in one another, and attributes of one of them: what is looked for in all below takes time for each of them."""
OPERATIONS = {
    "getcapabilities": "GetCapabilities",
    "describecoverage": "DescribeCoverage",
    "getcoverage": "GetCoverage",
    "describeeocoverageset": "DescribeEOCoverageSet",
}
"""By names of root elements in lower case."""
VERSIONS = {
    "http://www.opengis.net/wcs": "1.0.0",
    "http://www.opengis.net/wcs/1.1": "1.1.2",
    "http://www.opengis.net/wcs/1.1.1": "1.1.1",
    "http://www.opengis.net/wcs/1.1.0": "1.1.0",
    "http://www.opengis.net/wcs/2.0": "2.0.1",
    "http://www.opengis.net/wcs/wcseo/1.0": "2.0.1",
}
"""The version that a namespace stands for, where the root element states none."""
SOAP_VERSIONS = {
    "http://schemas.xmlsoap.org/soap/envelope/": "1.1",
    "http://www.w3.org/2003/05/soap-envelope": "1.2",
}
"""Of envelopes, by their namespace."""


WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class XmlRequest(NamedTuple):
    """A request in XML."""

    parameters: Parameters
    soap: str = ""
    """Version of SOAP of the envelope that it came in; empty for none."""


class Node:
    """An element, by its name without namespace."""

    __slots__ = ("_node", "name", "namespace")

    def __init__(self, node: Any) -> None:
        namespace, _, name = node.tag.rpartition("}")
        self._node = node
        self.name: str = name
        self.namespace: str = namespace.removeprefix("{")

    @property
    def key(self) -> str:
        """The name in lower case."""
        return self.name.lower()

    def __iter__(self) -> Iterator[Node]:
        """The elements in it."""
        return (Node(each) for each in self._node if isinstance(each.tag, str))

    def all(self, *names: str) -> Iterator[Node]:
        """The elements below it, at any depth, that have one of these names in lower case."""
        return (
            node
            for node in map(Node, self._node.iter("{*}*"))
            if node.key in names and node._node is not self._node
        )

    def text(self, *names: str) -> str:
        """The text of the first element below it that has one of these names; empty where there is none."""
        found = next(self.all(*names), None)
        return found.own_text if found else ""

    @property
    def own_text(self) -> str:
        """Its text, on one line without spaces around it."""
        return " ".join("".join(self._node.itertext()).split())

    def attribute(self, *names: str) -> str:
        """The value of the first of these attributes that it has, in any case and namespace; empty for none."""
        values = {name.rpartition("}")[2].lower(): value for name, value in self._node.attrib.items()}
        return next((" ".join(values[name].split()) for name in names if values.get(name)), "")


Pairs = list[tuple[str, str]]
Handler = Callable[[Node, Pairs], None]


def read(body: bytes) -> XmlRequest:
    """The request of a document.

    Raises:
        OwsError: InvalidEncodingSyntax: it is too long, not well-formed, has a document type, or is no request of WCS.
        NotInstalled: the extra `geo` is not.
    """
    root, soap = _unwrapped(_root(body))
    operation = OPERATIONS.get(root.key)
    if operation is None:
        raise _refused(
            f"the root element {root.name[:80]!r} is no request; {', '.join(OPERATIONS.values())} are"
        )
    version = root.attribute("version") or VERSIONS.get(root.namespace, "")
    pairs: Pairs = [("request", operation)]
    # negotiation of 1.0.0 goes by VERSION, that of others by AcceptVersions
    service = root.attribute("service") or ("WCS" if root.namespace in VERSIONS else "")
    pairs += [("service", service), ("version", version)]
    pairs += [(name, root.attribute(name)) for name in ("updatesequence", "count")]
    _gather(root, pairs, HANDLERS)
    return XmlRequest(collected((name, value) for name, value in pairs if value), soap)


def _root(body: bytes) -> Node:
    if len(body) > MAX_LENGTH:
        raise _refused(f"the request has {len(body)} bytes; it can have {MAX_LENGTH}")
    node = xml.parsed(body.strip())
    if node is None:
        raise _refused("the request is no well-formed XML")
    if node.getroottree().docinfo.doctype:
        raise _refused("the request has a document type; send it without <!DOCTYPE>")
    _check_extent(node)
    return Node(node)


def _check_extent(root: Any) -> None:
    """See that a document can be read soon. Raises `OwsError`."""
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if count > MAX_ELEMENTS:
            raise _refused(f"the request has more than {MAX_ELEMENTS} elements")
        if depth > MAX_DEPTH:
            raise _refused(f"the request has more than {MAX_DEPTH} elements in one another")
        if any(len(node.attrib) > MAX_ATTRIBUTES for node in level):
            raise _refused(f"an element of the request has more than {MAX_ATTRIBUTES} attributes")
        level = [child for node in level for child in node]


def _unwrapped(root: Node) -> tuple[Node, str]:
    """The request in an envelope, and the version of SOAP; a request without one as it is."""
    if root.key != "envelope":
        return root, ""
    inner = [request for body in root if body.key == "body" for request in body]
    if len(inner) != 1:
        raise _refused(f"the SOAP body has {len(inner)} elements; it has to have one, which is the request")
    return inner[0], SOAP_VERSIONS.get(root.namespace, "1.2")


def _refused(text: str) -> OwsError:
    return OwsError(INVALID_SYNTAX, text, "body")


def _gather(node: Node, pairs: Pairs, handlers: dict[str, Handler]) -> None:
    for child in node:
        handler = handlers.get(child.key)
        if handler is not None:
            handler(child, pairs)
        else:
            _gather(child, pairs, handlers)


# -- elements --------------------------------------------------------------------------------------


def _parameter(name: str) -> Handler:
    """The text of the element is the value of a parameter."""

    def handle(node: Node, pairs: Pairs) -> None:
        pairs.append((name, node.own_text))

    return handle


def _listed(name: str, *elements: str) -> Handler:
    """The texts of elements in it are entries of a parameter."""

    def handle(node: Node, pairs: Pairs) -> None:
        pairs.append((name, ",".join(each.own_text for each in node.all(*elements))))

    return handle


def _by_axis(name: str, item: str, *values: str) -> Handler:
    """Elements with an axis and a value, or two: `x(2),y(3)`, `x(1:3)`."""

    def handle(node: Node, pairs: Pairs) -> None:
        items = (
            f"{each.text('axis')}({':'.join(each.text(value) for value in values)})"
            for each in node.all(item)
        )
        pairs.append((name, ",".join(items)))

    return handle


def _of_dimension(name: str) -> Handler:
    """A number for the axis that an attribute names, as older clients write it."""

    def handle(node: Node, pairs: Pairs) -> None:
        pairs.append((name, f"{node.attribute('dimension', 'axis')}({node.own_text})"))

    return handle


def _dimension(node: Node) -> str:
    """The axis, and after a comma the system where it states one."""
    named = next(node.all("dimension"), None)
    if named is None:
        return ""
    system = named.attribute("crs")
    return f"{named.own_text},{system}" if system else named.own_text


def _trim(node: Node, pairs: Pairs) -> None:
    low, high = node.text("trimlow") or "*", node.text("trimhigh") or "*"
    pairs.append(("subset", f"{_dimension(node)}({low},{high})"))


def _slice(node: Node, pairs: Pairs) -> None:
    pairs.append(("subset", f"{_dimension(node)}({node.text('slicepoint')})"))


def _range_subset(node: Node, pairs: Pairs) -> None:
    """Bands: of 2.0 components and intervals, of 1.1 fields and keys, of 1.0.0 values of axes."""
    # some clients leave RangeItem out
    items = [_item(each) for each in node.all("rangeitem")]
    items = items or [_item(each) for each in node.all("rangecomponent", "rangeinterval")]
    fields = [_field(each) for each in node.all("fieldsubset")]
    if items:
        pairs.append(("rangesubset", ",".join(items)))
    if fields:
        pairs.append(("rangesubset", ";".join(fields)))
    for axis in node.all("axissubset"):
        if name := axis.attribute("name"):
            pairs.append((f"range:{name.lower()}", ",".join(_values(axis))))


def _item(node: Node) -> str:
    start, end = node.text("startcomponent"), node.text("endcomponent")
    return f"{start}:{end}" if start or end else node.text("rangecomponent") or node.own_text


def _field(node: Node) -> str:
    own = next((each.own_text for each in node if each.key == "identifier"), "")
    method = node.text("interpolationtype")
    axes = "".join(
        f"[{axis.text('identifier')}[{','.join(key.own_text for key in axis.all('key'))}]]"
        for axis in node.all("axissubset")
    )
    return own + (f":{method}" if method else "") + axes


def _values(axis: Node) -> Iterator[str]:
    for each in axis:
        if each.key == "singlevalue":
            yield each.own_text
        elif each.key == "interval":
            yield "/".join(filter(None, (each.text(part) for part in ("min", "max", "res"))))


def _geotiff(node: Node, pairs: Pairs) -> None:
    pairs.extend((f"geotiff:{each.key}", each.own_text) for each in node)


def _axis_methods(node: Node, pairs: Pairs) -> None:
    pairs.append(("interpolationperaxis", f"{node.text('axis')},{node.text('interpolationmethod')}"))


def _box(node: Node, pairs: Pairs) -> None:
    """`ows:BoundingBox` of 1.1."""
    numbers = f"{node.text('lowercorner')} {node.text('uppercorner')}".split()
    system = node.attribute("crs")
    pairs.append(("boundingbox", ",".join([*numbers, system] if system else numbers)))


def _envelope(node: Node, pairs: Pairs) -> None:
    """`gml:Envelope` of 1.0.0."""
    corners = [each.own_text for each in node.all("pos", "lowercorner", "uppercorner")]
    pairs.append(("bbox", ",".join(" ".join(corners).split())))
    pairs.append(("crs", node.attribute("srsname")))


def _grid(node: Node, pairs: Pairs) -> None:
    """`gml:Grid` and `gml:RectifiedGrid` of 1.0.0: the size, or the steps where it has no limits."""
    low, high = node.text("low").split(), node.text("high").split()
    if len(low) == len(high) == 2 and all(map(WHOLE.fullmatch, low + high)):
        width, height = (int(last) - int(first) + 1 for first, last in zip(low, high, strict=True))
        pairs += [("width", str(width)), ("height", str(height))]
        return
    vectors = [each.own_text.split() for each in node.all("offsetvector")]
    if len(vectors) == 2 and all(len(vector) == 2 for vector in vectors):
        pairs += [("resx", vectors[0][0].removeprefix("-")), ("resy", vectors[1][1].removeprefix("-"))]


def _times(name: str) -> Handler:
    """Positions and periods."""

    def handle(node: Node, pairs: Pairs) -> None:
        found = []
        for each in node.all("timeposition", "timeperiod"):
            ends = each.text("beginposition"), each.text("endposition")
            found.append("/".join(ends) if each.key == "timeperiod" else each.own_text)
        pairs.append((name, ",".join(found)))

    return handle


def _output(node: Node, pairs: Pairs) -> None:
    """`Output` of 1.1 with attributes, `output` of 1.0.0 with elements."""
    pairs.append(("format", node.attribute("format") or node.text("format")))
    pairs.append(("store", node.attribute("store")))
    pairs.append(("response_crs", node.text("crs")))
    _gather(node, pairs, GRID_CRS)


GRID_CRS = {
    name.lower(): _parameter(name.lower())
    for name in ("GridBaseCRS", "GridType", "GridOrigin", "GridOffsets", "GridCS")
}
HANDLERS: dict[str, Handler] = {
    "acceptversions": _listed("acceptversions", "version"),
    "acceptformats": _listed("acceptformats", "outputformat"),
    "sections": _listed("sections", "section"),
    "section": _parameter("section"),
    "coverageid": _parameter("coverageid"),
    "eoid": _parameter("eoid"),
    "containment": _parameter("containment"),
    "identifier": _parameter("identifier"),
    "coverage": _parameter("coverage"),
    "sourcecoverage": _parameter("coverage"),
    "dimensiontrim": _trim,
    "dimensionslice": _slice,
    "format": _parameter("format"),
    "mediatype": _parameter("mediatype"),
    "scalebyfactor": lambda node, pairs: pairs.append(("scalefactor", node.text("scalefactor"))),
    "scaleaxesbyfactor": _by_axis("scaleaxes", "scaleaxis", "scalefactor"),
    "scaletosize": _by_axis("scalesize", "targetaxissize", "targetsize"),
    "scaletoextent": _by_axis("scaleextent", "targetaxisextent", "low", "high"),
    "resolution": _of_dimension("resolution"),
    "size": _of_dimension("size"),
    "rangesubset": _range_subset,
    "subsettingcrs": _parameter("subsettingcrs"),
    "outputcrs": _parameter("outputcrs"),
    "globalinterpolation": _parameter("interpolation"),
    "interpolationperaxis": _axis_methods,
    "interpolationmethod": _parameter("interpolation"),
    "parameters": _geotiff,
    "boundingbox": _box,
    "temporalsubset": _times("time"),
    "envelope": _envelope,
    "grid": _grid,
    "rectifiedgrid": _grid,
    "output": _output,
}
"""Elements below the root, by their names in lower case."""
