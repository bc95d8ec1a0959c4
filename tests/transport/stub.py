"""A stub of the application, whose paths exercise the transport."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from iipserve.config import Config
from iipserve.errors import ConfigError, Overloaded
from iipserve.exchange import begin_work
from iipserve.http import Body, Request, Response
from iipserve.leader import waiting_long

TILE = bytes(range(256)) * 27
"""6,912 bytes, the length of a typical tile."""
PIECE = bytes(range(256)) * 256
"""65,536 bytes."""


def pattern(length: int) -> bytes:
    """`length` bytes, always the same, in which lost or repeated parts are detected."""
    return array("I", range(length // 4 + 1)).tobytes()[:length]


def ok(body: bytes, media_type: str = "application/octet-stream") -> Response:
    return Response(HTTPStatus.OK, (("Content-Type", media_type), ("Content-Length", str(len(body)))), body)


class StubTrial:
    """Of a process without images."""

    def __init__(self, config: Config) -> None:
        self._prefix = config.filesystem_prefix

    def fault(self) -> str:
        return "" if os.path.isdir(self._prefix or "/") else "the stub has no folder"

    def gauges(self) -> dict[str, float]:
        return {"waiting_requests": 0.0}


class StubApplication:
    """Answers by the first part of the path; the rest is an argument."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.trial = StubTrial(config)
        self.cleared = 0
        self.released = threading.Event()
        self._barriers: dict[str, threading.Barrier] = {}
        self._lock = threading.Lock()
        self.held = b""
        self.ticks: list[None] = []
        """Requests to `/tick`."""
        self.bodies: list[Body | None] = []
        """Those that came with requests to `/body/`."""

    def max_body_length(self, request: Request) -> int:
        """The number behind `/body/`, wherever that is in the path; without it, and for GET, none."""
        limit = request.path.rpartition("/body/")[2]
        return int(limit) if limit.isdigit() and request.method != "GET" else 0

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        begin_work()
        name, _, argument = request.path[1:].partition("/")
        if "/body/" in request.path:
            return self._answer_body(request)
        answer: Callable[[str], Response] | None = getattr(self, f"answer_{name}", None)
        if name == "echo":
            return ok(self._echo(request, over_http), "application/json")
        if answer is None:
            return Response(HTTPStatus.NOT_FOUND, (("Content-Type", "text/plain"), ("Content-Length", "0")))
        try:
            response = answer(argument)
        except Overloaded as error:
            return Response(error.status, (("Content-Length", "0"),))
        if request.method == "HEAD":
            return Response(response.status, response.headers)
        return response

    def _answer_body(self, request: Request) -> Response:
        """The request's body; its length alone, if that is above the limit."""
        self.bodies.append(request.body)
        if request.body is None:
            return ok(b"no body")
        file, length = request.body.file, request.body.length
        if length > self.max_body_length(request):
            body = str(length).encode()
            return Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, (("Content-Length", str(len(body))),), body)
        if request.query == "chunks":
            headers = (("Content-Length", str(length)),)
            return Response(HTTPStatus.OK, headers, iter(lambda: file.read(10_000), b""))
        return ok(file.read())

    def reload(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.cleared += 1

    def _echo(self, request: Request, over_http: bool) -> bytes:
        shown = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "environ": {name: value for name, value in request.environ.items() if isinstance(value, str)},
            "over_http": over_http,
            "pid": os.getpid(),
            "cleared": self.cleared,
            "bodies": len(self.bodies),
        }
        return json.dumps(shown).encode()

    def answer_tile(self, _: str) -> Response:
        return ok(TILE, "image/jpeg")

    def answer_bytes(self, length: str) -> Response:
        return ok(pattern(int(length)))

    def answer_zeros(self, length: str) -> Response:
        return ok(bytes(int(length)))

    def answer_pieces(self, count: str) -> Response:
        """A body of `count` chunks of 64 KiB, made one at a time."""
        headers = (("Content-Type", "image/tiff"), ("Content-Length", str(int(count) * len(PIECE))))
        return Response(HTTPStatus.OK, headers, self._pieces(int(count)))

    def _pieces(self, count: int) -> Iterator[bytes]:
        try:
            for number in range(count):
                yield number.to_bytes(4, "big") + PIECE[4:]
        finally:
            self.released.set()

    def answer_declared(self, kind: str) -> Response:
        """A body that is not as long as is declared: 5 bytes."""
        headers = (("Content-Type", "text/plain"), ("Content-Length", "5"))
        body = {"short": b"tiny", "long": b"first excess", "streamed": iter([b"first", b" excess"])}[kind]
        return Response(HTTPStatus.OK, headers, body)

    def answer_tick(self, _: str) -> Response:
        """Count the request."""
        self.ticks.append(None)
        return ok(b"tick")

    def answer_breaking(self, _: str) -> Response:
        """A body that fails after its first piece."""
        return Response(HTTPStatus.OK, (("Content-Type", "image/tiff"),), self._breaking())

    def _breaking(self) -> Iterator[bytes]:
        yield PIECE
        raise OSError("the disk is gone")

    def answer_hold(self, megabytes: str) -> Response:
        """Keep so much memory, every page of which is written."""
        self.held = b"x" * (int(megabytes) * 1_000_000)
        return ok(b"held")

    def answer_once(self, path: str) -> Response:
        """Return once there is a file of this path; make one with `.begun` behind its name before."""
        Path(f"/{path}.begun").touch()
        while not os.path.exists(f"/{path}"):
            time.sleep(0.02)
        return ok(b"done")

    def answer_waiting(self, path: str) -> Response:
        """As `once`, as a request that waits for others."""
        with waiting_long():
            return self.answer_once(path)

    def answer_together(self, threads: str) -> Response:
        """Return once so many threads answer such requests."""
        with self._lock:
            barrier = self._barriers.setdefault(threads, threading.Barrier(int(threads)))
        barrier.wait(300)
        return ok(b"together")

    def answer_sleep(self, seconds: str) -> Response:
        time.sleep(float(seconds))
        return ok(b"rested")

    def answer_wait(self, _: str) -> Response:
        """Return once the test sets `released`."""
        self.released.wait(300)
        return ok(b"released")

    def answer_raise(self, _: str) -> Response:
        raise RuntimeError("the stub was asked to fail")

    def answer_crash(self, _: str) -> Response:
        os._exit(70)

    def answer_header(self, kind: str) -> Response:
        value = {"break": "a\r\nSet-Cookie: b", "wide": "\N{SNOWMAN}"}[kind]
        return Response(HTTPStatus.OK, (("Content-Type", "text/plain"), ("X-Odd", value)), b"")

    def answer_status(self, code: str) -> Response:
        return Response(HTTPStatus(int(code)), (("Content-Length", "0"),))


def build(config: Config) -> StubApplication:
    """As `iipserve.app.build`; a suffix of `invalid` acts as an invalid setting, `ending` as a TERM meanwhile.

    One that is a path lets it wait, as `once`; then it fails as that file says.
    """
    if config.filesystem_suffix.startswith("/"):
        StubApplication(config).answer_once(config.filesystem_suffix[1:])
        failure = Path(config.filesystem_suffix).read_text()
        if failure:
            raise {"mistake": ConfigError, "error": RuntimeError}[failure]("it cannot be built")
    if config.filesystem_suffix == "ending":
        os.kill(os.getpid(), signal.SIGTERM)
    if config.filesystem_suffix == "invalid":
        raise ConfigError("FILESYSTEM_SUFFIX is 'invalid'; any other value will do")
    return StubApplication(config)


if __name__ == "__main__":
    from iipserve.__main__ import main
    from iipserve.transport import shortage, supervisor

    supervisor.SILENCE_SECONDS = int(os.environ.get("SILENCE", "10"))
    shortage.MAX_UNREAD_LENGTH = int(os.environ.get("STUB_MAX_HELD", shortage.MAX_UNREAD_LENGTH))

    sys.exit(main(sys.argv[1:], build=build))
