"""Why an image is slow, as JSON and as a page: the answers of `iipserve doctor`, measured in the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from iipserve.diagnosis.documents import document
from iipserve.diagnosis.values import Examination
from iipserve.errors import InvalidRequest
from iipserve.http import Headers
from iipserve.image import ImageName, Selector
from iipserve.protocols.resource_pages import POLICY, page
from iipserve.viewer.assets import Asset

Examine: TypeAlias = Callable[[ImageName], Examination]
"""Measures an image. Raises `IIPServeError`."""

DOCUMENT, PAGE = "/viewer/doctor.json", "/viewer/doctor.html"
HEADERS: Headers = (*POLICY, ("Cache-Control", "no-store"), ("Referrer-Policy", "same-origin"), ("Vary", "Accept-Encoding"))  # fmt: skip
"""Of both: what is measured is measured anew for each request."""
MAX_PAGE = 999_999


def answer(path: str, query: str, examine: Examine) -> Asset:
    """The document or the page.

    Args:
        path: `DOCUMENT` or `PAGE`.
        query: `name=...`, and perhaps `page=...`.
        examine: measures the image.

    Raises:
        InvalidRequest: the query names no image.
        IIPServeError: the image cannot be read.
    """
    name = _name(query)
    known = document(name.identifier, examine(name))
    if path == DOCUMENT:
        asset = Asset.of(json.dumps(known, ensure_ascii=False).encode("utf-8", "replace"), "application/json")
    else:
        asset = Asset.of(
            page(f"Why is {known['name']} slow?", known, _parts(known)), "text/html; charset=utf-8"
        )
    return Asset(asset.body, asset.compressed, asset.media_type, asset.etag, policy=HEADERS)


def _name(query: str) -> ImageName:
    try:
        fields = parse_qs(query, max_num_fields=2)
        (name,) = fields.pop("name")
        (number,) = fields.pop("page", ["0"])
    except (ValueError, KeyError) as error:
        raise InvalidRequest("the query must name an image, such as doctor.json?name=map.tif") from error
    if fields:
        raise InvalidRequest(f"{next(iter(fields))!r} is not a field here; name and page are")
    if not (number.isascii() and number.isdigit() and len(number) < 10 and int(number) <= MAX_PAGE):
        raise InvalidRequest(f"page is {number!r}; it must be a whole number from 0 to {MAX_PAGE}")
    return ImageName(name, Selector(int(number)))


def _parts(known: Mapping[str, Any]) -> Iterator[str]:
    """The findings, the command and the table of levels, as HTML."""
    found = known["findings"]
    if not any(each["severity"] in ("slow", "broken") for each in found):
        yield "<p>Nothing about this file makes it slow.</p>\n"
    if found:
        yield "<ul>"
        for each in found:
            advice = f"<br>{escape(each['advice'])}" if each["advice"] else ""
            yield f"<li><strong>{escape(each['severity'])}</strong>: {escape(each['text'])}{advice}</li>\n"
        yield "</ul>\n"
    if known["command"]:
        yield f"<p>This command mends it:</p>\n<p><code>{escape(known['command'])}</code></p>\n"
    yield '<h2>Levels</h2>\n<table class="rows"><tr>'
    yield "".join(f"<th>{title}</th>" for title in ("Size", "Tile", "Compression", "Bytes", "Decoded in"))
    yield "</tr>\n"
    for level in known["levels"]:
        tile, time = level["tile"], level["decoding_ms"]
        cells = (
            f"{level['width']} x {level['height']}",
            f"{tile[0]} x {tile[1]}" if tile else "none",
            level["compression"] or "",
            f"{level['unit_bytes']:,}" if level["unit_bytes"] else "",
            "" if time is None else f"{time} ms",
        )
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n"
    yield f"</table>\n<p>The file was opened in {known['opening_ms']} ms.</p>\n"
