"""Requests that change collections and items, or fetch files: from text to actions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from iipserve.collections import permissions
from iipserve.collections.identifiers import checked
from iipserve.collections.jobs import Job
from iipserve.collections.values import Collection
from iipserve.errors import InvalidRequest, MethodNotAllowed, UnsupportedBody
from iipserve.geo.ows import kvp
from iipserve.http import READING_METHODS, Request, Routed
from iipserve.http.conditions import Conditions
from iipserve.image import ImageName
from iipserve.plan import Answer, Permission, StoreAnswer, StorePlan
from iipserve.protocols import BodyRule, Server
from iipserve.protocols.resource_forms import Form
from iipserve.protocols.resource_links import JSON, Json
from iipserve.protocols.stac.bodies import (
    JSON_TYPES,
    MAX_JSON_LENGTH,
    MAX_SEARCH_LENGTH,
    json_object,
    json_value,
)
from iipserve.protocols.stac.changes import (
    Added,
    AddItem,
    AddItems,
    AddLater,
    CreateCollection,
    DeleteCollection,
    DeleteItem,
    Edited,
    ImportLater,
    ReplaceCollection,
    ReplaceItem,
    edits_of,
    several_of,
    state_of,
)
from iipserve.protocols.stac.collection_edits import collection_edit
from iipserve.protocols.stac.downloads import OpenAsset, sent_file
from iipserve.protocols.stac.item_edits import ItemEdit, item_edit
from iipserve.protocols.stac.jobs import DismissJob, StartJob, job_document
from iipserve.protocols.stac.objects import collection_document, item_document
from iipserve.protocols.stac.permitted import is_downloadable, settings
from iipserve.protocols.stac.site import EXPORTS, GEOJSON, Site, path_of, site_of
from iipserve.protocols.stac.uploads import MAX_UPLOAD_LENGTH, UploadImage
from iipserve.protocols.url_text import decoded

METHODS = (*READING_METHODS, "POST", "PUT", "PATCH", "DELETE")
MAX_ITEMS = 10_000
"""That are added before a request is answered."""
MAX_FILES = 500
"""Files that are read before a request is answered."""
REPRESENTATION = re.compile(r"(?:^|[,;\s])return\s*=\s*\"?representation\"?(?:$|[,;\s])", re.IGNORECASE)
"""A preference of the header Prefer."""
ASYNCHRONOUS = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)
"""Another one (RFC 7240, section 4.1)."""
SUFFIX = ".json"
LISTS = ("collections", "items", "jobs", "search")
"""Resources whose name may end in the suffix; ids are looked up with it first (`changes.find_item`)."""


class Change(NamedTuple):
    """A request that changes something, or fetches a file."""

    action: Callable[[Any], Any]
    form: Callable[[Any], StoreAnswer]
    permission: Permission
    names: tuple[ImageName, ...] = ()

    @property
    def answer(self) -> Answer:
        """What is asked of the store."""
        return Answer(StorePlan(self.action, self.form, self.permission))


def segments_of(routed: Routed) -> tuple[str, ...]:
    """The segments of a path, decoded; those of lists without the suffix."""
    segments = [decoded(part) for part in path_of(routed).split("/")]
    if len(segments) % 2 and segments[-1].removesuffix(SUFFIX) in LISTS:
        segments[-1] = segments[-1].removesuffix(SUFFIX)
    return tuple(segments)


def body_rule(routed: Routed, server: Server) -> BodyRule | None:
    """Which body is read: after it is known that the client may change something.

    Raises:
        Forbidden, Unauthorized, StoreUnavailable: it may not.
        UnsupportedBody, InvalidRequest: the body is compressed, or a part of one.
    """
    segments = segments_of(routed)
    if segments != ("search",):
        permissions.check(Permission.EDIT, routed.request, settings(server))
    _check_whole(routed.request)
    if segments == ("search",):
        return BodyRule(frozenset(), MAX_SEARCH_LENGTH)
    if len(segments) == 6:
        return BodyRule(frozenset(), MAX_UPLOAD_LENGTH)
    if _kind(segments) == "items" and routed.request.media_type in EXPORTS:
        return BodyRule(frozenset(EXPORTS), MAX_UPLOAD_LENGTH)
    return None if routed.request.method == "DELETE" else BodyRule(JSON_TYPES, MAX_JSON_LENGTH)


def _check_whole(request: Request) -> None:
    """See that a body is what it stands for: a part of a file is not to replace the file (RFC 9110, sections 8.4, 14.5)."""
    if (coding := request.header("Content-Encoding") or "identity").lower() != "identity":
        raise UnsupportedBody(f"a body with the coding {coding[:40]!r} is not read here; send it as it is")
    if request.header("Content-Range"):
        raise InvalidRequest("a body with Content-Range is not read here; send all of it")


def parsed_change(routed: Routed, server: Server) -> Change | None:
    """The change that a request is for; None for one that reads.

    Raises:
        MethodNotAllowed: the resource has no such method.
        InvalidRequest: the body is malformed.
    """
    method, segments = routed.request.method, segments_of(routed)
    match segments:
        case ["collections", collection, "items", item, "assets", asset] if method in READING_METHODS:
            return Change(OpenAsset(collection, item, asset), sent_file, Permission.DOWNLOAD)
        case ["search"] if method == "POST":
            return None
    if method in READING_METHODS:
        return None
    maker = _MAKERS.get((method, _kind(segments)))
    if maker is None:
        raise MethodNotAllowed(method, _methods(segments))
    site = site_of(routed, server, Form(JSON))
    made: Callable[[Any], Any] = maker(_Asked(routed.request, segments, site, server))
    succeeds = path_of(routed).endswith(SUFFIX)
    represents = succeeds or REPRESENTATION.search(routed.request.header("Prefer") or "") is not None
    form = Changed(site, is_downloadable(server), method, represents, succeeds)
    return Change(made, form, Permission.EDIT)


def _kind(segments: Sequence[str]) -> str:
    match segments:
        case ["collections"]:
            return "collections"
        case ["collections", _]:
            return "collection"
        case ["collections", _, "items"]:
            return "items"
        case ["collections", _, "items", _]:
            return "item"
        case ["collections", _, "items", _, "assets", "image"]:
            return "image"
        case ["collections", _, "jobs"]:
            return "jobs"
        case ["collections", _, "jobs", _]:
            return "job"
    return ""


def _methods(segments: Sequence[str]) -> tuple[str, ...]:
    if segments == ("search",):
        return (*READING_METHODS, "POST")
    kind = _kind(segments)
    return (*READING_METHODS, *(method for method, of in _MAKERS if of == kind))


# -- actions ---------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """What a change is made of."""

    request: Request
    segments: tuple[str, ...]
    site: Site
    server: Server

    @property
    def conditions(self) -> Conditions:
        return Conditions.of(self.request)

    @property
    def root(self) -> str:
        return self.site.server_root

    @property
    def colormaps(self) -> str:
        return self.server.config.colormaps


def _create_collection(asked: _Asked) -> CreateCollection:
    body = json_object(asked.request)
    return CreateCollection(collection_edit(body, root=asked.root, colormaps=asked.colormaps))


def _replace_collection(asked: _Asked) -> ReplaceCollection:
    is_patch = asked.request.method == "PATCH"
    body = json_object(asked.request)
    return ReplaceCollection(asked.segments[1], body, is_patch, asked.conditions, asked.root, asked.colormaps)


def _delete_collection(asked: _Asked) -> DeleteCollection:
    return DeleteCollection(asked.segments[1], asked.conditions)


def _add(asked: _Asked) -> AddItem | AddItems | AddLater | ImportLater:
    """One item, or several; many of them are added after the answer."""
    if asked.request.media_type in EXPORTS and asked.request.body is not None:
        return ImportLater(asked.segments[1], asked.request.body, asked.request.media_type)
    body, collection = json_value(asked.request), asked.segments[1]
    upsert = kvp.read(asked.request._replace(body=None)).get("upsert").lower() in ("true", "1", "yes")
    several = several_of(body)
    if several is None:
        return AddItem(collection, item_edit(body, collection=collection, root=asked.root), upsert)
    assert asked.request.body is not None
    later = AddLater(collection, upsert, asked.root, asked.request.body)
    if len(several) > MAX_ITEMS or ASYNCHRONOUS.search(asked.request.header("Prefer") or ""):
        return later
    edits = edits_of(several, collection, asked.root)
    if sum(isinstance(edit, ItemEdit) and edit.file is not None for edit in edits) > MAX_FILES:
        return later
    return AddItems(collection, edits, upsert, later)


def _replace_item(asked: _Asked) -> ReplaceItem:
    _, collection, _, item = asked.segments
    is_patch = asked.request.method == "PATCH"
    body = json_object(asked.request)
    return ReplaceItem(collection, item, body, is_patch, asked.conditions, asked.root)


def _delete_item(asked: _Asked) -> DeleteItem:
    _, collection, _, item = asked.segments
    return DeleteItem(collection, item, asked.conditions)


def _upload(asked: _Asked) -> UploadImage:
    _, collection, _, item, _, _ = asked.segments
    if asked.request.body is None or not asked.request.body.length:
        raise InvalidRequest("the request has no body; the file of an image is needed")
    return UploadImage(collection, checked(item), asked.request.body, asked.conditions)


def _start_job(asked: _Asked) -> StartJob:
    return StartJob(asked.segments[1], json_value(asked.request))


def _dismiss_job(asked: _Asked) -> DismissJob:
    _, collection, _, job = asked.segments
    return DismissJob(collection, job.removesuffix(SUFFIX))


_MAKERS: dict[tuple[str, str], Callable[[_Asked], Callable[[Any], Any]]] = {
    ("POST", "collections"): _create_collection,
    ("PUT", "collection"): _replace_collection,
    ("PATCH", "collection"): _replace_collection,
    ("DELETE", "collection"): _delete_collection,
    ("POST", "items"): _add,
    ("PUT", "item"): _replace_item,
    ("PATCH", "item"): _replace_item,
    ("DELETE", "item"): _delete_item,
    ("PUT", "image"): _upload,
    ("POST", "jobs"): _start_job,
    ("DELETE", "job"): _dismiss_job,
}


# -- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changed:
    """The answer to a change."""

    site: Site
    downloadable: bool
    method: str
    represents: bool
    """The client prefers the changed resource to an answer without a body (RFC 7240, section 4.2)."""
    succeeds: bool
    """The client added the suffix to the address, as that of SuperMap does, which reads an object of any answer."""

    def __call__(self, result: Edited | Added | Job | None) -> StoreAnswer:
        """The resource as it is now, or what became of several."""
        if result is None:
            if self.succeeds:
                return _json({"succeed": True})
            return StoreAnswer(status=HTTPStatus.NO_CONTENT)
        if isinstance(result, Added):
            return self._added(result)
        if isinstance(result, Job):
            return self._job(result)
        return self._edited(result)

    def _job(self, job: Job) -> StoreAnswer:
        """A job that has been started, or ended."""
        answer = _json(job_document(job, self.site))
        if self.method == "DELETE":
            return answer
        address = self.site.collection(job.collection, "jobs", job.id)
        return answer._replace(status=HTTPStatus.ACCEPTED, headers=(("Location", address),))

    def _edited(self, result: Edited) -> StoreAnswer:
        value = result.value
        if isinstance(value, Collection):
            document = collection_document(value, self.site, downloadable=self.downloadable)
            answer = _json(document)
            address = self.site.collection(value.name)
        else:
            document = item_document(value, self.site, downloadable=self.downloadable)
            answer = _json(document, GEOJSON)
            address = self.site.collection(value.collection, "items", value.id)
        # the state is not that of the document that was sent (RFC 9110 section 9.3.4)
        state = "" if self.method == "PUT" else state_of(value)
        if result.is_new:
            return answer._replace(status=HTTPStatus.CREATED, state=state, headers=(("Location", address),))
        if self.method in ("PUT", "PATCH") and not self.represents:
            return StoreAnswer(status=HTTPStatus.NO_CONTENT, headers=(("Content-Location", address),))
        return answer._replace(state=state, headers=(("Content-Location", address),))

    def _added(self, result: Added) -> StoreAnswer:
        results = [
            {"id": each.id, "status": each.status, **({"error": each.error} if each.error else {})}
            for each in result.results
        ]
        counts: Json = {}
        for each in result.results:
            counts[each.status] = counts.get(each.status, 0) + 1
        answer = _json({**counts, "results": results})
        if not result.refused:
            return answer._replace(status=HTTPStatus.CREATED)
        conflicts = any(each.conflicts for each in result.refused)
        return answer._replace(status=HTTPStatus.CONFLICT if conflicts else HTTPStatus.BAD_REQUEST)


def _json(value: Json, media_type: str = JSON) -> StoreAnswer:
    return StoreAnswer(json.dumps(value, ensure_ascii=False).encode(), media_type)
