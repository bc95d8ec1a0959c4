"""Which images of a collection a request asks for: its time, a filter (CQL2), and which image is uppermost.

`TIME` or `datetime`; `CQL_FILTER` or `filter` with `filter-lang`; `ORDER`, with one of the
orders of collections; `IDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from iipserve.errors import InvalidRequest
from iipserve.geo.crs import quoted
from iipserve.geo.image_index import ALL, ORDERS, ImageIndex, Selection
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.protocols import collection_times
from iipserve.protocols.map_values import NO_FAULT

FILTER_LANGS = ("cql2-text", "cql2-json")
MAX_IDS = 1000
"""Of one request."""


class BadSelection(OwsError):
    """A filter or an order of images that is none."""

    def __init__(self, text: str, locator: str) -> None:
        super().__init__(NO_FAULT, text, locator)


def selected(
    layer: Layer, parameters: Parameters, time: str | None = None, filter: str | None = None
) -> Layer:
    """The layer with the images that a request asks for; of one image, as it is.

    Args:
        layer: of a collection, or any other.
        parameters: of the request.
        time: the value of its time, where that is no parameter `time`; None: that of the parameter.
        filter: that of this layer, of a request with filters of several; None: that of the request.

    Raises:
        NoSuchTime: the collection has no image of that time.
        BadSelection: a filter or an order is malformed.
        StoreUnavailable: the store does not answer.
    """
    index = layer.index
    if index is None:
        return layer
    times = collection_times.chosen(index, parameters.get("time") if time is None else time)
    selection = Selection(
        times.spans,
        filter_of(parameters) if filter is None else filter,
        _language(parameters),
        _order(parameters),
        _ids(parameters),
        times.effective,
        times.note,
        not times.passes,
    )
    return _with(layer, index, selection)


def selected_by_filter(layer: Layer, parameters: Parameters) -> Layer:
    """As `selected`, where the time is read by itself: images of all times by a filter, an order and identifiers.

    Raises:
        BadSelection: a filter or an order is malformed.
    """
    if layer.index is None:
        return layer
    selection = Selection(
        filter=filter_of(parameters),
        filter_lang=_language(parameters),
        order=_order(parameters),
        ids=_ids(parameters),
    )
    return _with(layer, layer.index, selection)


def _with(layer: Layer, index: ImageIndex, selection: Selection) -> Layer:
    if selection == ALL:
        return layer
    try:
        chosen = index.selected(selection)
    except InvalidRequest as error:
        raise BadSelection(f"filter {quoted(selection.filter)}: {error}", "filter") from error
    return replace(layer, index=chosen)


def filter_of(parameters: Parameters) -> str:
    """The filter of a request; empty without one."""
    return (parameters.get("cql_filter") or parameters.get("filter")).strip()


def filters_of(parameters: Parameters, layers: Sequence[Layer]) -> list[str]:
    """The filter of each layer: one for all, or one for each, with semicolons between them, as GeoServer has it.

    Raises:
        BadSelection: there are not as many as layers.
    """
    text = filter_of(parameters)
    parts = (
        [part.strip() for part in text.split(";")]
        if len(layers) > 1 and ";" in text
        else [text] * len(layers)
    )
    if len(parts) != len(layers):
        raise BadSelection(
            f"there are {len(parts)} filters for {len(layers)} layers; write one for each", "cql_filter"
        )
    return parts


def _language(parameters: Parameters) -> str:
    text = parameters.get("filter-lang").strip().lower()
    if text and text not in FILTER_LANGS:
        raise BadSelection(
            f"filter-lang {quoted(text)} is unknown; {' and '.join(FILTER_LANGS)} are read", "filter-lang"
        )
    return text or (FILTER_LANGS[1] if filter_of(parameters).startswith("{") else FILTER_LANGS[0])


def _order(parameters: Parameters) -> str:
    text = parameters.get("order").strip().lower()
    if text and text not in ORDERS:
        raise BadSelection(f"order {quoted(text)} is unknown; {', '.join(ORDERS)} are known", "order")
    return text


def _ids(parameters: Parameters) -> tuple[str, ...]:
    """Identifiers of items, separated by commas."""
    parts = tuple(part.strip() for part in parameters.get("ids").split(",") if part.strip())
    if len(parts) > MAX_IDS:
        raise BadSelection(f"ids names {len(parts)} images; {MAX_IDS} at most are read", "ids")
    return parts
