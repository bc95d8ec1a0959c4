"""Asks our application what iipsrv is asked."""

from __future__ import annotations

from iipserve.app import Application
from iipserve.http import Request
from tests.differential.replies import Reply


def answer(application: Application, query: str) -> Reply:
    """The answer to a query string."""
    return answer_at(application, f"/iipsrv.fcgi?{query}")


def answer_at(application: Application, address: str) -> Reply:
    """The answer at an address, path and query."""
    environ = {"REQUEST_URI": address, "HTTP_HOST": "images.example.org"}
    response = application.handle(Request.from_environ(environ))
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return Reply(int(response.status), dict(response.headers).get("Content-Type", ""), body)
