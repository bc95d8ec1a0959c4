"""What is done with requests and responses around the application, as the settings say."""

from __future__ import annotations

from typing import Protocol

from iipserve import app
from iipserve.config import Config
from iipserve.http import Request, Response
from iipserve.middleware.passed_bodies import KEY, PassedBodies


class Application(Protocol):
    """What requests pass through: `iipserve.app.Application`, or that with something around it."""

    def max_body_length(self, request: Request) -> int:
        """How many bytes of a body are read for this request."""

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request."""

    def clear(self) -> None:
        """Drop caches, and close files."""

    def reload(self) -> None:
        """Take over changed files of settings, and drop caches."""


class Around:
    """An application with something around it, which is nothing here."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.max_body_length = application.max_body_length
        self.clear = application.clear
        self.reload = application.reload

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request."""
        return self._application.handle(request, over_http=over_http)


class BodyKeeping(Around):
    """Keeps bodies where nginx looks for them first."""

    def __init__(self, application: Application, bodies: PassedBodies) -> None:
        super().__init__(application)
        self._bodies = bodies

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request, and keep the body where nginx asks for it."""
        response = super().handle(request, over_http=over_http)
        if KEY in request.environ:
            self._bodies.keep(request, response)
        return response


def build(config: Config) -> Application:
    """Build the application with all that the settings put around it.

    Raises:
        ConfigError: as `iipserve.app.build`.
    """
    application: Application = app.build(config)
    if config.memcached_pass and config.memcached_servers:
        application = BodyKeeping(application, PassedBodies(config))
    return application
