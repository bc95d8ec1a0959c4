"""Purges: signed requests that let images count as changed, in this worker, in the others, and on other hosts."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from time import sleep, time
from typing import Any
from urllib.parse import parse_qs

from iipserve.http import Request, Response, printable
from iipserve.leader import hand_over
from iipserve.middleware.shared_purges import SETTLED, SharedPurges
from iipserve.purges import MAX_NAME_LENGTH, Purges, normal
from iipserve.purges.board import PurgeBoard
from iipserve.purges.signature import METHOD, PATH, SCHEME, fault

log = logging.getLogger(__name__)

MAX_NAMES = 100
"""In one request."""


class Purger:
    """Answers requests for purges, and takes over what others have purged. Safe for many threads."""

    def __init__(
        self,
        secret: str,
        board: PurgeBoard,
        shared: SharedPurges | None,
        purge: Callable[[Purges], None],
        *,
        removes_bodies: bool,
    ) -> None:
        """Know of no purge.

        Args:
            secret: signs requests.
            board: shared with the other workers of this host.
            shared: with other hosts; None if there is no memcached.
            purge: lets images count as changed in this worker.
            removes_bodies: those that nginx takes from memcached.
        """
        self._secret = secret
        self._board = board
        self._shared = shared
        self._purge = purge
        self._removes_bodies = removes_bodies
        self._seen = 0
        self._lock = threading.Lock()

    def before(self, request: Request) -> Response | None:
        """The answer to a request for a purge; None for others, which find purged what others have purged."""
        if self._board.changes != self._seen:
            self._take_over()
        if request.path != PATH or request.method != METHOD:
            return None
        wrong = fault(self._secret, request.query, request.header("Authorization") or "", time())
        if wrong:
            log.warning("a purge is refused: %s", wrong)
            return _answer(HTTPStatus.UNAUTHORIZED, {"error": wrong}, ("WWW-Authenticate", SCHEME))
        names = parse_qs(request.query, errors="surrogateescape").get("name", [])
        if not 0 < len(names) <= MAX_NAMES or max(map(len, names)) > MAX_NAME_LENGTH:
            wrong = f"name=IMAGE or name=FOLDER/ is needed, at most {MAX_NAMES} times"
            return _answer(HTTPStatus.BAD_REQUEST, {"error": wrong})
        return _answer(HTTPStatus.OK, self._purged([normal(name) for name in names]))

    @property
    def changes(self) -> int:
        """How often something has been purged, as far as this host knows."""
        return self._board.changes

    def may_keep_bodies(self, seen: int) -> bool:
        """Whether an answer may be kept where this host cannot purge it any more.

        Args:
            seen: `changes` when the request came: an answer that a purge overtook may be of the old image.
        """
        return self._board.changes == seen and (self._shared is None or self._shared.is_current)

    def _purged(self, names: list[str]) -> dict[str, Any]:
        hand_over()
        purges = self._board.read()[1]
        for name in names:
            purges = purges.purged(name, time())
        self._board.add(purges)
        self._take_over()
        removed, silent = 0, []
        if self._shared is not None:
            silent = self._shared.exchange()
            sleep(SETTLED)
            if self._removes_bodies:
                # those that are silent are not waited for once more
                removed, unlisted = self._shared.remove_bodies(names, without=silent)
                silent += unlisted
        log.warning("purged: %s", ", ".join(map(printable, names)))
        return {"purged": names, "bodies": removed, "silent": sorted(set(map(str, silent)))}

    def _take_over(self) -> None:
        with self._lock:
            changes, purges = self._board.read()
            if changes != self._seen:
                self._purge(purges)
                # other threads wait until it is done
                self._seen = changes


def _answer(status: HTTPStatus, content: dict[str, Any], *headers: tuple[str, str]) -> Response:
    body = json.dumps(content, ensure_ascii=True).encode() + b"\n"
    own = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    )
    return Response(status, (*own, *headers), body)
