"""Errors of the STAC API: a code and a description (STAC API 1.0.0, core, error responses)."""

from __future__ import annotations

import json
from http import HTTPStatus

from iipserve.errors import IIPServeError
from iipserve.http import Routed
from iipserve.plan import Document
from iipserve.protocols import ErrorAnswer, Server
from iipserve.protocols.resource_links import JSON


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """The error as JSON: the kind of error by its name, and what is wrong."""
    status = error.status
    value = {"code": _code(error, status), "description": str(error)}
    return ErrorAnswer(status, Document(json.dumps(value, ensure_ascii=False).encode(), JSON))


def _code(error: IIPServeError, status: HTTPStatus) -> str:
    """The kind of error: the phrase of its status as one word, `NotFound`."""
    return "".join(word.capitalize() for word in status.phrase.replace("-", " ").split())
