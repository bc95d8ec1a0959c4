"""Documents about all layers: made once for each state of the catalog, and compressed for clients that accept it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

import pytest

from iipserve import catalog_documents
from iipserve.catalog_documents import CatalogDocuments, accepts_gzip
from iipserve.config import Config
from iipserve.geo.layer import Catalog, EmptyCatalog
from iipserve.http import Request, Response
from iipserve.plan import CatalogPlan, Document
from iipserve.responses import ResponseBuilder


@dataclass
class Server:
    """Describes its catalogs with a text of some length, and counts how often."""

    length: int
    catalog: Catalog = field(default_factory=EmptyCatalog)
    made: int = 0

    def __post_init__(self) -> None:
        self.documents = CatalogDocuments(lambda: self.catalog, ResponseBuilder(Config()))
        self.plan = CatalogPlan(self._describe)

    def _describe(self, _: Catalog) -> Document:
        self.made += 1
        return Document(f"{self.made}".encode().rjust(self.length), "application/xml")

    def get(self, **headers: str) -> Response:
        return self.documents.respond(Request("GET", "/", "", headers), self.plan, (), ())


GZIP = {"HTTP_ACCEPT_ENCODING": "br, gzip"}


def test_a_document_is_made_once_until_the_catalog_changes() -> None:
    server = Server(4)
    assert [server.get().body for _ in range(3)] == [b"   1"] * 3
    server.catalog = EmptyCatalog()
    assert [server.get().body for _ in range(3)] == [b"   2"] * 3
    assert server.made == 2


def test_what_has_been_asked_for_is_made_when_the_catalog_changes() -> None:
    server = Server(4)
    server.get()
    server.catalog = EmptyCatalog()
    server.documents.renew(server.catalog)
    assert server.made == 2
    assert server.get().body == b"   2"
    assert server.made == 2
    server.documents.renew(EmptyCatalog())
    server.documents.renew(EmptyCatalog())
    assert server.made == 3, "nobody asked between the two"


@pytest.mark.parametrize("length", [2000, 200_000, catalog_documents.MAX_PLAIN + 1])
def test_long_documents_are_compressed_for_clients_that_accept_it(length: int) -> None:
    server = Server(length)
    packed, plain = server.get(**GZIP), server.get()
    assert server.made == 1
    headers, plain_headers = dict(packed.headers), dict(plain.headers)
    assert isinstance(packed.body, bytes)
    assert gzip.decompress(packed.body) == plain.body == b"1".rjust(length)
    assert headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain_headers
    assert headers["Content-Length"] == str(len(packed.body))
    assert plain_headers["Content-Length"] == str(length)
    assert headers["Vary"] == plain_headers["Vary"] == "Accept-Encoding"
    assert headers["ETag"] != plain_headers["ETag"]
    assert headers["Content-Type"] == plain_headers["Content-Type"] == "application/xml"
    assert [header for header in packed.headers if header[0] == "Cache-Control"] == [
        ("Cache-Control", "no-cache")
    ]


@pytest.mark.parametrize("accepted", [{}, GZIP])
def test_a_client_that_has_the_document_gets_none(accepted: dict[str, str]) -> None:
    server = Server(5000)
    tag = dict(server.get(**accepted).headers)["ETag"]
    response = server.get(HTTP_IF_NONE_MATCH=tag, **accepted)
    assert (response.status, response.body, dict(response.headers)["ETag"]) == (304, b"", tag)
    server.catalog = EmptyCatalog()
    assert server.get(HTTP_IF_NONE_MATCH=tag, **accepted).status == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False), ("gzip", True), ("GZIP;q=0.5", True), ("deflate, gzip ;q=1.0", True), ("gzip;q=0", False),
        ("gzip; q=0.000", False), ("*", True), ("*;q=0", False), ("*, gzip;q=0", False), ("*;q=0, gzip", True),
        ("identity", False), ("x-gzip", True), ("gzipped", False), (",;,", False),
    ],
)  # fmt: skip
def test_accept_encoding(header: str, accepted: bool) -> None:
    """RFC 9110 section 12.5.3."""
    assert accepts_gzip(header) is accepted
