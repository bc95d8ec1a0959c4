"""Capabilities documents of all versions, written from the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iipserve.geo.layer import Catalog
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.negotiation import is_current
from iipserve.geo.ows.xml import document, element
from iipserve.http.public_address import headers_read
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Server
from iipserve.protocols.coverage_offerings import listed
from iipserve.protocols.wcs import documents_1_0, documents_1_1, documents_2_0
from iipserve.protocols.wcs.exceptions import CURRENT_SEQUENCE
from iipserve.protocols.wcs.query import CapabilitiesQuery, Family, family_of
from iipserve.protocols.wcs.requests import SECTIONS
from iipserve.protocols.wcs.soap import wrapped

MEDIA_TYPES = {Family.V1_0: "text/xml", Family.V1_1: "text/xml", Family.V2_0: "application/xml"}


@dataclass(frozen=True, slots=True)
class Description:
    """Writes the document that a request asks for; equal for equal requests, so that documents are remembered by it."""

    query: CapabilitiesQuery
    server: Server

    def __call__(self, catalog: Catalog) -> Document:
        """The document of a catalog.

        Raises:
            OwsError: InvalidUpdateSequence; CurrentUpdateSequence, of 1.0.0.
        """
        media = MEDIA_TYPES[family_of(self.query.version)]
        found = Document(document(self._root(catalog)), f"{media}; charset=utf-8", vary(self.server))
        return wrapped(found, self.query.soap) if self.query.soap else found

    def _root(self, catalog: Catalog) -> Iterable[str]:
        query, metadata = self.query, catalog.metadata
        family = family_of(query.version)
        has_current = is_current(query.update_sequence, catalog.version)
        sections = query.sections or frozenset(SECTIONS[family])
        if family is Family.V1_0:
            if has_current:
                raise OwsError(
                    CURRENT_SEQUENCE,
                    f"the update sequence {query.update_sequence!r} is that of the present document",
                    "updatesequence",
                )
            return documents_1_0.capabilities(
                listed(catalog), metadata, query.endpoint.kvp, catalog.version, sections
            )
        sequence = {"updateSequence": catalog.version} if catalog.version else {}
        if family is Family.V1_1:
            attributes = {**documents_1_1.root_attributes(query.version), **sequence}
            if has_current:
                return element("Capabilities", attributes=attributes)
            return documents_1_1.capabilities(listed(catalog), metadata, query.endpoint, attributes, sections)
        attributes = {**documents_2_0.ROOT, "version": query.version, **sequence}
        if has_current:
            return element("wcs:Capabilities", attributes=attributes)
        return documents_2_0.capabilities(listed(catalog), metadata, query.endpoint, attributes, sections)


def plan_capabilities(query: CapabilitiesQuery, server: Server) -> CatalogPlan:
    """The document that a request asks for, to be written from the catalog."""
    return CatalogPlan(Description(query, server), vary(server))


def vary(server: Server) -> str:
    """Names of the request headers on which documents depend: the addresses in them do."""
    return ", ".join(headers_read(server.config))
