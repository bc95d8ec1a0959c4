"""Requests that only those can make who know a secret."""

from __future__ import annotations

import hmac
import re

PATH = "/purge"
"""Where purges are asked for."""
METHOD = "POST"
SCHEME = "IIPServe-HMAC-SHA256"
"""Of the header Authorization."""
CREDENTIALS = re.compile(
    rf"{SCHEME} +time=(\d{{1,12}}), *signature=([0-9a-f]{{64}}) *", re.IGNORECASE | re.ASCII
)
MAX_AGE = 60
"""Seconds by which the time of a request may differ from that of the server: so long it can be repeated."""


def authorization(secret: str, query: str, now: float) -> str:
    """The header Authorization of a request.

    Args:
        secret: PURGE_SECRET.
        query: of the address, after the question mark, as it is sent.
        now: in seconds since 1970.
    """
    return f"{SCHEME} time={int(now)}, signature={_signature(secret, query, str(int(now)))}"


def fault(secret: str, query: str, header: str, now: float) -> str:
    """What is wrong with the header Authorization of a request; empty if nothing is.

    Args:
        secret, query, now: as of `authorization`.
        header: its value, empty if there is none.
    """
    match = CREDENTIALS.fullmatch(header)
    if match is None:
        return f"a header Authorization: {SCHEME} time=SECONDS, signature=HEXADECIMAL is needed"
    expected = _signature(secret, query, match[1])
    if not hmac.compare_digest(expected, match[2].lower()):
        return "the signature is not that of this request by the secret of this server"
    if abs(now - int(match[1])) > MAX_AGE:
        return f"the request is not of the last {MAX_AGE} seconds; check the clocks"
    return ""


def _signature(secret: str, query: str, time: str) -> str:
    """HMAC (RFC 2104) with SHA-256 of method, path and time; proxies may put something before the path."""
    text = f"{METHOD} {PATH}?{query}\n{time}"
    return hmac.new(
        secret.encode("utf-8", "surrogateescape"), text.encode("latin-1", "replace"), "sha256"
    ).hexdigest()
