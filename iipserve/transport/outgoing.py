"""What is still to be sent on one connection: no thread waits for a peer that does not read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from iipserve.transport.wire import Buffer, send_at_once, send_ready

NOTHING: Final[Iterator[list[Buffer]]] = iter(())


class Outgoing:
    """Buffers that the peer has not taken yet, and where further ones come from."""

    def __init__(self, sock: socket.socket) -> None:
        """Send to `sock`."""
        self._sock = sock
        self._buffers: list[Buffer] = []
        self._more = NOTHING
        self.pending = False
        """Whether something is left to be sent."""
        self._length = 0
        self.sent = 0
        """Bytes sent so far on this connection."""

    def send(self, buffers: list[Buffer], more: Iterator[list[Buffer]] = NOTHING, length: int = 0) -> bool:
        """Send `buffers` and then those of `more`, after what is pending, as far as the peer takes them.

        Returns whether all is sent. Otherwise call `flush` once the socket is writable. `more` is advanced
        whenever everything before has been sent; it must not be given while that of an earlier call is pending.
        `length` is that of a response which is in memory until it has been sent, in bytes.

        Raises:
            OSError: the peer is gone.
        """
        if more is NOTHING and len(buffers) == 1 and not self.pending:
            sent = send_at_once(self._sock, buffers[0])
            self.sent += sent
            if sent == len(buffers[0]):
                return True
            buffers = [memoryview(buffers[0])[sent:]]
        self._buffers += buffers
        self._more, self._length, self.pending = more, length, True
        return self.flush()

    def flush(self) -> bool:
        """Send as much as the peer takes. Returns whether all is sent.

        Raises:
            OSError: the peer is gone.
            Exception: what the iterator of further buffers raises.
        """
        while True:
            self.sent += send_ready(self._sock, self._buffers)
            if self._buffers:
                return False
            batch = next(self._more, None)
            if batch is None:
                self.clear()
                return True
            self._buffers = batch

    def memory(self) -> int:
        """Bytes that are kept until the peer has taken them."""
        return self._length or sum(map(len, self._buffers))

    def cut(self) -> None:
        """Send no further buffers after those that are pending already."""
        self._more = NOTHING

    def clear(self) -> None:
        """Forget what is pending."""
        self._buffers, self._more = [], NOTHING
        self.pending, self._length = False, 0
