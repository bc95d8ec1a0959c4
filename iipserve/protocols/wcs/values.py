"""Values of parameters of several versions: coverages, systems, axes with numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iipserve.geo import crs
from iipserve.geo.crs import CrsName, UnknownCrs, quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import INVALID_VALUE, NO_CODE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols import Server, coverage_options
from iipserve.protocols.collection_selection import BadSelection, selected_by_filter
from iipserve.protocols.coverage_offerings import find_layer
from iipserve.protocols.map_values import finite
from iipserve.protocols.wcs.exceptions import INVALID_SYNTAX, NOT_A_CRS, Fault, fault, refused
from iipserve.protocols.wcs.query import Family

MAX_COVERAGES = 500
"""That one request describes."""


def layer_of(text: str, server: Server, family: Family) -> Layer:
    """The layer of a coverage that may be had.

    Raises:
        OwsError: there is none.
    """
    layer = _known(text, server, "GetCoverage")
    if layer is None:
        raise _unknown(text, family)
    return layer


def chosen_layer(text: str, parameters: Parameters, server: Server, family: Family) -> Layer:
    """The layer of a coverage that may be had; of a collection, with the images that a request chooses by a filter and the like.

    Raises:
        OwsError: there is none, or a filter or an order is malformed.
    """
    return by_filter(layer_of(text, server, family), parameters)


def by_filter(layer: Layer, parameters: Parameters) -> Layer:
    """A layer with the images that a request chooses. Raises `OwsError`: InvalidParameterValue."""
    try:
        return selected_by_filter(layer, parameters)
    except BadSelection as error:
        error.code = INVALID_VALUE
        raise


def layers_of(texts: Sequence[str], server: Server, family: Family) -> tuple[Layer, ...]:
    """The layers of lists of coverages, which are separated by commas unless a name has them.

    Raises:
        OwsError: there is none of one or several names, which the locator of 2.0 lists; NoApplicableCode: there are more
            than `MAX_COVERAGES`.
    """
    layers: list[Layer] = []
    unknown: list[str] = []
    for text in texts:
        whole = _known(text, server, "DescribeCoverage")
        names = [text] if whole else [part.strip() for part in text.split(",") if part.strip()]
        if len(layers) + len(unknown) + len(names) > MAX_COVERAGES:
            raise fault(
                NO_CODE, f"more than {MAX_COVERAGES} coverages are listed; ask for them in several requests"
            )
        for name in names:
            layer = whole or _known(name, server, "DescribeCoverage")
            if layer is None:
                unknown.append(name)
            else:
                layers.append(layer)
    if unknown:
        raise _unknown(",".join(unknown), family)
    return tuple(layers)


def _known(text: str, server: Server, operation: str) -> Layer | None:
    """The layer of a coverage for which an operation is answered."""
    layer = find_layer(text, server)
    if layer is None or operation not in coverage_options.layer_operations(layer, server.catalog().metadata):
        return None
    return layer


def _unknown(text: str, family: Family) -> OwsError:
    return refused(Fault.COVERAGE, family, f"there is no coverage {quoted(text)}", text)


def items(text: str, name: str) -> Iterator[tuple[str, str]]:
    """What is before parentheses and in them, of a list: `x(1,2),y(3,4)`.

    Raises:
        OwsError: InvalidEncodingSyntax.
    """
    rest = text.strip()
    while rest:
        head, opening, rest = rest.partition("(")
        values, closing, rest = rest.partition(")")
        rest = rest.lstrip()
        is_last = not rest
        if not (opening and closing and head.strip()) or not (is_last or rest[0] in ",;"):
            raise _not_items(text, name)
        yield head.strip(), values.strip()
        rest = rest[1:].lstrip()
        if not is_last and not rest:
            raise _not_items(text, name)


def _not_items(text: str, name: str) -> OwsError:
    return fault(INVALID_SYNTAX, f"{name.upper()} {quoted(text)} is not written as axis(value)", name)


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Finite numbers of a list.

    Raises:
        OwsError: InvalidParameterValue: one is none.
    """
    found = [finite(part) for part in text.replace(",", " ").split()]
    if None in found:
        raise OwsError(INVALID_VALUE, f"{name.upper()} {quoted(text)} is not a list of finite numbers", name)
    return tuple(value for value in found if value is not None)


def crs_of(text: str, name: str) -> CrsName:
    """A system of 1.0.0 and 1.1.

    Raises:
        OwsError: InvalidParameterValue: it is none.
    """
    try:
        return crs.parse(text)
    except UnknownCrs as error:
        raise OwsError(INVALID_VALUE, str(error), name) from error


def uri_of(text: str, unknown: str) -> CrsName:
    """A system of 2.0.

    Args:
        text: its name.
        unknown: the code for a system that is not known here.

    Raises:
        OwsError: NotACrs, or that code.
    """
    try:
        return crs.parse(text)
    except UnknownCrs as error:
        raise fault(unknown if crs.is_spelled(text) else NOT_A_CRS, str(error), text) from error


def times_of(text: str) -> tuple[str, ...]:
    """Entries of a list of times and periods; the step of a period is left out."""
    entries = (entry.strip() for entry in text.split(","))
    return tuple("/".join(entry.split("/")[:2]) for entry in entries if entry)


def is_true(parameters: Parameters, name: str) -> bool:
    """Whether a parameter says yes."""
    return parameters.get(name).strip().lower() in ("true", "1", "yes", "on", "t")
