"""What is done with requests and responses around the application, as the settings say."""

from __future__ import annotations

from typing import Protocol

from iipserve import app
from iipserve.config import Config
from iipserve.engine.trial import Trial
from iipserve.http import Request, Response
from iipserve.middleware.passed_bodies import KEY, PassedBodies
from iipserve.middleware.purging import Purger
from iipserve.middleware.shared_purges import SharedPurges
from iipserve.purges.board import PurgeBoard


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

    @property
    def trial(self) -> Trial:
        """Of this process."""


class Around:
    """An application with something around it, which is nothing here."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.max_body_length = application.max_body_length
        self.clear = application.clear
        self.reload = application.reload
        self.trial = application.trial

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request."""
        return self._application.handle(request, over_http=over_http)


class BodyKeeping(Around):
    """Keeps bodies where nginx looks for them first."""

    def __init__(self, application: Application, bodies: PassedBodies, purger: Purger | None = None) -> None:
        super().__init__(application)
        self._bodies = bodies
        self._purger = purger

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request, and keep the body where nginx asks for it."""
        if KEY not in request.environ:
            return super().handle(request, over_http=over_http)
        seen = 0 if self._purger is None else self._purger.changes
        response = super().handle(request, over_http=over_http)
        if self._purger is None or self._purger.may_keep_bodies(seen):
            self._bodies.keep(request, response)
        return response


class Purging(Around):
    """Answers requests for purges."""

    def __init__(self, application: Application, purger: Purger) -> None:
        super().__init__(application)
        self._purger = purger

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request."""
        return self._purger.before(request) or super().handle(request, over_http=over_http)


def build(config: Config, board: PurgeBoard | None = None) -> Application:
    """Build the application with all that the settings put around it.

    Args:
        config: the settings.
        board: of the purges that the workers of this host share; None for one of this process.

    Raises:
        ConfigError: as `iipserve.app.build`.
    """
    images = app.build(config)
    application: Application = images
    has_bodies = bool(config.memcached_pass and config.memcached_servers)
    purger = None
    if config.purge_secret:
        board = board or PurgeBoard()
        shared = SharedPurges(config, board) if config.memcached_servers else None
        if shared is not None:
            shared.start()
        purger = Purger(config.purge_secret, board, shared, images.purge, removes_bodies=has_bodies)
        application = Purging(application, purger)
    if has_bodies:
        application = BodyKeeping(application, PassedBodies(config), purger)
    return application
