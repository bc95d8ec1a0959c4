"""Requests of OGC API, of tiles by zoom, and of WMTS, to a service of layers without files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.http import Request
from iipserve.plan import Answer, CatalogPlan, Document, RenderPlan
from iipserve.protocols import ErrorAnswer, Images, ogcapi, wmts, xyz
from iipserve.router import Router
from tests.protocols.wmts.services import CATALOG, INFOS, server_of

PROTOCOLS = {each.PROTOCOL.name: each.PROTOCOL for each in (ogcapi, xyz, wmts)}
ROOT = "http://a.example/ogc/"


def ask(
    address: str, catalog: Any = CATALOG, config: Config | None = None, **environ: str
) -> Answer | ErrorAnswer:
    """What is answered at an address: a path with a query."""
    server = server_of(catalog, config)
    path, _, query = address.removeprefix("http://a.example").partition("?")
    request = Request("GET", path, query, {"HTTP_HOST": "a.example", **environ})
    found = Router(server.config, PROTOCOLS).route(request)
    assert found is not None, address
    try:
        parsed = found.protocol.parse(found.routed, server)
        images = Images({name: INFOS[name] for name in parsed.names})
        answer = found.protocol.plan(parsed, images, server)
    except IIPServeError as error:
        return found.protocol.error(error, found.routed, None)
    if isinstance(answer.content, CatalogPlan):
        assert hash(answer.content) == hash(replace(answer.content)), "it is kept by its value"
        made = answer.content.describe(catalog)
        assert made.vary == answer.content.vary
        return Answer(made, answer.headers)
    return answer


def document(address: str, *args: Any, **options: Any) -> Document:
    answer = ask(address, *args, **options)
    assert isinstance(answer, Answer), answer.document.body
    assert isinstance(answer.content, Document)
    return answer.content


def read(address: str, *args: Any, **options: Any) -> Any:
    """A document in JSON."""
    return json.loads(document(address, *args, **options).body)


def plan(address: str, *args: Any, **options: Any) -> RenderPlan:
    answer = ask(address, *args, **options)
    assert isinstance(answer, Answer), answer.document.body
    assert isinstance(answer.content, RenderPlan)
    return answer.content


def refusal(address: str, *args: Any, **options: Any) -> tuple[int, str]:
    """Status and detail of an error, in the form of RFC 9457."""
    answer = ask(address, *args, **options)
    assert isinstance(answer, ErrorAnswer), f"{address} is answered"
    assert answer.document.media_type == "application/problem+json"
    value = json.loads(answer.document.body)
    assert value["status"] == answer.status
    assert value["title"] == answer.status.phrase
    return value["status"], value["detail"]


def linked(value: Any, rel: str) -> list[str]:
    """Addresses of a relation."""
    return [each["href"] for each in value["links"] if each["rel"] == rel]
