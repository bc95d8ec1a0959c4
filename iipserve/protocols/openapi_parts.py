"""Parts of definitions of APIs in OpenAPI 3.0 that are the same for all services."""

from __future__ import annotations

from typing import Any

from iipserve import __version__
from iipserve.geo.layer import ServiceMetadata
from iipserve.protocols.resource_links import Json


def info(metadata: ServiceMetadata) -> Json:
    """The object `info`: what a service says of itself."""
    found: dict[str, Any] = {"title": metadata.title, "version": __version__}
    if metadata.abstract:
        found["description"] = metadata.abstract
    contact = metadata.contact
    stated = {
        "name": contact.person or contact.organization,
        "email": contact.email,
        "url": contact.online_resource,
    }
    if any(stated.values()):
        found["contact"] = {name: value for name, value in stated.items() if value}
    return found


def path_parameter(name: str, description: str, schema: Json) -> Json:
    """A parameter in a path."""
    return {"name": name, "in": "path", "description": description, "required": True, "schema": schema}


def query_parameter(name: str, description: str, schema: Json) -> Json:
    """A parameter of a query, which may be left out."""
    return {"name": name, "in": "query", "description": description, "required": False, "schema": schema}


def parameter_refs(*names: str) -> list[Json]:
    """References to parameters among the components."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]
