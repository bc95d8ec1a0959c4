"""Answers to requests of the STAC API: what is asked of the store, and documents of what it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from iipserve.collections.access import Access
from iipserve.collections.jobs import Job
from iipserve.collections.values import Collection, Item, Page
from iipserve.http.public_address import headers_read
from iipserve.plan import Answer, Document, Permission, StoreAnswer, StorePlan, Stream
from iipserve.protocols import Images, Server, stac_pages
from iipserve.protocols.resource_links import HTML, Json
from iipserve.protocols.stac.change_requests import Change
from iipserve.protocols.stac.finding import find_collection, find_item
from iipserve.protocols.stac.jobs import find_job, find_jobs, job_document, jobs_document
from iipserve.protocols.stac.landing import conformance, landing_document
from iipserve.protocols.stac.listings import collections_document, features_document
from iipserve.protocols.stac.objects import collection_document, item_document
from iipserve.protocols.stac.openapi import openapi_document
from iipserve.protocols.stac.permitted import is_downloadable, is_editable, settings
from iipserve.protocols.stac.queries import Resource, ResourceQuery
from iipserve.protocols.stac.queryables import queryables_document
from iipserve.protocols.stac.sequences import all_items, exported
from iipserve.protocols.stac.site import EXPORTS
from iipserve.protocols.stac.supermap import Shown, plan_resource


class Named(NamedTuple):
    """A document with a title for people."""

    title: str
    value: Json
    state: str = ""
    """Of the resource, the same in all its forms; empty where that is not known."""


def plan(query: ResourceQuery | Change | Shown, images: Images, server: Server) -> Answer:
    """A document that needs no store, or what is asked of the store."""
    if isinstance(query, Change):
        return query.answer
    if isinstance(query, Shown):
        return plan_resource(query, images, server)
    if query.resource in OF_SERVICE:
        document = written(OF_SERVICE[query.resource](query, server), query, server)
        return Answer(document, _headers(query))
    permission = Permission.EDIT if query.resource in OF_EDITORS else Permission.READ
    return Answer(StorePlan(Asked(query), Formed(query, server), permission))


# -- about the service -----------------------------------------------------------------------------


def _conformance(query: ResourceQuery, server: Server) -> Named:
    return Named("Conformance classes", {"conformsTo": conformance(editable=is_editable(server))})


def _api(query: ResourceQuery, server: Server) -> Named:
    metadata = server.catalog().metadata
    value = openapi_document(
        metadata, query.site, editable=is_editable(server), downloadable=is_downloadable(server)
    )
    return Named("Definition of this API", value)


OF_SERVICE: Mapping[Resource, Callable[[ResourceQuery, Server], Named]] = MappingProxyType(
    {Resource.CONFORMANCE: _conformance, Resource.API: _api}
)
"""Documents that need no store."""


# -- of the store ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the store: the action of a plan."""

    query: ResourceQuery

    def __call__(self, access: Access) -> Any:
        """Values of the store, as the document of the resource takes them. Raises `NotFound`, `StoreUnavailable`."""
        store, query = access.store, self.query
        match query.resource:
            case Resource.LANDING | Resource.COLLECTIONS:
                return store.collections()
            case Resource.COLLECTION:
                return find_collection(store, query.collection)
            case Resource.QUERYABLES:
                return store.collection(query.collection) if query.collection else None
            case Resource.ITEM:
                return find_item(store, query.collection, query.item)
            case Resource.JOBS:
                return find_jobs(access, query.collection)
            case Resource.JOB:
                return find_job(access, query.collection, query.item)
        assert query.search is not None
        if query.site.form.media_type in EXPORTS:
            return all_items(store, query.search)
        return store.search(query.search.items)


@dataclass(frozen=True, slots=True)
class Formed:
    """The answer of what the store has: the form of a plan."""

    query: ResourceQuery
    server: Server

    def __call__(self, result: Any) -> StoreAnswer:
        """The document in the form that was asked for."""
        media_type = self.query.site.form.media_type
        if media_type in EXPORTS:
            chunks = exported(result, media_type, whole=self.query.exports_whole)
            return StoreAnswer(Stream(chunks), media_type, headers=self._vary)
        named = OF_STORE[self.query.resource](result, self.query, self.server)
        return stored(named, self.query, self.server)

    @property
    def _vary(self) -> tuple[tuple[str, str], ...]:
        return (("Vary", "Accept"),) if self.query.site.form.is_negotiated else ()


def _landing(result: tuple[Collection, ...], query: ResourceQuery, server: Server) -> Named:
    metadata = server.catalog().metadata
    value = landing_document(metadata, settings(server), result, query.site)
    return Named(value["title"], value)


def _queryables(result: Collection | None, query: ResourceQuery, server: Server) -> Named:
    title = f"Queryables of {result.title or result.name}" if result else "Queryables"
    return Named(title, queryables_document(result, query.site))


def _collections(result: tuple[Collection, ...], query: ResourceQuery, server: Server) -> Named:
    value = collections_document(result, query.site, downloadable=is_downloadable(server))
    return Named("Collections", value)


def _collection(result: Collection, query: ResourceQuery, server: Server) -> Named:
    value = collection_document(result, query.site, downloadable=is_downloadable(server))
    return Named(value["title"], value, str(result.version))


def _item(result: Item, query: ResourceQuery, server: Server) -> Named:
    value = item_document(result, query.site, downloadable=is_downloadable(server))
    return Named(result.id, value, str(result.revision))


def _features(result: Page, query: ResourceQuery, server: Server) -> Named:
    assert query.search is not None
    value = features_document(
        result, query.search, query.site, query.collection, downloadable=is_downloadable(server)
    )
    return Named(f"Items of {query.collection}" if query.collection else "Items", value)


def _jobs(result: tuple[Job, ...], query: ResourceQuery, server: Server) -> Named:
    return Named(f"Jobs of {query.collection}", jobs_document(result, query.collection, query.site))


def _job(result: Job, query: ResourceQuery, server: Server) -> Named:
    return Named(f"Job {result.id}", job_document(result, query.site))


OF_STORE: Mapping[Resource, Callable[[Any, ResourceQuery, Server], Named]] = MappingProxyType(
    {
        Resource.LANDING: _landing,
        Resource.QUERYABLES: _queryables,
        Resource.COLLECTIONS: _collections,
        Resource.COLLECTION: _collection,
        Resource.ITEM: _item,
        Resource.ITEMS: _features,
        Resource.SEARCH: _features,
        Resource.JOBS: _jobs,
        Resource.JOB: _job,
    }
)
"""Documents of what the store has."""
OF_EDITORS = (Resource.JOBS, Resource.JOB)
"""Documents for those alone who may change collections: they name files that nobody has published."""


# -- forms -----------------------------------------------------------------------------------------


def stored(named: Named, query: ResourceQuery, server: Server) -> StoreAnswer:
    """A document of what the store has, in the form that was asked for."""
    document = written(named, query, server)
    vary = (("Vary", document.vary),) if document.vary else ()
    return StoreAnswer(document.body, document.media_type, named.state, headers=(*vary, *_headers(query)))


def written(named: Named, query: ResourceQuery, server: Server) -> Document:
    """A document in the form that was asked for."""
    form = query.site.form
    vary = ", ".join((*(("Accept",) if form.is_negotiated else ()), *headers_read(server.config)))
    if form.media_type == HTML:
        return Document(stac_pages.page(named.title, named.value), f"{HTML}; charset=utf-8", vary)
    return Document(json.dumps(named.value, ensure_ascii=False).encode(), form.media_type, vary)


def _headers(query: ResourceQuery) -> tuple[tuple[str, str], ...]:
    return stac_pages.POLICY if query.site.is_html else ()
