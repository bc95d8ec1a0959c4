"""DescribeCoverage: descriptions of single coverages, or in 1.0.0 of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iipserve.geo.layer import Catalog, LayerEntry, ServiceMetadata
from iipserve.geo.ows.xml import document
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Images, Server, coverage_options
from iipserve.protocols.coverage_offerings import listed, offering
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.wcs import describe_1_0, describe_1_1, describe_2_0
from iipserve.protocols.wcs.exceptions import Fault, refused
from iipserve.protocols.wcs.query import DescribeQuery, Family, family_of
from iipserve.protocols.wcs.soap import wrapped

OPERATION = "DescribeCoverage"
MEDIA_TYPE = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Description:
    """Describes all coverages that documents list."""

    version: str
    soap: str = ""
    """Version of the envelope; empty for none."""

    def __call__(self, catalog: Catalog) -> Document:
        """The document of a catalog."""
        metadata = catalog.metadata
        entries = (
            entry
            for entry in listed(catalog)
            if OPERATION in coverage_options.layer_operations(entry.layer, metadata)
        )
        return _document(entries, metadata, self, catalog.version)


def plan_description(query: DescribeQuery, images: Images, server: Server) -> Document | CatalogPlan:
    """The document that a request asks for.

    Raises:
        OwsError: a coverage cannot be described in 1.0.0.
    """
    form = Description(query.version, query.soap)
    if not query.layers:
        return CatalogPlan(form)
    metadata = server.catalog().metadata
    layers = {layer.identifier: layer for layer in query.layers}
    entries = [entry_of(layer, images, server) for layer in layers.values()]
    if family_of(query.version) is Family.V1_0:
        _check_on_earth(entries, metadata)
    return _document(entries, metadata, form, "")


def _check_on_earth(entries: Iterable[LayerEntry], metadata: ServiceMetadata) -> None:
    for entry in entries:
        if offering(entry, metadata).degrees is None:
            raise refused(
                Fault.COVERAGE,
                Family.V1_0,
                f"{entry.layer.identifier!r} has no place on Earth, which version 1.0.0 needs; ask in version 2.0.1",
                "coverage",
            )


def _document(
    entries: Iterable[LayerEntry], metadata: ServiceMetadata, form: Description, sequence: str
) -> Document:
    family, version = family_of(form.version), form.version
    if family is Family.V1_0:
        root = describe_1_0.description(entries, metadata, sequence)
    elif family is Family.V1_1:
        root = describe_1_1.description(entries, metadata, version)
    else:
        root = describe_2_0.description(entries, metadata)
    found = Document(document(root), MEDIA_TYPE)
    return wrapped(found, form.soap) if form.soap else found
