"""Requests that end worker processes: noted in shared memory, so that a third worker does not get them.

Each worker notes what it is answering in memory that outlives it. When it dies, the supervisor counts a death for
each of these requests. One that is answered later was only near, and is cleared; one with two deaths is refused.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import mmap
import struct
from collections.abc import Iterator
from threading import get_ident
from time import monotonic

from iipserve.http import Body, Request

log = logging.getLogger(__name__)

MAX_RUNNING = 256
"""Threads of a worker whose requests are noted."""
ENTRY_LENGTH = 16384
"""Bytes of a noted request, its beginning included. Untouched entries take no memory."""
BEGINNING = struct.Struct("<dI")
"""Seconds of the monotonic clock at which a request began, and the length of its text; 0 if there is none."""
MAX_NOTED_BODY = 4096
"""Bytes of a body that are noted."""
MAX_HASHED_BODY = 65536
"""Bytes of a longer body that distinguish it from others of its length."""
MAX_KNOWN = 1024
"""Requests that are remembered; the oldest goes first."""
KNOWN = struct.Struct("<16sQd")
"""Hash of a request, deaths, and the time of the monotonic clock at which it is forgotten."""
DEATHS = 2
"""So many workers get a request that they die of."""
REFUSED_SECONDS = 3600.0
REFUSED = f"{DEATHS} worker processes died while they answered this request, which is refused for an hour"


class RunningRequests:
    """What one worker is answering at present. Made before the fork; written by the worker."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._length = MAX_RUNNING * ENTRY_LENGTH
        self._memory = mmap.mmap(-1, self._length)
        self._unused = itertools.count()
        self._offsets: dict[int, int] = {}

    def begin(self, text: bytes) -> None:
        """Note a request of this thread."""
        thread = get_ident()
        offset = self._offsets.get(thread)
        if offset is None:
            # a count is atomic, unlike the length of a mapping
            offset = self._offsets[thread] = next(self._unused) * ENTRY_LENGTH
        if offset < self._length:
            text = text[: ENTRY_LENGTH - BEGINNING.size]
            start = offset + BEGINNING.size
            self._memory[start : start + len(text)] = text
            BEGINNING.pack_into(self._memory, offset, monotonic(), len(text))

    def current(self) -> bytes:
        """The request of this thread; empty if none is noted."""
        offset = self._offsets.get(get_ident(), self._length)
        return self._entry(offset)[1] if offset < self._length else b""

    def end(self) -> None:
        """Forget the request of this thread."""
        offset = self._offsets.get(get_ident(), self._length)
        if offset < self._length:
            BEGINNING.pack_into(self._memory, offset, 0.0, 0)

    def clear(self) -> None:
        """Forget all of them: this worker ends on purpose."""
        for offset in range(0, self._length, ENTRY_LENGTH):
            if self._entry(offset)[1]:
                BEGINNING.pack_into(self._memory, offset, 0.0, 0)

    def older_than(self, seconds: float) -> list[bytes]:
        """The requests that have been running for longer than that, in the order of threads; no one twice."""
        limit = monotonic() - seconds
        entries = map(self._entry, range(0, self._length, ENTRY_LENGTH))
        return list(dict.fromkeys(text for start, text in entries if text and start <= limit))

    def close(self) -> None:
        """Free the memory."""
        self._memory.close()

    def _entry(self, offset: int) -> tuple[float, bytes]:
        start, length = BEGINNING.unpack_from(self._memory, offset)
        begin = offset + BEGINNING.size
        return start, self._memory[begin : begin + length]


class FatalRequests:
    """The requests that workers died of. Made before the fork; the supervisor adds, workers clear."""

    def __init__(self) -> None:
        """None are known."""
        self._memory = mmap.mmap(-1, KNOWN.size * (MAX_KNOWN + 1))

    @property
    def any(self) -> bool:
        """Whether there may be some."""
        return self._memory[0] != 0

    def blame(self, pid: int, texts: list[bytes]) -> None:
        """Count a death of a worker for each request that it was answering, and tell the log."""
        for text in texts:
            offset = self._find(text)
            deaths = 1 + (self._deaths(offset) if offset else 0)
            offset = offset or min(self._offsets(), key=lambda each: KNOWN.unpack_from(self._memory, each)[2])
            KNOWN.pack_into(self._memory, offset, _hash(text), deaths, monotonic() + REFUSED_SECONDS)
            self._memory[0] = 1
            refused = "; it is refused for an hour" if deaths >= DEATHS else ""
            log.error("worker %d died while it answered this request%s: %s", pid, refused, shown(text))

    def refuses(self, text: bytes) -> bool:
        """Whether a request is refused."""
        return bool((offset := self._find(text)) and self._deaths(offset) >= DEATHS)

    def clear_of(self, text: bytes) -> None:
        """Forget a request, as it has been answered."""
        if offset := self._find(text):
            KNOWN.pack_into(self._memory, offset, b"", 0, 0.0)

    def clear(self) -> None:
        """Forget all of them."""
        self._memory[:] = bytes(len(self._memory))

    def _find(self, text: bytes) -> int:
        """Offset of a request; 0 if it is not known, or no longer."""
        offset = self._memory.find(_hash(text), KNOWN.size)
        return offset if offset > 0 and offset % KNOWN.size == 0 and self._deaths(offset) else 0

    def _deaths(self, offset: int) -> int:
        _, deaths, until = KNOWN.unpack_from(self._memory, offset)
        return int(deaths) if until > monotonic() else 0

    def _offsets(self) -> Iterator[int]:
        return iter(range(KNOWN.size, len(self._memory), KNOWN.size))


class RequestGuard:
    """Notes requests of a worker, and tells which ones to refuse. Safe for many threads."""

    def __init__(self, running: RunningRequests, fatal: FatalRequests) -> None:
        """Both are memory that this worker shares with the supervisor."""
        self._running = running
        self._fatal = fatal

    @property
    def is_alert(self) -> bool:
        """Whether workers have died of requests."""
        return self._fatal.any

    def refuses(self, request: Request) -> bool:
        """Whether workers have died of this one."""
        return self._fatal.refuses(noted(request))

    def note(self, request: Request) -> None:
        """Note a request of this thread, before anything that a process may die of."""
        self._running.begin(noted(request))

    def end(self) -> None:
        """The request that this thread noted has been answered."""
        if self._fatal.any:
            self._fatal.clear_of(self._running.current())
        self._running.end()


def noted(request: Request) -> bytes:
    """All that is needed to repeat a request, apart from the rest of a long body."""
    method, path, query, environ, body = request
    text = f"{method} {path}?{query} Accept: {environ.get('HTTP_ACCEPT', '')}"
    if body is None:
        return text.encode("latin-1", "backslashreplace")
    media_type, (beginning, length) = environ.get("CONTENT_TYPE", ""), _beginning(body)
    text = f"{text} Content-Type: {media_type} Body{length}: "
    return text.encode("latin-1", "backslashreplace") + beginning


def _beginning(body: Body) -> tuple[bytes, str]:
    """What is noted of a body, which is left at its beginning, and the length and a hash of one that is longer."""
    beginning = body.file.read(MAX_HASHED_BODY)
    body.file.seek(0)
    if body.length <= MAX_NOTED_BODY:
        return beginning, ""
    digest = hashlib.blake2b(beginning, digest_size=16).hexdigest()
    return beginning[:MAX_NOTED_BODY], f" of {body.length} bytes, {digest}"


def shown(text: bytes) -> str:
    """A noted request on one line of ASCII: other bytes are escaped as in Python."""
    return text.decode("latin-1").encode("unicode_escape").decode()


def _hash(text: bytes) -> bytes:
    """The hash of what fits into an entry, since the supervisor sees no more."""
    return hashlib.blake2b(text[: ENTRY_LENGTH - BEGINNING.size], digest_size=16).digest()
