"""Answers plans for the store of collections: checks permissions, runs the action, makes the response of its result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from iipserve.collections import permissions
from iipserve.collections.access import Access
from iipserve.engine.item_files import FilePart, ItemFiles
from iipserve.http import Headers, Request, Response
from iipserve.http.conditions import STATE_END, evaluated, has_condition
from iipserve.http.ranges import requested_range
from iipserve.leader import hand_over
from iipserve.plan import StoreAnswer, StoredFile, StorePlan, Stream
from iipserve.responses import REVALIDATED, ResponseBuilder, Versioned, digest

log = logging.getLogger(__name__)

TAG_LENGTH = 16
"""Hexadecimal digits that distinguish representations of one state."""


class CollectionAnswers:
    """Makes the responses of `StorePlan`. Safe for many threads."""

    def __init__(
        self,
        access: Access,
        files: ItemFiles,
        responses: ResponseBuilder,
        check_samples: Callable[[], None],
    ) -> None:
        """Open nothing.

        Args:
            access: what actions use.
            files: of items.
            responses: builds the responses.
            check_samples: raises `Forbidden` where images are not given without a watermark.
        """
        self._access = access
        self._files = files
        self._responses = responses
        self._check_samples = check_samples

    def respond(self, request: Request, plan: StorePlan, headers: Headers, _: Versioned) -> Response:
        """The response to a plan. Raises what `permissions.check`, the action and the form raise."""
        editor = permissions.check(plan.permission, request, self._access.settings)
        hand_over()
        answer = plan.form(plan.action(self._access))
        if editor:
            log.info("%s %s by %s: %d", request.method, request.printable_address, editor, answer.status)
        headers = (*headers, *answer.headers)
        if isinstance(answer.body, StoredFile):
            return self._file(request, answer.body, headers)
        if isinstance(answer.body, Stream):
            return self._responses.streamed(answer.body.chunks, answer.media_type, (*headers, REVALIDATED))
        return self._document(request, answer.body, answer, headers)

    def _document(self, request: Request, body: bytes, answer: StoreAnswer, headers: Headers) -> Response:
        headers = (*headers, REVALIDATED)
        if not answer.media_type:
            return self._responses.without_body(answer.status, headers)
        etag = digest(answer.media_type.encode() + body)
        if answer.state:
            etag = f"{answer.state}{STATE_END}{etag[:TAG_LENGTH]}"
        is_conditional = request.method in ("GET", "HEAD") and has_condition(request)
        if is_conditional and (status := evaluated(request, etag, None)):
            return self._responses.conditional(status, etag, None, headers)
        response = self._responses.ok(body, answer.media_type, etag, None, headers)
        return response._replace(status=answer.status)

    def _file(self, request: Request, stored: StoredFile, headers: Headers) -> Response:
        """The file of an image, or a part of it."""
        self._check_samples()
        file = self._files.opened(stored.href)
        etag, modified, length = file.etag, file.version.changed_at, file.length
        headers = (*headers, ("Accept-Ranges", "bytes"), REVALIDATED)
        if has_condition(request) and (status := evaluated(request, etag, modified)):
            return self._responses.conditional(status, etag, modified, headers)
        headers = (
            *headers,
            ("Content-Disposition", attachment(stored.name)),
            ("X-Content-Type-Options", "nosniff"),
        )
        part = requested_range(request, length, etag, modified)
        start, stop = part or (0, length)
        if part is not None:
            headers = (*headers, ("Content-Range", part.content_range(length)))
        response = self._responses.ok(FilePart(file, start, stop), stored.media_type, etag, modified, headers)
        return response if part is None else response._replace(status=HTTPStatus.PARTIAL_CONTENT)


def attachment(name: str) -> str:
    """The value of Content-Disposition that makes clients save a file under a name (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    value = f'attachment; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"
