"""When connections are closed once the server stops: those last on which a request may be on its way."""

from __future__ import annotations

from iipserve.transport.peer import PeerConnection

NEW_SECONDS = 3.0
"""How long a connection is kept on which nothing has been answered yet: web servers connect when they have a request."""
IDLE_SECONDS = 1.0
"""How long one is kept that was idle when the server stopped. One that is in use is closed after its next answer, when
its peer is least likely to send."""


def is_over(connection: PeerConnection, stopped: float, now: float) -> bool:
    """Whether nothing more is to be expected on a parked connection.

    Args:
        connection: of which no answer is left to be sent, and no body is arriving, if this is true.
        stopped: when the server stopped, on the monotonic clock.
        now: the monotonic clock.
    """
    if connection.outgoing.pending or connection.postponed or connection.receives_body():
        return False
    is_known = connection.outgoing.sent and connection.idle()
    return now - max(stopped, connection.waiting_since) > (IDLE_SECONDS if is_known else NEW_SECONDS)
